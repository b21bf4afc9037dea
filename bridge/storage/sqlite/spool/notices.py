"""The step by which a notice stands for a message that cannot be had, and the alert that goes with it."""

import sqlite3

from bridge.alerts import unreadable, unshapeable
from bridge.names import SpoolId
from bridge.shaping.errors import Unshapeable
from bridge.storage.lives import LifeEvent
from bridge.storage.messages import MessageState
from bridge.storage.sqlite.alerts import write_alert
from bridge.storage.sqlite.spool.lives import happened
from bridge.storage.sqlite.spool.queries import doubt, told_otherwise
from bridge.storage.sqlite.spool.steps import Arrival, release_copies


def never_had(
    db: sqlite3.Connection, spool_id: SpoolId, notice: Arrival, why: str, now: float
) -> bool:
    """List the notice of a message that upstream cannot give; return whether it is listed."""
    write_alert(db, unreadable(*_whose(db, spool_id), spool_id, why))
    return _quarantine(db, spool_id, notice, why, now)


def not_shaped(
    db: sqlite3.Connection, spool_id: SpoolId, notice: Arrival, why: Unshapeable, now: float
) -> bool:
    """List the notice of a message that no shape can be made of; return whether it is listed."""
    is_listed = _quarantine(db, spool_id, notice, str(why), now)
    if is_listed:
        write_alert(db, unshapeable(*_whose(db, spool_id), spool_id, why.why))
    return is_listed


def _whose(db: sqlite3.Connection, spool_id: SpoolId) -> tuple[str, str]:
    """Return the account and the maildrop of a message."""
    account, maildrop = db.execute(
        "SELECT account, name FROM message JOIN maildrop ON maildrop.name = message.maildrop"
        " WHERE message.id = ?",
        (spool_id,),
    ).fetchone()
    return account, maildrop


def _quarantine(
    db: sqlite3.Connection, spool_id: SpoolId, notice: Arrival, reason: str, now: float
) -> bool:
    """List the notice that stands for a message that waited; return whether it is listed.

    Where it may have been listed before a backup was restored, the message is held: the notice may be
    printed already too.
    """
    held = doubt(db, spool_id) or told_otherwise(
        db, spool_id, notice.octets, notice.original_octets
    )
    changed = db.execute(
        # A notice has no second copy: whoever deletes it has not seen the message.
        "UPDATE message SET state = ?, octets = ?, original_octets = ?, envelope = ?,"
        " is_utf8 = 0, likeness = NULL WHERE id = ? AND state = 'announced'",
        (
            MessageState.HELD if held else MessageState.QUARANTINED,
            None if held else notice.octets,
            None if held else notice.original_octets,
            notice.envelope,
            spool_id,
        ),
    )
    if changed.rowcount:
        event = LifeEvent.HELD if held else LifeEvent.QUARANTINED
        happened(db, [spool_id], event, now, detail=f"{held}; {reason}" if held else reason)
        release_copies(db, [spool_id])
    return changed.rowcount > 0 and not held
