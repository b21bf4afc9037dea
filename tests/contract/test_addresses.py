"""What is kept of the addresses that devices log in from."""

from collections.abc import AsyncIterator
from pathlib import Path

import attrs
import pytest

from bridge.errors import SpoolUnavailable
from bridge.names import DeviceName
from bridge.storage.addresses import ADDRESSES_KEPT, DeviceAddress
from bridge.storage.audit import Wanted
from bridge.storage.sqlite.audit import SqliteAuditLog
from tests.contract.storage_harness import PANEL, SqliteUnderTest, device, fill

HERE = DeviceAddress(PANEL, "192.0.2.7", 100.5, 100.5, admitted=True)
ELSEWHERE = DeviceAddress(PANEL, "2001:db8::/64", 50.0, 200.0, admitted=False)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteUnderTest]:
    storage = SqliteUnderTest(tmp_path)
    await fill(storage)
    await storage.register.add_device(device())
    yield storage
    storage.close()


async def test_addresses_are_kept_the_last_used_first_and_survive_a_crash(
    store: SqliteUnderTest,
) -> None:
    await store.register.add_device(device(DeviceName("a")))
    other = attrs.evolve(HERE, device=DeviceName("a"))
    for one in (HERE, other, ELSEWHERE):
        await store.addresses.note(one)
    store.crash()
    assert await store.addresses.of(PANEL) == [ELSEWHERE, HERE]
    assert await store.addresses.addresses() == [other, ELSEWHERE, HERE]


async def test_one_that_is_known_keeps_its_first_time_and_stays_admitted(
    store: SqliteUnderTest,
) -> None:
    await store.addresses.note(HERE)
    await store.addresses.note(attrs.evolve(HERE, first=300.0, last=300.0, admitted=False))
    assert await store.addresses.of(PANEL) == [attrs.evolve(HERE, last=300.0)]


async def test_one_that_was_refused_may_be_admitted(store: SqliteUnderTest) -> None:
    await store.addresses.note(ELSEWHERE)
    await store.addresses.admit(PANEL, ELSEWHERE.address, 300.0, only=False)
    await store.addresses.note(attrs.evolve(ELSEWHERE, last=400.0, admitted=True))
    assert await store.addresses.of(PANEL) == [
        attrs.evolve(ELSEWHERE, last=400.0, admitted=True, by_hand=True)
    ], "and it is known for good that an owner did that"


async def test_the_one_unused_longest_is_forgotten_of_each_kind_for_itself(
    store: SqliteUnderTest,
) -> None:
    await store.addresses.note(ELSEWHERE)
    for number in range(ADDRESSES_KEPT + 2):
        at = 1000.0 + number
        await store.addresses.note(
            DeviceAddress(PANEL, f"10.0.0.{number}", at, at, admitted=True)
        )
    kept = await store.addresses.of(PANEL)
    assert [one.address for one in kept if one.admitted][-1] == "10.0.0.2"
    assert len(kept) == ADDRESSES_KEPT + 1
    assert ELSEWHERE in kept


async def test_an_owner_may_have_all_others_forgotten_and_that_is_written_down(
    store: SqliteUnderTest,
) -> None:
    await store.addresses.note(HERE)
    await store.addresses.note(ELSEWHERE)
    await store.addresses.admit(PANEL, "10.0.0.1", 300.0, only=True)
    assert await store.addresses.of(PANEL) == [
        DeviceAddress(PANEL, "10.0.0.1", 300.0, 300.0, admitted=True, by_hand=True)
    ]
    *_, entry = await SqliteAuditLog(store.database).entries(Wanted(10))
    assert (entry.event, entry.about.device) == ("device-admitted", PANEL)
    assert [one.spelled() for one in entry.differences] == ["addresses: 192.0.2.7 -> 10.0.0.1"]


async def test_what_is_known_of_a_device_goes_with_it_and_of_nobody_nothing_is_kept(
    store: SqliteUnderTest,
) -> None:
    await store.addresses.note(HERE)
    await store.register.remove_device(PANEL)
    await store.addresses.note(HERE)
    assert await store.addresses.addresses() == []


async def test_a_changed_device_keeps_its_addresses(store: SqliteUnderTest) -> None:
    await store.addresses.note(HERE)
    await store.register.change_device(attrs.evolve(device(), password="$scrypt$other"))
    assert await store.addresses.of(PANEL) == [HERE]


async def test_what_cannot_be_written_is_said(store: SqliteUnderTest) -> None:
    await store.refuse_writes()
    with pytest.raises(SpoolUnavailable):
        await store.addresses.note(HERE)
    with pytest.raises(SpoolUnavailable):
        await store.addresses.admit(PANEL, "10.0.0.1", 1.0, only=False)
