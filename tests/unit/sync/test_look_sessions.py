"""Looks while a device has a session open: what it was told stays true until it says QUIT."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from threading import Event

import attrs
import pytest

from bridge.clock import SystemClock
from bridge.errors import SpoolUnavailable
from bridge.maildrop import MessageEntry
from bridge.names import SpoolId
from bridge.storage.holding import Holder
from bridge.storage.sqlite.database import Database
from providers.contract import MessageUnreadable, RemoteId
from tests.contract.storage_harness import PANEL, PRINTER, maildrop
from tests.unit.sync.looking import Looking, mail

DEADLINE_SECONDS = 30.0
ONCE = b"Message-ID: <1@test>\r\n" + mail("a")
BY = Holder(PANEL, "192.0.2.7")


async def printed_twice(looking: Looking, print_once: int = 86400) -> tuple[RemoteId, RemoteId]:
    """Have one print job come twice, and looked at."""
    await looking.register(attrs.evolve(maildrop(PRINTER), print_once=print_once))
    first, second = (looking.service.put(ONCE) for _ in range(2))
    await looking.look()
    return first, second


async def damage_first(looking: Looking) -> None:
    """Have the first message wait for its body again, as a sweep does when it is damaged."""
    await looking.storage.run_sql(
        "UPDATE message SET state = 'announced', octets = NULL WHERE id = 1"
    )


async def only(looking: Looking) -> MessageEntry:
    (entry,) = (await looking.listing()).entries
    return entry


async def test_a_notice_deleted_while_its_message_comes_and_goes_is_deleted(
    looking: Looking,
) -> None:
    await looking.register()
    message = looking.service.put(mail("a"))
    looking.service.trouble[message] = MessageUnreadable("it cannot be converted")
    await looking.look()
    entry = await only(looking)
    lock = await looking.locks.acquire(PRINTER, BY, lambda: None)
    await looking.away_and_back(message)
    await looking.look()
    await looking.storage.spool.expunge(PRINTER, [entry.spool_id], BY)
    lock.release()
    await looking.look()
    assert (await looking.listing()).entries == ()


async def test_a_notice_whose_message_comes_back_is_listed_again_after_the_session(
    looking: Looking,
) -> None:
    await looking.register()
    message = looking.service.put(mail("a"))
    looking.service.trouble[message] = MessageUnreadable("it cannot be converted")
    await looking.look()
    lock = await looking.locks.acquire(PRINTER, BY, lambda: None)
    await looking.away_and_back(message)
    del looking.service.trouble[message]
    await looking.look()
    lock.release()
    await looking.look()
    assert await looking.listed() == [mail("a")]


async def test_the_second_copy_waits_for_what_a_session_does_with_the_first(
    looking: Looking,
) -> None:
    first, _ = await printed_twice(looking)
    entry = await only(looking)
    lock = await looking.locks.acquire(PRINTER, BY, lambda: None)
    looking.service.remove(first)
    await looking.look()
    await looking.storage.spool.expunge(PRINTER, [entry.spool_id], BY)
    lock.release()
    await looking.look()
    assert (await looking.listing()).entries == ()


async def test_a_damaged_message_that_a_session_deletes_is_deleted(looking: Looking) -> None:
    await looking.register(maildrop(PRINTER, on_dele="keep"))
    looking.service.put(mail("a"))
    await looking.look()
    entry = await only(looking)
    await looking.storage.run_sql("UPDATE message SET state = 'announced', octets = NULL")
    await looking.storage.spool.expunge(PRINTER, [entry.spool_id], BY)
    await looking.look()
    assert (await looking.listing()).entries == ()


async def test_a_second_copy_is_listed_when_the_first_can_never_be_had_again(
    looking: Looking,
) -> None:
    first, _ = await printed_twice(looking)
    await damage_first(looking)
    looking.service.trouble[first] = MessageUnreadable("it cannot be converted")
    for _ in range(2):
        await looking.look()
    notice, copy = await looking.listed()
    assert b"it cannot be converted" in notice
    assert copy == ONCE


async def test_a_second_copy_is_listed_when_the_first_goes_before_it_is_fetched_again(
    looking: Looking,
) -> None:
    first, _ = await printed_twice(looking)
    await damage_first(looking)
    looking.service.remove(first)
    await looking.look()
    assert await looking.listed() == [ONCE]


async def test_what_was_listed_before_is_no_copy_when_it_is_fetched_again(
    looking: Looking,
) -> None:
    await printed_twice(looking, print_once=0)
    await looking.storage.run_sql("UPDATE maildrop SET print_once = 86400")
    await damage_first(looking)
    await looking.look()
    assert await looking.listed() == [ONCE, ONCE]


async def test_a_deletion_of_what_is_not_here_is_not_promised(looking: Looking) -> None:
    await looking.register()
    looking.service.put(mail("a"))
    await looking.look()
    wanted = [(await only(looking)).spool_id, SpoolId(99)]
    with pytest.raises(SpoolUnavailable):
        await looking.storage.spool.expunge(PRINTER, wanted, BY)


async def test_no_listing_of_before_a_change_is_told_while_the_disk_takes_its_time(
    looking: Looking,
) -> None:
    await looking.register()
    looking.service.put(mail("a"))
    await looking.look()
    entry = await only(looking)
    await looking.storage.spool.note_damaged(entry.spool_id, "missing", 0.0)
    await only(looking)  # remembered
    spool = looking.storage.spool
    async with asyncio.TaskGroup() as group, slow_disk(looking.storage.database) as go_on:
        sweep = group.create_task(spool.sweep_vanished(PRINTER))
        listing = group.create_task(spool.listing(PRINTER))
        await SystemClock().sleep(0)  # both have asked the disk, or remembered
        go_on.set()
    assert sweep.done()
    assert listing.result().entries == ()


@asynccontextmanager
async def slow_disk(database: Database) -> AsyncIterator[Event]:
    """Keep the database's thread from doing anything before the event is set."""
    waits, go_on = Event(), Event()

    def wait(_db: object) -> None:
        waits.set()
        go_on.wait(DEADLINE_SECONDS)

    async with asyncio.TaskGroup() as group:
        group.create_task(database.read(wait))
        await asyncio.to_thread(waits.wait, DEADLINE_SECONDS)
        yield go_on
