"""Looks once at the headers of messages that an earlier release stored, and has raw ones made ASCII.

One that a device was told of stays as it was told: its size would be another. All others come out as if
they were fetched now, from the body that lies here, so that an outage keeps none of them. Who was told is
written down when a session is over, so this is done before the first session since the bridge runs, or at its next start.
"""

from contextlib import closing

import attrs

from bridge.clock import Clock
from bridge.errors import BodyUnreadable, MaildropBusy, ShaperUnavailable
from bridge.imprint.rawheaders import RawHeaderFinder, RawHeaders
from bridge.logs import EventLog
from bridge.names import DeviceName, MaildropName, SpoolId
from bridge.pop3.wireform import unstuffed
from bridge.shaper.processes import ShapingProcesses
from bridge.shaping.wish import Wish
from bridge.storage.holding import Holder, Locks
from bridge.storage.ports import Spool, UnreadHeaders
from bridge.sync.maildropshaper import MaildropShaper

READ_AT_ONCE = 500
"""Messages of a maildrop that one look reads: some seconds of small ones."""

OCTETS_AT_ONCE = 256 << 20
"""Octets after which it reads no further: some seconds of large ones."""

BRIDGE = Holder(DeviceName("(bridge)"), "", is_session=False)
"""Who holds a maildrop meanwhile; no device can have this name."""


@attrs.frozen
class OldHeaders:
    """Reads what is left to be read, some at each look, beside devices that are served."""

    spool: Spool
    unread: UnreadHeaders
    locks: Locks
    shaping: ShapingProcesses
    clock: Clock
    log: EventLog

    async def read(self, maildrop: MaildropName) -> None:
        """Read some headers of a maildrop; what cannot be done now is left for the next look.

        Raises:
            SpoolUnavailable: the spool takes nothing now.
        """
        if self.locks.was_held(maildrop):
            return
        fine: list[SpoolId] = []
        octets = 0
        try:
            for spool_id, length in await self.unread.unread(maildrop, READ_AT_ONCE):
                if await self._are_ascii(spool_id) or not await self._convert(
                    maildrop, spool_id
                ):
                    fine.append(spool_id)
                octets += length
                if octets >= OCTETS_AT_ONCE:
                    break
        except (MaildropBusy, ShaperUnavailable) as error:
            self.log.info("old-headers-wait", maildrop=maildrop, why=str(error))
        finally:
            await self.unread.leave(fine)

    async def _are_ascii(self, spool_id: SpoolId) -> bool:
        """Tell whether headers need nothing; those of a body that is damaged are looked at when it is fetched anew."""
        finder = RawHeaderFinder()
        try:
            with closing(await self.spool.open_body(spool_id)) as body:
                async for piece in unstuffed(body.pieces()):
                    finder.feed(piece)
        except BodyUnreadable as error:
            await self.spool.note_damaged(spool_id, str(error), self.clock.now())
            return True
        return finder.finish() is RawHeaders.NONE

    async def _convert(self, maildrop: MaildropName, spool_id: SpoolId) -> bool:
        """Have a message delivered once more as it lies here; tell whether it could be, since nobody was told of it."""
        with closing(await self.spool.open_body(spool_id)) as body:
            lock = await self.locks.acquire(maildrop, BRIDGE, _nothing)
            try:
                lock.pin()
                if self.locks.was_held(maildrop):
                    raise MaildropBusy("a session was open meanwhile")
                is_back = await self.unread.take_back(spool_id)
            finally:
                lock.release()
            if not is_back:
                self.log.info("raw-headers-kept", maildrop=maildrop, message=spool_id)
                return False
            shaper = MaildropShaper(Wish(), spool_id, self.shaping, self.clock, _grows)
            made = await self.spool.deliver(spool_id, unstuffed(body.pieces()), None, shaper)
        told = {"maildrop": maildrop, "message": spool_id, "octets": made.octets}
        self.log.info("raw-headers-converted", **told, quarantined=made.quarantined)
        return True


def _grows(_octets: int) -> None:
    """Accept any growth: it lies here already."""


def _nothing() -> None:
    """Be evicted by nobody: no device has the bridge's name."""
