"""Brings messages into the spool: each body written, then listed, held, or stood for by a notice."""

from collections.abc import AsyncIterator

import attrs

from bridge.clock import Clock
from bridge.names import MaildropName, Octets, SpoolId
from bridge.shaping.errors import Skipped, Unshapeable
from bridge.storage.messages import Delivery, MessageState
from bridge.storage.ports import Shaper
from bridge.storage.sqlite.bodies import Bodies
from bridge.storage.sqlite.spool import notices, steps
from bridge.storage.sqlite.spool.arrivals import Arrivals, has_work
from bridge.storage.sqlite.spool.writes import Writes
from providers.contract import Attests, Envelope


@attrs.frozen
class Deliveries:
    """What SqliteSpool does for Spool.deliver and Spool.quarantine."""

    _writes: Writes
    _bodies: Bodies
    _arrivals: Arrivals
    _clock: Clock

    async def deliver(
        self,
        spool_id: SpoolId,
        body: AsyncIterator[bytes],
        attests: Attests | None,
        shaper: Shaper | None,
    ) -> Delivery:
        """Store a body in sealed wire form, shaped where wanted, and make it visible, or hold it."""
        async with self._writes.alone(spool_id), self._writes.tidied(spool_id):
            present = await self._writes.present(spool_id)
            if present.state is not MessageState.ANNOUNCED:
                return Delivery(present.octets)
            arrival = await self._arrivals.written(spool_id, body, attests, shaper)
            if shaper is not None and has_work(shaper, arrival):
                return await self._deliver_shaped(present.maildrop, spool_id, arrival, shaper)
            return await self._list(present.maildrop, spool_id, arrival)

    async def quarantine(
        self, spool_id: SpoolId, notice: bytes, reason: str, envelope: Envelope
    ) -> None:
        """Let `notice` stand for a message that can never be had, durably."""
        async with self._writes.alone(spool_id):
            present = await self._writes.present(spool_id)
            if present.state is not MessageState.ANNOUNCED:
                return
            arrival = await self._arrivals.notice(spool_id, notice, envelope)
            now = self._clock.now()
            if not await self._writes.change(
                present.maildrop,
                lambda db: notices.never_had(db, spool_id, arrival, reason, now),
            ):
                await self._bodies.remove([spool_id])

    async def _list(
        self, maildrop: MaildropName, spool_id: SpoolId, arrival: steps.Arrival
    ) -> Delivery:
        now = self._clock.now()
        _, held = await self._writes.change(
            maildrop, lambda db: steps.make_visible(db, spool_id, arrival, now)
        )
        return Delivery(arrival.octets, held, "", arrival.original_octets or Octets(0))

    async def _deliver_shaped(
        self, maildrop: MaildropName, spool_id: SpoolId, arrival: steps.Arrival, shaper: Shaper
    ) -> Delivery:
        """List what is made of an original that is here, a notice where nothing can be, or hold it."""
        now = self._clock.now()
        refused = await self._writes.change(
            maildrop, lambda db: steps.hold_refused(db, spool_id, arrival, now)
        )
        if refused:  # what is not listed need not be shaped
            return Delivery(arrival.octets, refused)
        try:
            shaped = await self._arrivals.shaped(spool_id, arrival, shaper)
        except Skipped as error:
            why = f"left out: {error}"
            await self._writes.change(
                maildrop, lambda db: steps.hold(db, spool_id, arrival, why, now)
            )
            return Delivery(arrival.octets, why)
        except Unshapeable as error:
            reason, told = error, arrival.imprint.envelope
            octets = await self._arrivals.stand_in(spool_id, shaper.notice(told, str(reason)))
            stand_in = attrs.evolve(arrival, octets=octets, original_octets=arrival.octets)
            is_listed = await self._writes.change(
                maildrop, lambda db: notices.not_shaped(db, spool_id, stand_in, reason, now)
            )
            if not is_listed:
                return Delivery(arrival.octets, error.why)
            return Delivery(octets, "", error.why, arrival.octets)
        return await self._list(maildrop, spool_id, shaped)
