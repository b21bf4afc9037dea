"""What systemd hears of a real bridge, from the first login taken to the end."""

import json
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.system.pop_client import DEADLINE_SECONDS
from tests.system.running_bridge import Home, RunningBridge, make_home

pytestmark = pytest.mark.slow

Start = Callable[[], RunningBridge]

WATCHDOG_MICROSECONDS = 2_000_000
"""So short that a test sees several probes; a packaged unit allows minutes."""


class Manager:
    """The end at which systemd listens."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.socket.settimeout(DEADLINE_SECONDS)

    def hear(self) -> list[str]:
        """Return the next message; fail where none comes."""
        return self.socket.recv(4096).decode().split("\n")

    def hear_until(self, first: str) -> list[list[str]]:
        """Return all messages up to the first that begins so."""
        heard = [self.hear()]
        while not heard[-1][0].startswith(first):
            heard.append(self.hear())
        return heard


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Manager]:
    made = Manager(tmp_path / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    monkeypatch.setenv("WATCHDOG_USEC", str(WATCHDOG_MICROSECONDS))
    yield made
    made.socket.close()


def test_systemd_hears_of_the_start_each_probe_a_reload_and_the_end(
    start: Start, manager: Manager
) -> None:
    bridge = start()
    assert manager.hear() == ["READY=1", "STATUS=serving devices"]
    bridge.log_in()
    for _ in range(2):
        assert manager.hear() == ["WATCHDOG=1", "STATUS=serving devices"]
    bridge.signal(signal.SIGHUP)
    [reloading] = manager.hear_until("RELOADING=1")[-1:]
    assert reloading[1].removeprefix("MONOTONIC_USEC=").isdigit()
    manager.hear_until("READY=1")
    bridge.signal(signal.SIGTERM)
    manager.hear_until("STOPPING=1")
    assert bridge.process.wait(DEADLINE_SECONDS) == 0


def test_a_database_in_other_hands_is_told_and_not_held_against_a_bridge_that_serves(
    home: Home, start: Start, manager: Manager
) -> None:
    bridge = start()
    manager.hear_until("WATCHDOG=1")
    with closing(sqlite3.connect(home.state / "popbridge.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        bridge.log.wait_for("health-failed", part="database")
        done = home.run("health", "--json")
        bridge.log_in()
        bridge.signal(signal.SIGHUP)
        heard = manager.hear_until("READY=1")
        assert heard[-1][1].startswith("STATUS=database: ")
        assert manager.hear()[0] == "WATCHDOG=1"
    assert done.returncode == 1
    parts = json.loads(done.stdout)["parts"]
    assert [part["name"] for part in parts if part["state"] != "ok"] == ["database"]
    bridge.log.wait_for("health-recovered")
    failed = bridge.log.events("health-failed")
    assert {one["part"] for one in failed} == {"database"}


def test_a_bridge_that_systemd_gives_up_says_where_it_was(start: Start) -> None:
    """A missed watchdog is SIGABRT (systemd.service(5)): without this, nobody would learn why."""
    bridge = start()
    bridge.signal(signal.SIGABRT)
    # Walking through the frames of threads that go on running may end in a fault of its own
    # (docs.python.org, faulthandler); what the main thread did is told before.
    ends = (-signal.SIGABRT, -signal.SIGSEGV)
    assert bridge.process.wait(DEADLINE_SECONDS) in ends
    bridge.log.close()
    assert "Fatal Python error: Aborted" in bridge.log.text
    assert "Current thread" in bridge.log.text


BROKEN_DOOR = """
from asyncio.selector_events import BaseSelectorEventLoop as Loop
async def broken(self, sock):
    raise RuntimeError('planted')
Loop.sock_accept = broken
"""
"""A listener's task that ends as nobody foresaw."""

BROKEN_WORKER = """
import random
def broken():
    raise RuntimeError('planted')
random.random = broken
"""
"""A worker's task that does: chance says when it looks next."""

HANG = """
import threading
from bridge.app.process import signals
signals.FAULT_SECONDS = 1
threading.Thread(target=threading.Event().wait).start()
"""
"""A thread that waits for ever, and the interpreter for it at its end."""


def served(template: Path, folder: Path, fault: str) -> subprocess.CompletedProcess[str]:
    home = make_home(template, folder, "asyncio")
    program = f"{fault}from bridge.cli import main\nmain()\n"
    return subprocess.run(
        [sys.executable, "-c", program, "--config", str(home.config_file), "serve"],
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
        check=False,
    )


@pytest.mark.parametrize("fault", [BROKEN_DOOR, BROKEN_WORKER], ids=["door", "worker"])
def test_a_fault_that_nobody_foresaw_ends_the_bridge_and_is_told(
    template: Path, tmp_path: Path, fault: str
) -> None:
    done = served(template, tmp_path, fault)
    assert done.returncode == 70, done
    assert '"event": "ended-by-a-fault"' in done.stderr
    assert "popbridge: internal fault, please report it: RuntimeError: planted" in done.stderr


def test_an_end_that_hangs_after_a_fault_is_cut_short(template: Path, tmp_path: Path) -> None:
    done = served(template, tmp_path, BROKEN_DOOR + HANG)
    assert done.returncode == -signal.SIGALRM, done
    assert '"event": "ended-by-a-fault"' in done.stderr
