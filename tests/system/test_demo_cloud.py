"""Walks the demonstration as its reader does: every printed line, with a real curl, in a real shell."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from io import TextIOWrapper
from pathlib import Path

import attrs
import pytest

from tests.clients.programs import path_of
from tests.system.pop_client import DEADLINE_SECONDS


@attrs.define
class Walk:
    """The demonstration, and a shell in its folder."""

    process: subprocess.Popen[str]
    folder: Path
    printed: list[str]

    def line(self, begins: str) -> str:
        """Return the printed command that begins so."""
        [found] = [one.strip() for one in self.printed if one.strip().startswith(begins)]
        return found

    def shell(self, command: str) -> str:
        """Run a line as it was printed, after the one that leads into the folder."""
        done = subprocess.run(
            ["bash", "-c", f"{self.line('cd ')}; {command}"],
            capture_output=True,
            text=True,
            timeout=DEADLINE_SECONDS,
            check=False,
        )
        assert done.returncode == 0, (command, done.stdout, done.stderr)
        return done.stdout

    def enrol(self, name: str) -> subprocess.Popen[str]:
        command = f"{self.line('cd ')}; exec {self.line(f'popbridge account enrol {name}')}"
        return subprocess.Popen(
            ["bash", "-c", command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={"PATH": "/usr/bin:/bin", "PYTHONUNBUFFERED": "1"},
        )

    def wait_for(self, told: str) -> None:
        """Return once the demonstration tells this."""
        stream = self.process.stdout
        assert isinstance(stream, TextIOWrapper)
        for line in stream:
            if told in line:
                return
        raise AssertionError(f"{told} was not told")


@pytest.fixture
def walk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walk]:
    # A name that a shell would take apart; and short, since a socket lies in it (unix(7)).
    folder = tmp_path_factory.mktemp("a demo") / "cloud"
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.demo_cloud", "--folder", str(folder)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parent.parent.parent,
    )
    try:
        assert isinstance(process.stdout, TextIOWrapper)
        printed = []
        for line in process.stdout:
            printed.append(line.rstrip("\n"))
            if line.startswith("Gmail: "):
                break
        yield Walk(process, folder, printed)
        process.send_signal(signal.SIGINT)
        rest = process.communicate(timeout=DEADLINE_SECONDS)[0]
        assert process.returncode == 0
        assert "against the contract" not in rest
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def until(process: subprocess.Popen[str], pattern: str) -> str:
    """Return the first group of the pattern, once a line holds it."""
    assert isinstance(process.stdout, TextIOWrapper)
    for line in process.stdout:
        if found := re.search(pattern, line):
            return found[1]
    raise AssertionError(f"{pattern} was not printed")


@pytest.mark.slow
@pytest.mark.clients
def test_every_printed_line_does_what_it_says(walk: Walk) -> None:
    path_of("curl")
    walk.shell(walk.line("popbridge account add office"))
    journey = walk.enrol("office")
    code = until(journey, r"type this code: (\S+)")
    assert "signed in" in walk.shell(
        walk.line('curl -s --cacert cloud-ca.pem "').replace("THE-CODE", code)
    )
    assert "is enrolled" in journey.communicate(timeout=DEADLINE_SECONDS)[0]
    assert "FAIL" not in walk.shell(walk.line("popbridge account check office"))
    be_device(walk, "hall", "printer")
    walk.wait_for("Microsoft 365: 4 in inbox, 1 in Printed")

    walk.shell(walk.line("popbridge account add gmail"))
    journey = walk.enrol("gmail")
    address = until(journey, r"^(https://\S+)")
    browser = walk.line("curl -s --cacert cloud-ca.pem -o").replace("THE-ADDRESS", address)
    said = journey.communicate(walk.shell(browser), timeout=DEADLINE_SECONDS)[0]
    assert "is enrolled" in said
    be_device(walk, "fax", "faxbox")
    walk.wait_for("Gmail: 4 in INBOX, 1 in Printed")


def be_device(walk: Walk, maildrop: str, device: str) -> None:
    walk.shell(walk.line(f"popbridge maildrop add {maildrop}"))
    walk.shell(next(one for one in walk.printed if f"device add {device}" in one).strip())
    account = {"hall": "office", "fax": "gmail"}[maildrop]
    walk.shell(f"popbridge account sync {account}")
    fetch, delete = (one.strip() for one in walk.printed if f"--user {device}:" in one)
    assert "If you can read this on paper" in walk.shell(fetch)
    walk.shell(delete)


def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letter").write_text("mine", "utf-8")
    command = [sys.executable, "-m", "tests.demo_cloud", "--folder", str(tmp_path)]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
        check=False,
        cwd=Path(__file__).parent.parent.parent,
    )
    assert done.returncode == 1
    assert "choose another" in done.stdout
    assert (tmp_path / "letter").read_text("utf-8") == "mine"
