"""Who changed what, on SQLite: each change's row is written by the transaction that makes the change."""

import json
import sqlite3
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import attrs

from bridge.clock import Clock
from bridge.names import SpoolId
from bridge.storage.audit import (
    About,
    Actor,
    AuditEntry,
    AuditEvent,
    AuditLog,
    Difference,
    Taking,
    TakingEvent,
    Wanted,
)
from bridge.storage.lives import LifeEvent
from bridge.storage.sqlite.database import Database

FORGOTTEN_AT_ONCE = 10_000
"""Rows that one transaction takes: some 30 ms, in which nothing else is written."""

FORGOTTEN_SHARE = 30
"""What part of all one sweep takes at most, where that is more: as much as a day brings even where 30 days are
kept, so that the tables stop growing; and a clock that is wrong for a day takes no more with it."""

_WRITE = (
    "INSERT INTO audit (at, uid, user, sudo_uid, sudo_user, event, account, maildrop, device,"
    " message, differences) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
TOLD = "audit-told"
"""Where the database remembers the last entry that the log was told."""

_COLUMNS = (
    "SELECT number, at, uid, user, sudo_uid, sudo_user, event, account, maildrop, device, message,"
    " differences FROM audit"
)
_READ = (
    f"{_COLUMNS} WHERE at >= ?1 AND (maildrop = ?2 OR ?2 IS NULL)"
    " AND (device = ?3 OR ?3 IS NULL) ORDER BY at DESC, number DESC LIMIT ?4"
)
_TAKINGS = (
    "SELECT event, device, maildrop, message, unique_id, octets, address, connection, first, last, times"
    " FROM (SELECT event, device, maildrop, id AS message, unique_id, message_event.octets, address,"
    " connection, first, last, times FROM message_event JOIN message ON message.id = message_event.message"
    " WHERE event IN ('sent', 'expunged') AND device <> ''"
    " UNION ALL SELECT event, device, maildrop, message, unique_id, octets, address, connection, first,"
    " last, times FROM taking)"
    " WHERE last >= ?1 AND (maildrop = ?2 OR ?2 IS NULL) AND (device = ?3 OR ?3 IS NULL)"
    " ORDER BY last DESC, first DESC, message DESC LIMIT ?4"
)
# As the triggers have it, which else would fail the sweep where our clock is ahead of SQLite's.
_OLD = "< min(?, (julianday('now') - 2440587.5) * 86400.0 - 30 * 86400.0)"
_FORGET = (
    f"DELETE FROM audit WHERE number IN (SELECT number FROM audit WHERE at {_OLD} ORDER BY at LIMIT ?)",  # noqa: S608 - texts of ours
    f"DELETE FROM taking WHERE rowid IN (SELECT rowid FROM taking WHERE last {_OLD} ORDER BY last LIMIT ?)",  # noqa: S608 - texts of ours
)
_SPANS = (
    "SELECT max(rowid) - min(rowid) FROM audit",
    "SELECT max(rowid) - min(rowid) FROM taking",
)
_TAKING_EVENTS = {
    LifeEvent.SENT.value: TakingEvent.TAKEN,
    LifeEvent.EXPUNGED.value: TakingEvent.DELETED,
}


def write_entry(
    db: sqlite3.Connection,
    actor: Actor,
    at: float,
    event: AuditEvent,
    about: About,
    differences: tuple[Difference, ...] = (),
) -> None:
    """Write an entry, inside the transaction of what it tells."""
    db.execute(
        _WRITE,
        (
            at,
            *attrs.astuple(actor),
            event,
            *attrs.astuple(about),
            json.dumps([attrs.astuple(one) for one in differences]),
        ),
    )


@attrs.frozen
class Scribe:
    """Writes down what one actor does."""

    actor: Actor
    clock: Clock

    def write(
        self,
        db: sqlite3.Connection,
        event: AuditEvent,
        about: About,
        differences: tuple[Difference, ...] = (),
    ) -> None:
        """Write an entry, inside the transaction of what it tells."""
        write_entry(db, self.actor, self.clock.now(), event, about, differences)


class SqliteAuditLog:
    """Entries at rest."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def entries(self, wanted: Wanted) -> list[AuditEntry]:
        """Return the entries that are wanted, the newest last."""
        values = (wanted.since, wanted.maildrop, wanted.device, wanted.limit)
        rows = await self._database.read(lambda db: db.execute(_READ, values).fetchall())
        return [_entry(row) for row in reversed(rows)]

    async def takings(self, wanted: Wanted) -> list[Taking]:
        """Return what devices took and deleted, by the last time, the newest last."""
        values = (wanted.since, wanted.maildrop, wanted.device, wanted.limit)
        rows = await self._database.read(lambda db: db.execute(_TAKINGS, values).fetchall())
        return [Taking(_TAKING_EVENTS[event], *rest) for event, *rest in reversed(rows)]

    async def record(
        self,
        actor: Actor,
        at: float,
        event: AuditEvent,
        differences: tuple[Difference, ...] = (),
    ) -> None:
        """Write an entry of what is no change of the database, durably."""
        await self._database.write(
            lambda db: write_entry(db, actor, at, event, About(), differences)
        )

    async def untold(self, limit: int) -> list[AuditEntry]:
        """Return the oldest entries that the log was not told."""

        def work(db: sqlite3.Connection) -> list[Sequence[Any]]:
            row = db.execute("SELECT value FROM meta WHERE key = ?", (TOLD,)).fetchone()
            last = int(row[0]) if row else 0
            sql = f"{_COLUMNS} WHERE number > ? ORDER BY number LIMIT ?"
            return db.execute(sql, (last, limit)).fetchall()

        return [_entry(row) for row in await self._database.read(work)]

    async def told(self, number: int) -> None:
        """Remember that the log was told all entries up to that one."""

        def work(db: sqlite3.Connection) -> None:
            db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (TOLD, b"%d" % number))

        await self._database.write(work)

    async def forget(self, before: float) -> None:
        """Forget entries and takings older than that, some at a time."""
        for statement, span in zip(_FORGET, _SPANS, strict=True):
            left = max(FORGOTTEN_AT_ONCE, await self._count(span) // FORGOTTEN_SHARE)
            while left > 0:
                number = min(left, FORGOTTEN_AT_ONCE)
                gone = await self._delete(statement, before, number)
                left = left - gone if gone == number else 0

    async def _count(self, statement: str) -> int:
        (found,) = await self._database.read(lambda db: db.execute(statement).fetchone())
        return found or 0

    async def _delete(self, statement: str, before: float, number: int) -> int:
        values = before, number
        return await self._database.write(lambda db: db.execute(statement, values).rowcount)


def _entry(row: Sequence[Any]) -> AuditEntry:
    number, at, uid, user, sudo_uid, sudo_user, *rest = row
    event, account, maildrop, device, message, differences = rest
    return AuditEntry(
        number,
        at,
        Actor(uid, user, sudo_uid, sudo_user),
        event,
        About(account, maildrop, device, SpoolId(message) if message is not None else None),
        tuple(Difference(*one) for one in json.loads(differences)),
    )


if TYPE_CHECKING:
    _log: type[AuditLog] = SqliteAuditLog
