"""What an admin has done to a message: the step itself, and the entry of who ordered it.

Each runs inside a transaction of its caller, as the steps of `bridge.storage.sqlite.spool.steps` do.
"""

import sqlite3

from bridge.names import MaildropName, SpoolId, UniqueId
from bridge.storage.audit import About, Actor, AuditEvent, Difference
from bridge.storage.sqlite.audit import write_entry
from bridge.storage.sqlite.spool import local, steps
from providers.contract import Disposition, RemoteId


def drop(
    db: sqlite3.Connection, spool_id: SpoolId, disposition: Disposition, now: float, by: Actor
) -> bool:
    """Let a message be deleted; return whether it was one that can be."""
    is_done = steps.drop(db, spool_id, disposition, now)
    if is_done:
        what = (Difference("upstream", None, disposition.spelled()),)
        write_entry(db, by, now, AuditEvent.MESSAGE_DROPPED, _about(db, spool_id), what)
    return is_done


def redeliver(
    db: sqlite3.Connection,
    spool_id: SpoolId,
    unique_id: UniqueId,
    arrival: steps.Arrival,
    now: float,
    by: Actor,
) -> bool:
    """List a message again under a new unique-id; return whether it was one that can be."""
    is_done = steps.redeliver(db, spool_id, unique_id, arrival, now)
    if is_done:
        write_entry(db, by, now, AuditEvent.MESSAGE_REDELIVERED, _about(db, spool_id))
    return is_done


def retry(
    db: sqlite3.Connection, spool_id: SpoolId, unique_id: UniqueId, now: float, by: Actor
) -> bool:
    """Let a message that could not be had wait for its body again; return whether it was one."""
    is_done = steps.retry(db, spool_id, unique_id, now)
    if is_done:
        write_entry(db, by, now, AuditEvent.MESSAGE_REDELIVERED, _about(db, spool_id))
    return is_done


def announce(
    db: sqlite3.Connection,
    maildrop: MaildropName,
    remote_id: RemoteId,
    unique_id: UniqueId,
    now: float,
    by: Actor,
) -> SpoolId | None:
    """Add a local message that is about to be made; None where there is no such maildrop."""
    spool_id = local.announce(db, maildrop, remote_id, unique_id, now)
    if spool_id is not None:
        write_entry(db, by, now, AuditEvent.MESSAGE_MADE, _about(db, spool_id))
    return spool_id


def _about(db: sqlite3.Connection, spool_id: SpoolId) -> About:
    present = steps.present(db, spool_id)
    return About(maildrop=present.maildrop if present else "", message=spool_id)
