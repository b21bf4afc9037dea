"""Tells the lives of messages: the newest first, or one; it changes nothing, whoever serves the folder."""

import json
import sqlite3
from collections.abc import Sequence

from bridge.errors import StateError
from bridge.names import MaildropName, Octets, SpoolId, UniqueId
from bridge.storage.lives import Life
from bridge.storage.messages import MessageState
from bridge.storage.sealing import RowSeal
from bridge.storage.sqlite.database import Database
from bridge.storage.sqlite.spool.lives import read_events
from providers.contract import Envelope, RemoteId

_TOLD = (
    "SELECT id, maildrop, remote_id, unique_id, state, octets, original_octets, arrived, envelope,"
    " redelivered, local FROM message"
)
_ONE = f"{_TOLD} WHERE id = ?"
_NEWEST = (
    f"{_TOLD} WHERE (maildrop = ?1 OR ?1 IS NULL)"  # noqa: S608 - texts of ours
    " AND state IN (SELECT value FROM json_each(?2))"
    " AND (NOT ?4 OR (EXISTS (SELECT 1 FROM message_event WHERE message = id AND event = 'held')"
    " AND NOT EXISTS (SELECT 1 FROM message_event WHERE message = id"
    " AND event IN ('redelivered', 'dropped'))))"
    " ORDER BY id DESC LIMIT ?3"
)


class Histories:
    """What the spool remembers of messages."""

    def __init__(self, database: Database, seal: RowSeal) -> None:
        self._database = database
        self._seal = seal

    async def life(self, spool_id: SpoolId) -> Life | None:
        """Return the life of a message, or None where there is no such message."""
        found = await self._database.read(
            lambda db: self._told(db, db.execute(_ONE, (spool_id,)))
        )
        return found[0] if found else None

    async def lives(
        self,
        maildrop: MaildropName | None,
        states: Sequence[MessageState],
        limit: int,
        *,
        refused: bool = False,
    ) -> list[Life]:
        """Return the newest messages, of one maildrop or of all, that are in one of these states.

        With `refused` only those that were held, wherever they are since, and about which no admin decided.
        """
        wanted = json.dumps([state.value for state in states])
        return await self._database.read(
            lambda db: self._told(db, db.execute(_NEWEST, (maildrop, wanted, limit, refused)))
        )

    def _told(self, db: sqlite3.Connection, rows: sqlite3.Cursor) -> list[Life]:
        return [
            Life(
                SpoolId(spool_id),
                MaildropName(maildrop),
                RemoteId(remote_id),
                UniqueId(unique_id),
                MessageState(state),
                Octets(octets) if octets is not None else None,
                Octets(original) if original is not None else None,
                arrived,
                self._opened(SpoolId(spool_id), envelope),
                redelivered,
                read_events(db, SpoolId(spool_id)),
                bool(local),
            )
            for (
                spool_id,
                maildrop,
                remote_id,
                unique_id,
                state,
                octets,
                original,
                arrived,
                envelope,
                redelivered,
                local,
            ) in rows.fetchall()
        ]

    def _opened(self, spool_id: SpoolId, sealed: bytes | None) -> Envelope:
        """Return an envelope; an empty one where it was forgotten, or was altered at rest."""
        if sealed is None:
            return Envelope()
        try:
            return Envelope(*json.loads(self._seal.open(sealed, envelope_context(spool_id))))
        except (StateError, ValueError, TypeError):
            return Envelope()


def envelope_context(spool_id: SpoolId) -> bytes:
    """Return what an envelope is sealed to: moved to another message it does not open."""
    return b"envelope of message %d" % spool_id
