"""What happened to messages, at rest: written in the transaction that makes it happen, or after a session."""

import json
import sqlite3
from collections.abc import Iterable, Sequence

from bridge.names import SpoolId
from bridge.storage.holding import Holder
from bridge.storage.lives import Happened, LifeEvent, Note

DETAIL_CHARACTERS = 300
"""Longest detail kept: a sentence."""

PRUNED_AT_ONCE = 2000
"""Messages that one transaction looks at to forget them: 0.2 s at most, in which no device is kept waiting longer."""

_WRITE = (
    "INSERT INTO message_event (message, event, device, address, first, last, times, detail, octets, connection)"
    " SELECT id, ?, ?, ?, ?, ?, 1, ?, ?, ? FROM message WHERE id = ?"
    " ON CONFLICT DO UPDATE SET last = excluded.last, times = times + 1, address = excluded.address,"
    " detail = excluded.detail, octets = excluded.octets, connection = excluded.connection"
)


def happened(
    db: sqlite3.Connection,
    messages: Iterable[SpoolId],
    event: LifeEvent,
    now: float,
    *,
    by: Holder | None = None,
    detail: str = "",
) -> None:
    """Write down that the same thing happened to some messages."""
    device, address, connection = (by.device, by.address, by.connection) if by else ("", "", "")
    write_notes(
        db,
        [
            Note(one, event, now, device, address, detail, connection=connection)
            for one in messages
        ],
    )


def write_notes(db: sqlite3.Connection, notes: Sequence[Note]) -> None:
    """Write down what happened; a message that is gone is passed over."""
    db.executemany(
        _WRITE,
        [
            (
                note.event,
                note.device,
                note.address,
                note.at,
                note.at,
                note.detail[:DETAIL_CHARACTERS],
                note.octets,
                note.connection,
                note.spool_id,
            )
            for note in notes
        ],
    )


def write_listed(
    db: sqlite3.Connection, messages: Sequence[SpoolId], by: Holder, at: float
) -> None:
    """Write down that a device was told of messages, for those it was not told of before."""
    db.execute(
        "INSERT INTO message_event (message, event, device, address, first, last, times, detail)"
        " SELECT message.id, ?, ?, ?, ?, ?, 1, ''"
        " FROM json_each(?) AS listed JOIN message ON message.id = listed.value"
        " WHERE TRUE ON CONFLICT DO NOTHING",
        (LifeEvent.LISTED, by.device, by.address, at, at, json.dumps(list(messages))),
    )


def read_events(db: sqlite3.Connection, spool_id: SpoolId) -> tuple[Happened, ...]:
    """Return what happened to a message, in order."""
    return tuple(
        Happened(LifeEvent(event), *rest)
        for event, *rest in db.execute(
            "SELECT event, device, address, first, last, times, detail, octets, connection FROM message_event"
            " WHERE message = ? ORDER BY first, last, event",
            (spool_id,),
        )
    )


def prune(db: sqlite3.Connection, before: float, after: SpoolId) -> tuple[int, SpoolId | None]:
    """Forget what happened to messages that were done with before then, of the next PRUNED_AT_ONCE after one.

    Return how many those are, and the last message that was looked at; None where there was none. The
    tombstones stay. What is forgotten is the history, and who had sent them; and all of a message that was
    taken away upstream, since it begins anew if it comes back.
    """
    looked_at = db.execute(
        "SELECT id, state, state IN ('disposed', 'gone')"
        " AND EXISTS (SELECT 1 FROM message_event WHERE message = message.id)"
        " AND NOT EXISTS (SELECT 1 FROM message_event WHERE message = message.id AND last >= ?)"
        " FROM message WHERE id > ? ORDER BY id LIMIT ?",
        (before, after, PRUNED_AT_ONCE),
    ).fetchall()
    done = [(one, state) for one, state, is_done in looked_at if is_done]
    buried = [(one,) for one, state in done if state == "disposed"]
    db.executemany("DELETE FROM message_event WHERE message = ?", buried)
    db.executemany("UPDATE message SET envelope = NULL WHERE id = ?", buried)
    gone = [(one,) for one, state in done if state == "gone"]
    db.executemany("DELETE FROM message WHERE id = ?", gone)
    return len(done), SpoolId(looked_at[-1][0]) if looked_at else None
