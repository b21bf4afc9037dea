"""Lets systemd know that the bridge is alive for as long as it logs in to itself, and not a moment longer."""

from collections.abc import Sequence
from typing import Protocol

from bridge.app.health.wellness import Part, Wellness
from bridge.app.process.systemd import Systemd
from bridge.clock import Clock
from bridge.logs import EventLog

EXAMINATION = "examination"
"""The part that is amiss where a fault of ours leaves the others unknown."""


class Examiner(Protocol):
    """Tries every part; bridge.app.health.wellness.Health does."""

    async def examine(self) -> list[Part]:
        """Return how each part is doing."""
        ...


class Watchdog:
    """Examines the bridge again and again, where systemd wants to know."""

    def __init__(self, health: Examiner, systemd: Systemd, clock: Clock, log: EventLog) -> None:
        self._health = health
        self._systemd = systemd
        self._clock = clock
        self._log = log
        self._troubles: dict[str, str] = {}

    async def run(self) -> None:
        """Examine twice in the time that systemd allows, and more often while something is amiss.

        Returns at once where systemd does not want to know.
        """
        seconds = self._systemd.watchdog_seconds
        while seconds is not None:
            is_alive = await self.look()
            await self._clock.sleep(seconds / (2 if is_alive else 8))

    async def look(self) -> bool:
        """Examine once, and tell systemd; return whether it was told that we are alive."""
        parts = await self._examine()
        failed = [part for part in parts if part.state is Wellness.FAILED]
        self._log_changes(failed)
        is_alive = not any(part.mended_by_restart for part in failed)
        tell = self._systemd.alive if is_alive else self._systemd.unwell
        tell(status(parts))
        return is_alive

    async def _examine(self) -> list[Part]:
        try:
            return await self._health.examine()
        except Exception as fault:  # noqa: BLE001 - the doors stay open whatever an examination meets
            if EXAMINATION not in self._troubles:
                self._log.exception("health-not-examined")
            text = f"failed by a fault of ours ({type(fault).__name__}); see the log"
            return [Part(EXAMINATION, Wellness.FAILED, text, mended_by_restart=False)]

    def _log_changes(self, failed: Sequence[Part]) -> None:
        """Log what is new, and not each probe that fails like the one before."""
        for part in failed:
            if self._troubles.get(part.name) != part.text:
                self._log.error("health-failed", part=part.name, why=part.text)
        if self._troubles and not failed:
            self._log.info("health-recovered")
        self._troubles = {part.name: part.text for part in failed}


def status(parts: Sequence[Part]) -> str:
    """Return one line for `systemctl status`."""
    amiss = [f"{part.name}: {part.text}" for part in parts if part.state is not Wellness.OK]
    return "; ".join(amiss) or "serving devices"
