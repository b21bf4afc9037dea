"""How messages leave a spool: by a device's QUIT, or because they are gone upstream."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bridge.errors import SpoolUnavailable
from bridge.names import SpoolId
from bridge.storage.messages import MessageState, QueuedDisposition
from providers.contract import Disposition, RemoteId
from tests.contract.storage_harness import (
    FAX,
    OFFICE,
    PRINTER,
    STORAGES,
    StorageUnderTest,
    announcement,
    body,
    deliver,
    fill,
    pieces_of,
    read_whole,
)

TRASH = Disposition.parse("trash")


@pytest.fixture(params=STORAGES)
async def storage(
    request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[StorageUnderTest]:
    under_test = STORAGES[request.param](tmp_path)
    await fill(under_test)
    yield under_test
    under_test.close()


async def listed(storage: StorageUnderTest) -> list[str]:
    listing = await storage.spool.listing(PRINTER)
    return [entry.unique_id.removeprefix("uid-") for entry in listing.entries]


async def state_of(storage: StorageUnderTest, name: str) -> MessageState | None:
    return (await storage.spool.known(PRINTER)).get(RemoteId(name))


async def queued_ids(storage: StorageUnderTest, limit: int = 10) -> list[SpoolId]:
    return [item.spool_id for item in await storage.spool.queued(OFFICE, limit)]


# ---- a device's QUIT


async def test_an_expunged_message_is_gone_and_its_disposition_queued(
    storage: StorageUnderTest,
) -> None:
    spool_id = await deliver(storage, "a")
    await storage.spool.expunge(PRINTER, [spool_id])
    assert await listed(storage) == []
    assert storage.body_files() == []
    assert await storage.spool.queued(OFFICE, 10) == [
        QueuedDisposition(spool_id, PRINTER, RemoteId("a"), TRASH)
    ]


async def test_expunging_is_at_rest_when_it_returns(storage: StorageUnderTest) -> None:
    kept, gone = await deliver(storage, "kept"), await deliver(storage, "gone")
    await storage.spool.expunge(PRINTER, [gone])
    storage.crash()
    assert await listed(storage) == ["kept"]
    assert await queued_ids(storage) == [gone]
    assert await read_whole(storage.spool, kept)


async def test_what_cannot_be_expunged_is_all_still_there(storage: StorageUnderTest) -> None:
    ids = [await deliver(storage, name) for name in ("a", "b")]
    await storage.refuse_writes()
    with pytest.raises(SpoolUnavailable):
        await storage.spool.expunge(PRINTER, ids)
    assert await listed(storage) == ["a", "b"]
    assert [await read_whole(storage.spool, i) != b"" for i in ids] == [True, True]
    storage.crash()
    assert await listed(storage) == ["a", "b"]
    assert await queued_ids(storage) == []


async def test_expunging_nothing_is_nothing(storage: StorageUnderTest) -> None:
    await deliver(storage, "a")
    await storage.spool.expunge(PRINTER, [])
    assert await listed(storage) == ["a"]


async def test_expunging_twice_queues_once(storage: StorageUnderTest) -> None:
    spool_id = await deliver(storage, "a")
    for _ in range(2):
        await storage.spool.expunge(PRINTER, iter([spool_id]))
    assert await queued_ids(storage) == [spool_id]


async def test_a_maildrop_cannot_expunge_the_message_of_another(
    storage: StorageUnderTest,
) -> None:
    spool_id = await deliver(storage, "a", drop=PRINTER)
    with pytest.raises(SpoolUnavailable):
        await storage.spool.expunge(FAX, [spool_id])
    assert await listed(storage) == ["a"]
    assert await read_whole(storage.spool, spool_id)


async def test_the_queue_is_oldest_first_and_limited(storage: StorageUnderTest) -> None:
    ids = [await deliver(storage, name) for name in ("c", "b", "a")]
    await storage.spool.expunge(PRINTER, reversed(ids))
    assert await queued_ids(storage, limit=2) == ids[:2]
    assert await queued_ids(storage, limit=3) == ids


async def test_what_upstream_has_done_leaves_the_queue_for_good(
    storage: StorageUnderTest,
) -> None:
    done, waits = await deliver(storage, "done"), await deliver(storage, "waits")
    await storage.spool.expunge(PRINTER, [done, waits])
    await storage.spool.disposed([done])
    storage.crash()
    assert await queued_ids(storage) == [waits]
    states = [await state_of(storage, name) for name in ("done", "waits")]
    assert states == [MessageState.DISPOSED, MessageState.EXPUNGED]


async def test_what_was_never_expunged_cannot_be_disposed(storage: StorageUnderTest) -> None:
    spool_id = await deliver(storage, "a")
    await storage.spool.disposed([spool_id])
    assert await state_of(storage, "a") is MessageState.READY


async def test_telling_twice_that_upstream_obeyed_is_harmless(
    storage: StorageUnderTest,
) -> None:
    spool_id = await deliver(storage, "a")
    await storage.spool.expunge(PRINTER, [spool_id])
    for _ in range(2):
        await storage.spool.disposed(iter([spool_id]))
    assert await state_of(storage, "a") is MessageState.DISPOSED


async def test_a_kept_message_never_comes_back_to_the_maildrop(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    for number, make in enumerate(STORAGES.values()):
        storage = make(tmp_path / f"{request.node.name}-{number}")
        await fill(storage, on_dele="keep")
        spool_id = await deliver(storage, "a")
        await storage.spool.expunge(PRINTER, [spool_id])
        await storage.spool.announce(PRINTER, [announcement("a")])
        assert (await listed(storage), await storage.spool.pending(PRINTER)) == ([], [])
        storage.close()


# ---- gone upstream


async def test_a_forgotten_message_is_listed_no_more(storage: StorageUnderTest) -> None:
    await deliver(storage, "a")
    await storage.spool.forget(PRINTER, [RemoteId("a")])
    assert await listed(storage) == []
    storage.crash()
    assert await state_of(storage, "a") is MessageState.VANISHED


async def test_an_open_session_can_still_read_what_vanished(storage: StorageUnderTest) -> None:
    spool_id = await deliver(storage, "a")
    expected = await read_whole(storage.spool, spool_id)
    await storage.spool.forget(PRINTER, [RemoteId("a")])
    assert await read_whole(storage.spool, spool_id) == expected


async def test_an_announced_message_that_is_gone_is_fetched_no_more(
    storage: StorageUnderTest,
) -> None:
    await storage.spool.announce(PRINTER, [announcement("a")])
    await storage.spool.forget(PRINTER, [RemoteId("a")])
    assert await storage.spool.pending(PRINTER) == []


async def test_forgetting_what_a_device_took_changes_nothing(storage: StorageUnderTest) -> None:
    spool_id = await deliver(storage, "a")
    await storage.spool.expunge(PRINTER, [spool_id])
    await storage.spool.forget(PRINTER, [RemoteId("a"), RemoteId("never was")])
    assert await queued_ids(storage) == [spool_id]


async def test_a_vanished_message_that_is_expunged_is_a_tombstone_at_once(
    storage: StorageUnderTest,
) -> None:
    spool_id = await deliver(storage, "a")
    await storage.spool.forget(PRINTER, [RemoteId("a")])
    await storage.spool.expunge(PRINTER, [spool_id])
    assert await state_of(storage, "a") is MessageState.DISPOSED
    assert await queued_ids(storage) == []
    assert storage.body_files() == []
    await storage.spool.announce(PRINTER, [announcement("a")])
    assert await storage.spool.pending(PRINTER) == []


async def test_a_swept_message_leaves_neither_row_nor_body(storage: StorageUnderTest) -> None:
    await deliver(storage, "a")
    stays = await deliver(storage, "b")
    await storage.spool.forget(PRINTER, [RemoteId("a")])
    await storage.spool.sweep_vanished(PRINTER)
    assert await storage.spool.known(PRINTER) == {"b": MessageState.READY}
    assert storage.body_files() == [storage.body_file(stays)]


async def test_a_sweep_leaves_tombstones_alone(storage: StorageUnderTest) -> None:
    spool_id = await deliver(storage, "a")
    await storage.spool.expunge(PRINTER, [spool_id])
    await storage.spool.sweep_vanished(PRINTER)
    assert await state_of(storage, "a") is MessageState.EXPUNGED


async def test_a_sweep_is_for_one_maildrop_alone(storage: StorageUnderTest) -> None:
    await deliver(storage, "a", drop=PRINTER)
    await storage.spool.forget(PRINTER, [RemoteId("a")])
    await storage.spool.sweep_vanished(FAX)
    assert await state_of(storage, "a") is MessageState.VANISHED


async def test_a_message_that_comes_back_is_had_again(storage: StorageUnderTest) -> None:
    await deliver(storage, "a")
    await storage.spool.forget(PRINTER, [RemoteId("a")])
    await storage.spool.announce(PRINTER, [announcement("a")])
    for item in await storage.spool.pending(PRINTER):
        await storage.spool.deliver(item.spool_id, pieces_of(body("a")))
    assert await listed(storage) == ["a"]
    await storage.spool.sweep_vanished(PRINTER)
    (entry,) = (await storage.spool.listing(PRINTER)).entries
    assert await read_whole(storage.spool, entry.spool_id)
    assert len(storage.body_files()) == 1


async def test_a_session_can_read_what_vanished_and_came_back(
    storage: StorageUnderTest,
) -> None:
    held = await deliver(storage, "a")
    expected = await read_whole(storage.spool, held)
    await storage.spool.forget(PRINTER, [RemoteId("a")])
    await storage.spool.announce(PRINTER, [announcement("a")])
    assert await read_whole(storage.spool, held) == expected


@pytest.mark.parametrize("is_fetched_again", [False, True])
async def test_a_message_deleted_while_it_vanished_and_came_back_is_deleted(
    storage: StorageUnderTest, *, is_fetched_again: bool
) -> None:
    """A message once deleted by a device is never printed again (architecture, section 6)."""
    held = await deliver(storage, "a")
    await storage.spool.forget(PRINTER, [RemoteId("a")])
    await storage.spool.announce(PRINTER, [announcement("a")])
    if is_fetched_again:
        for item in await storage.spool.pending(PRINTER):
            await storage.spool.deliver(item.spool_id, pieces_of(body("a")))
    await storage.spool.expunge(PRINTER, [held])
    for item in await storage.spool.pending(PRINTER):
        await storage.spool.deliver(item.spool_id, pieces_of(body("a")))
    assert await listed(storage) == []
    assert [item.remote_id for item in await storage.spool.queued(OFFICE, 10)] == ["a"]


# ---- the maildrop's own end


async def test_a_removed_maildrop_takes_its_messages_along(storage: StorageUnderTest) -> None:
    await deliver(storage, "a")
    await storage.register.remove_maildrop(PRINTER)
    storage.spool.refresh()
    assert await listed(storage) == []
    assert await storage.spool.known(PRINTER) == {}


async def test_a_spool_id_is_never_used_again(storage: StorageUnderTest) -> None:
    first = await deliver(storage, "a")
    await storage.spool.forget(PRINTER, [RemoteId("a")])
    await storage.spool.sweep_vanished(PRINTER)
    storage.crash()
    assert await deliver(storage, "b") > first
