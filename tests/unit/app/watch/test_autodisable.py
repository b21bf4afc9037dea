from collections.abc import AsyncIterator
from pathlib import Path

import attrs
import pytest

from bridge import logs
from bridge.alerts import Alert, AlertReason
from bridge.app.watch.overseer import Overseer
from bridge.app.watch.sightings import Watch
from bridge.config import WatchConfig
from bridge.errors import SpoolUnavailable
from bridge.names import DeviceName
from bridge.storage.register import Disabled, WhyDisabled
from bridge.storage.sightings import DAY_SECONDS, Login
from bridge.storage.sqlite.alerts import SqliteAlerts
from bridge.storage.sqlite.sightings import SqliteSightings
from tests.contract.storage_harness import SqliteUnderTest, device, fill
from tests.fakes.clock import FakeClock

BEGAN = 20_000
"""The day on which the devices were added."""

GONE, USED = DeviceName("gone"), DeviceName("used")


class Desk:
    """Two devices that were added 40 days ago, and a bridge that has run since."""

    def __init__(self, root: Path) -> None:
        self.storage = SqliteUnderTest(root)
        self.register = self.storage.register
        self.store = SqliteSightings(self.storage.database)
        self.clock = FakeClock((BEGAN + 40) * DAY_SECONDS)
        self.watch = Watch(self.store, self.clock, logs.get("watch"))
        self.told: list[str | Alert] = []

    async def fill(self) -> None:
        await fill(self.storage)
        for name in (GONE, USED):
            made = BEGAN * DAY_SECONDS
            await self.register.add_device(attrs.evolve(device(name), made=made))
        await self.storage.run_sql("UPDATE watched SET since = 0")
        await self.store.add_watched({BEGAN + n: 1440 for n in range(41)})

    def log_in(self, name: DeviceName) -> None:
        self.watch.seen(Login(name, "192.0.2.7", "pop3s", "", ""))

    async def reload(self) -> None:
        self.told.append("reload")

    async def look(self, unseen: str = "disable", days: int = 30) -> bool:
        """Return whether anybody was told of."""
        before = len(self.told)
        config = WatchConfig(unseen_days=days, unseen=unseen)  # type: ignore[arg-type] - one of two
        overseer = Overseer(
            config,
            self.register,
            self.store,
            self.storage.addresses,
            self.watch,
            self.told.append,
            self.clock,
        )
        await overseer.look(self.reload)
        return len(self.told) > before

    async def disabled(self) -> dict[str, Disabled]:
        devices = (await self.register.snapshot()).devices
        return {one.name: one.disabled for one in devices if one.disabled is not None}


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    made = Desk(tmp_path)
    await made.fill()
    yield made
    made.storage.close()


async def test_what_was_not_seen_for_long_is_disabled_and_told_of_once(desk: Desk) -> None:
    desk.log_in(USED)
    assert await desk.look()
    disabled = Disabled(desk.clock.now(), WhyDisabled.UNSEEN)
    assert await desk.disabled() == {GONE: disabled}
    reloaded, alert = desk.told
    assert reloaded == "reload", "whoever reads the alert finds the device disabled"
    assert isinstance(alert, Alert)
    assert (alert.reason, alert.device) == (AlertReason.DEVICE_DISABLED, GONE)
    assert "40 days" in alert.text
    assert alert.text.endswith("popbridge device enable gone lets it log in again")
    assert await SqliteAlerts(desk.storage.database).untold() == [alert]
    desk.clock.advance(DAY_SECONDS)
    assert not await desk.look()
    assert len(desk.told) == 2


@pytest.mark.parametrize(("unseen", "days"), [("warn", 30), ("disable", 0), ("disable", 41)])
async def test_elsewhere_nobody_is_disabled(desk: Desk, unseen: str, days: int) -> None:
    assert not await desk.look(unseen, days)
    assert (await desk.disabled(), desk.told) == ({}, [])


async def test_what_is_disabled_is_told_of_where_the_register_cannot_be_read_then(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def cannot() -> None:
        raise SpoolUnavailable("the disk hangs")

    monkeypatch.setattr(desk, "reload", cannot)
    desk.log_in(USED)
    with pytest.raises(SpoolUnavailable):
        await desk.look()
    [alert] = desk.told
    assert isinstance(alert, Alert)
    assert alert.device == GONE
    assert set(await desk.disabled()) == {GONE}


async def test_once_enabled_the_days_count_anew(desk: Desk) -> None:
    desk.log_in(USED)
    await desk.look()
    await desk.register.enable_device(GONE, desk.clock.now())
    assert not await desk.look()
    days = {BEGAN + 41 + n: 1440 for n in range(30)}
    await desk.store.add_watched(days)
    desk.clock.advance(30 * DAY_SECONDS)
    desk.log_in(USED)
    assert await desk.look()
    assert set(await desk.disabled()) == {GONE}


async def test_after_a_summer_without_a_bridge_nobody_is_disabled(desk: Desk) -> None:
    for name in (GONE, USED):
        desk.log_in(name)
    await desk.watch.write()
    desk.clock.advance(300 * DAY_SECONDS)
    assert not await desk.look()
    assert await desk.disabled() == {}


async def test_while_nobody_knows_who_was_seen_just_now_nobody_is_disabled(desk: Desk) -> None:
    desk.log_in(USED)
    await desk.storage.refuse_writes()
    assert not await desk.look()
    assert await desk.disabled() == {}


async def test_what_is_disabled_is_not_reminded_of(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    desk.log_in(USED)
    await desk.look(days=30)
    said = [(one.msg, vars(one)["event_fields"]["device"]) for one in caplog.records]
    assert [one for one in said if one[1] == GONE] == [("device-disabled", GONE)]
    caplog.clear()
    await desk.register.enable_device(GONE, 0.0)
    await desk.look("warn", days=30)
    assert "device-unseen" in caplog.text
