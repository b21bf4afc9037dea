"""Every step of a message's life in SQL; each runs inside a transaction of its caller.

What may follow what is held by the schema's triggers; what is noted of it, by `lives`.
"""

import sqlite3
from collections.abc import Iterable, Sequence

import attrs

from bridge.imprint.imprint import Imprint
from bridge.names import MaildropName, Octets, SpoolId, UniqueId
from bridge.storage.holding import Holder
from bridge.storage.lives import LifeEvent
from bridge.storage.messages import Announcement, MessageState
from bridge.storage.sqlite.spool.lives import happened
from bridge.storage.sqlite.spool.queries import (
    doubt,
    moved_before,
    not_admitted,
    told_otherwise,
    twin,
)
from providers.contract import Disposition, DispositionKind, RemoteId

DOUBTFUL_WHY = "restored from a backup, after which a device may have printed it"


@attrs.frozen
class Present:
    """A message as it stands."""

    maildrop: MaildropName
    remote_id: RemoteId
    state: MessageState
    octets: Octets


@attrs.frozen
class Arrival:
    """A body that was stored, and what is remembered of it; the envelope is sealed."""

    octets: Octets
    imprint: Imprint
    envelope: bytes
    original_octets: Octets | None = None
    is_utf8: bool = False
    """The original is what a session gets that asks for UTF-8 (RFC 6856)."""


def present(db: sqlite3.Connection, spool_id: SpoolId) -> Present | None:
    """Return a message as it stands, or None where there is none."""
    row = db.execute(
        "SELECT maildrop, remote_id, state, coalesce(octets, 0) FROM message WHERE id = ?",
        (spool_id,),
    ).fetchone()
    if row is None:
        return None
    return Present(MaildropName(row[0]), RemoteId(row[1]), MessageState(row[2]), Octets(row[3]))


def announce(
    db: sqlite3.Connection, maildrop: MaildropName, messages: Sequence[Announcement], now: float
) -> None:
    """Add what is not known.

    A vanished one whose body is still here is ready again under its own id: an open session may delete
    it. In place of a vanished notice nothing begins before that session is over (`sweep_vanished`).
    """
    for message in messages:
        key = (maildrop, message.remote_id)
        back = db.execute(
            "UPDATE message SET state = 'ready'"
            " WHERE maildrop = ? AND remote_id = ? AND state = 'vanished' AND octets NOT NULL"
            " RETURNING id",
            key,
        ).fetchall()
        anew = db.execute(
            "UPDATE message SET state = 'announced', sort_key = ?, likeness = NULL,"
            " delivered = NULL, doubtful ="
            " max(doubtful, (SELECT holds_unknown FROM maildrop WHERE name = message.maildrop))"
            " WHERE maildrop = ? AND remote_id = ? AND state = 'gone' RETURNING id",
            (message.sort_key, *key),
        ).fetchall()
        happened(db, ids(back + anew), LifeEvent.RETURNED, now)
    added = [
        row
        for m in messages
        for row in db.execute(
            # What a backup did not know may have been printed after it was made.
            "INSERT INTO message (maildrop, remote_id, unique_id, sort_key, state, doubtful)"
            " SELECT name, ?, ?, ?, 'announced', holds_unknown FROM maildrop WHERE name = ?"
            " ON CONFLICT DO NOTHING RETURNING id",
            (m.remote_id, m.unique_id, m.sort_key, maildrop),
        ).fetchall()
    ]
    happened(db, ids(added), LifeEvent.ANNOUNCED, now)


def make_visible(
    db: sqlite3.Connection, spool_id: SpoolId, arrival: Arrival, now: float
) -> tuple[bool, str]:
    """List a message that waited for its body, or hold it: not admitted, a second copy, or printed already.

    Return whether it still waited, and why it is held.
    """
    held = hold_refused(db, spool_id, arrival, now)
    if held:
        return True, held
    held = told_otherwise(db, spool_id, arrival.octets, arrival.original_octets)
    verdict = _Verdict(held, arrival.imprint.likeness)
    return _arrive(db, spool_id, arrival, now, verdict), held


def hold_refused(
    db: sqlite3.Connection, spool_id: SpoolId, arrival: Arrival, now: float
) -> str:
    """Hold a message that waited, where something is against it; return what, and nothing where it may be listed."""
    refused, refused_to = not_admitted(db, spool_id, arrival.imprint, now)
    if refused_to and (earlier := moved_before(db, spool_id, arrival.imprint.mark)):
        refused += f"; not moved to {refused_to}, since {earlier} moved it here as refused"
        refused_to = ""
    # What is not admitted is nothing's first copy: another, sent as it should be, is listed.
    likeness = None if refused else arrival.imprint.likeness
    first = twin(db, spool_id, likeness, now)
    second = f"a second copy of message {first}" if first is not None else ""
    verdict = _Verdict(refused or second or doubt(db, spool_id), likeness, first, refused_to)
    is_held = verdict.held and _arrive(db, spool_id, arrival, now, verdict)
    return verdict.held if is_held else ""


def hold(
    db: sqlite3.Connection, spool_id: SpoolId, arrival: Arrival, why: str, now: float
) -> None:
    """Hold a message that waited; it is nothing's first copy."""
    _arrive(db, spool_id, arrival, now, _Verdict(why))


@attrs.frozen
class _Verdict:
    """Why a message is held, where it is, what it is a copy of, and the folder it is to go to."""

    held: str
    likeness: bytes | None = None
    twin: SpoolId | None = None
    refused_to: str = ""


def _arrive(
    db: sqlite3.Connection, spool_id: SpoolId, arrival: Arrival, now: float, verdict: _Verdict
) -> bool:
    """List or hold a message that waited; return whether it still did."""
    changed = db.execute(
        "UPDATE message SET state = ?, octets = ?, original_octets = ?, is_utf8 = ?, likeness = ?,"
        " arrived = ?, envelope = ?, delivered = coalesce(delivered, ?), twin = ?"
        " WHERE id = ? AND state = 'announced' RETURNING local",
        (
            MessageState.HELD if verdict.held else MessageState.READY,
            None if verdict.held else arrival.octets,
            None if verdict.held else arrival.original_octets,
            arrival.is_utf8,
            verdict.likeness,
            arrival.imprint.arrived,
            arrival.envelope,
            now,
            verdict.twin,
            spool_id,
        ),
    ).fetchone()
    if changed is None:
        return False
    if changed == (0,):  # one that was made here was not fetched
        happened(db, [spool_id], LifeEvent.FETCHED, now)
    if verdict.held:
        happened(db, [spool_id], LifeEvent.HELD, now, detail=verdict.held)
    if verdict.refused_to:
        # It is upstream's to carry out, as what a device deletes; the tombstone keeps it from coming back.
        moved = Disposition(DispositionKind.MOVE, verdict.refused_to).spelled()
        db.execute(
            "UPDATE message SET state = 'expunged', disposition = ?, refused_mark = ? WHERE id = ?",
            (moved, arrival.imprint.mark, spool_id),
        )
    return True


def expunge(
    db: sqlite3.Connection,
    maildrop: MaildropName,
    wanted: list[SpoolId],
    by: Holder | None,
    now: float,
) -> list[SpoolId]:
    """Move messages to their tombstones, and return those that are there.

    Upstream has something to do only for what was ready, or waits to be so again since it was damaged,
    and was not made here.
    """
    rows = [(spool_id, maildrop) for spool_id in wanted]
    db.executemany(
        "UPDATE message SET state = 'expunged', octets = NULL, disposition = CASE local WHEN 1 THEN"
        " 'keep' ELSE (SELECT disposition FROM maildrop WHERE name = message.maildrop) END"
        " WHERE id = ? AND maildrop = ? AND state IN ('ready', 'announced')",
        rows,
    )
    # A device that throws a notice away has not seen the message: the original is left alone.
    db.executemany(
        "UPDATE message SET state = 'expunged', octets = NULL, disposition = 'keep'"
        " WHERE id = ? AND maildrop = ? AND state = 'quarantined'",
        rows,
    )
    bury(db, rows)
    tombstone = "SELECT 1 FROM message WHERE id = ? AND maildrop = ? AND state IN ('expunged', 'disposed')"
    gone = [row[0] for row in rows if db.execute(tombstone, row).fetchone()]
    happened(db, gone, LifeEvent.EXPUNGED, now, by=by)
    return gone


def dispose(db: sqlite3.Connection, messages: Iterable[SpoolId], now: float) -> None:
    """Note that upstream has nothing left to do."""
    for spool_id in messages:
        changed = db.execute(
            "UPDATE message SET state = 'disposed', disposition = NULL"
            " WHERE id = ? AND state = 'expunged'",
            (spool_id,),
        )
        if changed.rowcount and not _was_refused(db, spool_id):
            happened(db, [spool_id], LifeEvent.DISPOSED, now, detail=_why_moved(db, spool_id))


def drop(
    db: sqlite3.Connection, spool_id: SpoolId, disposition: Disposition, now: float
) -> bool:
    """Let a message be deleted as an admin wants it; return whether it was one that can be."""
    changed = db.execute(
        "UPDATE message SET state = 'expunged', octets = NULL, twin = NULL,"
        " disposition = CASE local WHEN 1 THEN 'keep' ELSE ? END"
        " WHERE id = ? AND state IN ('announced', 'ready', 'quarantined', 'held')",
        (disposition.spelled(), spool_id),
    )
    if not changed.rowcount:
        return False
    happened(db, [spool_id], LifeEvent.DROPPED, now, detail=disposition.spelled())
    db.execute(
        "UPDATE message SET state = 'disposed', disposition = NULL"
        " WHERE id = ? AND state = 'expunged' AND disposition = 'keep'",
        (spool_id,),
    )
    return True


def redeliver(
    db: sqlite3.Connection,
    spool_id: SpoolId,
    unique_id: UniqueId,
    arrival: Arrival,
    now: float,
) -> bool:
    """List a message again under a new unique-id; return whether it was one that can be."""
    changed = db.execute(
        "UPDATE message SET state = 'ready', octets = ?, original_octets = ?, is_utf8 = ?, unique_id = ?,"
        " envelope = ?, arrived = ?, twin = NULL, doubtful = 0, redelivered = redelivered + 1"
        " WHERE id = ? AND state IN ('held', 'disposed') AND local = 0",
        (
            arrival.octets,
            arrival.original_octets,
            arrival.is_utf8,
            unique_id,
            arrival.envelope,
            arrival.imprint.arrived,
            spool_id,
        ),
    )
    if changed.rowcount:
        happened(db, [spool_id], LifeEvent.REDELIVERED, now)
    return changed.rowcount > 0


def retry(db: sqlite3.Connection, spool_id: SpoolId, unique_id: UniqueId, now: float) -> bool:
    """Let a message that could not be had wait for its body again; return whether it was one."""
    changed = db.execute(
        "UPDATE message SET state = 'announced', octets = NULL, unique_id = ?, doubtful = 0"
        " WHERE id = ? AND state = 'quarantined' AND local = 0",
        (unique_id, spool_id),
    )
    if changed.rowcount:
        happened(db, [spool_id], LifeEvent.REDELIVERED, now)
    return changed.rowcount > 0


def _was_refused(db: sqlite3.Connection, spool_id: SpoolId) -> bool:
    """Tell whether upstream will never obey, which is noted already."""
    return bool(
        db.execute(
            "SELECT 1 FROM message_event WHERE message = ? AND event = 'refused'", (spool_id,)
        ).fetchone()
    )


def _why_moved(db: sqlite3.Connection, spool_id: SpoolId) -> str:
    """Return why a message went that nobody deleted: it was not admitted; empty for all others."""
    row = db.execute(
        "SELECT detail FROM message_event AS held WHERE message = ? AND event = 'held' AND NOT EXISTS"
        " (SELECT 1 FROM message_event WHERE message = held.message"
        " AND event IN ('expunged', 'dropped', 'vanished'))",
        (spool_id,),
    ).fetchone()
    return f"moved away, since {row[0]}" if row else ""


def ids(rows: Iterable[tuple[int, ...]]) -> list[SpoolId]:
    """Return the ids that statements with RETURNING have returned."""
    return [SpoolId(row[0]) for row in rows]


def bury(db: sqlite3.Connection, rows: list[tuple[SpoolId, MaildropName]]) -> None:
    """Let what upstream need not hear of be a tombstone at once."""
    db.executemany(
        "UPDATE message SET state = 'disposed', octets = NULL, disposition = NULL"
        " WHERE id = ? AND maildrop = ?"
        " AND (state = 'vanished' OR (state = 'expunged' AND disposition = 'keep'))",
        rows,
    )


def release_copies(db: sqlite3.Connection, gone: list[SpoolId]) -> None:
    """Let the copies of a message that nobody printed be fetched: one of them is the first now."""
    db.executemany(
        "UPDATE message SET state = 'announced', twin = NULL, delivered = NULL"
        " WHERE twin = ? AND state = 'held'",
        [(spool_id,) for spool_id in gone],
    )
