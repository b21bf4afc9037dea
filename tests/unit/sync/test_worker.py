"""The worker on a loop whose time takes none: its looks, its failures, its end."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bridge.errors import SpoolUnavailable
from bridge.storage.register import MaildropRecord
from bridge.sync.backoff import CEILING_SECONDS, JITTER
from bridge.sync.look import LookReport
from providers.contract import (
    AccessRefused,
    GrantLost,
    ProviderError,
    Throttled,
    Unreachable,
)
from tests.fakes.clock import LoopClock
from tests.unit.sync.looking import mail
from tests.unit.sync.working import GRACE, Bench, play


def test_a_worker_looks_at_once_and_then_at_its_interval(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.until_looks(5)
        assert bench.looks[0] == 0
        assert all(54 <= wait <= 66 * GRACE for wait in bench.waits())
        assert bench.worker.status.last_success is not None

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


def test_a_lost_grant_is_not_asked_about_until_somebody_asks_for_a_look(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        bench.looking.service.failures["changes"] = [GrantLost("enrol again")]
        await bench.until_looks(1)
        for _ in range(10):
            bench.worker.nudge()
            await bench.pass_time(100_000)
        assert len(bench.looks) == 1
        status = bench.worker.status
        assert (status.trouble, status.needs_enrolment) == ("enrol again", True)
        await bench.worker.look_now()
        status = bench.worker.status
        assert (status.trouble, status.needs_enrolment) == ("", False)
        await bench.until_looks(3)

    play(tmp_path, scenario)


def test_a_lost_grant_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(bench: Bench) -> None:
        bench.looking.service.failures["changes"] = [GrantLost("enrol again")] * 3
        await bench.until_looks(1)
        for _ in range(2):
            with pytest.raises(GrantLost):
                await bench.worker.look_now()

    play(tmp_path, scenario)
    assert [record.message for record in caplog.records].count("account-failing") == 1


def test_only_a_lost_grant_needs_an_enrolment(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        lost, down = GrantLost("enrol again"), Unreachable("down")
        bench.looking.service.failures["changes"] = [down, lost, down]
        needed = []
        for _ in range(3):
            with pytest.raises(ProviderError):
                await bench.worker.look_now()
            needed.append(bench.worker.status.needs_enrolment)
        assert needed == [False, True, False]

    play(tmp_path, scenario)


def test_a_refused_access_is_asked_for_again_but_seldom(tmp_path: Path) -> None:
    """A person must mend rights, licence or address first."""

    async def scenario(bench: Bench) -> None:
        bench.looking.service.failures["changes"] = [AccessRefused("no licence")] * 3
        await bench.until_looks(1)
        bench.worker.nudge()
        await bench.until_looks(4)
        for wait in bench.waits():
            assert CEILING_SECONDS <= wait <= CEILING_SECONDS * (1 + JITTER) * GRACE
        await bench.pass_time(1)
        assert bench.worker.status.trouble == ""

    play(tmp_path, scenario)


def test_a_failing_account_names_the_services_request_but_is_told_once_for_all_of_them(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario(bench: Bench) -> None:
        bench.looking.service.failures["changes"] = [
            Unreachable("down", request_id="r-1"),
            Unreachable("down", request_id="r-2"),
            Unreachable("still down", request_id="r-3"),
            Unreachable("nobody there"),
        ]
        await bench.until_looks(5)

    play(tmp_path, scenario)
    told = [vars(r)["event_fields"] for r in caplog.records if r.message == "account-failing"]
    assert [(one["why"], one.get("request_id")) for one in told] == [
        ("down", "r-1"),
        ("still down", "r-3"),
        ("nobody there", None),
    ]


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
