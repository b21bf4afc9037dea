"""What a session leaves behind: its one line in the log, and notes on the messages it touched.

The notes are written when the session is over, and what a long one took a few seconds after it did
(bridge/session/takings.py): they are for an admin who asks why nothing printed, and must not make a device wait.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import attrs

from bridge.clock import Clock
from bridge.connection import Connection
from bridge.errors import SpoolUnavailable
from bridge.logs import EventLog
from bridge.maildrop import Listing, Maildrop
from bridge.names import PROBE, ConnectionId, Octets, SpoolId
from bridge.session.takings import Takings
from bridge.storage.holding import Holder
from bridge.storage.lives import LifeEvent, Note
from bridge.storage.ports import Spool


@attrs.define
class SessionLog:
    """What one session did so far."""

    connection_id: ConnectionId
    address: str
    clock: Clock
    log: EventLog
    takings: Takings
    device: str = ""
    maildrop: str = ""
    retrieved: int = 0
    deleted: int = 0
    octets: int = 0
    reason: str = "stopped"
    _holder: Holder | None = None
    _listing: Listing | None = None
    _drop: Maildrop | None = None
    _since: float = 0.0

    def begin(self, holder: Holder, maildrop: str, listing: Listing) -> Maildrop:
        """Return the session's view of a maildrop; what is marked there is noted at the end."""
        self.device, self.maildrop = holder.device, maildrop
        self._holder, self._listing, self._since = holder, listing, self.clock.now()
        self._drop = Maildrop(listing)
        return self._drop

    def note_sent(self, spool_id: SpoolId, octets: int) -> None:
        """Note that a device took all of a message."""
        self.retrieved += 1
        self.octets += octets
        if self._holder is not None:
            self.takings.hold(
                Note(
                    spool_id,
                    LifeEvent.SENT,
                    self.clock.now(),
                    self._holder.device,
                    self._holder.address,
                    octets=Octets(octets),
                    connection=self.connection_id,
                )
            )

    @asynccontextmanager
    async def taken(self) -> AsyncIterator[Sequence[Note]]:
        """Yield the notes of what the device took that are not written down, for the block to write them.

        Where the block fails they are held again.
        """
        notes = await self.takings.take(self.connection_id)
        try:
            yield notes
        except BaseException:
            self.takings.hold(*notes)
            raise

    def note_deleted(self, count: int) -> None:
        """Note that QUIT was obeyed: the spool has written down which messages went, and what was `taken`."""
        self.deleted = count
        self._drop = None

    async def write_notes(self, spool: Spool) -> None:
        """Write down what happened to messages; a spool that takes nothing now does no harm."""
        if self._holder is None or self._listing is None:
            return
        try:
            async with self.taken() as notes:
                await spool.note_listed(self._listing, self._holder, self._since)
                await spool.note([*notes, *self._lost_marks(self._holder)])
        except SpoolUnavailable as error:
            self.log.warning("session-not-noted", connection=self.connection_id, why=str(error))

    def summarise(self, connection: Connection, seconds: float) -> None:
        """Write the session's line; one of the bridge's own is for finding faults alone."""
        tell = self.log.debug if self.device == PROBE else self.log.info
        tell(
            "session-closed",
            connection=self.connection_id,
            address=self.address,
            tls=connection.tls_version,
            cipher=connection.tls_cipher,
            seconds=round(seconds, 3),
            device=self.device,
            maildrop=self.maildrop,
            retrieved=self.retrieved,
            deleted=self.deleted,
            octets=self.octets,
            reason=self.reason,
        )

    def _lost_marks(self, holder: Holder) -> list[Note]:
        """Return notes of what a device marked in vain: without QUIT nothing is deleted."""
        why = f"not deleted: the session ended without QUIT ({self.reason})"
        now = self.clock.now()
        return [
            Note(one, LifeEvent.MARKED, now, holder.device, holder.address, why)
            for one in (self._drop.marked() if self._drop else ())
        ]
