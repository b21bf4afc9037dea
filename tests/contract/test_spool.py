"""What every spool owes its callers (bridge/storage/ports.py), asked of each engine alike."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bridge.errors import BodyUnreadable, SpoolUnavailable
from bridge.names import AccountName, MaildropName, SpoolId
from bridge.storage.messages import Delivery, MessageState
from providers.contract import Cursor, Disposition, MessageGone, RemoteId
from tests.contract.storage_harness import (
    FAX,
    OFFICE,
    PRINTER,
    STORAGES,
    StorageUnderTest,
    account,
    announcement,
    body,
    deliver,
    fill,
    flip,
    maildrop,
    pieces_of,
    read_whole,
)

NOTICE = b"Subject: notice\r\n\r\nA message could not be fetched.\r\n"


@pytest.fixture(params=STORAGES)
async def storage(
    request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[StorageUnderTest]:
    under_test = STORAGES[request.param](tmp_path)
    await fill(under_test)
    yield under_test
    under_test.close()


async def listed(storage: StorageUnderTest, drop: MaildropName = PRINTER) -> list[str]:
    listing = await storage.spool.listing(drop)
    return [entry.unique_id.removeprefix("uid-") for entry in listing.entries]


async def state_of(storage: StorageUnderTest, name: str) -> MessageState | None:
    return (await storage.spool.known(PRINTER)).get(RemoteId(name))


async def announced(storage: StorageUnderTest, name: str = "a") -> SpoolId:
    await storage.spool.announce(PRINTER, [announcement(name)])
    (item,) = await storage.spool.pending(PRINTER)
    return item.spool_id


async def failing(error: Exception, *pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece
    raise error


# ---- listing


async def test_an_empty_maildrop_lists_nothing(storage: StorageUnderTest) -> None:
    listing = await storage.spool.listing(PRINTER)
    assert (listing.entries, listing.octets) == ((), 0)


async def test_a_listing_is_oldest_first(storage: StorageUnderTest) -> None:
    for name in ("b", "c", "a"):
        await deliver(storage, name)
    assert await listed(storage) == ["a", "b", "c"]


async def test_equal_sort_keys_are_listed_in_order_of_arrival(
    storage: StorageUnderTest,
) -> None:
    for name in ("z", "a"):
        await storage.spool.announce(PRINTER, [announcement(name, sort_key="same")])
    for item in await storage.spool.pending(PRINTER):
        await storage.spool.deliver(item.spool_id, pieces_of(b"x"))
    assert await listed(storage) == ["z", "a"]


async def test_a_listing_tells_ids_and_octets(storage: StorageUnderTest) -> None:
    spool_id = await deliver(storage, "a", b"H: v\n\n.dot")
    (entry,) = (await storage.spool.listing(PRINTER)).entries
    # Line ends are normalised and the last line ended before counting; stuffing is not counted.
    assert (entry.spool_id, entry.unique_id, entry.octets) == (spool_id, "uid-a", 14)


async def test_a_listing_sums_its_octets(storage: StorageUnderTest) -> None:
    for name in ("a", "b"):
        await deliver(storage, name)
    listing = await storage.spool.listing(PRINTER)
    assert listing.octets == sum(entry.octets for entry in listing.entries) > 0


async def test_a_listing_is_frozen(storage: StorageUnderTest) -> None:
    spool_id = await deliver(storage, "a")
    before = await storage.spool.listing(PRINTER)
    await deliver(storage, "b")
    await storage.spool.expunge(PRINTER, [spool_id])
    assert [entry.unique_id for entry in before.entries] == ["uid-a"]


async def test_what_is_only_announced_is_not_listed(storage: StorageUnderTest) -> None:
    await announced(storage)
    assert await listed(storage) == []


async def test_maildrops_do_not_see_each_others_messages(storage: StorageUnderTest) -> None:
    await deliver(storage, "a", drop=PRINTER)
    await deliver(storage, "a", drop=FAX)
    await deliver(storage, "b", drop=FAX)
    assert (await listed(storage, PRINTER), await listed(storage, FAX)) == (["a"], ["a", "b"])


async def test_a_listing_that_cannot_be_had_is_unavailable_and_not_empty(
    storage: StorageUnderTest,
) -> None:
    await deliver(storage, "a")
    storage.spool.refresh()
    await storage.refuse_everything()
    with pytest.raises(SpoolUnavailable):
        await storage.spool.listing(PRINTER)


async def test_a_refreshed_spool_lists_the_same(storage: StorageUnderTest) -> None:
    await deliver(storage, "a")
    before = await storage.spool.listing(PRINTER)
    storage.spool.refresh()
    assert await storage.spool.listing(PRINTER) == before


# ---- bodies


@pytest.mark.parametrize("size", [0, 1, 65535, 65536, 65537, 262144, 262145, 3_000_000])
async def test_a_body_is_what_was_delivered_in_wire_form(
    storage: StorageUnderTest, size: int
) -> None:
    line = b"." * 76 + b"\r\n"
    octets = b"S: x\r\n\r\n" + (line * (size // 78 + 1))[:size]
    octets += b"" if octets.endswith(b"\r\n") else b"\r\n"
    spool_id = await deliver(storage, "a", octets.replace(b".\r\r\n", b".\r\n"))
    sent = await read_whole(storage.spool, spool_id)
    assert sent.replace(b"\r\n..", b"\r\n.") == octets.replace(b".\r\r\n", b".\r\n")


async def test_a_body_can_be_read_again_and_again(storage: StorageUnderTest) -> None:
    spool_id = await deliver(storage, "a")
    first = await read_whole(storage.spool, spool_id)
    assert await read_whole(storage.spool, spool_id) == first


@pytest.mark.parametrize("size", [100, 400_000])
async def test_a_missing_body_is_unreadable(storage: StorageUnderTest, size: int) -> None:
    spool_id = await deliver(storage, "a", os.urandom(size))
    storage.body_file(spool_id).unlink()
    with pytest.raises(BodyUnreadable):
        await storage.spool.open_body(spool_id)


@pytest.mark.parametrize("size", [100, 400_000])
async def test_a_body_cut_short_is_unreadable(storage: StorageUnderTest, size: int) -> None:
    spool_id = await deliver(storage, "a", os.urandom(size))
    path = storage.body_file(spool_id)
    os.truncate(path, path.stat().st_size - 1)
    with pytest.raises(BodyUnreadable):
        await storage.spool.open_body(spool_id)


@pytest.mark.parametrize("size", [100, 400_000])
async def test_an_altered_body_is_unreadable(storage: StorageUnderTest, size: int) -> None:
    spool_id = await deliver(storage, "a", os.urandom(size))
    path = storage.body_file(spool_id)
    flip(path, path.stat().st_size - 1)
    with pytest.raises(BodyUnreadable):
        await storage.spool.open_body(spool_id)


async def test_one_message_cannot_be_passed_off_as_another(storage: StorageUnderTest) -> None:
    first, second = await deliver(storage, "a"), await deliver(storage, "b")
    storage.body_file(second).write_bytes(storage.body_file(first).read_bytes())
    with pytest.raises(BodyUnreadable):
        await storage.spool.open_body(second)


async def test_a_body_that_changes_while_it_is_sent_is_never_whole(
    storage: StorageUnderTest,
) -> None:
    spool_id = await deliver(storage, "a", os.urandom(2_000_000))
    opened = await storage.spool.open_body(spool_id)
    path = storage.body_file(spool_id)
    flip(path, path.stat().st_size - 1)
    with pytest.raises(BodyUnreadable):
        _ = [piece async for piece in opened.pieces()]
    opened.close()


async def test_an_expunged_body_that_is_open_can_still_be_sent(
    storage: StorageUnderTest,
) -> None:
    spool_id = await deliver(storage, "a", os.urandom(2_000_000))
    expected = await read_whole(storage.spool, spool_id)
    opened = await storage.spool.open_body(spool_id)
    await storage.spool.expunge(PRINTER, [spool_id])
    assert b"".join([piece async for piece in opened.pieces()]) == expected
    opened.close()


# ---- announcing, delivering


async def test_announcing_twice_is_announcing_once(storage: StorageUnderTest) -> None:
    await storage.spool.announce(PRINTER, [announcement("a"), announcement("a")])
    await storage.spool.announce(PRINTER, [announcement("a")])
    assert [item.remote_id for item in await storage.spool.pending(PRINTER)] == ["a"]


async def test_a_message_that_is_ready_is_not_announced_again(
    storage: StorageUnderTest,
) -> None:
    await deliver(storage, "a")
    await storage.spool.announce(PRINTER, [announcement("a")])
    assert await state_of(storage, "a") is MessageState.READY


@pytest.mark.parametrize("is_disposed", [False, True])
async def test_a_tombstone_is_not_announced_again(
    storage: StorageUnderTest, *, is_disposed: bool
) -> None:
    spool_id = await deliver(storage, "a")
    await storage.spool.expunge(PRINTER, [spool_id])
    if is_disposed:
        await storage.spool.disposed([spool_id])
    before = await state_of(storage, "a")
    storage.crash()
    await storage.spool.announce(PRINTER, [announcement("a")])
    assert await state_of(storage, "a") is before
    assert await storage.spool.pending(PRINTER) == []


async def test_what_is_pending_comes_in_listing_order(storage: StorageUnderTest) -> None:
    await storage.spool.announce(PRINTER, [announcement(name) for name in "cab"])
    assert [item.remote_id for item in await storage.spool.pending(PRINTER)] == ["a", "b", "c"]


async def test_a_delivery_returns_what_the_listing_says(storage: StorageUnderTest) -> None:
    made = await storage.spool.deliver(await announced(storage), pieces_of(b"H: v\n", b"\nx"))
    (entry,) = (await storage.spool.listing(PRINTER)).entries
    assert made == Delivery(entry.octets)


async def test_a_second_delivery_changes_nothing_and_returns_the_octets(
    storage: StorageUnderTest,
) -> None:
    spool_id = await announced(storage)
    first = await storage.spool.deliver(spool_id, pieces_of(body("a")))
    again = await storage.spool.deliver(spool_id, pieces_of(b"another and longer body" * 9))
    assert again == first
    assert await read_whole(storage.spool, spool_id) == body("a").replace(b"\n.d", b"\n..d")


@pytest.mark.parametrize("error", [MessageGone("it is gone"), LookupError("a fault of ours")])
@pytest.mark.parametrize("before", [(), (b"some octets",), (os.urandom(3_000_000),)])
async def test_a_failing_source_is_passed_on_and_leaves_nothing_behind(
    storage: StorageUnderTest, error: Exception, before: tuple[bytes, ...]
) -> None:
    spool_id = await announced(storage)
    with pytest.raises(type(error)) as raised:
        await storage.spool.deliver(spool_id, failing(error, *before))
    assert raised.value is error
    assert await state_of(storage, "a") is MessageState.ANNOUNCED
    assert storage.body_files() == []


async def test_a_body_that_cannot_be_recorded_leaves_the_message_announced(
    storage: StorageUnderTest,
) -> None:
    spool_id = await announced(storage)
    await storage.refuse_writes()
    with pytest.raises(SpoolUnavailable):
        await storage.spool.deliver(spool_id, pieces_of(body("a")))
    assert await state_of(storage, "a") is MessageState.ANNOUNCED
    storage.crash()
    await storage.spool.deliver(spool_id, pieces_of(body("a")))
    assert await listed(storage) == ["a"]


async def test_what_was_forgotten_during_its_delivery_is_not_listed(
    storage: StorageUnderTest,
) -> None:
    async def overtaken() -> AsyncIterator[bytes]:
        yield body("a")
        await storage.spool.forget(PRINTER, [RemoteId("a")])

    await storage.spool.deliver(await announced(storage), overtaken())
    assert await state_of(storage, "a") is None
    assert await listed(storage) == []


async def test_a_maildrop_may_be_removed_while_a_message_is_delivered(
    storage: StorageUnderTest,
) -> None:
    async def overtaken() -> AsyncIterator[bytes]:
        yield body("a")
        await storage.register.remove_maildrop(PRINTER)

    await storage.spool.deliver(await announced(storage), overtaken())
    assert await listed(storage) == []


# ---- quarantine


async def test_a_notice_stands_for_a_quarantined_message(storage: StorageUnderTest) -> None:
    spool_id = await announced(storage)
    await storage.spool.quarantine(spool_id, NOTICE)
    assert await listed(storage) == ["a"]
    assert await read_whole(storage.spool, spool_id) == NOTICE
    assert await state_of(storage, "a") is MessageState.QUARANTINED


async def test_what_is_quarantined_is_never_fetched_again(storage: StorageUnderTest) -> None:
    await storage.spool.quarantine(await announced(storage), NOTICE)
    await storage.spool.announce(PRINTER, [announcement("a")])
    assert await storage.spool.pending(PRINTER) == []


async def test_what_is_ready_is_not_quarantined(storage: StorageUnderTest) -> None:
    spool_id = await deliver(storage, "a")
    await storage.spool.quarantine(spool_id, NOTICE)
    assert await state_of(storage, "a") is MessageState.READY
    assert b"could not be fetched" not in await read_whole(storage.spool, spool_id)


async def test_a_notice_that_is_deleted_leaves_the_original_alone(
    storage: StorageUnderTest,
) -> None:
    spool_id = await announced(storage)
    await storage.spool.quarantine(spool_id, NOTICE)
    await storage.spool.expunge(PRINTER, [spool_id])
    keep = Disposition.parse("keep")
    assert {item.disposition for item in await storage.spool.queued(OFFICE, 10)} <= {keep}
    await storage.spool.announce(PRINTER, [announcement("a")])
    assert await listed(storage) == []
    assert await storage.spool.pending(PRINTER) == []


# ---- figures and cursors


async def test_a_cursor_is_kept_for_the_maildrops_it_was_saved_for(
    storage: StorageUnderTest,
) -> None:
    await storage.spool.save_cursor([PRINTER], Cursor("here"))
    storage.crash()
    cursors = [await storage.spool.cursor(drop) for drop in (PRINTER, FAX)]
    assert cursors == [Cursor("here"), None]


async def test_a_cursor_can_be_forgotten(storage: StorageUnderTest) -> None:
    await storage.spool.save_cursor([PRINTER, FAX], Cursor("here"))
    await storage.spool.save_cursor([FAX], None)
    cursors = [await storage.spool.cursor(drop) for drop in (PRINTER, FAX)]
    assert cursors == [Cursor("here"), None]


async def test_the_queue_of_an_account_holds_its_own_alone(
    storage: StorageUnderTest,
) -> None:
    other = AccountName("other")
    await storage.register.add_account(account(other))
    await storage.register.add_maildrop(maildrop(MaildropName("theirs"), other))
    theirs = await deliver(storage, "a", drop=MaildropName("theirs"))
    ours = await deliver(storage, "a")
    await storage.spool.expunge(MaildropName("theirs"), [theirs])
    await storage.spool.expunge(PRINTER, [ours])
    assert [item.spool_id for item in await storage.spool.queued(OFFICE, 10)] == [ours]
    assert [item.spool_id for item in await storage.spool.queued(other, 10)] == [theirs]
