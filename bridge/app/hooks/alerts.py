"""Tells alerts: a line in the log, and the owner's own program where one is configured.

The program is run for one alert at a time, and waited for a while (bridge/app/process/program.py). An alert
that was kept with what it is about is let go only after that: who is killed before tells it again.
"""

import asyncio
from contextlib import suppress

import attrs

from bridge.alerts import Alert
from bridge.app.process.program import run_program
from bridge.config import AlertsConfig
from bridge.errors import SpoolUnavailable
from bridge.logs import EventLog
from bridge.storage.alerts import AlertStore

WAITING_ALERTS = 100
"""Alerts that wait for the program; what comes beyond that is told by the log alone."""

PROGRAM_SECONDS = 30.0
"""How long the program may take: it sends a mail or calls a pager."""

FAREWELL_SECONDS = 5.0
"""How long what waits may still take when the bridge stops."""


@attrs.frozen
class _Waiting:
    """An alert that the log was told; whether the program is to be run for it."""

    alert: Alert
    runs_program: bool


class Alerting:
    """The place where alerts are told; `tell` is an AlertSink."""

    def __init__(self, config: AlertsConfig, store: AlertStore, log: EventLog) -> None:
        """Tell alerts, and have `store` know which need not be told at the next start."""
        self._command = config.command
        self._store = store
        self._log = log
        self._waiting: asyncio.Queue[_Waiting] = asyncio.Queue()
        self._programs = 0

    def tell(self, alert: Alert) -> None:
        """Tell an alert: in the log at once, by the program soon."""
        self._log.error("alert", **attrs.asdict(alert))
        runs_program = bool(self._command)
        if runs_program and self._programs >= WAITING_ALERTS:
            self._log.error("alert-program-skipped", why="too many alerts wait for it")
            runs_program = False
        self._programs += runs_program
        self._waiting.put_nowait(_Waiting(alert, runs_program))

    async def tell_what_a_kill_left(self) -> None:
        """Tell what was kept and not told before the last end; call once, before anything new is told."""
        try:
            for alert in await self._store.untold():
                self.tell(alert)
        except SpoolUnavailable as error:
            self._log.warning("alerts-not-read", why=str(error))

    async def run(self) -> None:
        """Run the program for one alert after the other, until cancelled."""
        try:
            while True:
                await self._finish(await self._waiting.get())
        except asyncio.CancelledError:
            with suppress(TimeoutError):
                async with asyncio.timeout(FAREWELL_SECONDS):
                    while not self._waiting.empty():
                        await self._finish(self._waiting.get_nowait())
            raise

    async def _finish(self, one: _Waiting) -> None:
        """Run the program where it is to be; only then is the alert told for good."""
        if one.runs_program:
            self._programs -= 1
            await self._run_program(one.alert)
        try:
            await self._store.told(one.alert)
        except SpoolUnavailable as error:
            self._log.warning("alert-not-noted", reason=one.alert.reason, why=str(error))

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
