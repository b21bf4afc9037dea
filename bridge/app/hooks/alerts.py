"""Tells alerts: a line in the log, and the owner's own program where one is configured.

The program is run for one alert at a time, and waited for a while (bridge/app/process/program.py).
"""

import asyncio
from contextlib import suppress

import attrs

from bridge.alerts import Alert
from bridge.app.process.program import run_program
from bridge.config import AlertsConfig
from bridge.logs import EventLog

WAITING_ALERTS = 100
"""Alerts that wait for the program; what comes beyond that is told by the log alone."""

PROGRAM_SECONDS = 30.0
"""How long the program may take: it sends a mail or calls a pager."""

FAREWELL_SECONDS = 5.0
"""How long what waits may still take when the bridge stops."""


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
            told = {name: str(value) for name, value in attrs.asdict(alert).items()}
            why = await run_program(self._command, told, PROGRAM_SECONDS)
        except Exception:  # noqa: BLE001 - the bridge outlives whatever the program meets
            self._log.exception("alert-program-failed")
            return
        if why:
            self._log.error(
                "alert-program-failed", program=self._command[0], reason=alert.reason, why=why
            )
