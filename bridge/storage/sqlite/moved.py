"""The database on its way into a backup and out of it again; no body goes with it."""

import sqlite3
from contextlib import closing
from pathlib import Path

import attrs

from bridge.names import SpoolId
from bridge.storage.lives import LifeEvent
from bridge.storage.sqlite.spool import local
from bridge.storage.sqlite.spool.lives import happened
from bridge.storage.sqlite.spool.steps import DOUBTFUL_WHY, ids, release_copies

AGAIN_WHY = "listed again before the move, and its body stayed behind"


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
    # Of all others it goes with their body, and what devices were told of those is remembered then.
    db.execute("UPDATE message SET original_octets = NULL WHERE state = 'expunged'")
    if is_exact:
        # No session can delete these any more. What came back meanwhile only a full list tells.
        db.execute(
            "UPDATE maildrop SET cursor = NULL WHERE EXISTS"
            " (SELECT 1 FROM message WHERE maildrop = name AND message.state = 'vanished')"
        )
        release_copies(db, _step(db, "vanished", "gone"))
    made_here = local.without_bodies(db, now)
    # An admin had these listed again: they may lie in another folder, where no look finds them.
    again = _step(db, "ready", "held", "AND redelivered > 0")
    happened(db, again, LifeEvent.HELD, now, detail=AGAIN_WHY)
    listed = _step(db, "ready", "announced") + _step(db, "quarantined", "announced")
    if is_exact:
        return Restored(held=len(again) + len(made_here), waiting=len(listed))
    # A session that was open then may have deleted these; the first look sees which are back.
    gone = _step(db, "vanished", "held")
    happened(db, gone, LifeEvent.HELD, now, detail=DOUBTFUL_WHY)
    # What waited for its body is held when that is here, and told with its sender and subject.
    db.execute(
        "UPDATE message SET doubtful = 1 WHERE state IN ('announced', 'held') AND local = 0"
    )
    db.executemany("UPDATE message SET state = 'held' WHERE id = ?", [(one,) for one in listed])
    happened(db, listed, LifeEvent.HELD, now, detail=DOUBTFUL_WHY)
    # The first copy may be printed and gone: its second one must not be let go for that.
    db.execute("UPDATE message SET twin = NULL WHERE state = 'held'")
    # What upstream has said since is asked for again, in full; what is not known then is held too.
    db.execute("UPDATE maildrop SET cursor = NULL, holds_unknown = 1")
    return Restored(held=len(again) + len(made_here) + len(listed), waiting=0)


def fold_in(path: Path) -> None:
    """Promise that the file is the whole database, alone: what was written to its log is in it.

    Closing would try the same, and say nothing where the disk is full.

    Raises:
        sqlite3.Error: it cannot be written whole, or is damaged.
    """
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        (mode,) = db.execute("PRAGMA journal_mode = DELETE").fetchone()
        ((found,),) = db.execute("PRAGMA quick_check(1)").fetchall()
    if mode != "delete" or found != "ok":
        raise sqlite3.OperationalError(f"{found}, journal {mode}")


def _step(db: sqlite3.Connection, old: str, new: str, also: str = "") -> list[SpoolId]:
    """Move every message from a state to another without a body, and return them."""
    rows = db.execute(
        f"UPDATE message SET state = ?, octets = NULL WHERE state = ? {also} RETURNING id",  # noqa: S608 - texts of ours
        (new, old),
    )
    return ids(rows.fetchall())
