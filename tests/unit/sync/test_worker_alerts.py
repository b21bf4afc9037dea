"""An account that fails for long is an alert, once an outage."""

from pathlib import Path

from bridge.alerts import AlertReason
from bridge.sync.worker import Pace
from providers.contract import GrantLost, Throttled, Unreachable
from tests.unit.sync.working import Bench, play

PACE = Pace(interval=60, nudge_gap=60, failing_alert=900)


def fail(bench: Bench, times: int) -> None:
    bench.looking.service.failures["changes"] = [Unreachable("down") for _ in range(times)]


def test_an_outage_is_an_alert_once_it_has_lasted_and_only_once(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        fail(bench, 100)
        await bench.until_looks(1)
        await bench.pass_time(899 - bench.now())
        assert bench.looking.alerts == []
        await bench.pass_time(2)
        (alert,) = bench.looking.alerts
        assert (alert.reason, alert.account) == (AlertReason.ACCOUNT_FAILING, "office")
        assert alert.text == "it has failed for 15 minutes: down"
        await bench.pass_time(20_000)
        assert bench.looking.alerts == [alert]

    play(tmp_path, scenario, pace=PACE)


def test_who_must_wait_for_a_day_is_an_alert_before_it_may_look_again(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        bench.looking.service.failures["changes"] = [Throttled("slow down", 86_400)]
        await bench.until_looks(1)
        await bench.pass_time(901)
        assert [alert.text for alert in bench.looking.alerts] == [
            "it has failed for 15 minutes: slow down"
        ]
        assert len(bench.looks) == 1

    play(tmp_path, scenario, pace=PACE)


def test_a_lost_grant_has_an_alert_of_its_own(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        down, lost = Unreachable("down"), GrantLost("enrol again")
        bench.looking.service.failures["changes"] = [down, lost]
        await bench.pass_time(20_000)
        assert bench.looking.alerts == []

    play(tmp_path, scenario, pace=PACE)


def test_a_worker_that_has_stopped_raises_no_alarm(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        fail(bench, 100)
        await bench.until_looks(2)
        bench.task.cancel()
        await bench.pass_time(20_000)
        assert bench.looking.alerts == []

    play(tmp_path, scenario, pace=PACE)


def test_a_short_outage_is_none(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        fail(bench, 2)
        await bench.pass_time(20_000)
        assert bench.looking.alerts == []

    play(tmp_path, scenario, pace=PACE)


def test_the_next_outage_is_another_alert(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        for count in (1, 2):
            fail(bench, 12)
            await bench.pass_time(40_000)
            assert bench.worker.status.failing_since is None
            assert len(bench.looking.alerts) == count

    play(tmp_path, scenario, pace=PACE)
