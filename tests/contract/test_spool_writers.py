"""Two that write the body of one message: a slow fetch, and an admin's order that comes meanwhile."""

import asyncio
from collections.abc import AsyncIterator

from bridge.names import SpoolId, UniqueId
from providers.contract import Disposition, RemoteId
from tests.contract.storage_harness import (
    PRINTER,
    SqliteUnderTest,
    announcement,
    deliver,
    pieces_of,
    read_whole,
)

COPY = b"Message-ID: <job@scanner>\r\n\r\nx\r\n"
AGAIN = UniqueId("again")


async def announced(storage: SqliteUnderTest) -> SpoolId:
    await storage.spool.announce(PRINTER, [announcement("a")])
    (item,) = await storage.spool.pending(PRINTER)
    return item.spool_id


class Slow:
    """A body that begins, and goes on when it is let."""

    def __init__(self, octets: bytes) -> None:
        self.octets = octets
        self.has_begun = asyncio.Event()
        self.may_end = asyncio.Event()

    async def pieces(self) -> AsyncIterator[bytes]:
        self.has_begun.set()
        yield self.octets[:5]
        await self.may_end.wait()
        yield self.octets[5:]


async def test_a_message_dropped_and_listed_again_during_its_fetch_keeps_its_body(
    storage: SqliteUnderTest,
) -> None:
    spool_id, slow, spool = await announced(storage), Slow(COPY), storage.spool
    async with asyncio.TaskGroup() as group:
        fetch = group.create_task(spool.deliver(spool_id, slow.pieces()))
        await slow.has_begun.wait()
        assert await spool.drop(spool_id, Disposition.parse("keep"))
        order = group.create_task(spool.redeliver(spool_id, AGAIN, pieces_of(COPY)))
        slow.may_end.set()
    assert fetch.done()
    assert order.result()
    assert await read_whole(spool, spool_id) == COPY
    (entry,) = (await spool.listing(PRINTER)).entries
    assert (entry.spool_id, entry.unique_id) == (spool_id, AGAIN)


async def test_a_message_dropped_during_its_fetch_leaves_no_body(
    storage: SqliteUnderTest,
) -> None:
    spool_id, slow, spool = await announced(storage), Slow(COPY), storage.spool
    async with asyncio.TaskGroup() as group:
        group.create_task(spool.deliver(spool_id, slow.pieces()))
        await slow.has_begun.wait()
        assert await spool.drop(spool_id, Disposition.parse("keep"))
        slow.may_end.set()
    assert storage.body_files() == []
    assert (await spool.listing(PRINTER)).entries == ()


async def test_a_held_copy_that_goes_upstream_while_it_is_listed_again_is_not(
    storage: SqliteUnderTest,
) -> None:
    await deliver(storage, "a", COPY)
    held = await deliver(storage, "b", COPY)
    slow, spool = Slow(COPY), storage.spool
    async with asyncio.TaskGroup() as group:
        order = group.create_task(spool.redeliver(held, AGAIN, slow.pieces()))
        await slow.has_begun.wait()
        await spool.forget(PRINTER, [RemoteId("b")])
        slow.may_end.set()
    assert order.result() is False
    assert len(storage.body_files()) == 1


async def test_a_damaged_body_of_what_was_listed_again_is_held_for_the_admin(
    storage: SqliteUnderTest,
) -> None:
    spool_id, spool = await deliver(storage, "a", COPY), storage.spool
    await spool.expunge(PRINTER, [spool_id])
    await spool.disposed([spool_id])
    assert await spool.redeliver(spool_id, AGAIN, pieces_of(COPY))
    await spool.note_damaged(spool_id, "missing", 0.0)
    await spool.sweep_vanished(PRINTER)
    assert (await spool.listing(PRINTER)).entries == ()
    assert await spool.redeliver(spool_id, UniqueId("third"), pieces_of(COPY))
    assert await read_whole(spool, spool_id) == COPY
