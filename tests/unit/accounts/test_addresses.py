from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from bridge.accounts.addresses import (
    REFRESHED_SECONDS,
    REMEMBERED_SECONDS,
    KnownAddresses,
    Mode,
)
from bridge.alerts import Alert, AlertReason
from bridge.errors import SpoolUnavailable
from bridge.storage.sqlite.alerts import SqliteAlerts
from tests.contract.storage_harness import PANEL, SqliteUnderTest, device, fill
from tests.fakes.clock import FakeClock

HERE, ELSEWHERE = "192.0.2.7", "198.51.100.9"


class Desk:
    """A register with one device, and what it is asked about it."""

    def __init__(self, root: Path) -> None:
        self.storage = SqliteUnderTest(root)
        self.clock = FakeClock()
        self.alerts: list[Alert] = []

    async def ask(self, address: str, mode: Mode = "log") -> str:
        store, alert = self.storage.addresses, self.alerts.append
        return await KnownAddresses(mode, store, alert, self.clock).why_not(device(), address)

    async def known(self) -> dict[str, bool]:
        return {one.address: one.admitted for one in await self.storage.addresses.of(PANEL)}


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    made = Desk(tmp_path)
    await fill(made.storage)
    await made.storage.register.add_device(device())
    yield made
    made.storage.close()


def events(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    return [vars(one)["event_fields"] for one in caplog.records if one.msg == "new-address"]


@pytest.mark.parametrize("mode", ["log", "alert", "refuse"])
async def test_the_first_address_of_a_device_is_learned_and_no_news(
    desk: Desk, mode: Mode, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        assert await desk.ask(HERE, mode) == ""
    assert await desk.known() == {HERE: True}
    assert (desk.alerts, events(caplog)) == ([], [])


async def test_another_is_logged_once_and_learned(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    await desk.ask(HERE)
    for _ in range(2):
        assert await desk.ask(ELSEWHERE) == ""
    assert await desk.known() == {HERE: True, ELSEWHERE: True}
    assert events(caplog) == [{"device": PANEL, "address": ELSEWHERE, "refused": "no"}]
    assert desk.alerts == []
    assert await SqliteAlerts(desk.storage.database).untold() == []


async def test_another_is_an_alert_once_where_the_owner_wants_that(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    await desk.ask(HERE, "alert")
    for _ in range(2):
        assert await desk.ask(ELSEWHERE, "alert") == ""
    [alert] = desk.alerts
    assert (alert.reason, alert.device) == (AlertReason.NEW_ADDRESS, PANEL)
    assert ELSEWHERE in alert.text
    assert alert.text.endswith("where that is not your machine")
    assert await SqliteAlerts(desk.storage.database).untold() == [alert]
    assert len(events(caplog)) == 1


async def test_another_is_refused_every_time_and_an_alert_once(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    await desk.ask(HERE, "refuse")
    for _ in range(3):
        assert await desk.ask(ELSEWHERE, "refuse") == "new-address"
    assert await desk.ask(HERE, "refuse") == ""
    assert await desk.known() == {HERE: True, ELSEWHERE: False}
    assert events(caplog) == [{"device": PANEL, "address": ELSEWHERE, "refused": "yes"}]
    [alert] = desk.alerts
    assert "device admit panel 198.51.100.9 lets it log in from there" in alert.text
    assert alert.text.endswith("its password is known: popbridge device passwd panel")


async def test_what_an_owner_admitted_may_log_in(desk: Desk) -> None:
    await desk.ask(HERE, "refuse")
    await desk.ask(ELSEWHERE, "refuse")
    await desk.storage.addresses.admit(PANEL, ELSEWHERE, 1.0, only=False)
    assert await desk.ask(ELSEWHERE, "refuse") == ""
    assert len(desk.alerts) == 1


async def test_one_that_was_refused_is_news_again_where_it_is_refused_no_more(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    await desk.ask(HERE, "refuse")
    await desk.ask(ELSEWHERE, "refuse")
    assert await desk.ask(ELSEWHERE, "log") == ""
    assert [one["refused"] for one in events(caplog)] == ["yes", "no"]
    assert await desk.known() == {HERE: True, ELSEWHERE: True}


async def test_addresses_of_one_ipv6_network_are_one(desk: Desk) -> None:
    await desk.ask("2001:db8::1", "refuse")
    assert await desk.ask("2001:db8::2", "refuse") == ""
    assert await desk.ask("2001:db8:0:1::1", "refuse") == "new-address"
    assert await desk.known() == {"2001:db8::/64": True, "2001:db8:0:1::/64": False}


async def test_a_device_that_is_bound_may_come_from_anywhere_in_there(desk: Desk) -> None:
    store = desk.storage.addresses
    known = KnownAddresses("refuse", store, desk.alerts.append, desk.clock)
    bound = attrs.evolve(device(), allow=("0.0.0.0/0",))
    for address in (HERE, ELSEWHERE):
        assert await known.why_not(bound, address) == ""
    assert await desk.known() == {}


async def test_a_poll_writes_nothing_but_once_a_week(desk: Desk) -> None:
    await desk.ask(HERE)
    [made] = await desk.storage.addresses.of(PANEL)
    desk.clock.advance(REFRESHED_SECONDS)
    await desk.ask(HERE)
    assert await desk.storage.addresses.of(PANEL) == [made]
    desk.clock.advance(1.0)
    await desk.ask(HERE)
    [used] = await desk.storage.addresses.of(PANEL)
    assert (used.first, used.last) == (made.first, desk.clock.now())


@pytest.mark.parametrize("mode", ["log", "alert", "refuse"])
async def test_a_full_disk_turns_no_device_away_and_floods_nobody_with_alerts(
    desk: Desk, mode: Mode, caplog: pytest.LogCaptureFixture
) -> None:
    await desk.ask(HERE, mode)
    desk.clock.advance(REFRESHED_SECONDS + 1.0)
    await desk.storage.refuse_writes()
    assert await desk.ask(HERE, mode) == ""
    await desk.ask(ELSEWHERE, mode)
    assert len(events(caplog)) == 1
    assert desk.alerts == []


@pytest.mark.parametrize("mode", ["log", "alert", "refuse"])
async def test_a_new_device_logs_in_although_the_disk_is_full(desk: Desk, mode: Mode) -> None:
    await desk.storage.refuse_writes()
    assert await desk.ask(HERE, mode) == ""


async def test_what_is_not_known_now_is_no_reason_to_let_anybody_in(desk: Desk) -> None:
    await desk.ask(HERE, "refuse")
    await desk.storage.refuse_everything()
    with pytest.raises(SpoolUnavailable):
        await desk.ask(ELSEWHERE, "refuse")


@pytest.mark.parametrize("mode", ["log", "alert"])
async def test_a_database_that_cannot_answer_turns_nobody_away_who_may_come_from_anywhere(
    desk: Desk, mode: Mode
) -> None:
    await desk.storage.refuse_everything()
    assert await desk.ask(ELSEWHERE, mode) == ""
    assert desk.alerts == []


@pytest.mark.parametrize(
    ("mode", "answer"), [("log", ""), ("alert", ""), ("refuse", "new-address")]
)
async def test_who_may_log_in_is_asked_about_a_few_times_an_hour_but_never_spared_a_refusal(
    desk: Desk, mode: Mode, answer: str, caplog: pytest.LogCaptureFixture
) -> None:
    store = desk.storage.addresses
    known = KnownAddresses(mode, store, desk.alerts.append, desk.clock)
    for address in (HERE, ELSEWHERE):
        await store.admit(PANEL, address, desk.clock.now(), only=False)
    assert await known.why_not(device(), ELSEWHERE) == ""
    await store.admit(PANEL, HERE, desk.clock.now(), only=True)
    assert await known.why_not(device(), ELSEWHERE) == answer
    desk.clock.advance(REMEMBERED_SECONDS)
    assert await known.why_not(device(), ELSEWHERE) == answer
    assert len(events(caplog)) == 1
