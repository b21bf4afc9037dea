"""What a nudge changes: a look at once, but only one in a gap."""

from pathlib import Path

import attrs
import pytest

from bridge.sync.worker import Pace
from providers.contract import Unreachable
from tests.unit.sync.looking import mail
from tests.unit.sync.working import GRACE, PACE, Bench, play

SHORT_GAP = attrs.evolve(PACE, nudge_gap=5)
LONG_GAP = attrs.evolve(PACE, nudge_gap=200)
NO_GAP = attrs.evolve(PACE, nudge_gap=0)


@pytest.mark.parametrize("after", [0.0, 1.0, 20.0, 50.0])
def test_a_nudge_brings_a_look_at_once_however_short_ago_the_last_was(
    tmp_path: Path, after: float
) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.until_looks(1)
        await bench.pass_time(after)
        bench.worker.nudge()
        await bench.until_looks(2)
        assert bench.waits() == pytest.approx([after], abs=0.1)

    play(tmp_path, scenario)


def test_what_arrives_before_a_login_is_listed_a_moment_after_it(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.until_looks(3)
        await bench.pass_time(17)
        bench.looking.service.put(mail("a"))
        bench.worker.nudge()
        await bench.pass_time(2)
        assert await bench.looking.listed() == [mail("a")]

    play(tmp_path, scenario)


@pytest.mark.parametrize("begin", [0.0, 10.0, 40.0])
def test_a_hundred_polls_within_an_interval_cause_the_one_look_of_that_interval(
    tmp_path: Path, begin: float
) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.until_looks(1)
        await bench.pass_time(begin)
        for _ in range(100):
            bench.worker.nudge()
            await bench.pass_time(0.5)
        assert bench.waits() == pytest.approx([begin], abs=0.1)
        await bench.until_looks(3)
        assert 54 <= bench.waits()[1] <= 60 * GRACE

    play(tmp_path, scenario)


def test_polls_without_end_cause_one_look_an_interval(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        for _ in range(7200):
            bench.worker.nudge()
            await bench.pass_time(1)
        assert all(54 <= wait <= 60 * GRACE for wait in bench.waits()[1:])
        assert 120 <= len(bench.looks) <= 7200 / 54 + 2

    play(tmp_path, scenario)


def test_a_nudge_within_the_gap_is_served_when_the_gap_is_over(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.until_looks(1)
        await bench.pass_time(20)
        for _ in range(3):
            bench.worker.nudge()
            await bench.pass_time(1)
        await bench.until_looks(3)
        assert bench.waits() == pytest.approx([20, SHORT_GAP.nudge_gap], abs=0.1)
        await bench.pass_time(50)
        assert len(bench.looks) == 3

    play(tmp_path, scenario, pace=SHORT_GAP)


def test_a_nudge_within_the_gap_is_served_by_a_regular_look_that_comes_before(
    tmp_path: Path,
) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.until_looks(1)
        await bench.pass_time(20)
        bench.worker.nudge()
        await bench.pass_time(1)
        bench.worker.nudge()
        await bench.until_looks(4)
        assert bench.waits()[0] == pytest.approx(20, abs=0.1)
        assert all(54 <= wait <= 66 * GRACE for wait in bench.waits()[1:])

    play(tmp_path, scenario, pace=LONG_GAP)


def test_a_gap_is_counted_between_looks_that_nudges_asked_for(tmp_path: Path) -> None:
    """A regular look that no nudge waited for takes nothing from the next nudge."""

    async def scenario(bench: Bench) -> None:
        await bench.until_looks(1)
        bench.worker.nudge()
        await bench.until_looks(6)
        assert bench.looks[-1] > LONG_GAP.nudge_gap
        await bench.pass_time(10)
        bench.worker.nudge()
        await bench.until_looks(7)
        assert bench.waits()[-1] == pytest.approx(10, abs=0.1)

    play(tmp_path, scenario, pace=LONG_GAP)


def test_a_nudged_look_begins_the_interval_anew(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.until_looks(1)
        await bench.pass_time(40)
        bench.worker.nudge()
        await bench.until_looks(3)
        assert 54 <= bench.waits()[1] <= 66 * GRACE

    play(tmp_path, scenario)


def test_without_a_gap_every_nudge_brings_a_look(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.until_looks(1)
        for _ in range(10):
            await bench.pass_time(1)
            bench.worker.nudge()
        await bench.pass_time(1)
        assert bench.waits() == pytest.approx([1] * 10, abs=0.1)

    play(tmp_path, scenario, pace=NO_GAP)


def test_a_nudge_during_a_look_brings_another(tmp_path: Path) -> None:
    """What arrived after the look began may not be in it."""

    async def scenario(bench: Bench) -> None:
        await bench.until_looks(1)  # it has begun, and waits for the service
        bench.worker.nudge()
        await bench.pass_time(1)
        assert len(bench.looks) == 2

    play(tmp_path, scenario)


def test_a_look_that_somebody_waits_for_takes_nothing_from_the_nudges(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.until_looks(1)
        await bench.pass_time(5)
        await bench.worker.look_now()
        await bench.pass_time(5)
        bench.worker.nudge()
        await bench.pass_time(5)
        await bench.worker.look_now()  # even within the gap
        assert bench.waits() == pytest.approx([5, 5, 5], abs=0.1)

    play(tmp_path, scenario)


@pytest.mark.parametrize("pace", [PACE, SHORT_GAP, NO_GAP], ids=["usual", "short", "none"])
def test_a_nudge_does_not_hasten_a_look_after_a_failure(tmp_path: Path, pace: Pace) -> None:
    async def scenario(bench: Bench) -> None:
        bench.looking.service.failures["changes"] = [Unreachable("down")]
        await bench.until_looks(1)
        for _ in range(10):
            bench.worker.nudge()
            await bench.pass_time(10)
        assert len(bench.looks) == 1
        await bench.worker.look_now()
        assert len(bench.looks) == 2

    play(tmp_path, scenario, pace=pace)
