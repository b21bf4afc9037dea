"""One account's worker: looks, waits, looks again, for years; no failure of the service ends it."""

import asyncio
import math
import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

import attrs

from bridge.alerts import Alert, AlertReason
from bridge.clock import Clock
from bridge.errors import SpoolUnavailable
from bridge.logs import EventLog
from bridge.storage.register import MaildropRecord
from bridge.sync.backoff import CEILING_SECONDS, next_look
from bridge.sync.look import Looker, LookReport
from bridge.sync.reasons import reason
from providers.contract import AccessRefused, GrantLost, ProviderError, Throttled


@attrs.define
class WorkerStatus:
    """What `popbridge status` says of an account; times are seconds since the epoch.

    With `needs_enrolment` the worker asks no more: only a new enrolment helps.
    """

    last_success: float | None = None
    failing_since: float | None = None
    trouble: str = ""
    needs_enrolment: bool = False


@attrs.frozen
class Pace:
    """How often to look, in seconds: between looks, and at least between two that nudges ask for.

    An account that fails for `failing_alert` seconds is an alert.
    """

    interval: float
    nudge_gap: float
    failing_alert: float = math.inf


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
        self._alarm: asyncio.TimerHandle | None = None
        self._nudges_count_from = -math.inf  # on the monotonic clock
        self._stopped = False
        self.status = WorkerStatus()

    def nudge(self) -> None:
        """Ask for a look sooner: a device came, or deleted something."""
        self._nudged.set()

    def look_soon(self) -> None:
        """Have the next look begin at once: the owner changed something, which is no device's whim."""
        self._asked.set()
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
            self._disarm()
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
            self._failed(reason(error), needs_enrolment=isinstance(error, GrantLost))
            at_least = _asks_for(error)
            _tell(waiters, error)
        except Exception as error:  # noqa: BLE001 - a fault of ours must not stop the mail for ever
            self._log.exception("look-failed", account=self._looker.account)
            self._failed({"why": f"internal fault: {type(error).__name__}"})
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
        """Wait; who waits for the next look ends that at once, and so does a nudge that counts.

        It counts when no look that nudges asked for has begun for a gap; until then it is noted. After
        a failure no nudge counts: a device that polls must not make us storm a service.
        """
        if self._failures:
            await _until(self._asked, seconds)
            return
        closed = max(0.0, self._nudges_count_from - self._clock.monotonic())
        closed = min(closed, seconds)
        await _until(self._asked, closed)
        await _until(self._nudged, seconds - closed)
        if self._nudged.is_set() and not self._asked.is_set():
            # Also where the interval was over first: the nudges that waited have their look now.
            self._nudges_count_from = self._clock.monotonic() + self._pace.nudge_gap

    def _failed(self, why: Mapping[str, str], *, needs_enrolment: bool = False) -> None:
        if needs_enrolment:
            self._disarm()  # a lost grant is an alert of its own
        elif not self._failures:
            self._arm()
        self._failures += 1
        status = self.status
        if status.failing_since is None:
            status.failing_since = self._clock.now()
        if why["why"] != status.trouble:  # not for each request that fails in the same way
            self._log.error("account-failing", account=self._looker.account, **why)
        status.trouble, status.needs_enrolment = why["why"], needs_enrolment

    def _arm(self) -> None:
        """Have the alert given on time: the next look may be a day away."""
        seconds = self._pace.failing_alert
        if seconds != math.inf:
            loop = asyncio.get_running_loop()
            self._alarm = loop.call_later(seconds, self._raise_the_alarm)

    def _disarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def _raise_the_alarm(self) -> None:
        minutes = int(self._pace.failing_alert // 60)
        text = f"it has failed for {minutes} minutes: {self.status.trouble}"
        looker = self._looker
        looker.alert(Alert(AlertReason.ACCOUNT_FAILING, text, looker.account))

    def _succeeded(self, report: LookReport) -> None:
        if self._failures:
            self._log.info("account-recovered", account=self._looker.account)
        self._failures = 0
        self._disarm()
        self.status = WorkerStatus(last_success=self._clock.now())
        changed = {name: count for name, count in attrs.asdict(report).items() if count}
        if changed:
            self._log.info("looked", account=self._looker.account, **changed)


def _asks_for(error: Exception) -> float:
    """Return the seconds that an error wants to be waited for at least."""
    match error:
        case Throttled():
            return error.retry_after
        case AccessRefused():
            return CEILING_SECONDS  # a person must mend it first
        case GrantLost():
            return math.inf  # a new enrolment alone helps, and brings a worker of its own
        case _:
            return 0.0


async def _until(event: asyncio.Event, seconds: float) -> None:
    """Return when `event` is set or `seconds` are over."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds if seconds != math.inf else None):
            await event.wait()


def _tell(waiters: list[asyncio.Future[LookReport]], error: Exception) -> None:
    for waiter in waiters:
        if not waiter.done():
            waiter.set_exception(error)
