import logging
from pathlib import Path

import attrs
import pytest

from bridge import logs
from bridge.app.watch.reminders import remind
from bridge.config import WatchConfig
from bridge.names import DeviceName
from bridge.storage.register import Disabled, WhyDisabled
from bridge.storage.sightings import DAY_SECONDS
from bridge.storage.sqlite.sightings import SqliteSightings
from tests.contract.storage_harness import SqliteUnderTest, device, fill

NOW = 20_400 * DAY_SECONDS
LONG_AGO = 20_000 * DAY_SECONDS


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
    with caplog.at_level(logging.INFO, "watch"):
        await remind(WatchConfig(), storage.register, store, NOW, logs.get("watch"))
    storage.close()
    watch = [one for one in caplog.records if one.name == "watch"]
    assert [(one.msg, vars(one)["event_fields"]) for one in watch] == [
        ("device-unseen", {"device": "gone", "days": 399}),
        ("password-old", {"device": "gone", "days": 400}),
        ("password-age-unknown", {"device": "old"}),
    ]
