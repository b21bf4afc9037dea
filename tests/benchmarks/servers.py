"""Start a server, know when it listens, and stop it and all it started, by process id.

A process inherits the processor cores of its parent, so the server is pinned by pinning ourselves for the moment of
the start: nothing it forks can slip away in between.
"""

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import procfs
from popclient import HOST

_LISTEN_SECONDS = 60.0
_STOP_SECONDS = 15.0
_PROBE_SECONDS = 0.002
_LOG_TAIL_OCTETS = 2_000


class StartFailedError(Exception):
    """A server did not come up; the text ends with what it logged last."""


class Contender(Protocol):
    """A server that can be started afresh for a figure."""

    @property
    def name(self) -> str:
        """The head of its column."""
        ...

    def start(self, cores: set[int]) -> "Running":
        """Start it on those cores, and return once it listens."""
        ...


@dataclass(frozen=True, slots=True)
class Running:
    """A server that listens."""

    process: subprocess.Popen[bytes]
    port: int
    seconds_to_listen: float

    @property
    def pid(self) -> int:
        """Return the root of its process tree."""
        return self.process.pid

    def stop(self) -> None:
        """End it and everything it started; what does not obey in time is killed.

        A second call does nothing: by then the pid may be somebody else's.
        """
        if self.process.returncode is not None:
            return
        family = procfs.tree(self.pid)
        self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(_STOP_SECONDS)
        for member in family:
            left = procfs.process(member.pid)
            if (
                left and left.started == member.started
            ):  # the same process, not a successor to its pid
                with contextlib.suppress(ProcessLookupError):
                    os.kill(member.pid, signal.SIGKILL)
        self.process.wait(_STOP_SECONDS)


def free_port() -> int:
    """Return a loopback port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def on_cores(cores: set[int]) -> Iterator[None]:
    """Run the block, and what it starts, on those cores only."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores & before or before)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def launch(command: Sequence[str], port: int, cores: set[int], log: Path) -> Running:
    """Start `command` and return once `port` accepts a connection.

    Raises:
        StartFailedError: it ended, or did not listen in time.
    """
    with log.open("wb") as output, on_cores(cores):
        start = time.perf_counter()
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
    while time.perf_counter() - start < _LISTEN_SECONDS and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection((HOST, port), timeout=5):
            return Running(process, port, time.perf_counter() - start)
        time.sleep(_PROBE_SECONDS)
    failure = f"{command[0]} did not listen on port {port}: {_tail(log)}"
    Running(process, port, 0.0).stop()
    raise StartFailedError(failure)


def _tail(log: Path) -> str:
    text = log.read_bytes()[-_LOG_TAIL_OCTETS:].decode("utf-8", "replace").strip()
    return text.splitlines()[-1] if text else "it logged nothing"
