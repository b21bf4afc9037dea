"""Messages that are made here and have no counterpart upstream: how they begin, and what a kill leaves of them.

Each runs inside a transaction of its caller, as the steps of `bridge.storage.sqlite.spool.steps` do.
"""

import sqlite3

from bridge.names import MaildropName, SpoolId, UniqueId
from bridge.storage.lives import LifeEvent
from bridge.storage.sqlite.spool.lives import happened
from providers.contract import RemoteId

MADE_WHY = "by popbridge test-message"
DAMAGED_WHY = "its body here is damaged; `popbridge test-message` makes another"
AWAY_WHY = "made here before the move, and its body stayed behind"


def announce(
    db: sqlite3.Connection,
    maildrop: MaildropName,
    remote_id: RemoteId,
    unique_id: UniqueId,
    now: float,
) -> SpoolId | None:
    """Add a local message behind all that is known of the maildrop; None where there is no such maildrop.

    Mail that arrives later has a later sort key of its service, whose form only the service knows.
    """
    row = db.execute(
        "INSERT INTO message (maildrop, remote_id, unique_id, sort_key, state, local)"
        " SELECT name, ?, ?, coalesce((SELECT max(sort_key) FROM message WHERE maildrop = name), ''),"
        " 'announced', 1 FROM maildrop WHERE name = ? RETURNING id",
        (remote_id, unique_id, maildrop),
    ).fetchone()
    if row is None:
        return None
    happened(db, [SpoolId(row[0])], LifeEvent.MADE, now, detail=MADE_WHY)
    return SpoolId(row[0])


def withdraw(db: sqlite3.Connection, spool_id: SpoolId) -> None:
    """Forget a local message whose body never came."""
    db.execute(
        "DELETE FROM message WHERE id = ? AND local = 1 AND state = 'announced'", (spool_id,)
    )


def lose(
    db: sqlite3.Connection, spool_id: SpoolId, now: float, why: str = DAMAGED_WHY
) -> list[tuple[SpoolId]]:
    """Take a local message off the list whose body is lost, since none is upstream; return it, if it is one.

    It is held. The notice of one that could not be shaped says nothing any more: it is a tombstone.
    """
    held = db.execute(
        "UPDATE message SET state = 'held', octets = NULL"
        " WHERE id = ? AND local = 1 AND state = 'ready' RETURNING id",
        (spool_id,),
    ).fetchall()
    happened(db, [one for (one,) in held], LifeEvent.HELD, now, detail=why)
    notice = db.execute(
        "UPDATE message SET state = 'expunged', octets = NULL, disposition = 'keep'"
        " WHERE id = ? AND local = 1 AND state = 'quarantined' RETURNING id",
        (spool_id,),
    ).fetchall()
    db.executemany(
        "UPDATE message SET state = 'disposed', disposition = NULL WHERE id = ?", notice
    )
    return held + notice


def without_bodies(db: sqlite3.Connection, now: float) -> list[SpoolId]:
    """Hold the local messages of a database that came out of a backup, where no body is; return them.

    They are listed no more, whatever a device has made of them since: nothing prints twice.
    """
    sweep(db)
    listed = db.execute("SELECT id FROM message WHERE local = 1 AND octets NOT NULL").fetchall()
    return [gone for (one,) in listed for (gone,) in lose(db, one, now, AWAY_WHY)]


def sweep(db: sqlite3.Connection) -> None:
    """Forget every local message that waits for its body: whoever was making it is dead."""
    db.execute("DELETE FROM message WHERE local = 1 AND state = 'announced'")
