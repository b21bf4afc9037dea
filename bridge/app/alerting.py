"""Tells alerts: a line in the log, and the owner's own program where one is configured.

The program is run for one alert at a time, without a shell, and waited for a while. Whatever it does
harms nothing here, and what it needs of the environment it must bring along.
"""

import asyncio
import json
import os
import signal
from asyncio.subprocess import Process
from contextlib import suppress
from typing import cast

import attrs

from bridge.alerts import Alert
from bridge.config import AlertsConfig
from bridge.logs import EventLog

WAITING_ALERTS = 100
"""Alerts that wait for the program; what comes beyond that is told by the log alone."""

PROGRAM_SECONDS = 30.0
"""How long the program may take: it sends a mail or calls a pager."""

FAREWELL_SECONDS = 5.0
"""How long what waits may still take when the bridge stops."""

KILLED_SECONDS = 1.0
"""How long the kernel may take to end what was killed."""

COMPLAINT_OCTETS = 200
"""How much of what the program complains of is logged: the beginning says what is wrong."""

KEPT_VARIABLES = ("PATH", "LANG", "LC_ALL", "TZ")
"""What the program sees of our environment; the master key may stand in it."""


class Alerting:
    """The place where alerts are told; `tell` is an AlertSink."""

    def __init__(self, config: AlertsConfig, log: EventLog) -> None:
        self._command = config.command
        self._log = log
        self._waiting: asyncio.Queue[Alert] = asyncio.Queue(WAITING_ALERTS)

    def tell(self, alert: Alert) -> None:
        """Tell an alert: in the log at once, by the program soon."""
        self._log.error("alert", **attrs.asdict(alert))
        if not self._command:
            return
        try:
            self._waiting.put_nowait(alert)
        except asyncio.QueueFull:
            self._log.error("alert-program-skipped", why="too many alerts wait for it")

    async def run(self) -> None:
        """Run the program for one alert after the other, until cancelled."""
        try:
            while True:
                await self._run_program(await self._waiting.get())
        except asyncio.CancelledError:
            with suppress(TimeoutError):
                async with asyncio.timeout(FAREWELL_SECONDS):
                    while not self._waiting.empty():
                        await self._run_program(self._waiting.get_nowait())
            raise

    async def _run_program(self, alert: Alert) -> None:
        try:
            why = await self._outcome(alert)
        except Exception:  # noqa: BLE001 - the bridge outlives whatever the program meets
            self._log.exception("alert-program-failed")
            return
        if why:
            self._log.error(
                "alert-program-failed", program=self._command[0], reason=alert.reason, why=why
            )

    async def _outcome(self, alert: Alert) -> str:
        """Run the program and return what went wrong; an empty text where nothing did."""
        told = {name: str(value) for name, value in attrs.asdict(alert).items()}
        environment = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
        environment |= {
            f"POPBRIDGE_{name.upper()}": _plain(text) for name, text in told.items()
        }
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
                env=environment,
                start_new_session=True,
            )
        except OSError as error:
            return f"it cannot be run: {error.strerror}"
        except ValueError as error:
            return f"it cannot be run: {error}"  # a NUL in its name or its arguments
        complaint = None
        try:
            async with asyncio.timeout(PROGRAM_SECONDS):
                complaint = await _hand_over(process, json.dumps(told).encode() + b"\n")
        except TimeoutError:
            return f"it took more than {PROGRAM_SECONDS:.0f} seconds and was killed"
        finally:
            if complaint is None:
                await _kill_all(process)
        ended = f"it ended with exit code {process.returncode}"
        return f"{ended}: {complaint}".removesuffix(": ") if process.returncode else ""


async def _hand_over(process: Process, told: bytes) -> str:
    """Give the program its alert, wait for its end, and return the line it complains with first."""
    stdin, stderr = (
        cast("asyncio.StreamWriter", process.stdin),
        cast("asyncio.StreamReader", process.stderr),
    )
    with suppress(OSError, RuntimeError):  # it may not want to read; uvloop raises the second
        stdin.write(told)
        await stdin.drain()
    stdin.close()
    complaint = b""
    while piece := await stderr.read(COMPLAINT_OCTETS):
        complaint = (complaint + piece)[:COMPLAINT_OCTETS]
    await process.wait()
    first, *_ = complaint.decode("utf-8", "replace").strip().splitlines() or [""]
    return first


async def _kill_all(process: Process) -> None:
    """Kill the program and what it has started, all of which is one session of its own."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    stderr = cast("asyncio.StreamReader", process.stderr)
    with suppress(TimeoutError):  # who left that session may keep its end of the pipe
        async with asyncio.timeout(KILLED_SECONDS):
            while await stderr.read(COMPLAINT_OCTETS):
                pass  # what nobody reads would keep the pipe open
            await process.wait()


def _plain(text: str) -> str:
    """Return a text that an environment can hold; a service's own words may have a NUL in them."""
    return text.replace("\0", " ").encode("utf-8", "replace").decode()
