"""The worker on a loop whose time takes none: waits are exact, and nobody waits for them."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest

from bridge import logs
from bridge.errors import SpoolUnavailable
from bridge.storage.ports import MaildropRecord
from bridge.sync.look import LookReport
from bridge.sync.worker import Pace, Worker
from providers.contract import GrantLost, Throttled, Unreachable
from tests.fakes.clock import LoopClock, run_without_waiting
from tests.unit.sync.looking import Looking, mail

PACE = Pace(interval=60, nudge_gap=5)
GRACE = 1.000001


@attrs.define
class Bench:
    """A worker that runs, and the times at which it looked."""

    looking: Looking
    worker: Worker
    task: asyncio.Task[None]
    looks: list[float]
    looked: asyncio.Event

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    async def pass_time(self, seconds: float) -> None:
        await LoopClock().sleep(seconds)

    async def until_looks(self, count: int) -> None:
        """Return when so many looks have begun; an hour of loop time is for ever."""
        async with asyncio.timeout(1e7):
            while len(self.looks) < count:
                self.looked.clear()
                await self.looked.wait()

    def waits(self) -> list[float]:
        return [
            later - sooner for sooner, later in zip(self.looks, self.looks[1:], strict=False)
        ]


Scenario = Callable[[Bench], Coroutine[Any, Any, None]]


@asynccontextmanager
async def _running(root: Path, records: Callable[[], list[MaildropRecord]] | None) -> Any:  # noqa: ANN401 - an iterator
    looking = Looking(root)
    await looking.register()
    known = list(await looking.records())
    looks: list[float] = []
    looked = asyncio.Event()

    def on_step(name: str) -> None:
        if name == "look":
            looks.append(asyncio.get_running_loop().time())
            looked.set()

    looking.service.on_step = on_step
    worker = Worker(
        looking.looker(), records or (lambda: known), PACE, LoopClock(), logs.get("sync")
    )
    async with asyncio.TaskGroup() as group:
        task = group.create_task(worker.run(), name="worker")
        yield Bench(looking, worker, task, looks, looked)
        task.cancel()
    looking.storage.close()


def play(
    tmp_path: Path,
    scenario: Scenario,
    records: Callable[[], list[MaildropRecord]] | None = None,
) -> None:
    async def run() -> None:
        async with _running(tmp_path, records) as bench:
            await scenario(bench)

    run_without_waiting(run())


def test_a_worker_looks_at_once_and_then_at_its_interval(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.until_looks(5)
        assert bench.looks[0] == 0
        assert all(54 <= wait <= 66 * GRACE for wait in bench.waits())
        assert bench.worker.status.last_success is not None

    play(tmp_path, scenario)


def test_a_nudge_brings_a_look_once_the_gap_is_over(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.until_looks(1)
        for _ in range(3):
            bench.worker.nudge()
        await bench.until_looks(2)
        assert bench.waits() == pytest.approx([PACE.nudge_gap], abs=0.1)
        await bench.pass_time(20)
        assert len(bench.looks) == 2

    play(tmp_path, scenario)


def test_a_nudge_after_the_gap_brings_a_look_at_once(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.until_looks(1)
        await bench.pass_time(20)
        bench.worker.nudge()
        await bench.until_looks(2)
        assert bench.waits() == pytest.approx([20], abs=0.1)

    play(tmp_path, scenario)


def test_who_waits_for_a_look_has_it_at_once_and_hears_what_changed(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.until_looks(1)
        bench.looking.service.put(mail("a"))
        report = await bench.worker.look_now()
        assert report == LookReport(announced=1, delivered=1)
        assert bench.waits() == pytest.approx([0], abs=0.1)
        assert await bench.looking.listed() == [mail("a")]

    play(tmp_path, scenario)


def test_all_who_ask_during_a_look_hear_of_the_next(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.until_looks(1)
        async with asyncio.TaskGroup() as group:
            askers = [group.create_task(bench.worker.look_now()) for _ in range(2)]
        assert askers[0].result() is askers[1].result()
        assert len(bench.looks) == 2

    play(tmp_path, scenario)


def test_who_no_longer_waits_does_not_harm_the_worker(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.until_looks(1)
        waiting = asyncio.ensure_future(bench.worker.look_now())  # noqa: TID251 - a test's own
        asyncio.get_running_loop().call_soon(waiting.cancel)
        await asyncio.wait([waiting])
        assert (await bench.worker.look_now()) == LookReport()

    play(tmp_path, scenario)


# ---- failures


def test_failures_make_the_waits_longer_and_a_success_ends_that(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        bench.looking.service.failures["changes"] = [Unreachable("down")] * 6
        await bench.until_looks(9)
        waits = bench.waits()
        for wait, expected in zip(waits, [120, 240, 480, 900, 900, 900, 60, 60], strict=True):
            assert 0.9 * expected <= wait <= 1.1 * expected * GRACE
        assert bench.worker.status.trouble == ""

    play(tmp_path, scenario)


def test_an_account_that_fails_says_since_when_and_why(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        bench.looking.service.failures["changes"] = [Unreachable("down"), Unreachable("still")]
        await bench.until_looks(1)
        await bench.pass_time(1)
        since = bench.worker.status.failing_since
        assert since == pytest.approx(LoopClock().now(), abs=2)
        await bench.until_looks(2)
        await bench.pass_time(1)
        status = bench.worker.status
        assert (status.trouble, status.failing_since, status.last_success) == (
            "still",
            since,
            None,
        )

    play(tmp_path, scenario)


def test_the_same_trouble_is_logged_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario(bench: Bench) -> None:
        bench.looking.service.failures["changes"] = [Unreachable("down")] * 5
        await bench.until_looks(7)

    with caplog.at_level("INFO"):
        play(tmp_path, scenario)
    told = [record.message for record in caplog.records]
    assert (told.count("account-failing"), told.count("account-recovered")) == (1, 1)


@pytest.mark.parametrize("retry_after", [7.0, 200.0, 5000.0])
def test_a_throttled_worker_waits_at_least_as_long_as_it_was_told(
    tmp_path: Path, retry_after: float
) -> None:
    async def scenario(bench: Bench) -> None:
        bench.looking.service.failures["changes"] = [Throttled("busy", retry_after)]
        await bench.until_looks(1)
        bench.worker.nudge()
        await bench.until_looks(2)
        assert bench.waits()[0] >= retry_after

    play(tmp_path, scenario)


def test_a_nudge_does_not_hasten_a_look_after_a_failure(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        bench.looking.service.failures["changes"] = [Unreachable("down")]
        await bench.until_looks(1)
        for _ in range(10):
            bench.worker.nudge()
            await bench.pass_time(10)
        assert len(bench.looks) == 1

    play(tmp_path, scenario)


def test_a_lost_grant_is_not_asked_about_until_somebody_asks_for_a_look(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        bench.looking.service.failures["changes"] = [GrantLost("enrol again")]
        await bench.until_looks(1)
        for _ in range(10):
            bench.worker.nudge()
            await bench.pass_time(100_000)
        assert len(bench.looks) == 1
        assert bench.worker.status.trouble == "enrol again"
        await bench.worker.look_now()
        assert bench.worker.status.trouble == ""
        await bench.until_looks(3)

    play(tmp_path, scenario)


@pytest.mark.parametrize(
    "error", [Unreachable("down"), GrantLost("enrol"), Throttled("x", 9.0)]
)
def test_who_waits_for_a_look_hears_that_it_failed(tmp_path: Path, error: Exception) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.until_looks(1)
        bench.looking.service.failures["changes"] = [error]
        with pytest.raises(type(error)) as raised:
            await bench.worker.look_now()
        assert raised.value is error

    play(tmp_path, scenario)


def test_a_fault_of_ours_does_not_end_the_worker(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.until_looks(1)
        bench.looking.service.failures["changes"] = [ZeroDivisionError("a fault")]
        with pytest.raises(SpoolUnavailable, match="see the log"):
            await bench.worker.look_now()
        assert "ZeroDivisionError" in bench.worker.status.trouble
        assert await bench.worker.look_now() == LookReport()

    play(tmp_path, scenario)
    (record,) = (r for r in caplog.records if r.message == "look-failed")
    assert record.exc_info is not None


def test_the_register_may_fail_to_say_what_to_look_at(tmp_path: Path) -> None:
    asked = iter(range(100))

    def records() -> list[MaildropRecord]:
        if next(asked) == 0:
            raise KeyError("nothing is known yet")
        return []

    async def scenario(bench: Bench) -> None:
        await bench.pass_time(200)
        assert bench.worker.status.last_success is not None

    play(tmp_path, scenario, records)


# ---- the end


@contextmanager
def _ended(bench: Bench) -> Iterator[None]:
    yield
    assert bench.task.cancelled()
    assert bench.looking.service.closed == 1


def test_a_worker_that_is_stopped_closes_its_mailbox(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.until_looks(1)
        await bench.pass_time(1)
        with _ended(bench):
            bench.task.cancel()
            await asyncio.wait([bench.task])

    play(tmp_path, scenario)


def test_a_worker_that_is_stopped_during_a_look_lets_nobody_wait_for_ever(
    tmp_path: Path,
) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.until_looks(1)
        await bench.pass_time(1)
        bench.looking.service.on_step = lambda _name: bench.task.cancel() and None
        waiting = asyncio.ensure_future(bench.worker.look_now())  # noqa: TID251 - a test's own
        with _ended(bench):
            await asyncio.wait([bench.task])
        done, _ = await asyncio.wait([waiting], timeout=1000)
        assert done == {waiting}
        assert waiting.cancelled()

    play(tmp_path, scenario)


def test_who_waits_for_a_look_that_never_begins_is_let_go(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        bench.looking.service.failures["changes"] = [Throttled("busy", 1e6)]
        await bench.until_looks(1)
        await bench.pass_time(1)
        waiting = asyncio.ensure_future(bench.worker.look_now())  # noqa: TID251 - a test's own
        asyncio.get_running_loop().call_soon(bench.task.cancel)
        done, _ = await asyncio.wait([waiting], timeout=1000)
        assert done == {waiting}

    play(tmp_path, scenario)
