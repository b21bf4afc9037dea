"""The database on its way into a backup and out of it again; no body goes with it."""

import sqlite3
from contextlib import closing
from pathlib import Path

import attrs

from bridge.names import SpoolId
from bridge.storage.lives import LifeEvent
from bridge.storage.sqlite.events import happened

HELD_WHY = "a device may have printed it after the backup was made"


@attrs.frozen
class Restored:
    """What became of the messages that a device could still fetch when the backup was made."""

    held: int
    waiting: int


def copy_database(source: Path, target: Path) -> None:
    """Write the database as it stands at one moment into `target`, while others go on using it.

    `target` is an empty file or none. Pages that are free, and may hold what was deleted, are left out.

    Raises:
        sqlite3.Error: it cannot be read, or not be written.
    """
    with closing(sqlite3.connect(source, isolation_level=None)) as db:
        db.execute("VACUUM INTO ?", (str(target),))


def begin_without_bodies(db: sqlite3.Connection, now: float, *, is_exact: bool) -> Restored:
    """Let a database that came out of a backup be true where no body is.

    Unless the backup `is_exact` (no bridge has run since it was made), devices may have printed since
    then what it lists, and what it does not know: all of that is held, so that nothing prints twice.
    """
    # Their rows go at the next look in any case; a body of theirs would be taken to be here.
    db.execute("DELETE FROM message WHERE state = 'vanished'")
    listed = [
        SpoolId(row[0])
        for row in db.execute(
            "UPDATE message SET state = 'announced', octets = NULL"
            " WHERE state IN ('ready', 'quarantined') RETURNING id"
        ).fetchall()
    ]
    if is_exact:
        return Restored(held=0, waiting=len(listed))
    db.executemany("UPDATE message SET state = 'held' WHERE id = ?", [(one,) for one in listed])
    happened(db, listed, LifeEvent.HELD, now, detail=HELD_WHY)
    # What waited for its body is held when that is here, and told with its sender and subject.
    db.execute("UPDATE message SET doubtful = 1 WHERE state = 'announced'")
    # The first copy may be printed and gone: its second one must not be let go for that.
    db.execute("UPDATE message SET twin = NULL WHERE state = 'held'")
    # What upstream has said since is asked for again, in full; what is not known then is held too.
    db.execute("UPDATE maildrop SET cursor = NULL, holds_unknown = 1")
    return Restored(held=len(listed), waiting=0)
