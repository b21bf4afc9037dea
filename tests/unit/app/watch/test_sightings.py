import asyncio
from collections.abc import Mapping, Sequence

import attrs
import pytest

from bridge import logs
from bridge.app.watch.exposure import Watched
from bridge.app.watch.sightings import REMEMBERED_SECONDS, WRITE_SECONDS, Watch, look_back
from bridge.errors import SpoolUnavailable
from bridge.names import PROBE, DeviceName
from bridge.storage.sightings import Login, Sighting
from tests.fakes.clock import FakeClock, LoopClock, run_without_waiting

FAX = DeviceName("fax")


@attrs.define
class Store:
    """A store that writes down what it is told, or cannot."""

    told: list[list[Sighting]] = attrs.field(factory=list)
    forgotten: list[float] = attrs.field(factory=list)
    minutes: dict[int, int] = attrs.field(factory=dict)
    added: int = 0
    is_full: bool = False

    async def record(self, sightings: Sequence[Sighting]) -> None:
        if self.is_full:
            raise SpoolUnavailable("the disk is full")
        self.told.append(list(sightings))

    async def sightings(self) -> list[Sighting]:
        return [one for some in self.told for one in some]

    async def watched_since(self) -> float:
        return 0.0

    async def add_watched(self, minutes: Mapping[int, int]) -> None:
        if self.is_full:
            raise SpoolUnavailable("the disk is full")
        self.added += 1
        for day, more in minutes.items():
            self.minutes[day] = self.minutes.get(day, 0) + more

    async def watched_minutes(self) -> dict[int, int]:
        return self.minutes

    async def forget(self, before: float) -> None:
        self.forgotten.append(before)


def login(device: DeviceName = FAX, tls: str = "TLSv1.3", address: str = "192.0.2.7") -> Login:
    return Login(device, address, "pop3s", tls, "GCM")


def watch(store: Store, clock: FakeClock | LoopClock) -> Watch:
    return Watch(store, clock, logs.get("watch"))


async def test_many_logins_are_one_row_with_the_first_and_the_last_time() -> None:
    store, clock = Store(), FakeClock(100.0)
    one = watch(store, clock)
    one.seen(login(address="192.0.2.7"))
    clock.advance(5.0)
    one.seen(login(address="192.0.2.8"))
    await one.write()
    assert store.told == [[Sighting(FAX, "pop3s", "TLSv1.3", "GCM", "192.0.2.8", 100.0, 105.0)]]


async def test_each_way_of_logging_in_is_a_row() -> None:
    store = Store()
    one = watch(store, FakeClock())
    for tls in ("", "TLSv1.2", "TLSv1.3", "TLSv1.2"):
        one.seen(login(tls=tls))
    await one.write()
    assert sorted(row.tls for row in store.told[0]) == ["", "TLSv1.2", "TLSv1.3"]


async def test_what_was_written_is_not_written_again_and_nothing_costs_nothing() -> None:
    store = Store()
    one = watch(store, FakeClock())
    one.seen(login())
    await one.write()
    await one.write()
    assert len(store.told) == 1


async def test_the_bridges_own_login_is_nobodys() -> None:
    store = Store()
    one = watch(store, FakeClock())
    one.seen(login(PROBE))
    await one.write()
    assert store.told == []


async def test_what_cannot_be_written_is_kept_with_its_first_time() -> None:
    store, clock = Store(is_full=True), FakeClock(100.0)
    one = watch(store, clock)
    one.seen(login())
    assert not await one.write()
    clock.advance(60.0)
    one.seen(login(address="192.0.2.9"))
    assert not await one.write()
    store.is_full = False
    assert await one.write()
    [[row]] = store.told
    assert (row.first, row.last, row.address) == (100.0, 160.0, "192.0.2.9")


async def test_old_ways_are_forgotten_after_more_than_a_year() -> None:
    store = Store()
    await watch(store, FakeClock(REMEMBERED_SECONDS + 7.0)).forget_old()
    assert store.forgotten == [7.0]


def test_it_is_written_once_a_minute_and_once_more_at_the_end() -> None:
    store = Store()

    async def run() -> None:
        one = watch(store, LoopClock())
        one.seen(login())
        task = asyncio.get_running_loop().create_task(one.run())
        await LoopClock().sleep(WRITE_SECONDS * 1.5)
        assert len(store.told) == 1
        one.seen(login())
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert len(store.told) == 2

    run_without_waiting(run())


def run_for(store: Store, seconds: float) -> None:
    async def run() -> None:
        task = asyncio.get_running_loop().create_task(watch(store, LoopClock()).run())
        await LoopClock().sleep(seconds)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run_without_waiting(run())


def test_it_is_written_once_an_hour_and_at_the_end_for_how_long_it_watched() -> None:
    store = Store()
    run_for(store, 2.5 * 3600.0 + 1.0)
    assert (sum(store.minutes.values()), store.added) == (150, 3)


def test_a_watch_of_less_than_a_minute_is_none() -> None:
    store = Store()
    run_for(store, WRITE_SECONDS / 2)
    assert store.added == 0


def test_minutes_that_cannot_be_written_are_written_later() -> None:
    store = Store(is_full=True)

    async def run() -> None:
        task = asyncio.get_running_loop().create_task(watch(store, LoopClock()).run())
        await LoopClock().sleep(70 * 60.0 + 1.0)
        assert store.added == 0
        store.is_full = False
        await LoopClock().sleep(60.0)
        assert sum(store.minutes.values()) == 71
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run_without_waiting(run())


async def test_who_looks_back_sees_all_that_is_kept() -> None:
    store = Store(minutes={3: 7})
    one = watch(store, FakeClock(100.0))
    one.seen(login())
    await one.write()
    rows = await store.sightings()
    assert await look_back(store, 200.0) == Watched(rows, 0.0, 200.0, {3: 7})
