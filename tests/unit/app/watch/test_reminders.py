import logging
from pathlib import Path

import attrs
import pytest

from bridge import logs
from bridge.alerts import unheard
from bridge.app.watch.overseer import Overseer
from bridge.app.watch.sightings import Watch
from bridge.config import WatchConfig
from bridge.names import DeviceName
from bridge.storage.register import Disabled, WhyDisabled
from bridge.storage.sightings import DAY_SECONDS
from bridge.storage.sqlite.sightings import SqliteSightings
from tests.contract.storage_harness import SqliteUnderTest, device, fill
from tests.fakes.clock import FakeClock

NOW = 20_400 * DAY_SECONDS
LONG_AGO = 20_000 * DAY_SECONDS


async def unasked() -> None:
    pytest.fail("nothing in the register has changed")


def overseer(storage: SqliteUnderTest, store: SqliteSightings) -> Overseer:
    clock = FakeClock(NOW)
    watch = Watch(store, clock, logs.get("watch"))
    return Overseer(
        WatchConfig(), storage.register, store, storage.addresses, watch, unheard, clock
    )


async def test_it_is_said_of_each_device_what_status_says(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    storage = SqliteUnderTest(tmp_path)
    store = SqliteSightings(storage.database)
    await fill(storage)
    for name, made in (("gone", LONG_AGO), ("new", NOW), ("old", None), ("off", LONG_AGO)):
        one = attrs.evolve(device(DeviceName(name)), made=made or NOW, password_made=made)
        await storage.register.add_device(one)
    await storage.register.disable_device(DeviceName("off"), Disabled(NOW, WhyDisabled.BY_HAND))
    await storage.run_sql("UPDATE watched SET since = 0")
    await store.add_watched(dict.fromkeys(range(20_000, 20_400), 1440))
    asked: list[str] = []
    await storage.database.read(lambda db: db.set_trace_callback(asked.append))
    with caplog.at_level(logging.INFO, "watch"):
        await overseer(storage, store).look(unasked)
    storage.close()
    assert sum(" FROM sighting" in one for one in asked) == 1
    assert sum(" FROM device " in one for one in asked) == 1
    watch = [one for one in caplog.records if one.name == "watch"]
    assert [(one.msg, vars(one)["event_fields"]) for one in watch] == [
        ("device-unseen", {"device": "gone", "days": 399}),
        ("password-old", {"device": "gone", "days": 400}),
        ("password-age-unknown", {"device": "old"}),
    ]
