"""Tells the service manager how the bridge is doing (sd_notify(3)); where none asked, nothing happens."""

import os
import socket
from collections.abc import MutableMapping

from bridge.clock import Clock
from bridge.logs import EventLog

SEND_SECONDS = 1.0
"""How long a message may wait for room in the manager's queue; the bridge waits with it."""

MICROSECONDS = 1_000_000


class Systemd:
    """The service manager that started this process, where there is one."""

    def __init__(self, environ: MutableMapping[str, str], clock: Clock, log: EventLog) -> None:
        """Take what it says out of `environ`: a program that is started from here must not speak for us."""
        self._address = _address(environ.pop("NOTIFY_SOCKET", ""))
        allowed = environ.pop("WATCHDOG_USEC", "")
        ours = environ.pop("WATCHDOG_PID", "") in ("", str(os.getpid()))
        self._clock = clock
        self._log = log
        self._status = "serving devices"
        self.watchdog_seconds = _seconds(allowed) if ours and self._address else None
        """Seconds within which it wants to hear that all is well; None where it does not."""

    def ready(self) -> None:
        """Say that devices are served from now on, or again after a reload, and as well as before it."""
        self._tell("READY=1", f"STATUS={self._status}")

    def reloading(self) -> None:
        """Say that a reload has begun; `ready` ends it."""
        now = int(self._clock.monotonic() * MICROSECONDS)
        self._tell("RELOADING=1", f"MONOTONIC_USEC={now}", "STATUS=reloading")

    def stopping(self) -> None:
        """Say that the end has begun."""
        self._tell("STOPPING=1", "STATUS=stopping")

    def alive(self, status: str) -> None:
        """Say that all is well: within `watchdog_seconds` it wants to hear so again."""
        self._status = status
        self._tell("WATCHDOG=1", f"STATUS={status}")

    def unwell(self, status: str) -> None:
        """Say what is not well."""
        self._status = status
        self._tell(f"STATUS={status}")

    def _tell(self, *lines: str) -> None:
        if self._address is None:
            return
        text = "\n".join(" ".join(line.split()) for line in lines)
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
                manager.settimeout(SEND_SECONDS)
                manager.connect(self._address)
                manager.sendall(text.encode())
        except OSError as error:
            self._log.warning("notify-failed", said=lines[0], why=str(error))


def _address(named: str) -> str | None:
    """Return the address of the manager's socket; an @ stands for the abstract namespace (unix(7))."""
    if named.startswith("@"):
        return "\0" + named[1:]
    return named if named.startswith("/") else None


def _seconds(microseconds: str) -> float | None:
    if not (microseconds.isascii() and microseconds.isdigit() and int(microseconds)):
        return None
    return int(microseconds) / MICROSECONDS
