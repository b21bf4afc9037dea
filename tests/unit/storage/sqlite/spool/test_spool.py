"""What is particular to the spool on SQLite; what every spool owes is in tests/contract."""

import asyncio
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from bridge.errors import SpoolUnavailable
from bridge.names import MaildropName
from bridge.storage.sqlite.spool import listings
from providers.contract import RemoteId
from tests.contract.storage_harness import (
    FAX,
    OFFICE,
    PRINTER,
    SqliteUnderTest,
    announcement,
    body,
    deliver,
    fill,
    maildrop,
    pieces_of,
    read_whole,
)


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[SqliteUnderTest]:
    made = SqliteUnderTest(tmp_path)
    yield made
    made.close()


async def interrupt_after(storage: SqliteUnderTest, steps: int) -> None:
    """Let SQLite break off once, after so many steps of its machine."""
    left = [steps]

    def count() -> int:
        left[0] -= 1
        return int(left[0] == 0)

    await storage.database.read(lambda db: db.set_progress_handler(count, 1))


async def listed(storage: SqliteUnderTest) -> list[str]:
    return [entry.unique_id for entry in (await storage.spool.listing(PRINTER)).entries]


async def test_an_expunge_that_breaks_off_anywhere_is_whole_or_not_at_all(
    storage: SqliteUnderTest,
) -> None:
    await fill(storage)
    interrupted = completed = steps = 0
    while not completed:
        steps += 7
        ids = [await deliver(storage, f"{steps}-{number}") for number in range(3)]
        queued = len(await storage.spool.queued(OFFICE, 10_000))
        await interrupt_after(storage, steps)
        try:
            await storage.spool.expunge(PRINTER, ids)
        except SpoolUnavailable:
            interrupted += 1
            expected = 0
        else:
            completed += 1
            expected = 3
        await storage.database.read(lambda db: db.set_progress_handler(None, 0))
        assert len(await listed(storage)) == 3 - expected
        assert len(await storage.spool.queued(OFFICE, 10_000)) == queued + expected
        if not completed:
            assert all([await read_whole(storage.spool, i) for i in ids])
            await storage.spool.expunge(PRINTER, ids)
    assert interrupted > 5


# ---- remembered listings


async def test_a_second_listing_asks_no_disk(storage: SqliteUnderTest) -> None:
    await fill(storage)
    await deliver(storage, "a")
    first = await storage.spool.listing(PRINTER)
    await storage.refuse_everything()
    assert await storage.spool.listing(PRINTER) is first


async def test_a_listing_begun_before_a_change_is_not_remembered_after_it(
    storage: SqliteUnderTest,
) -> None:
    """A cancelled change may be at rest before the older listing is heard of."""
    await fill(storage)
    spool_id = await deliver(storage, "a")
    storage.spool.refresh()
    async with asyncio.TaskGroup() as group:
        group.create_task(storage.spool.listing(PRINTER))
        change = group.create_task(storage.spool.expunge(PRINTER, [spool_id]))
        await _Turn()
        # Both are done in the database's thread before this loop hears of either.
        storage.database._executor.submit(bool).result()  # noqa: SLF001 - no other way to wait for it
        change.cancel()
    assert change.cancelled()
    assert await listed(storage) == []


class _Turn:
    def __await__(self) -> Generator[None, None, None]:
        yield


async def test_a_cancelled_change_is_seen_by_the_next_listing(storage: SqliteUnderTest) -> None:
    await fill(storage)
    spool_id = await deliver(storage, "a")
    assert await listed(storage)
    async with asyncio.TaskGroup() as group:
        change = group.create_task(storage.spool.expunge(PRINTER, [spool_id]))
        group.create_task(storage.spool.listing(PRINTER))
        asyncio.get_running_loop().call_soon(change.cancel)
    shown = await listed(storage)
    storage.spool.refresh()
    assert shown == await listed(storage)


async def test_remembered_listings_are_bounded(
    storage: SqliteUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listings, "REMEMBERED_MESSAGES", 3)
    await fill(storage)
    for drop in (PRINTER, FAX):
        for name in ("a", "b"):
            await deliver(storage, name, drop=drop)
    newest = None
    for drop in (PRINTER, FAX):
        newest = await storage.spool.listing(drop)
    await storage.refuse_everything()
    assert await storage.spool.listing(FAX) is newest
    with pytest.raises(SpoolUnavailable):
        await storage.spool.listing(PRINTER)


# ---- orphans


async def test_orphans_of_a_crash_are_swept_and_bodies_of_messages_are_not(
    storage: SqliteUnderTest,
) -> None:
    await fill(storage)
    ready, gone = await deliver(storage, "a"), await deliver(storage, "b")
    vanished = await deliver(storage, "c")
    await storage.spool.forget(PRINTER, [RemoteId("c")])
    sealed = storage.body_file(gone).read_bytes()
    await storage.spool.expunge(PRINTER, [gone])
    storage.body_file(gone).write_bytes(sealed)  # killed between the commit and the removal
    (storage.folder / "bodies" / "9.0123456789abcdef.part").write_bytes(b"half")
    storage.crash()
    assert await storage.spool.sweep_orphans() == 2
    assert storage.body_files() == [storage.body_file(ready), storage.body_file(vanished)]


async def test_a_body_whose_message_was_never_recorded_is_swept_and_delivered_anew(
    storage: SqliteUnderTest,
) -> None:
    await fill(storage)
    await storage.spool.announce(PRINTER, [announcement("a")])
    (item,) = await storage.spool.pending(PRINTER)
    await storage.bodies.write(item.spool_id, pieces_of(b"killed before the row was changed"))
    storage.crash()
    assert await storage.spool.sweep_orphans() == 1
    await storage.spool.deliver(item.spool_id, pieces_of(body("a")))
    assert await listed(storage) == ["uid-a"]


async def test_an_announcement_for_a_maildrop_that_is_gone_is_nothing(
    storage: SqliteUnderTest,
) -> None:
    await fill(storage)
    nowhere = MaildropName("nowhere")
    await storage.spool.announce(nowhere, [announcement("a")])
    assert await storage.spool.pending(nowhere) == []


async def test_a_removed_maildrop_leaves_no_body_after_the_next_start(
    storage: SqliteUnderTest,
) -> None:
    await fill(storage)
    await deliver(storage, "a")
    await storage.register.remove_maildrop(PRINTER)
    await storage.register.add_maildrop(maildrop(PRINTER))
    storage.crash()
    assert await storage.spool.sweep_orphans() == 1
    assert storage.body_files() == []
