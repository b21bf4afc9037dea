"""What every mailbox provider owes its caller, asked of each implementation alike.

Which implementations there are, and how one joins, is in mailbox_harness.py.
"""

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Generator
from pathlib import Path

import pytest

from providers.contract import (
    ChangePage,
    Cursor,
    Disposition,
    DispositionKind,
    DispositionOrder,
    DispositionOutcome,
    FolderMissing,
    FolderName,
    MessageGone,
    RemoteId,
    RemoteMessage,
)
from tests.contract.mailbox_harness import IMPLEMENTATIONS, INBOX, ProviderUnderTest

PRINTED = FolderName("Printed")
ALL_KINDS = ["keep", "trash", "move:Printed", "archive", "mark-read", "label:Printed", "purge"]
PRINT_JOB = b"Subject: print job\r\n\r\n.leading dot\r\n\x00\xff 8-bit, no final newline"


@pytest.fixture(params=IMPLEMENTATIONS)
async def remote(
    request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[ProviderUnderTest]:
    under_test = IMPLEMENTATIONS[request.param](tmp_path)
    await under_test.start()
    yield under_test
    await under_test.mailbox.close()
    await under_test.stop()


async def look(
    remote: ProviderUnderTest, cursor: Cursor | None = None, folder: FolderName = INBOX
) -> list[ChangePage]:
    return [page async for page in remote.mailbox.changes(folder, cursor)]


async def listed(remote: ProviderUnderTest, folder: FolderName = INBOX) -> list[RemoteMessage]:
    pages = await look(remote, None, folder)
    found = [message for page in pages for message in page.added]
    return sorted(found, key=lambda message: message.sort_key)


async def only_id(remote: ProviderUnderTest) -> RemoteId:
    (message,) = await listed(remote)
    return message.remote_id


async def fetched(
    remote: ProviderUnderTest, remote_id: RemoteId, folder: FolderName = INBOX
) -> bytes:
    return b"".join([piece async for piece in remote.mailbox.fetch(folder, remote_id)])


async def dispose(
    remote: ProviderUnderTest, remote_id: RemoteId, spelled: str
) -> DispositionOutcome:
    order = DispositionOrder(INBOX, remote_id, Disposition.parse(spelled))
    (outcome,) = await remote.mailbox.dispose([order])
    return outcome


def known_after(known: set[RemoteId], pages: list[ChangePage]) -> set[RemoteId]:
    """Return what a caller that held `known` holds after a look, by the rules of ChangePage."""
    added = {message.remote_id for page in pages for message in page.added}
    removed = {remote_id for page in pages for remote_id in page.removed}
    return added if pages[0].full else (known | added) - removed


class _Turn:
    def __await__(self) -> Generator[None, None, None]:
        yield


async def _turn() -> None:
    """Let every other task run once."""
    await _Turn()


async def _discard(answer: Awaitable[object]) -> None:
    await answer


# ---- looks


async def test_a_look_without_a_cursor_names_every_message(remote: ProviderUnderTest) -> None:
    for octets in (b"one", b"two", b"three"):
        await remote.put_message(octets)
    messages = await listed(remote)
    assert [await fetched(remote, m.remote_id) for m in messages] == [b"one", b"two", b"three"]


async def test_a_look_at_an_empty_folder_is_one_full_page(remote: ProviderUnderTest) -> None:
    (page,) = await look(remote)
    assert (page.added, page.full, page.last) == ((), True, True)


async def test_an_idle_look_names_nothing(remote: ProviderUnderTest) -> None:
    await remote.put_message(PRINT_JOB)
    pages = await look(remote)
    (idle,) = await look(remote, pages[-1].cursor)
    assert (idle.added, idle.removed, idle.full, idle.last) == ((), (), False, True)


async def test_an_idle_look_after_a_restart_names_nothing(remote: ProviderUnderTest) -> None:
    await remote.put_message(PRINT_JOB)
    pages = await look(remote)
    await remote.reopen()
    (idle,) = await look(remote, pages[-1].cursor)
    assert (idle.added, idle.removed, idle.full) == ((), (), False)


async def test_a_new_message_appears_at_the_next_look(remote: ProviderUnderTest) -> None:
    await remote.put_message(b"one")
    pages = await look(remote)
    before = known_after(set(), pages)
    await remote.put_message(b"two")
    after = known_after(before, await look(remote, pages[-1].cursor))
    (new,) = after - before
    assert await fetched(remote, new) == b"two"


async def test_a_removed_message_is_known_to_be_gone(remote: ProviderUnderTest) -> None:
    await remote.put_message(b"stays")
    await remote.put_message(b"goes")
    pages = await look(remote)
    before = known_after(set(), pages)
    await remote.remove_message(b"goes")
    after = known_after(before, await look(remote, pages[-1].cursor))
    assert [await fetched(remote, remote_id) for remote_id in after] == [b"stays"]


async def test_only_the_final_page_says_that_it_is_the_last(remote: ProviderUnderTest) -> None:
    for number in range(2001):
        await remote.put_message(b"%d" % number)
    pages = await look(remote)
    assert len(pages) > 1
    assert [page.last for page in pages] == [False] * (len(pages) - 1) + [True]
    assert {page.full for page in pages} == {True}
    assert len(known_after(set(), pages)) == 2001
    assert max(len(page.added) for page in pages) <= 1000


async def test_the_final_page_has_a_cursor(remote: ProviderUnderTest) -> None:
    pages = await look(remote)
    assert pages[-1].cursor is not None


async def test_remote_ids_and_order_survive_a_restart(remote: ProviderUnderTest) -> None:
    for octets in (b"one", b"two"):
        await remote.put_message(octets)
    before = await listed(remote)
    await remote.reopen()
    assert await listed(remote) == before


async def test_remote_ids_are_printable_text(remote: ProviderUnderTest) -> None:
    await remote.put_message(PRINT_JOB)
    remote_id = await only_id(remote)
    assert remote_id.isprintable()
    assert remote_id.encode().decode() == remote_id


async def test_a_sub_folder_has_messages_of_its_own(remote: ProviderUnderTest) -> None:
    await remote.put_message(b"inbox")
    await remote.put_message(b"printed", PRINTED)
    (message,) = await listed(remote, PRINTED)
    assert await fetched(remote, message.remote_id, PRINTED) == b"printed"
    assert await fetched(remote, await only_id(remote)) == b"inbox"


async def test_a_missing_folder_is_said_to_be_missing(remote: ProviderUnderTest) -> None:
    with pytest.raises(FolderMissing):
        await look(remote, None, FolderName("Nowhere"))


# ---- fetching


@pytest.mark.parametrize("octets", [PRINT_JOB, b"x", os.urandom(256 * 1024 * 3 + 1)])
async def test_a_fetch_returns_exactly_the_octets(
    remote: ProviderUnderTest, octets: bytes
) -> None:
    await remote.put_message(octets)
    assert await fetched(remote, await only_id(remote)) == octets


async def test_a_message_can_be_fetched_after_a_restart(remote: ProviderUnderTest) -> None:
    await remote.put_message(PRINT_JOB)
    remote_id = await only_id(remote)
    await remote.reopen()
    assert await fetched(remote, remote_id) == PRINT_JOB


async def test_a_fetch_of_a_removed_message_says_that_it_is_gone(
    remote: ProviderUnderTest,
) -> None:
    await remote.put_message(PRINT_JOB)
    remote_id = await only_id(remote)
    await remote.remove_message(PRINT_JOB)
    with pytest.raises(MessageGone):
        await fetched(remote, remote_id)


async def test_a_fetch_of_an_id_that_never_was_says_that_it_is_gone(
    remote: ProviderUnderTest,
) -> None:
    with pytest.raises(MessageGone):
        await fetched(remote, RemoteId("no such message"))


async def test_a_fetch_that_is_left_early_leaves_the_mailbox_usable(
    remote: ProviderUnderTest,
) -> None:
    await remote.put_message(os.urandom(2 * 1024 * 1024))
    remote_id = await only_id(remote)
    pieces = remote.mailbox.fetch(INBOX, remote_id)
    assert await anext(pieces)
    if isinstance(pieces, AsyncGenerator):
        await pieces.aclose()
    assert [await fetched(remote, remote_id)] == await remote.list_remote()


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
async def test_a_cancelled_fetch_leaves_the_mailbox_usable(
    remote: ProviderUnderTest, turns: int
) -> None:
    await remote.put_message(PRINT_JOB)
    remote_id = await only_id(remote)
    async with asyncio.TaskGroup() as tasks:
        fetching = tasks.create_task(fetched(remote, remote_id), name="fetch")
        for _ in range(turns):
            await _turn()
        fetching.cancel()
    assert await fetched(remote, remote_id) == PRINT_JOB
    assert await remote.list_remote() == [PRINT_JOB]


# ---- disposing


@pytest.mark.parametrize("spelled", ALL_KINDS)
async def test_a_disposition_is_offered_or_refused(
    remote: ProviderUnderTest, spelled: str
) -> None:
    await remote.put_message(PRINT_JOB)
    outcome = await dispose(remote, await only_id(remote), spelled)
    offered = Disposition.parse(spelled).kind in remote.mailbox.dispositions
    assert outcome is (DispositionOutcome.DONE if offered else DispositionOutcome.REFUSED)


async def test_keep_leaves_the_message_alone(remote: ProviderUnderTest) -> None:
    await remote.put_message(PRINT_JOB)
    before = await listed(remote)
    assert await dispose(remote, before[0].remote_id, "keep") is DispositionOutcome.DONE
    assert await listed(remote) == before


async def test_trash_moves_the_message_into_the_trash(remote: ProviderUnderTest) -> None:
    await remote.put_message(PRINT_JOB)
    await dispose(remote, await only_id(remote), "trash")
    assert await remote.list_remote() == []
    assert await remote.list_trash() == [PRINT_JOB]


async def test_move_puts_the_message_into_the_folder(remote: ProviderUnderTest) -> None:
    await remote.put_message(PRINT_JOB)
    await dispose(remote, await only_id(remote), "move:Printed")
    assert await remote.list_remote() == []
    assert await remote.list_remote(PRINTED) == [PRINT_JOB]


async def test_a_moved_message_is_listed_in_its_new_folder(remote: ProviderUnderTest) -> None:
    await remote.put_message(PRINT_JOB)
    await dispose(remote, await only_id(remote), "move:Printed")
    (message,) = await listed(remote, PRINTED)
    assert await fetched(remote, message.remote_id, PRINTED) == PRINT_JOB


async def test_mark_read_marks_the_message_and_keeps_its_id(remote: ProviderUnderTest) -> None:
    if DispositionKind.MARK_READ not in remote.mailbox.dispositions:
        pytest.skip("this mailbox does not offer it")
    await remote.put_message(PRINT_JOB)
    before = await listed(remote)
    await dispose(remote, before[0].remote_id, "mark-read")
    assert await remote.list_read() == [PRINT_JOB]
    assert await listed(remote) == before
    assert await fetched(remote, before[0].remote_id) == PRINT_JOB


async def test_purge_removes_the_message_for_good(remote: ProviderUnderTest) -> None:
    await remote.put_message(PRINT_JOB)
    await dispose(remote, await only_id(remote), "purge")
    assert await remote.list_remote() == []
    assert await remote.list_trash() == []


@pytest.mark.parametrize("spelled", ALL_KINDS)
@pytest.mark.parametrize("restart", [False, True])
async def test_repeating_an_order_changes_nothing_more(
    remote: ProviderUnderTest, spelled: str, *, restart: bool
) -> None:
    await remote.put_message(PRINT_JOB)
    remote_id = await only_id(remote)
    first = await dispose(remote, remote_id, spelled)
    after = [await remote.list_remote(folder) for folder in (INBOX, PRINTED)]
    if restart:
        await remote.reopen()
    assert await dispose(remote, remote_id, spelled) is first
    assert [await remote.list_remote(folder) for folder in (INBOX, PRINTED)] == after


@pytest.mark.parametrize("spelled", ["trash", "move:Printed", "purge"])
async def test_an_order_for_a_message_that_is_gone_is_done(
    remote: ProviderUnderTest, spelled: str
) -> None:
    await remote.put_message(PRINT_JOB)
    remote_id = await only_id(remote)
    await remote.remove_message(PRINT_JOB)
    assert await dispose(remote, remote_id, spelled) is DispositionOutcome.DONE


async def test_outcomes_come_in_the_order_of_the_orders(remote: ProviderUnderTest) -> None:
    for octets in (b"one", b"two", b"three"):
        await remote.put_message(octets)
    ids = [message.remote_id for message in await listed(remote)]
    wanted = [*zip(ids, ("purge", "keep", "trash"), strict=True), (ids[0], "purge")]
    orders = [
        DispositionOrder(INBOX, remote_id, Disposition.parse(spelled))
        for remote_id, spelled in wanted
    ]
    assert list(await remote.mailbox.dispose(orders)) == [DispositionOutcome.DONE] * 4
    assert await remote.list_remote() == [b"two"]
    assert await remote.list_trash() == [b"three"]


async def test_no_orders_have_no_outcomes(remote: ProviderUnderTest) -> None:
    assert list(await remote.mailbox.dispose([])) == []


async def test_a_cancelled_disposal_is_wholly_done_or_not_at_all(
    remote: ProviderUnderTest,
) -> None:
    for number in range(20):
        await remote.put_message(b"%d" % number)
    ids = [message.remote_id for message in await listed(remote)]
    orders = [DispositionOrder(INBOX, i, Disposition.parse("move:Printed")) for i in ids]
    async with asyncio.TaskGroup() as tasks:
        disposing = tasks.create_task(_discard(remote.mailbox.dispose(orders)), name="dispose")
        await _turn()
        disposing.cancel()
    await look(remote)
    left, moved = await remote.list_remote(), await remote.list_remote(PRINTED)
    assert len(left) + len(moved) == 20
    assert not left or not moved


async def test_a_disposed_message_is_gone_from_the_next_look(remote: ProviderUnderTest) -> None:
    await remote.put_message(PRINT_JOB)
    pages = await look(remote)
    before = known_after(set(), pages)
    for remote_id in before:
        await dispose(remote, remote_id, "purge")
    assert known_after(before, await look(remote, pages[-1].cursor)) == set()
