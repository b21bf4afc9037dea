"""A message that is made here: listed like any other, never looked for upstream, never told of there."""

import pytest

from bridge.admission import Admission
from bridge.errors import SpoolUnavailable
from bridge.names import MaildropName, SpoolId, UniqueId
from bridge.shaping.errors import Unshapeable
from bridge.storage.lives import LifeEvent
from bridge.storage.messages import MessageState
from bridge.storage.ports import Shaper
from bridge.storage.sqlite.moved import begin_without_bodies
from bridge.storage.sqlite.spool.histories import Histories
from bridge.vault.seal import SecretSeal
from providers.contract import Cursor, Disposition, RemoteId
from tests.contract.storage_harness import (
    KEY,
    OFFICE,
    PRINTER,
    SqliteUnderTest,
    announcement,
    deliver,
    flip,
    listed,
    maildrop,
    pieces_of,
    read_whole,
    states,
)
from tests.contract.test_spool_shaping import Reversing

PAGE = b"From: popbridge@localhost\r\nMessage-ID: <p@x>\r\nSubject: Test page\r\n\r\n.page\r\n"
LOCAL = RemoteId("local:1")


async def make(
    storage: SqliteUnderTest, name: str = LOCAL, shaper: Shaper | None = None
) -> SpoolId:
    spool_id = await announced(storage, name)
    await storage.spool.deliver(spool_id, pieces_of(PAGE), None, shaper)
    return spool_id


async def announced(storage: SqliteUnderTest, name: str = LOCAL) -> SpoolId:
    return await storage.spool.announce_local(PRINTER, RemoteId(name), UniqueId(f"uid-{name}"))


async def events(storage: SqliteUnderTest, spool_id: SpoolId) -> list[tuple[LifeEvent, str]]:
    life = await Histories(storage.database, SecretSeal(KEY)).life(spool_id)
    assert life is not None
    assert life.local
    return [(event.event, event.detail) for event in life.events]


async def state(storage: SqliteUnderTest, name: str = LOCAL) -> str:
    return (await states(storage))[name]


async def test_it_is_listed_behind_all_others_and_sent_like_any_other(
    storage: SqliteUnderTest,
) -> None:
    await deliver(storage, "z")
    spool_id = await make(storage)
    await deliver(storage, "a")
    assert await listed(storage) == [3, 1, spool_id]
    (entry,) = (e for e in (await storage.spool.listing(PRINTER)).entries if e.spool_id == 2)
    assert (entry.unique_id, entry.octets) == (f"uid-{LOCAL}", len(PAGE))
    assert await read_whole(storage.spool, spool_id) == PAGE.replace(b"\r\n.", b"\r\n..")


async def test_its_life_says_that_it_was_made_here_and_not_that_it_was_fetched(
    storage: SqliteUnderTest,
) -> None:
    spool_id = await make(storage)
    assert await events(storage, spool_id) == [(LifeEvent.MADE, "by popbridge test-message")]
    other = await deliver(storage, "a")
    life = await Histories(storage.database, SecretSeal(KEY)).life(other)
    assert life is not None
    assert not life.local
    assert [one.event for one in life.events] == [LifeEvent.ANNOUNCED, LifeEvent.FETCHED]


async def test_the_sync_road_does_not_know_of_it(storage: SqliteUnderTest) -> None:
    """Were it known, a full list that does not name it would take it off the list."""
    waiting = await announced(storage)
    assert await storage.spool.pending(PRINTER) == []
    assert await storage.spool.known(PRINTER) == {}
    await storage.spool.deliver(waiting, pieces_of(PAGE))
    await deliver(storage, "a")
    assert await storage.spool.known(PRINTER) == {"a": MessageState.READY}


@pytest.mark.parametrize("on_dele", ["trash", "move:Printed", "purge", "mark-read", "keep"])
async def test_a_device_that_deletes_it_queues_nothing_for_upstream(
    storage: SqliteUnderTest, on_dele: str
) -> None:
    record = maildrop(MaildropName("other"), on_dele=on_dele)
    await storage.register.add_maildrop(record)
    spool_id = await storage.spool.announce_local(record.name, LOCAL, UniqueId("u"))
    await storage.spool.deliver(spool_id, pieces_of(PAGE))
    await storage.spool.expunge(record.name, [spool_id])
    assert await storage.spool.queued(OFFICE, 10) == []
    assert await state(storage) == "disposed"
    assert storage.body_files() == []


async def test_it_counts_toward_the_ceiling(storage: SqliteUnderTest) -> None:
    spool_id = await make(storage)
    assert await storage.spool.octets_at_rest(PRINTER) == len(PAGE)
    assert await storage.spool.at_rest(PRINTER) == [spool_id]


async def test_who_may_print_does_not_hold_it(storage: SqliteUnderTest) -> None:
    admission = Admission(allow=("nobody@example.com",), automatic=False, printable=True)
    await storage.run_sql("UPDATE maildrop SET admission = ?", (admission.stored(),))
    spool_id = await make(storage)
    assert await listed(storage) == [spool_id]
    await deliver(storage, "a", PAGE)
    assert await state(storage, "a") == "held"


async def test_neither_is_it_a_second_copy_nor_has_it_one(storage: SqliteUnderTest) -> None:
    await make(storage)
    await make(storage, "local:2")
    await deliver(storage, "a", PAGE)
    assert await states(storage) == dict.fromkeys([LOCAL, "local:2", "a"], "ready")


async def test_after_a_restore_a_new_one_is_not_doubtful(storage: SqliteUnderTest) -> None:
    await storage.run_sql("UPDATE maildrop SET holds_unknown = 1")
    spool_id = await make(storage)
    assert await listed(storage) == [spool_id]


async def test_it_is_shaped_as_fetched_mail_is(storage: SqliteUnderTest) -> None:
    shaper = Reversing()
    spool_id = await make(storage, shaper=shaper)
    assert shaper.seen == PAGE
    assert await read_whole(storage.spool, spool_id) != PAGE
    await storage.spool.expunge(PRINTER, [spool_id])
    assert storage.body_files() == []


async def test_one_that_cannot_be_shaped_is_a_notice_that_can_be_deleted(
    storage: SqliteUnderTest,
) -> None:
    spool_id = await make(storage, shaper=Reversing(Unshapeable("too odd")))
    assert await state(storage) == "quarantined"
    assert await listed(storage) == [spool_id]
    assert not await storage.spool.retry(spool_id, UniqueId("again"))
    await storage.spool.expunge(PRINTER, [spool_id])
    assert await state(storage) == "disposed"


async def test_one_whose_body_is_damaged_is_held_and_not_fetched(
    storage: SqliteUnderTest,
) -> None:
    spool_id = await make(storage)
    flip(storage.body_file(spool_id), 40)
    await storage.spool.note_damaged(spool_id, "altered", 1.0)
    await storage.spool.sweep_vanished(PRINTER)
    assert await state(storage) == "held"
    assert await storage.spool.pending(PRINTER) == []
    assert storage.body_files() == []
    why = "its body here is damaged; `popbridge test-message` makes another"
    assert (LifeEvent.HELD, why) in await events(storage, spool_id)


async def test_a_damaged_notice_of_one_is_let_go(storage: SqliteUnderTest) -> None:
    spool_id = await make(storage, shaper=Reversing(Unshapeable("too odd")))
    await storage.spool.note_damaged(spool_id, "altered", 1.0)
    await storage.spool.sweep_vanished(PRINTER)
    assert await state(storage) == "disposed"
    assert storage.body_files() == []


async def test_an_admin_may_drop_it_and_nothing_is_queued(storage: SqliteUnderTest) -> None:
    spool_id = await make(storage)
    assert await storage.spool.drop(spool_id, Disposition.parse("trash"))
    assert await state(storage) == "disposed"
    assert await storage.spool.queued(OFFICE, 10) == []


async def test_it_is_not_listed_again(storage: SqliteUnderTest) -> None:
    spool_id = await make(storage)
    await storage.spool.expunge(PRINTER, [spool_id])
    assert not await storage.spool.redeliver(spool_id, UniqueId("again"), pieces_of(PAGE))
    assert await listed(storage) == []
    assert storage.body_files() == []


async def test_one_that_was_never_written_is_swept_at_the_next_start(
    storage: SqliteUnderTest,
) -> None:
    await announced(storage)
    whole = await make(storage, "local:2")
    await storage.spool.announce(PRINTER, [announcement("a")])
    storage.crash()
    await storage.spool.sweep_orphans()
    assert await states(storage) == {"local:2": "ready", "a": "announced"}
    assert await listed(storage) == [whole]


async def test_one_that_failed_is_withdrawn_and_nothing_else_can_be(
    storage: SqliteUnderTest,
) -> None:
    gone, kept = await announced(storage), await make(storage, "local:2")
    await storage.spool.announce(PRINTER, [announcement("a")])
    (mail,) = await storage.spool.pending(PRINTER)
    for spool_id in (gone, kept, mail.spool_id):
        await storage.spool.withdraw(spool_id)
    assert await states(storage) == {"local:2": "ready", "a": "announced"}


async def test_none_is_made_for_a_maildrop_that_is_gone(storage: SqliteUnderTest) -> None:
    with pytest.raises(SpoolUnavailable, match="was removed"):
        await storage.spool.announce_local(MaildropName("no"), LOCAL, UniqueId("u"))


@pytest.mark.parametrize("is_exact", [True, False])
async def test_a_backup_that_is_restored_holds_it_since_its_body_stayed_behind(
    storage: SqliteUnderTest, *, is_exact: bool
) -> None:
    spool_id = await make(storage)
    await announced(storage, "local:2")
    await deliver(storage, "a")
    await storage.spool.save_cursor([PRINTER], Cursor("here"))
    restored = await storage.database.write(
        lambda db: begin_without_bodies(db, 5.0, is_exact=is_exact)
    )
    assert (restored.held, restored.waiting) == ((1, 1) if is_exact else (2, 0))
    assert await state(storage) == "held"
    assert "local:2" not in await states(storage)
    why = "made here before the move, and its body stayed behind"
    assert (LifeEvent.HELD, why) in await events(storage, spool_id)
    assert await storage.spool.drop(spool_id, Disposition.parse("keep"))
