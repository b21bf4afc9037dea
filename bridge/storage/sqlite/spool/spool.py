"""The spool on SQLite and body files: every step of a message's life as one durable transaction."""

import sqlite3
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import TYPE_CHECKING, TypeVar

from bridge.clock import Clock
from bridge.errors import SpoolUnavailable
from bridge.maildrop import Listing
from bridge.names import AccountName, MaildropName, Octets, SpoolId, UniqueId
from bridge.storage.audit import THE_BRIDGE, Actor
from bridge.storage.holding import Holder
from bridge.storage.lives import LifeEvent, Note
from bridge.storage.messages import (
    Announcement,
    Delivery,
    MessageState,
    Pending,
    QueuedDisposition,
    SpoolFigures,
)
from bridge.storage.ports import NOTHING_TOLD, OpenBody, Shaper, Spool
from bridge.storage.sealing import RowSeal
from bridge.storage.sqlite.bodies import Bodies, Held
from bridge.storage.sqlite.database import Database
from bridge.storage.sqlite.spool import departures, lives, local, orders, queries, steps
from bridge.storage.sqlite.spool.arrivals import Arrivals, has_work
from bridge.storage.sqlite.spool.deliveries import Deliveries
from bridge.storage.sqlite.spool.listings import Listings
from bridge.storage.sqlite.spool.writes import Writes
from providers.contract import Attests, Cursor, Disposition, Envelope, RemoteId

T = TypeVar("T")

REMEMBERED_HOLDERS = 10_000
"""Devices and addresses that are known to have been told of a listing."""


class SqliteSpool:
    """Messages at rest in one database and one folder of bodies."""

    def __init__(self, database: Database, bodies: Bodies, clock: Clock, seal: RowSeal) -> None:
        self._database = database
        self._bodies = bodies
        self._clock = clock
        self._arrivals = Arrivals(bodies, seal)
        self._listings = Listings()
        self._writes = Writes(database, bodies, self._listings)
        self._deliveries = Deliveries(self._writes, bodies, self._arrivals, clock)
        self._told: dict[Holder, Listing] = {}
        self._damaged: set[SpoolId] = set()

    async def prune(self, before: float) -> int:
        """Forget the history of messages that were done with before then, some at a time; their tombstones stay."""
        done = 0
        last: SpoolId | None = SpoolId(0)
        while last is not None:
            forgotten, last = await self._database.write(
                lambda db: lives.prune(db, before, last or SpoolId(0))  # noqa: B023 - run at once
            )
            done += forgotten
        return done

    async def sweep_orphans(self) -> int:
        """Remove what a crash left: a local message without a body, files without a message. Call once, before serving."""

        def work(db: sqlite3.Connection) -> tuple[set[SpoolId], set[SpoolId]]:
            local.sweep(db)
            return queries.at_rest(db), queries.originals(db)

        live, originals = await self._database.write(work)
        return self._bodies.sweep(live, originals)

    # ---- the device road

    async def listing(self, maildrop: MaildropName) -> Listing:
        """Return what a session that starts now sees: as many, and in the order, as the owner chose."""
        remembered = self._listings.get(maildrop)
        if remembered is not None:
            return remembered
        changes = self._listings.changes
        listing = await self._database.read(lambda db: queries.listing(db, maildrop))
        self._listings.remember(maildrop, listing, changes)
        return listing

    async def open_body(self, spool_id: SpoolId, *, as_it_came: bool = False) -> OpenBody:
        """Return the body, or the original, after opening every frame of it."""
        return await self._bodies.open(spool_id, Held.ORIGINAL if as_it_came else Held.BODY)

    async def expunge(
        self,
        maildrop: MaildropName,
        messages: Iterable[SpoolId],
        by: Holder | None = None,
        notes: Sequence[Note] = (),
    ) -> None:
        """Remove the messages and queue their dispositions, in one durable transaction."""
        wanted, now = list(messages), self._clock.now()

        def work(db: sqlite3.Connection) -> list[SpoolId]:
            there = steps.expunge(db, maildrop, wanted, by, now)
            if set(wanted) <= set(there):  # else the session goes on with them
                lives.write_notes(db, notes)
            return there

        gone = await self._writes.change(maildrop, work)
        await self._bodies.remove(gone, [Held.BODY])
        await self._writes.tidy(gone)
        if not set(wanted) <= set(gone):
            raise SpoolUnavailable("messages of this session are not here any more")

    async def note(self, notes: Sequence[Note]) -> None:
        """Write down what happened to messages."""
        if notes:
            await self._database.write(lambda db: lives.write_notes(db, notes))

    async def note_listed(self, listing: Listing, by: Holder, at: float) -> None:
        """Write down that a device was told of these messages; the same listing twice asks no disk."""
        if not listing.entries or self._told.get(by) is listing:
            return
        messages = [entry.spool_id for entry in listing.entries]
        await self._database.write(lambda db: lives.write_listed(db, messages, by, at))
        if len(self._told) >= REMEMBERED_HOLDERS:
            self._told.clear()
        self._told[by] = listing

    async def note_damaged(self, spool_id: SpoolId, why: str, at: float) -> None:
        """Have the body of a message fetched anew, once no session is open."""
        self._damaged.add(spool_id)
        await self.note([Note(spool_id, LifeEvent.UNREADABLE, at, detail=why)])

    # ---- the sync road

    async def known(self, maildrop: MaildropName) -> dict[RemoteId, MessageState]:
        """Return every message and tombstone of the maildrop."""
        return await self._database.read(lambda db: queries.known(db, maildrop))

    async def announce(self, maildrop: MaildropName, messages: Sequence[Announcement]) -> None:
        """Record the ids, durably; a known one is left as it is, a vanished one begins anew."""
        now = self._clock.now()
        await self._writes.change(
            maildrop, lambda db: steps.announce(db, maildrop, messages, now)
        )

    async def pending(self, maildrop: MaildropName) -> list[Pending]:
        """Return what waits for its body, in listing order."""
        return await self._database.read(lambda db: queries.pending(db, maildrop))

    async def deliver(
        self,
        spool_id: SpoolId,
        body: AsyncIterator[bytes],
        attests: Attests | None = None,
        shaper: Shaper | None = None,
    ) -> Delivery:
        """Store a body in sealed wire form, shaped where wanted, and make it visible, or hold it."""
        return await self._deliveries.deliver(spool_id, body, attests, shaper)

    async def quarantine(
        self,
        spool_id: SpoolId,
        notice: bytes,
        reason: str = "",
        envelope: Envelope = NOTHING_TOLD,
    ) -> None:
        """Let `notice` stand for a message that can never be had, durably."""
        await self._deliveries.quarantine(spool_id, notice, reason, envelope)

    async def at_rest(self, maildrop: MaildropName) -> list[SpoolId]:
        """Return every message of the maildrop whose body is here, listed or not."""
        return await self._database.read(lambda db: queries.at_rest_of(db, maildrop))

    async def octets_at_rest(self, maildrop: MaildropName) -> Octets:
        """Return the octets of all bodies that are here for the maildrop."""
        return await self._database.read(lambda db: queries.octets_at_rest(db, maildrop))

    async def forget(self, maildrop: MaildropName, messages: Iterable[RemoteId]) -> None:
        """Take note that these are gone upstream; what devices have not taken is listed no more."""
        gone, now = list(messages), self._clock.now()
        await self._writes.change(
            maildrop, lambda db: departures.forget(db, maildrop, gone, now)
        )

    async def sweep_vanished(self, maildrop: MaildropName) -> None:
        """Remove what has vanished, and have damaged bodies fetched anew; only while no session is open."""
        damaged, now = list(self._damaged), self._clock.now()

        def work(db: sqlite3.Connection) -> tuple[list[SpoolId], list[SpoolId]]:
            bodies, settled = departures.fetch_again(db, maildrop, damaged, now)
            return departures.sweep_vanished(db, maildrop) + bodies, settled

        if damaged:
            bodies, settled = await self._writes.change(maildrop, work)
            self._damaged.difference_update(settled)
        else:
            bodies, _ = await self._database.write(work)
        await self._bodies.remove(bodies)

    async def cursor(self, maildrop: MaildropName) -> Cursor | None:
        """Return where the last look for this maildrop ended."""
        return await self._database.read(lambda db: queries.cursor(db, maildrop))

    async def save_cursor(
        self, maildrops: Iterable[MaildropName], cursor: Cursor | None
    ) -> None:
        """Remember where the look for these maildrops ended, durably."""
        rows = [(cursor, maildrop) for maildrop in maildrops]

        def work(db: sqlite3.Connection) -> None:
            db.executemany(
                # The look has seen everything: what comes now is new.
                "UPDATE maildrop SET cursor = ?, holds_unknown = 0 WHERE name = ?",
                rows,
            )

        await self._database.write(work)

    async def queued(self, account: AccountName, limit: int) -> list[QueuedDisposition]:
        """Return at most `limit` dispositions that wait for this account, oldest first."""
        return await self._database.read(lambda db: queries.queued(db, account, limit))

    async def disposed(self, messages: Iterable[SpoolId]) -> None:
        """Record, durably, that upstream has obeyed; the tombstones stay for ever."""
        done, now = list(messages), self._clock.now()
        await self._database.write(lambda db: steps.dispose(db, done, now))
        await self._writes.tidy(done)

    # ---- the owner's hand

    async def drop(
        self, spool_id: SpoolId, disposition: Disposition, by: Actor = THE_BRIDGE
    ) -> bool:
        """Take a message off the list for ever and queue `disposition`; only while no session is open."""
        present, now = await self._writes.present(spool_id), self._clock.now()
        is_dropped = await self._writes.change(
            present.maildrop, lambda db: orders.drop(db, spool_id, disposition, now, by)
        )
        if is_dropped:
            await self._writes.tidy([spool_id])
        return is_dropped

    async def redeliver(
        self,
        spool_id: SpoolId,
        unique_id: UniqueId,
        body: AsyncIterator[bytes],
        shaper: Shaper | None = None,
        by: Actor = THE_BRIDGE,
    ) -> bool:
        """List a held or disposed message again, durably, as a new one."""
        async with self._writes.alone(spool_id), self._writes.tidied(spool_id):
            present = await self._writes.present(spool_id)
            if present.state not in (MessageState.HELD, MessageState.DISPOSED):
                return False
            arrival = await self._arrivals.written(spool_id, body, None, shaper)
            if shaper is not None and has_work(shaper, arrival):
                arrival = await self._arrivals.shaped(spool_id, arrival, shaper)
            now = self._clock.now()
            return await self._writes.change(
                present.maildrop,
                lambda db: orders.redeliver(db, spool_id, unique_id, arrival, now, by),
            )

    async def announce_local(
        self,
        maildrop: MaildropName,
        remote_id: RemoteId,
        unique_id: UniqueId,
        by: Actor = THE_BRIDGE,
    ) -> SpoolId:
        """Record, durably, a message that is about to be made here."""
        now = self._clock.now()
        spool_id = await self._database.write(
            lambda db: orders.announce(db, maildrop, remote_id, unique_id, now, by)
        )
        if spool_id is None:
            raise SpoolUnavailable(f"the maildrop {maildrop} was removed")
        return spool_id

    async def withdraw(self, spool_id: SpoolId) -> None:
        """Forget a local message whose body never came."""
        await self._database.write(lambda db: local.withdraw(db, spool_id))

    async def retry(
        self, spool_id: SpoolId, unique_id: UniqueId, by: Actor = THE_BRIDGE
    ) -> bool:
        """Take a notice away and have its message fetched again; only while no session is open."""
        async with self._writes.alone(spool_id):  # a look may fetch it at once
            present, now = await self._writes.present(spool_id), self._clock.now()
            is_retried = await self._writes.change(
                present.maildrop, lambda db: orders.retry(db, spool_id, unique_id, now, by)
            )
            await self._bodies.remove([spool_id] if is_retried else [])
            return is_retried

    def refresh(self) -> None:
        """Forget what is remembered of listings."""
        self._listings.clear()

    async def figures(self, maildrop: MaildropName) -> SpoolFigures:
        """Return what `popbridge status` says of the maildrop."""
        return await self._database.read(lambda db: queries.figures(db, maildrop))


if TYPE_CHECKING:
    _spool: type[Spool] = SqliteSpool
