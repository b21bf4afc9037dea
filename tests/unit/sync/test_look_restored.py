"""Looks after a restore: what a device may have printed since the backup is never listed by itself."""

import attrs
import pytest

from bridge.names import SpoolId, UniqueId
from bridge.storage.holding import Holder
from bridge.storage.messages import MessageState
from bridge.storage.sqlite.moved import Restored, begin_without_bodies
from providers.contract import Disposition, FolderName, MessageGone, MessageUnreadable, RemoteId
from tests.contract.storage_harness import PANEL, PRINTER, maildrop, pieces_of
from tests.fakes.mailbox import TRASH
from tests.unit.sync.looking import Looking, mail

BY = Holder(PANEL, "192.0.2.7")
PRINTED = FolderName("Printed")


async def restore(looking: Looking, *, is_exact: bool = False) -> Restored:
    """Make of the state what a restore makes of a backup that was made just now."""
    now = looking.clock.now()
    restored = await looking.storage.database.write(
        lambda db: begin_without_bodies(db, now, is_exact=is_exact)
    )
    for path in looking.storage.body_files():
        path.unlink()
    looking.storage.crash()
    return restored


async def states(looking: Looking) -> dict[str, str]:
    rows = await looking.storage.run_sql("SELECT remote_id, state FROM message ORDER BY id")
    return {str(name): str(state) for name, state in rows}


async def listed(looking: Looking) -> list[UniqueId]:
    return [entry.unique_id for entry in (await looking.listing()).entries]


async def test_what_left_its_folder_after_the_backup_stays_away_when_it_is_moved_back(
    looking: Looking,
) -> None:
    """The bridge that died had it printed, deleted and disposed of."""
    await looking.register(maildrop(PRINTER, on_dele="trash"))
    message = looking.service.put(mail("a"))
    await looking.look()
    assert await restore(looking) == Restored(held=1, waiting=0)
    gone = looking.service.remove(message)
    await looking.look()
    assert await states(looking) == {message: "disposed"}
    looking.service.bring_back(gone)
    await looking.look()
    assert await listed(looking) == []


async def test_a_notice_that_may_be_printed_is_held_as_its_message_would_be(
    looking: Looking,
) -> None:
    await looking.register()
    await restore(looking)
    message = looking.service.put(mail("a"))
    looking.service.trouble[message] = MessageUnreadable("it cannot be converted")
    await looking.look()
    assert await states(looking) == {message: "held"}
    assert looking.storage.body_files() == []


async def test_a_phantom_does_not_have_new_mail_held_for_ever(looking: Looking) -> None:
    await looking.register()
    await restore(looking)
    phantom = looking.service.put(mail("phantom"))
    looking.service.trouble[phantom] = MessageGone("404")
    old = looking.service.put(mail("old"))
    await looking.look()
    new = looking.service.put(mail("new"))
    await looking.look()
    found = await states(looking)
    assert (found[old], found[new]) == ("held", "ready")


async def test_a_planned_move_loses_no_message_that_was_listed_again(looking: Looking) -> None:
    """It lies where its first deletion has moved it, and no look finds it there."""
    await looking.register(maildrop(PRINTER, on_dele="move:Printed"))
    message = looking.service.put(mail("a"))
    await looking.look()
    await looking.delete(1)
    await looking.look()
    spool = looking.storage.spool
    assert await spool.redeliver(SpoolId(1), UniqueId("again"), pieces_of(mail("a")))
    assert await restore(looking, is_exact=True) == Restored(held=1, waiting=0)
    await looking.look()
    await looking.look()
    assert await states(looking) == {message: "held"}
    gone = looking.service.remove(message, PRINTED)
    looking.service.bring_back(gone)
    await looking.look()
    assert await listed(looking) == []


async def test_a_second_copy_of_what_may_be_printed_is_a_copy(looking: Looking) -> None:
    once = b"Message-ID: <1@test>\r\n" + mail("a")
    await looking.register()
    looking.service.put(once)
    await looking.look()
    await restore(looking)
    await looking.look()
    looking.service.put(once)
    await looking.look()
    assert list((await states(looking)).values()) == ["held", "held"]


async def test_an_exact_backup_lists_what_was_listed(looking: Looking) -> None:
    await looking.register()
    for name in ("a", "b"):
        looking.service.put(mail(name))
    trouble = looking.service.put(mail("c"))
    looking.service.trouble[trouble] = MessageUnreadable("it cannot be converted")
    await looking.look()
    before = await listed(looking)
    assert await restore(looking, is_exact=True) == Restored(held=0, waiting=3)
    await looking.look()
    assert await listed(looking) == before
    assert len(before) == 3


@pytest.mark.parametrize("on_dele", ["keep", "trash"])
async def test_what_was_deleted_before_the_backup_stays_deleted(
    looking: Looking, on_dele: str
) -> None:
    drop = attrs.evolve(maildrop(PRINTER), disposition=Disposition.parse(on_dele))
    await looking.register(drop)
    looking.service.put(mail("a"))
    await looking.look()
    await looking.delete(1)
    await restore(looking)
    for _ in range(2):
        await looking.look()
    assert await listed(looking) == []
    assert len(looking.service.folder(TRASH)) == (on_dele == "trash")
    known = await looking.storage.spool.known(PRINTER)
    assert list(known.values()) == [MessageState.DISPOSED]
    assert RemoteId("message-1") in known


async def test_what_was_gone_in_the_backup_and_is_back_is_held(looking: Looking) -> None:
    await looking.register()
    message = looking.service.put(mail("a"))
    await looking.look()
    gone = looking.service.remove(message)
    await looking.look()
    assert await states(looking) == {message: "vanished"}
    await restore(looking)
    looking.service.bring_back(gone)
    await looking.look()
    assert await states(looking) == {message: "held"}


async def test_a_planned_move_finds_what_came_back_in_place_of_a_notice(
    looking: Looking,
) -> None:
    await looking.register()
    message = looking.service.put(mail("a"))
    looking.service.trouble[message] = MessageUnreadable("it cannot be converted")
    await looking.look()
    lock = await looking.locks.acquire(PRINTER, BY, lambda: None)
    await looking.away_and_back(message)
    await looking.look()
    lock.release()
    looking.service.trouble.clear()
    await restore(looking, is_exact=True)
    await looking.look()
    assert await states(looking) == {message: "ready"}


async def test_a_passing_404_does_not_bury_what_a_restore_holds(looking: Looking) -> None:
    await looking.register()
    await restore(looking)
    message = looking.service.put(mail("a"))
    looking.service.trouble[message] = MessageGone("404")
    await looking.look()
    looking.service.trouble.clear()
    await looking.look()
    assert await states(looking) == {message: "held"}
