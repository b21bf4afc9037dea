"""One account's worker: looks, waits, looks again, for years; no failure of the service ends it."""

import asyncio
import random
from collections.abc import Callable, Sequence
from contextlib import suppress

import attrs

from bridge.clock import Clock
from bridge.errors import SpoolUnavailable
from bridge.logs import EventLog
from bridge.storage.ports import MaildropRecord
from bridge.sync.backoff import next_look
from bridge.sync.look import Looker, LookReport
from providers.contract import GrantLost, ProviderError, Throttled


@attrs.define
class WorkerStatus:
    """What `popbridge status` says of an account; times are seconds since the epoch."""

    last_success: float | None = None
    failing_since: float | None = None
    trouble: str = ""


@attrs.frozen
class Pace:
    """How often to look, in seconds: between looks, and at least between two that logins ask for."""

    interval: float
    nudge_gap: float


class Worker:
    """Looks at one account again and again."""

    def __init__(
        self,
        looker: Looker,
        maildrops: Callable[[], Sequence[MaildropRecord]],
        pace: Pace,
        clock: Clock,
        log: EventLog,
    ) -> None:
        """Look at what `maildrops` returns at each turn: the register may change meanwhile."""
        self._looker = looker
        self._maildrops = maildrops
        self._pace = pace
        self._clock = clock
        self._log = log
        self._nudged = asyncio.Event()
        self._asked = asyncio.Event()
        self._waiters: list[asyncio.Future[LookReport]] = []
        self._failures = 0
        self._stopped = False
        self.status = WorkerStatus()

    def nudge(self) -> None:
        """Ask for a look soon: a device came, or deleted something."""
        self._nudged.set()

    async def look_now(self) -> LookReport:
        """Return what the next look changed, and have it begin at once.

        Raises:
            ProviderError, SpoolUnavailable: that look failed, or none will come.
        """
        if self._stopped:
            raise SpoolUnavailable("the account's worker is stopping")
        waiter: asyncio.Future[LookReport] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        self._asked.set()
        self._nudged.set()
        return await waiter

    async def run(self) -> None:
        """Look until cancelled."""
        try:
            while True:
                await self._wait(await self._look())
        finally:
            self._stopped = True
            for waiter in self._waiters:
                waiter.cancel()
            await self._looker.provider.close()

    async def _look(self) -> float:
        """Look once, tell who waits for it, and return the seconds to the next look."""
        self._nudged.clear()
        self._asked.clear()
        waiters, self._waiters = self._waiters, []
        at_least = 0.0
        try:
            report = await self._looker.look(self._maildrops())
        except asyncio.CancelledError:
            for waiter in waiters:
                waiter.cancel()
            raise
        except (ProviderError, SpoolUnavailable) as error:
            self._failed(str(error))
            at_least = error.retry_after if isinstance(error, Throttled) else 0.0
            _tell(waiters, error)
            if isinstance(error, GrantLost):
                at_least = float("inf")  # only a new enrolment helps, and it nudges
        except Exception as error:  # noqa: BLE001 - a fault of ours must not stop the mail for ever
            self._log.exception("look-failed", account=self._looker.account)
            self._failed(f"internal fault: {type(error).__name__}")
            _tell(waiters, SpoolUnavailable("the look failed, see the log"))
        else:
            self._succeeded(report)
            for waiter in waiters:
                with suppress(asyncio.InvalidStateError):
                    waiter.set_result(report)
        # Jitter needs no secrecy, only that bridges do not march in step.
        chance = random.random()  # noqa: S311, TID251 - see above; a test of the wait hands it in
        return next_look(self._pace.interval, self._failures, at_least, chance)

    async def _wait(self, seconds: float) -> None:
        """Wait; a nudge ends the wait once the gap is over, somebody who waits for the look at once.

        After a failure only the latter: a device that polls must not make us storm a service.
        """
        gap = seconds if self._failures else min(seconds, self._pace.nudge_gap)
        await _until(self._asked, gap)
        await _until(self._nudged, seconds - gap if gap < seconds else 0.0)

    def _failed(self, why: str) -> None:
        self._failures += 1
        if self.status.failing_since is None:
            self.status.failing_since = self._clock.now()
        if why != self.status.trouble:
            self._log.error("account-failing", account=self._looker.account, why=why)
        self.status.trouble = why

    def _succeeded(self, report: LookReport) -> None:
        if self._failures:
            self._log.info("account-recovered", account=self._looker.account)
        self._failures = 0
        self.status = WorkerStatus(last_success=self._clock.now())
        changed = {name: count for name, count in attrs.asdict(report).items() if count}
        if changed:
            self._log.info("looked", account=self._looker.account, **changed)


async def _until(event: asyncio.Event, seconds: float) -> None:
    """Return when `event` is set or `seconds` are over."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds if seconds != float("inf") else None):
            await event.wait()


def _tell(waiters: list[asyncio.Future[LookReport]], error: Exception) -> None:
    for waiter in waiters:
        if not waiter.done():
            waiter.set_exception(error)
