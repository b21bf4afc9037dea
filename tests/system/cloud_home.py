"""A state folder whose account lives in the fake cloud, and an admin who enrols it as the guides say."""

import json
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import Any

import attrs

from tests.fakes.cloud_thread import CloudThread
from tests.secrecy import keep
from tests.system.pop_client import DEADLINE_SECONDS
from tests.system.running_bridge import PROGRAM, Home


@attrs.define
class Journey:
    """One `account enrol --json` that runs."""

    process: subprocess.Popen[str]
    folder: Path

    def event(self) -> dict[str, Any]:
        """Return the next event."""
        assert isinstance(self.process.stdout, TextIOWrapper)
        line = self.process.stdout.readline()
        keep(self.folder, line)
        assert line, f"the enrolment ended: {self.process.communicate()[1]}"
        return dict(json.loads(line))

    def paste(self, address: str) -> None:
        """Bring back the address where the browser ended."""
        assert isinstance(self.process.stdin, TextIOWrapper)
        self.process.stdin.write(address + "\n")
        self.process.stdin.flush()

    def end(self) -> tuple[int, str]:
        """Return the exit code and what was said on standard error."""
        said = self.process.communicate(timeout=DEADLINE_SECONDS)
        keep(self.folder, *said)
        return self.process.returncode, said[1]


@attrs.define
class CloudHome:
    """A home, and the cloud beside it."""

    home: Home
    cloud: CloudThread

    def must(self, *words: str, text: str = "") -> str:
        """Run a command that has to succeed, and return what it said."""
        done = self.home.run(*words, text=text)
        assert done.returncode == 0, (words, done.stdout, done.stderr)
        return done.stdout

    def add_microsoft(self, name: str = "office365", *more: str) -> None:
        """Add an account of Microsoft 365 at the fake cloud."""
        cloud = self.cloud.cloud
        self.must(
            *("account", "add", name, "--provider", "microsoft"),
            *("--client-id", cloud.entra.client_id, "--tenant", "example.com"),
            *("--graph-url", cloud.graph.url, "--authority", cloud.entra.url),
            *("--ca", str(cloud.ca_file), *more),
        )

    def add_google(self, name: str = "gmail", *more: str) -> None:
        """Add an account of Gmail at the fake cloud."""
        cloud = self.cloud.cloud
        client = self.home.folder / "client.json"
        client.write_text(json.dumps(cloud.google_signin.client_file()), "utf-8")
        self.must(
            *("account", "add", name, "--provider", "google", "--client-file", str(client)),
            *(
                "--gmail-url",
                cloud.gmail.url,
                "--token-url",
                f"{cloud.google_signin.url}/token",
            ),
            *("--ca", str(cloud.ca_file), *more),
        )

    def enrol_by_code(self, name: str = "office365") -> dict[str, Any]:
        """Type the code where it belongs, and return the event that ends the enrolment."""
        with self.enrolling(name) as journey:
            code = journey.event()["code"]
            self.cloud.do(lambda cloud: cloud.entra.approve(code))
            ended = journey.event()
            assert journey.end()[0] == 0
        return ended

    def enrol_in_browser(self, name: str = "gmail") -> dict[str, Any]:
        """Sign in with a browser, paste the address back, and return the last event."""
        with self.enrolling(name) as journey:
            address = journey.event()["address"]
            journey.paste(self.cloud.do(lambda cloud: cloud.google_signin.authorize(address)))
            ended = journey.event()
            assert journey.end()[0] == 0
        return ended

    def add_road(self, account: str, on_dele: str | None = None) -> None:
        """Add a maildrop of the account's name over its inbox, and a device of that name."""
        disposition: Sequence[str] = () if on_dele is None else ("--on-dele", on_dele)
        self.must("maildrop", "add", account, "--account", account, *disposition)
        self.home.add_device(account, account)

    @contextmanager
    def enrolling(self, name: str, *more: str) -> Iterator[Journey]:
        """Run `account enrol --json`, and end it where the test did not."""
        process = subprocess.Popen(
            [
                *PROGRAM,
                "--config",
                str(self.home.config_file),
                "account",
                "enrol",
                name,
                "--json",
                *more,
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            yield Journey(process, self.home.folder)
        finally:
            if process.poll() is None:
                process.kill()
            process.communicate()


def bare_home(template: Path, folder: Path, loop: str, cloud: CloudThread) -> CloudHome:
    """Return a home that has only been initialised."""
    home = Home(folder, loop)
    folder.mkdir(exist_ok=True)
    shutil.copytree(template / "state", home.state)
    home.configure()
    return CloudHome(home, cloud)
