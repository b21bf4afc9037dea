"""What a spool remembers of messages: what happened to them, second copies, what a backup did not know."""

import pytest

from bridge.errors import SpoolUnavailable
from bridge.names import SpoolId
from bridge.storage.holding import Holder
from bridge.storage.lives import LifeEvent, Note
from bridge.storage.messages import Delivery, MessageState
from bridge.storage.sqlite.spool import lives as sqlite_events
from providers.contract import Cursor, Disposition, DispositionKind, Envelope, RemoteId
from tests.contract.storage_harness import (
    FAX,
    PANEL,
    PRINTER,
    SqliteUnderTest,
    announcement,
    body,
    deliver,
    listed,
    pieces_of,
    read_whole,
    states,
)

COPY = (
    b"Message-ID: <job@scanner>\r\nReceived: by a; Thu, 1 Jan 1970 00:01:40 +0000\r\n\r\nx\r\n"
)
BY = Holder(PANEL, "192.0.2.7")
NOTICE = b"Subject: notice\r\n\r\nA message could not be fetched.\r\n"


async def events(storage: SqliteUnderTest, spool_id: SpoolId) -> list[str]:
    rows = await storage.run_sql(
        "SELECT event, device, address, times FROM message_event WHERE message = ?"
        " ORDER BY first, last, event",
        [spool_id],
    )
    return [" ".join(str(part) for part in row if part != "") for row in rows]


# ---- print once


async def test_a_second_copy_is_held_and_no_body_of_it_is_kept(
    storage: SqliteUnderTest,
) -> None:
    first = await deliver(storage, "a", COPY)
    await storage.spool.announce(PRINTER, [announcement("b")])
    (item,) = await storage.spool.pending(PRINTER)
    another_way = COPY.replace(b"by a", b"by another server")
    made = await storage.spool.deliver(item.spool_id, pieces_of(another_way))
    assert made == Delivery(made.octets, held=f"a second copy of message {first}")
    assert await listed(storage) == [first]
    assert storage.body_files() == [storage.body_file(first)]
    assert await states(storage) == {"a": "ready", "b": "held"}


@pytest.mark.parametrize(
    "other",
    [
        COPY.replace(b"<job@", b"<another@"),
        COPY + b"one line more\r\n",
        COPY.replace(b"Message-ID", b"X-Old-Message-ID"),
    ],
    ids=["another Message-ID", "another body", "no Message-ID"],
)
async def test_what_differs_is_no_second_copy(storage: SqliteUnderTest, other: bytes) -> None:
    first, second = await deliver(storage, "a", COPY), await deliver(storage, "b", other)
    assert await listed(storage) == [first, second]


async def test_messages_without_a_message_id_are_never_held(storage: SqliteUnderTest) -> None:
    alike = b"Subject: alarm\r\n\r\nfire\r\n"
    both = [await deliver(storage, "a", alike), await deliver(storage, "b", alike)]
    assert await listed(storage) == both


@pytest.mark.parametrize(("wait", "is_held"), [(3600, True), (3601, False)])
async def test_a_copy_is_held_for_as_long_as_the_maildrop_says(
    storage: SqliteUnderTest, wait: int, *, is_held: bool
) -> None:
    await storage.run_sql("UPDATE maildrop SET print_once = 3600")
    first = await deliver(storage, "a", COPY)
    storage.clock.advance(wait)
    second = await deliver(storage, "b", COPY)
    assert (await listed(storage) == [first]) is is_held
    assert (await states(storage))["b"] == ("held" if is_held else "ready"), second


async def test_a_maildrop_may_list_every_copy(storage: SqliteUnderTest) -> None:
    await storage.run_sql("UPDATE maildrop SET print_once = 0")
    both = [await deliver(storage, "a", COPY), await deliver(storage, "b", COPY)]
    assert await listed(storage) == both


async def test_a_copy_for_another_maildrop_is_listed_there(storage: SqliteUnderTest) -> None:
    await deliver(storage, "a", COPY)
    await deliver(storage, "a", COPY, FAX)
    assert len((await storage.spool.listing(FAX)).entries) == 1


async def test_a_copy_of_what_was_printed_and_deleted_is_held(
    storage: SqliteUnderTest,
) -> None:
    first = await deliver(storage, "a", COPY)
    await storage.spool.expunge(PRINTER, [first])
    await storage.spool.disposed([first])
    await deliver(storage, "b", COPY)
    assert await states(storage) == {"a": "disposed", "b": "held"}


async def test_a_copy_is_the_first_one_when_the_first_went_unprinted(
    storage: SqliteUnderTest,
) -> None:
    await deliver(storage, "a", COPY)
    await deliver(storage, "b", COPY)
    await storage.spool.forget(PRINTER, [RemoteId("a")])
    assert await states(storage) == {
        "a": "vanished",
        "b": "held",
    }  # a session may have printed it
    await storage.spool.sweep_vanished(PRINTER)
    assert await states(storage) == {"a": "gone", "b": "announced"}
    (item,) = await storage.spool.pending(PRINTER)
    assert (await storage.spool.deliver(item.spool_id, pieces_of(COPY))).held == ""


async def test_a_held_copy_that_goes_upstream_is_forgotten(storage: SqliteUnderTest) -> None:
    await deliver(storage, "a", COPY)
    await deliver(storage, "b", COPY)
    await storage.spool.forget(PRINTER, [RemoteId("b")])
    assert await states(storage) == {"a": "ready", "b": "gone"}


async def test_what_upstream_took_away_is_told_for_a_while_and_begins_anew_if_it_comes_back(
    storage: SqliteUnderTest,
) -> None:
    spool_id = await deliver(storage, "a", COPY)
    await storage.spool.forget(PRINTER, [RemoteId("a")])
    await storage.spool.sweep_vanished(PRINTER)
    assert await states(storage) == {"a": "gone"}
    assert (await events(storage, spool_id))[-1] == "vanished 1"
    assert storage.body_files() == []
    assert await storage.spool.known(PRINTER) == {}
    await deliver(storage, "a", COPY)
    assert await states(storage) == {"a": "ready"}
    await storage.spool.forget(PRINTER, [RemoteId("a")])
    await storage.spool.sweep_vanished(PRINTER)
    assert await storage.spool.prune(storage.clock.now() + 1) == 1
    assert await states(storage) == {}


async def test_messages_are_forgotten_some_at_a_time(
    storage: SqliteUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One transaction for a year of them would keep every device waiting for its end."""
    monkeypatch.setattr(sqlite_events, "PRUNED_AT_ONCE", 2)
    for name in "abcde":
        spool_id = await deliver(storage, name, name.encode())
        await storage.spool.drop(spool_id, Disposition(DispositionKind.KEEP))
    before = storage.database.answered
    assert await storage.spool.prune(storage.clock.now() + 1) == 5
    assert storage.database.answered - before == 4, "two, two, one, and none"
    assert await storage.spool.prune(storage.clock.now() + 1) == 0


# ---- after a restore


async def test_what_a_backup_does_not_know_is_held_until_everything_was_seen(
    storage: SqliteUnderTest,
) -> None:
    await deliver(storage, "known")
    await storage.run_sql("UPDATE maildrop SET holds_unknown = 1")
    await storage.spool.announce(PRINTER, [announcement("known"), announcement("x")])
    await storage.spool.announce(PRINTER, [announcement("y")])
    await storage.spool.save_cursor([PRINTER], Cursor("here"))
    await storage.spool.announce(PRINTER, [announcement("new")])
    for item in await storage.spool.pending(PRINTER):
        text = b"Subject: " + item.remote_id.encode() + b"\r\n\r\n"
        why = (await storage.spool.deliver(item.spool_id, pieces_of(text))).held
        assert ("not in the backup" in why) == (item.remote_id in ("x", "y"))
    assert await states(storage) == {
        "known": "ready",
        "x": "held",
        "y": "held",
        "new": "ready",
    }


# ---- what happened


async def test_the_life_of_a_message_is_noted(storage: SqliteUnderTest) -> None:
    spool_id = await deliver(storage, "a")
    storage.clock.advance(1)
    await storage.spool.note_listed(await storage.spool.listing(PRINTER), BY, 1_000_001.0)
    await storage.spool.note([Note(spool_id, LifeEvent.SENT, 1_000_002.0, PANEL, BY.address)])
    storage.clock.advance(2)
    await storage.spool.expunge(PRINTER, [spool_id], BY)
    storage.clock.advance(1)
    await storage.spool.disposed([spool_id])
    storage.crash()
    assert await events(storage, spool_id) == [
        "announced 1",
        "fetched 1",
        "listed panel 192.0.2.7 1",
        "sent panel 192.0.2.7 1",
        "expunged panel 192.0.2.7 1",
        "disposed 1",
    ]


async def test_what_happens_again_and_again_takes_one_row(storage: SqliteUnderTest) -> None:
    spool_id = await deliver(storage, "a")
    for second in range(5):
        at = 1_000_000.0 + second
        note = Note(spool_id, LifeEvent.SENT, at, PANEL, BY.address, f"time {second}")
        await storage.spool.note([note])
    rows = await storage.run_sql(
        "SELECT first, last, times, detail FROM message_event WHERE event = 'sent'"
    )
    assert rows == [(1_000_000.0, 1_000_004.0, 5, "time 4")]


async def test_the_same_listing_is_noted_once_for_each_device_whatever_its_addresses(
    storage: SqliteUnderTest,
) -> None:
    spool_id = await deliver(storage, "a")
    listing = await storage.spool.listing(PRINTER)
    for address in ("192.0.2.7", "192.0.2.7", "192.0.2.8"):
        await storage.spool.note_listed(listing, Holder(PANEL, address), 1_000_000.0)
    assert [one for one in await events(storage, spool_id) if "listed" in one] == [
        "listed panel 192.0.2.7 1",
    ]


async def test_a_note_of_a_message_that_is_gone_is_passed_over(
    storage: SqliteUnderTest,
) -> None:
    await storage.spool.note([Note(SpoolId(99), LifeEvent.SENT, 0.0)])
    assert await storage.run_sql("SELECT * FROM message_event") == []


async def test_an_expunge_that_fails_is_not_noted(storage: SqliteUnderTest) -> None:
    spool_id = await deliver(storage, "a")
    await storage.refuse_writes()
    with pytest.raises(SpoolUnavailable):
        await storage.spool.expunge(PRINTER, [spool_id], BY)
    storage.crash()
    assert "expunged" not in " ".join(await events(storage, spool_id))


async def test_a_quarantine_is_noted_with_its_reason(storage: SqliteUnderTest) -> None:
    await storage.spool.announce(PRINTER, [announcement("a")])
    (item,) = await storage.spool.pending(PRINTER)
    await storage.spool.quarantine(item.spool_id, NOTICE, "too odd", Envelope("Bob"))
    detail = "SELECT detail FROM message_event WHERE event = 'quarantined'"
    assert await storage.run_sql(detail) == [("too odd",)]


async def test_who_sent_a_message_is_sealed(storage: SqliteUnderTest) -> None:
    await deliver(storage, "a", b"From: Secret Sender <s@example.com>\r\n\r\nx\r\n")
    stored = (storage.folder / "popbridge.db-wal").read_bytes()
    assert b"Secret Sender" not in stored


# ---- a damaged body


async def test_a_damaged_body_is_fetched_anew_under_its_own_unique_id(
    storage: SqliteUnderTest,
) -> None:
    spool_id = await deliver(storage, "a")
    (before,) = (await storage.spool.listing(PRINTER)).entries
    await storage.spool.note_damaged(spool_id, "a frame is altered", 1_000_000.0)
    assert await listed(storage) == [spool_id]
    await storage.spool.sweep_vanished(FAX)
    assert await listed(storage) == [spool_id]
    await storage.spool.sweep_vanished(PRINTER)
    assert await listed(storage) == []
    (item,) = await storage.spool.pending(PRINTER)
    await storage.spool.deliver(item.spool_id, pieces_of(body("a")))
    assert (await storage.spool.listing(PRINTER)).entries == (before,)
    assert await read_whole(storage.spool, spool_id) == body("a").replace(b"\n.", b"\n..")
    await storage.spool.sweep_vanished(PRINTER)
    assert await listed(storage) == [spool_id]


async def test_a_damaged_notice_gives_way_to_another_try(storage: SqliteUnderTest) -> None:
    """A device that never deletes what it could not take would meet it for ever."""
    await storage.spool.announce(PRINTER, [announcement("a")])
    (item,) = await storage.spool.pending(PRINTER)
    await storage.spool.quarantine(item.spool_id, body("notice"), "it cannot be converted")
    await storage.spool.note_damaged(item.spool_id, "a frame is altered", 1_000_000.0)
    await storage.spool.sweep_vanished(PRINTER)
    assert await storage.spool.pending(PRINTER) == [item]


# ---- figures


async def announced(storage: SqliteUnderTest, name: str) -> SpoolId:
    await storage.spool.announce(PRINTER, [announcement(name)])
    return next(
        item.spool_id for item in await storage.spool.pending(PRINTER) if item.remote_id == name
    )


async def test_the_octets_at_rest_are_those_of_the_bodies(storage: SqliteUnderTest) -> None:
    assert await storage.spool.octets_at_rest(PRINTER) == 0
    await deliver(storage, "a")
    await deliver(storage, "a", drop=FAX)
    gone = await deliver(storage, "b")
    await storage.spool.expunge(PRINTER, [gone])
    assert await storage.spool.octets_at_rest(PRINTER) == len(body("a"))


async def test_figures_count_every_state_and_what_is_listed(storage: SqliteUnderTest) -> None:
    await deliver(storage, "ready")
    gone, disposed = await deliver(storage, "b"), await deliver(storage, "c")
    await storage.spool.expunge(PRINTER, [gone, disposed])
    await storage.spool.disposed([disposed])
    await deliver(storage, "d")
    await storage.spool.forget(PRINTER, [RemoteId("d")])
    await storage.spool.announce(PRINTER, [announcement("i")])
    await storage.spool.forget(PRINTER, [RemoteId("i")])
    await storage.spool.quarantine(await announced(storage, "e"), NOTICE)
    await storage.spool.announce(PRINTER, [announcement("f")])
    await deliver(storage, "g", COPY)
    await deliver(storage, "h", COPY)
    figures = await storage.spool.figures(PRINTER)
    assert figures.count == {**dict.fromkeys(MessageState, 1), MessageState.READY: 2}
    assert figures.octets == (await storage.spool.listing(PRINTER)).octets > 0
