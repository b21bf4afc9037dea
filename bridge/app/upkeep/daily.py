"""Carries out what a running bridge does once a day, each duty whatever became of the others."""

from collections.abc import Awaitable, Callable, Iterable, Sequence

import attrs

from bridge.alerts import AlertSink
from bridge.app.accounts.workers import Workers
from bridge.app.state import State
from bridge.app.upkeep.expiry import certificates_ending, credentials_ending
from bridge.clock import Clock
from bridge.config import Config
from bridge.errors import PopbridgeError
from bridge.logs import EventLog
from bridge.storage.sightings import DAY_SECONDS

Duty = Callable[[], Awaitable[object]]


@attrs.frozen
class DailyUpkeep:
    """Says what ends soon, and forgets what is no longer to be told."""

    config: Config
    state: State
    workers: Workers
    tell: AlertSink
    clock: Clock
    log: EventLog

    async def run(self, others: Sequence[Duty]) -> None:
        """Do so, and what others have to do, once a day; it never returns."""
        while True:
            await carry_out((self._forget_old, self._tell_what_ends, *others), self.log)
            await self.clock.sleep(DAY_SECONDS)

    async def _forget_old(self) -> None:
        now, config = self.clock.now(), self.config
        await self.state.spool.prune(now - config.spool.history_days * DAY_SECONDS)
        await self.state.audit.forget(now - config.audit.keep_days * DAY_SECONDS)

    async def _tell_what_ends(self) -> None:
        now, days = self.clock.now(), self.config.alerts.certificate_days
        for alert in certificates_ending(self.config, now):
            self.tell(alert)
        accounts, grants = self.workers.open_accounts(), self.state.grants
        for alert in await credentials_ending(accounts, grants, days, now):
            self.tell(alert)


async def carry_out(duties: Iterable[Duty], log: EventLog) -> None:
    """Carry out each duty, one after the other; what one fails for is logged, and keeps no other from being done."""
    for duty in duties:
        try:
            await duty()
        except PopbridgeError as error:
            log.error("daily-look-failed", why=str(error))
        except Exception:
            log.exception("daily-look-failed")
