"""What a spool is asked, in SQL; nothing here changes anything."""

import sqlite3
from collections.abc import Iterable

from bridge.admission import EVERYTHING, Admission, refusal
from bridge.imprint.imprint import Imprint
from bridge.maildrop import Listing, MessageEntry
from bridge.names import AccountName, MaildropName, Octets, SpoolId, UniqueId
from bridge.shaping import wishtext
from bridge.storage.messages import MessageState, Pending, QueuedDisposition, SpoolFigures
from providers.contract import Cursor, Disposition, RemoteId


def at_rest(db: sqlite3.Connection) -> set[SpoolId]:
    """Return the messages whose bodies are here."""
    rows = db.execute("SELECT id FROM message WHERE octets NOT NULL")
    return {SpoolId(row[0]) for row in rows}


def originals(db: sqlite3.Connection) -> set[SpoolId]:
    """Return the messages whose originals are here beside what was made of them."""
    rows = db.execute("SELECT id FROM message WHERE original_octets NOT NULL")
    return {SpoolId(row[0]) for row in rows}


def without(
    db: sqlite3.Connection, messages: Iterable[SpoolId]
) -> tuple[list[SpoolId], list[SpoolId]]:
    """Return of which of these no body is here, and of which no original."""
    rows = [
        (one, *(row or (None, None)))
        for one in messages
        for row in [
            db.execute(
                "SELECT octets, original_octets FROM message WHERE id = ?", (one,)
            ).fetchone()
        ]
    ]
    no_body = [one for one, octets, _ in rows if octets is None]
    return no_body, [one for one, _, original in rows if original is None]


def at_rest_of(db: sqlite3.Connection, maildrop: MaildropName) -> list[SpoolId]:
    """Return the messages of the maildrop of which a body or an original is here, listed or not."""
    rows = db.execute(
        "SELECT id FROM message WHERE maildrop = ?"
        " AND (octets NOT NULL OR original_octets NOT NULL) ORDER BY id",
        (maildrop,),
    )
    return [SpoolId(row[0]) for row in rows]


def doubt(db: sqlite3.Connection, spool_id: SpoolId) -> str:
    """Return why a message may have been printed already; empty where nothing says so."""
    row = db.execute("SELECT doubtful FROM message WHERE id = ?", (spool_id,)).fetchone()
    is_doubtful = row is not None and row[0]
    return (
        "not in the backup that was restored, so it may be printed already"
        if is_doubtful
        else ""
    )


def told_otherwise(
    db: sqlite3.Connection, spool_id: SpoolId, octets: Octets, original_octets: Octets | None
) -> str:
    """Return what speaks against listing so many octets under the message's unique-id; empty where nothing does.

    A device may know that one by its old octets. What was fetched is the service's own and as it was; only
    what was made of it, then or now, can have become another.
    """
    row = db.execute(
        "SELECT told_octets FROM message WHERE id = ? AND told_octets <> ? AND (told_shaped OR ?)",
        (spool_id, octets, original_octets is not None),
    ).fetchone()
    if row is None:
        return ""
    return (
        f"devices were told of {row[0]} octets, and it has {octets} now;"
        f" `popbridge message redeliver {spool_id}` lists it as a new one"
    )


def not_admitted(
    db: sqlite3.Connection, spool_id: SpoolId, imprint: Imprint, now: float
) -> tuple[str, str]:
    """Return why the maildrop does not admit the message, and to which folder it goes; empty where it does.

    One that was listed before, and lost its body since, stays admitted: a device may know it.
    """
    row = db.execute(
        "SELECT admission, wish FROM message JOIN maildrop ON maildrop.name = message.maildrop"
        " WHERE message.id = ? AND delivered IS NULL AND local = 0",
        (spool_id,),
    ).fetchone()
    if row is None:
        return "", ""
    admission, deliver = Admission.parse(row[0]), wishtext.parse(row[1]).deliver.value
    profiles = _profiles(db, spool_id) if admission.automatic is None else ()
    why = refusal(admission, imprint, now, deliver, profiles)
    return why, admission.refused_to if why else ""


def _profiles(db: sqlite3.Connection, spool_id: SpoolId) -> tuple[str, ...]:
    """Return of what kinds the devices are that a message is for."""
    rows = db.execute(
        "SELECT DISTINCT profile FROM device JOIN message ON message.maildrop = device.maildrop"
        " WHERE message.id = ?",
        (spool_id,),
    )
    return tuple(row[0] for row in rows)


def moved_before(db: sqlite3.Connection, spool_id: SpoolId, mark: bytes) -> str:
    """Return which maildrop of the same account has moved the message away as refused; empty where none has.

    Known by its id, or where that changes with its folder, by what it says. Before upstream has obeyed it is
    another copy that was delivered to two folders.
    """
    row = db.execute(
        "SELECT 'maildrop ' || earlier.maildrop || ' (message ' || earlier.id || ')' FROM message AS later"
        " JOIN maildrop AS mine ON mine.name = later.maildrop"
        " JOIN maildrop AS theirs ON theirs.account = mine.account AND theirs.name <> mine.name"
        " JOIN message AS earlier ON earlier.maildrop = theirs.name AND earlier.refused_mark NOT NULL"
        " AND earlier.state = 'disposed' AND (earlier.remote_id = later.remote_id OR earlier.refused_mark = ?)"
        " WHERE later.id = ? ORDER BY earlier.id LIMIT 1",
        (mark, spool_id),
    ).fetchone()
    return str(row[0]) if row else ""


def twin(
    db: sqlite3.Connection, spool_id: SpoolId, likeness: bytes | None, now: float
) -> SpoolId | None:
    """Return the message that this one is a second copy of; None too where copies may be listed."""
    row = db.execute(
        "SELECT first.id FROM message AS second"
        " JOIN maildrop ON maildrop.name = second.maildrop AND print_once > 0"
        " JOIN message AS first ON first.maildrop = second.maildrop"
        " AND first.likeness = ? AND first.id <> second.id AND first.local + second.local = 0"
        " AND (first.state IN ('ready', 'expunged', 'disposed', 'vanished')"
        " OR (first.state = 'held' AND first.twin IS NULL))"
        # Neither long ago nor far ahead: the clock may have been wrong then.
        " AND abs(first.delivered - ?) <= print_once"
        # One that was listed before, and lost its body since, is nobody's second copy.
        " WHERE second.id = ? AND second.redelivered = 0 AND second.delivered IS NULL ORDER BY first.id LIMIT 1",
        (likeness, now, spool_id),
    ).fetchone()
    return SpoolId(row[0]) if row else None


def listing(db: sqlite3.Connection, maildrop: MaildropName) -> Listing:
    """Return what devices are told of: as many, and in the order, as the owner chose."""
    known = db.execute("SELECT admission FROM maildrop WHERE name = ?", (maildrop,)).fetchone()
    chosen = Admission.parse(known[0]) if known else EVERYTHING
    order = "sort_key DESC, id DESC" if chosen.newest_first else "sort_key, id"
    rows = db.execute(
        "SELECT id, unique_id, octets, CASE WHEN is_utf8 THEN original_octets END FROM message"  # noqa: S608 - texts of ours
        f" WHERE maildrop = ? AND state IN ('ready', 'quarantined') ORDER BY {order} LIMIT ?",
        (maildrop, chosen.at_most or -1),
    )
    return Listing.of(
        [
            MessageEntry(SpoolId(i), UniqueId(u), Octets(o), None if w is None else Octets(w))
            for i, u, o, w in rows
        ]
    )


def known(db: sqlite3.Connection, maildrop: MaildropName) -> dict[RemoteId, MessageState]:
    """Return every message and tombstone of the mailbox; one that was listed again counts as disposed of."""
    return {
        RemoteId(remote_id): MessageState(state)
        for remote_id, state in db.execute(
            "SELECT remote_id, CASE WHEN redelivered > 0 THEN 'disposed' ELSE state END"
            " FROM message WHERE maildrop = ? AND state <> 'gone' AND local = 0",
            (maildrop,),
        )
    }


def pending(db: sqlite3.Connection, maildrop: MaildropName) -> list[Pending]:
    """Return what waits for its body, in listing order."""
    return [
        Pending(SpoolId(spool_id), RemoteId(remote_id), faults or 0)
        for spool_id, remote_id, faults in db.execute(
            "SELECT id, remote_id, times FROM message LEFT JOIN message_event"
            " ON message_event.message = message.id AND event = 'faulted' AND device = ''"
            " WHERE maildrop = ? AND state = 'announced' AND local = 0 ORDER BY sort_key, id",
            (maildrop,),
        )
    ]


def octets_at_rest(db: sqlite3.Connection, maildrop: MaildropName) -> Octets:
    """Return the octets of all that is here for the maildrop."""
    (total,) = db.execute(
        "SELECT coalesce(sum(coalesce(octets, 0) + coalesce(original_octets, 0)), 0)"
        " FROM message WHERE maildrop = ?",
        (maildrop,),
    ).fetchone()
    return Octets(total)


def cursor(db: sqlite3.Connection, maildrop: MaildropName) -> Cursor | None:
    """Return where the last look for the maildrop ended."""
    row = db.execute("SELECT cursor FROM maildrop WHERE name = ?", (maildrop,)).fetchone()
    return Cursor(row[0]) if row and row[0] is not None else None


def queued(db: sqlite3.Connection, account: AccountName, limit: int) -> list[QueuedDisposition]:
    """Return dispositions that wait for the account, oldest first."""
    return [
        QueuedDisposition(
            SpoolId(spool_id),
            MaildropName(maildrop),
            RemoteId(remote_id),
            Disposition.parse(disposition),
        )
        for spool_id, maildrop, remote_id, disposition in db.execute(
            "SELECT message.id, maildrop, remote_id, message.disposition"
            " FROM message JOIN maildrop ON maildrop.name = maildrop"
            " WHERE state = 'expunged' AND account = ? ORDER BY message.id LIMIT ?",
            (account, limit),
        )
    ]


def figures(db: sqlite3.Connection, maildrop: MaildropName) -> SpoolFigures:
    """Return how many messages of the maildrop are in which state, and the octets that are listed."""
    rows = db.execute(
        "SELECT state, count(*), coalesce(sum(octets), 0) FROM message"
        " WHERE maildrop = ? GROUP BY state",
        (maildrop,),
    ).fetchall()
    listed = (MessageState.READY, MessageState.QUARANTINED)
    return SpoolFigures(
        {MessageState(state): count for state, count, _ in rows},
        Octets(sum(octets for state, _, octets in rows if state in listed)),
    )
