"""The spool on SQLite and body files: every step of a message's life as one durable transaction.

Listings are remembered until a step changes them, so a poll that finds nothing new asks no disk.
That is sound because one process alone serves a state folder.
"""

import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import TYPE_CHECKING, TypeVar

from bridge.errors import SpoolUnavailable
from bridge.maildrop import Listing, MessageEntry
from bridge.names import AccountName, MaildropName, Octets, SpoolId, UniqueId
from bridge.storage.ports import (
    Announcement,
    MessageState,
    OpenBody,
    Pending,
    QueuedDisposition,
    Spool,
    SpoolFigures,
)
from bridge.storage.sqlite.bodies import Bodies
from bridge.storage.sqlite.database import Database
from providers.contract import Cursor, Disposition, RemoteId

T = TypeVar("T")

REMEMBERED_MESSAGES = 200_000
"""Entries of all remembered listings together, some 250 octets each: about 50 MB at the worst."""


class SqliteSpool:
    """Messages at rest in one database and one folder of bodies."""

    def __init__(self, database: Database, bodies: Bodies) -> None:
        self._database = database
        self._bodies = bodies
        self._listings: dict[MaildropName, Listing] = {}
        self._changes = 0
        self._left_over: dict[MaildropName, list[SpoolId]] = {}

    async def sweep_orphans(self) -> int:
        """Remove body files that a crash left without a message; call once, before serving."""
        live = await self._database.read(
            lambda db: {
                SpoolId(row[0])
                for row in db.execute("SELECT id FROM message WHERE octets NOT NULL")
            }
        )
        return self._bodies.sweep(live)

    # ---- the device road

    async def listing(self, maildrop: MaildropName) -> Listing:
        """Return what a session that starts now sees, oldest first."""
        remembered = self._listings.get(maildrop)
        if remembered is not None:
            return remembered
        changes = self._changes
        listing = await self._database.read(lambda db: _listing(db, maildrop))
        if changes == self._changes:
            self._remember(maildrop, listing)
        return listing

    async def open_body(self, spool_id: SpoolId) -> OpenBody:
        """Return the body after opening every frame of it."""
        return await self._bodies.open(spool_id)

    async def expunge(self, maildrop: MaildropName, messages: Iterable[SpoolId]) -> None:
        """Remove the messages and queue their dispositions, in one durable transaction."""
        wanted = list(messages)
        gone = await self._change(maildrop, lambda db: _expunge(db, maildrop, wanted))
        await self._bodies.remove(gone)

    # ---- the sync road

    async def known(self, maildrop: MaildropName) -> dict[RemoteId, MessageState]:
        """Return every message and tombstone of the maildrop."""
        return await self._database.read(
            lambda db: {
                RemoteId(remote_id): MessageState(state)
                for remote_id, state in db.execute(
                    "SELECT remote_id, state FROM message WHERE maildrop = ?", (maildrop,)
                )
            }
        )

    async def announce(self, maildrop: MaildropName, messages: Sequence[Announcement]) -> None:
        """Record the ids, durably; a known one is left as it is, a vanished one begins anew."""
        left_over = await self._change(maildrop, lambda db: _announce(db, maildrop, messages))
        # A session that is still open may be sending these; they go when it is closed.
        self._left_over.setdefault(maildrop, []).extend(left_over)

    async def pending(self, maildrop: MaildropName) -> list[Pending]:
        """Return what waits for its body, in listing order."""
        return await self._database.read(
            lambda db: [
                Pending(SpoolId(spool_id), RemoteId(remote_id))
                for spool_id, remote_id in db.execute(
                    "SELECT id, remote_id FROM message WHERE maildrop = ? AND state = 'announced'"
                    " ORDER BY sort_key, id",
                    (maildrop,),
                )
            ]
        )

    async def deliver(self, spool_id: SpoolId, body: AsyncIterator[bytes]) -> Octets:
        """Store a body in sealed wire form and make the message visible, durably."""
        return await self._store(spool_id, MessageState.READY, body)

    async def quarantine(self, spool_id: SpoolId, notice: bytes) -> None:
        """Let `notice` stand for a message that can never be had, durably."""
        await self._store(spool_id, MessageState.QUARANTINED, _once(notice))

    async def forget(self, maildrop: MaildropName, messages: Iterable[RemoteId]) -> None:
        """Take note that these are gone upstream; what devices have not taken is listed no more."""
        rows = [(maildrop, remote_id) for remote_id in messages]

        def work(db: sqlite3.Connection) -> None:
            # Until the look that saw them gone is over, what it knew may be wrong: should it not
            # end, the next one lists in full. An old cursor would hide a message that came back.
            db.execute("UPDATE maildrop SET cursor = NULL WHERE name = ?", (maildrop,))
            db.executemany(
                # A notice is not the message: should that come back, it is fetched anew.
                "UPDATE message SET state = 'vanished',"
                " octets = CASE state WHEN 'ready' THEN octets END"
                " WHERE maildrop = ? AND remote_id = ?"
                " AND state IN ('announced', 'ready', 'quarantined')",
                rows,
            )

        await self._change(maildrop, work)

    async def sweep_vanished(self, maildrop: MaildropName) -> None:
        """Remove the bodies and rows of vanished messages; call only while no session is open."""
        gone = await self._database.write(
            lambda db: [
                SpoolId(row[0])
                for row in db.execute(
                    "DELETE FROM message WHERE maildrop = ? AND state = 'vanished' RETURNING id",
                    (maildrop,),
                ).fetchall()
            ]
        )
        await self._bodies.remove(gone + self._left_over.pop(maildrop, []))

    async def cursor(self, maildrop: MaildropName) -> Cursor | None:
        """Return where the last look for this maildrop ended."""
        row = await self._database.read(
            lambda db: db.execute(
                "SELECT cursor FROM maildrop WHERE name = ?", (maildrop,)
            ).fetchone()
        )
        return Cursor(row[0]) if row and row[0] is not None else None

    async def save_cursor(
        self, maildrops: Iterable[MaildropName], cursor: Cursor | None
    ) -> None:
        """Remember where the look for these maildrops ended, durably."""
        rows = [(cursor, maildrop) for maildrop in maildrops]

        def work(db: sqlite3.Connection) -> None:
            db.executemany("UPDATE maildrop SET cursor = ? WHERE name = ?", rows)

        await self._database.write(work)

    async def queued(self, account: AccountName, limit: int) -> list[QueuedDisposition]:
        """Return at most `limit` dispositions that wait for this account, oldest first."""
        return await self._database.read(
            lambda db: [
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
        )

    async def disposed(self, messages: Iterable[SpoolId]) -> None:
        """Record, durably, that upstream has obeyed; the tombstones stay for ever."""
        rows = [(spool_id,) for spool_id in messages]

        def work(db: sqlite3.Connection) -> None:
            db.executemany(
                "UPDATE message SET state = 'disposed', disposition = NULL"
                " WHERE id = ? AND state = 'expunged'",
                rows,
            )

        await self._database.write(work)

    def refresh(self) -> None:
        """Forget what is remembered of listings."""
        self._changes += 1
        self._listings.clear()

    async def figures(self, maildrop: MaildropName) -> SpoolFigures:
        """Return what `popbridge status` says of the maildrop."""
        rows = await self._database.read(
            lambda db: db.execute(
                "SELECT state, count(*), coalesce(sum(octets), 0) FROM message"
                " WHERE maildrop = ? GROUP BY state",
                (maildrop,),
            ).fetchall()
        )
        listed = (MessageState.READY, MessageState.QUARANTINED)
        return SpoolFigures(
            {MessageState(state): count for state, count, _ in rows},
            Octets(sum(octets for state, _, octets in rows if state in listed)),
        )

    # ---- private

    async def _change(
        self, maildrop: MaildropName, work: Callable[[sqlite3.Connection], T]
    ) -> T:
        """Run a transaction after which the maildrop is listed anew."""
        try:
            return await self._database.write(work)
        finally:
            self._changes += 1
            self._listings.pop(maildrop, None)

    async def _store(
        self, spool_id: SpoolId, state: MessageState, body: AsyncIterator[bytes]
    ) -> Octets:
        present = await self._database.read(lambda db: _message(db, spool_id))
        if present is None:
            raise SpoolUnavailable("the message was removed while it was being fetched")
        maildrop, present_state, octets = present
        if present_state is not MessageState.ANNOUNCED:
            return octets
        octets = await self._bodies.write(spool_id, body)
        if not await self._change(
            maildrop, lambda db: _make_visible(db, spool_id, state, octets)
        ):
            await self._bodies.remove([spool_id])  # its maildrop was removed meanwhile
        return octets

    def _remember(self, maildrop: MaildropName, listing: Listing) -> None:
        self._listings[maildrop] = listing
        total = sum(len(known.entries) for known in self._listings.values())
        while total > REMEMBERED_MESSAGES and len(self._listings) > 1:
            oldest = next(iter(self._listings))
            total -= len(self._listings.pop(oldest).entries)


def _listing(db: sqlite3.Connection, maildrop: MaildropName) -> Listing:
    rows = db.execute(
        "SELECT id, unique_id, octets FROM message"
        " WHERE maildrop = ? AND state IN ('ready', 'quarantined') ORDER BY sort_key, id",
        (maildrop,),
    )
    return Listing.of([MessageEntry(SpoolId(i), UniqueId(u), Octets(o)) for i, u, o in rows])


def _message(
    db: sqlite3.Connection, spool_id: SpoolId
) -> tuple[MaildropName, MessageState, Octets] | None:
    row = db.execute(
        "SELECT maildrop, state, coalesce(octets, 0) FROM message WHERE id = ?", (spool_id,)
    ).fetchone()
    return (MaildropName(row[0]), MessageState(row[1]), Octets(row[2])) if row else None


def _make_visible(
    db: sqlite3.Connection, spool_id: SpoolId, state: MessageState, octets: Octets
) -> bool:
    """Return whether the message was still waiting for its body."""
    changed = db.execute(
        "UPDATE message SET state = ?, octets = ? WHERE id = ? AND state = 'announced'",
        (state, octets, spool_id),
    )
    return changed.rowcount > 0


def _expunge(
    db: sqlite3.Connection, maildrop: MaildropName, wanted: list[SpoolId]
) -> list[SpoolId]:
    """Move messages to their tombstones, and return those that are there; only what was ready has something to do upstream."""
    rows = [(spool_id, maildrop) for spool_id in wanted]
    db.executemany(
        "UPDATE message SET state = 'expunged', octets = NULL, disposition ="
        " (SELECT disposition FROM maildrop WHERE name = message.maildrop)"
        " WHERE id = ? AND maildrop = ? AND state = 'ready'",
        rows,
    )
    # A device that throws a notice away has not seen the message: the original is left alone.
    db.executemany(
        "UPDATE message SET state = 'expunged', octets = NULL, disposition = 'keep'"
        " WHERE id = ? AND maildrop = ? AND state = 'quarantined'",
        rows,
    )
    db.executemany(
        "UPDATE message SET state = 'disposed', octets = NULL, disposition = NULL"
        " WHERE id = ? AND maildrop = ?"
        " AND (state = 'vanished' OR (state = 'expunged' AND disposition = 'keep'))",
        rows,
    )
    tombstone = "SELECT 1 FROM message WHERE id = ? AND maildrop = ? AND state IN ('expunged', 'disposed')"
    return [row[0] for row in rows if db.execute(tombstone, row).fetchone()]


def _announce(
    db: sqlite3.Connection, maildrop: MaildropName, messages: Sequence[Announcement]
) -> list[SpoolId]:
    """Add what is not known; return the bodies of vanished messages that begin anew.

    One whose body is still here is ready again under its own id: an open session may delete it.
    """
    db.executemany(
        "UPDATE message SET state = 'ready'"
        " WHERE maildrop = ? AND remote_id = ? AND state = 'vanished' AND octets NOT NULL",
        [(maildrop, message.remote_id) for message in messages],
    )
    left_over = [
        SpoolId(row[0])
        for message in messages
        for row in db.execute(
            "DELETE FROM message WHERE maildrop = ? AND remote_id = ? AND state = 'vanished'"
            " RETURNING id",
            (maildrop, message.remote_id),
        ).fetchall()
    ]
    db.executemany(
        "INSERT INTO message (maildrop, remote_id, unique_id, sort_key, state)"
        " SELECT name, ?, ?, ?, 'announced' FROM maildrop WHERE name = ?"
        " ON CONFLICT DO NOTHING",
        [(m.remote_id, m.unique_id, m.sort_key, maildrop) for m in messages],
    )
    return left_over


async def _once(octets: bytes) -> AsyncIterator[bytes]:
    yield octets


if TYPE_CHECKING:
    _spool: type[Spool] = SqliteSpool
