"""Has bridges and commands forked that are killed at a chosen step, one at a time."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import attrs

from tests.system.pop_client import DEADLINE_SECONDS
from tests.system.running_bridge import Home, Log, RunningBridge, listening_ports

ROOT = Path(__file__).parents[2]

NEVER = 0
"""The step at which a run is killed that is not to be killed."""

KILLED = -signal.SIGKILL
"""How a killed run ends."""


@attrs.define
class Forked:
    """A process that was forked for us."""

    pid: int
    log: Log
    _input: int
    _handle: int
    _control: socket.socket
    _code: int | None = None

    def wait(self, timeout: float | None = None) -> int:
        """Return how it ended, as subprocess.Popen does."""
        if self._code is None:
            self._control.settimeout(timeout)
            self._code = int(_line(self._control))
            os.close(self._handle)
            os.close(self._input)
        return self._code

    def type(self, text: str) -> None:
        """Write to its standard input, which it may not live to read."""
        with suppress(BrokenPipeError):
            os.write(self._input, text.encode())

    def send_signal(self, sig: int) -> None:
        """Send a signal, to this very process or, where it has ended, to none (pidfd_open(2))."""
        if self._code is None:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._handle, sig)


class Forks:
    """The process that forks; at most one of its children runs at a time."""

    def __init__(self, folder: Path) -> None:
        self.trail = folder / "steps"
        self._control, theirs = socket.socketpair()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.system.crashing_bridge", str(theirs.fileno())],
            cwd=ROOT,
            pass_fds=[theirs.fileno()],
        )
        theirs.close()

    def close(self) -> None:
        self._control.close()
        self._process.wait(DEADLINE_SECONDS)

    def start(
        self,
        home: Home,
        *words: str,
        die_at: int = NEVER,
        arm: Path | None = None,
    ) -> Forked:
        """Start a command that is killed at that step, counted from when the file `arm` exists."""
        reading, writing = os.pipe()
        typed, typing = os.pipe()
        order = {
            "words": ["--config", str(home.config_file), *words],
            "die_at": die_at,
            "arm": str(arm) if arm else "",
            "trail": str(self.trail),
        }
        socket.send_fds(self._control, [json.dumps(order).encode()], [writing, typed])
        os.close(writing)
        os.close(typed)
        self._control.settimeout(DEADLINE_SECONDS)
        pid, handles, _, _ = socket.recv_fds(self._control, 16, 1)
        return Forked(
            int(pid),
            Log(os.fdopen(reading, "rb"), home.folder),
            typing,
            handles[0],
            self._control,
        )

    def run(self, home: Home, *words: str, die_at: int = NEVER, text: str = "") -> int:
        """Run a command to its end, or to the step at which it is killed, and return how it ended."""
        forked = self.start(home, *words, die_at=die_at)
        forked.type(text)
        code = forked.wait(DEADLINE_SECONDS)
        forked.log.close()
        return code

    @contextmanager
    def serving(
        self, home: Home, die_at: int = NEVER, arm: Path | None = None
    ) -> Iterator[RunningBridge | None]:
        """Serve during the block, and stop where the bridge still lives; None: it died early.

        A bridge that was to be killed and came through is killed now; any other stops in order.
        """
        forked = self.start(home, "serve", die_at=die_at, arm=arm)
        with ExitStack() as clients:
            try:
                if not forked.log.has("listening"):
                    assert forked.wait(DEADLINE_SECONDS) == KILLED, forked.log.text
                    yield None
                    return
                ports = listening_ports(home, forked.log)
                yield RunningBridge(home, forked, forked.log, ports, clients)
                clients.close()
                self._end(forked, signal.SIGTERM if die_at == NEVER else signal.SIGKILL)
            finally:
                forked.send_signal(signal.SIGKILL)  # no effect but where the test failed
                forked.wait(DEADLINE_SECONDS)
                forked.log.close()

    def steps(self) -> list[str]:
        """Return the names of the steps that the last armed run took."""
        return self.trail.read_text("ascii").splitlines()

    def _end(self, forked: Forked, how: signal.Signals) -> None:
        forked.send_signal(how)
        code = forked.wait(DEADLINE_SECONDS)
        assert code in (0, KILLED), forked.log.text
        forked.log.assert_calm()


@attrs.frozen
class Snapshot:
    """A copy of a home, to begin every run from the same."""

    home: Home
    copy: Path

    def take(self) -> None:
        """Remember the home as it is."""
        for name in ("state", "mail"):
            shutil.copytree(self.home.folder / name, self.copy / name)

    def restore(self) -> None:
        """Make the home what it was, times of files included."""
        for name in ("state", "mail"):
            shutil.rmtree(self.home.folder / name)
            shutil.copytree(self.copy / name, self.home.folder / name)


def _line(control: socket.socket) -> str:
    line = b""
    while not line.endswith(b"\n"):
        octet = control.recv(1)
        assert octet, "the process that forks has ended"
        line += octet
    return line.decode("ascii").strip()
