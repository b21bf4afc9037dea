"""Knows the messages that an earlier release stored without a look at their headers."""

import sqlite3
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from bridge.names import MaildropName, Octets, SpoolId
from bridge.storage.sqlite.database import Database

_TAKE_BACK = (
    "UPDATE message SET state = 'announced', octets = NULL"
    " WHERE id = ? AND state = 'ready' AND unread_headers = 1 AND told_octets IS NULL"
    # Of what was stored before lives were kept (0.2.0) nobody knows who was told.
    " AND EXISTS (SELECT 1 FROM message_event WHERE message = message.id AND event = 'fetched')"
    " AND NOT EXISTS (SELECT 1 FROM message_event WHERE message = message.id AND device <> '')"
    " RETURNING id"
)


class SqliteUnreadHeaders:
    """What is left to be looked at, in the database of the spool; `changed` is called once a listing is another."""

    def __init__(self, database: Database, changed: Callable[[], None]) -> None:
        self._database = database
        self._changed = changed

    async def unread(self, maildrop: MaildropName, limit: int) -> list[tuple[SpoolId, Octets]]:
        """Return at most `limit` listed messages of the maildrop with their octets, in the order they came."""
        return await self._database.read(
            lambda db: [
                (SpoolId(spool_id), Octets(octets))
                for spool_id, octets in db.execute(
                    "SELECT id, octets FROM message WHERE maildrop = ? AND unread_headers = 1"
                    " AND state = 'ready' ORDER BY id LIMIT ?",
                    (maildrop, limit),
                )
            ]
        )

    async def leave(self, messages: Iterable[SpoolId]) -> None:
        """Let messages be as they are, durably."""
        rows = [(one,) for one in messages]
        if rows:
            await self._database.write(lambda db: _leave(db, rows))

    async def take_back(self, spool_id: SpoolId) -> bool:
        """Let a message that no device was told of wait for its body, durably; tell whether it is one."""

        def work(db: sqlite3.Connection) -> bool:
            if db.execute(_TAKE_BACK, (spool_id,)).fetchone() is None:
                return False
            db.execute(
                "UPDATE message SET unread_headers = 0, told_octets = NULL, told_shaped = 0 WHERE id = ?",
                (spool_id,),
            )
            return True

        is_back = await self._database.write(work)
        if is_back:
            self._changed()
        return is_back


def _leave(db: sqlite3.Connection, rows: list[tuple[SpoolId]]) -> None:
    db.executemany("UPDATE message SET unread_headers = 0 WHERE id = ?", rows)


if TYPE_CHECKING:
    from bridge.storage.ports import UnreadHeaders

    _unread: type[UnreadHeaders] = SqliteUnreadHeaders
