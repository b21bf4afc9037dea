"""What is kept of who logged in where."""

from pathlib import Path

import attrs
import pytest

from bridge.clock import SystemClock
from bridge.errors import SpoolUnavailable
from bridge.names import DeviceName
from bridge.storage.sightings import DAY_SECONDS, Sighting
from bridge.storage.sqlite.sightings import SqliteSightings
from tests.contract.storage_harness import PANEL, SqliteUnderTest, device, fill

ONE = Sighting(PANEL, "pop3s", "TLSv1.3", "GCM", "192.0.2.7", 100.0, 200.0)
CLEAR = attrs.evolve(ONE, tls="", cipher="", last=150.0)


@pytest.fixture
async def store(tmp_path: Path) -> SqliteUnderTest:
    storage = SqliteUnderTest(tmp_path)
    await fill(storage)
    await storage.register.add_device(device())
    await storage.run_sql("UPDATE watched SET since = 50")
    return storage


def sightings(storage: SqliteUnderTest) -> SqliteSightings:
    return SqliteSightings(storage.database)


async def test_each_way_is_kept_the_last_seen_first_and_survives_a_crash(
    store: SqliteUnderTest,
) -> None:
    await sightings(store).record([CLEAR, ONE])
    store.crash()
    assert await sightings(store).sightings() == [ONE, CLEAR]
    store.close()


async def test_a_later_login_keeps_the_first_time(store: SqliteUnderTest) -> None:
    await sightings(store).record([ONE])
    again = attrs.evolve(ONE, cipher="CCM", address="192.0.2.8", first=300.0, last=300.0)
    await sightings(store).record([again])
    assert await sightings(store).sightings() == [attrs.evolve(again, first=100.0)]
    store.close()


async def test_a_clock_that_begins_in_a_year_long_gone_moves_no_last_time(
    store: SqliteUnderTest,
) -> None:
    """It would make a device that is used once a month look unseen ever since logins are watched."""
    await sightings(store).record([ONE])
    await sightings(store).record([attrs.evolve(ONE, first=7.0, last=49.0)])
    assert await sightings(store).sightings() == [ONE]
    await sightings(store).record([attrs.evolve(ONE, first=160.0, last=160.0)])
    [back] = await sightings(store).sightings()
    assert back.last == 160.0, "a clock that was ahead is put right"
    store.close()


async def test_a_device_that_is_gone_is_passed_over_and_takes_its_rows_along(
    store: SqliteUnderTest,
) -> None:
    other = attrs.evolve(ONE, device=DeviceName("nobody"))
    await sightings(store).record([other, ONE])
    assert await sightings(store).sightings() == [ONE]
    await store.register.remove_device(PANEL)
    assert await sightings(store).sightings() == []
    store.close()


async def test_a_changed_device_is_still_the_one_that_was_seen(store: SqliteUnderTest) -> None:
    await sightings(store).record([ONE])
    await store.register.change_device(attrs.evolve(device(), password="$scrypt$other"))
    assert await sightings(store).sightings() == [ONE]
    store.close()


async def test_the_old_is_forgotten_but_not_when_a_device_was_last_seen(
    store: SqliteUnderTest,
) -> None:
    await sightings(store).record([CLEAR, ONE])
    await sightings(store).forget(1_000.0)
    assert await sightings(store).sightings() == [ONE]
    store.close()


async def test_minutes_of_watching_add_up_for_each_day(store: SqliteUnderTest) -> None:
    await sightings(store).add_watched({20_000: 60, 20_001: 1})
    await sightings(store).add_watched({20_001: 59})
    store.crash()
    assert await sightings(store).watched_minutes() == {20_000: 60, 20_001: 60}
    store.close()


async def test_days_are_forgotten_ten_years_after_sightings(store: SqliteUnderTest) -> None:
    await sightings(store).add_watched({16_349: 60, 16_350: 60})
    await sightings(store).forget(20_000 * DAY_SECONDS)
    assert await sightings(store).watched_minutes() == {16_350: 60}
    store.close()


async def test_watching_began_when_the_schema_was_made(tmp_path: Path) -> None:
    store = SqliteUnderTest(tmp_path)
    assert abs(await sightings(store).watched_since() - SystemClock().now()) < 3600
    store.close()


async def test_a_spool_that_cannot_be_written_says_so(store: SqliteUnderTest) -> None:
    await store.refuse_writes()
    with pytest.raises(SpoolUnavailable):
        await sightings(store).record([ONE])
    with pytest.raises(SpoolUnavailable):
        await sightings(store).add_watched({20_000: 1})
    store.close()
