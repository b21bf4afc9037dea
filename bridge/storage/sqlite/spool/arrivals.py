"""Writes what comes of a message to files: its body, and beside it the original where that was shaped."""

import json
from collections.abc import AsyncIterator
from contextlib import aclosing, closing

import attrs

from bridge.imprint.imprint import TEXT_CHARACTERS, Imprint
from bridge.imprint.rawheaders import RawHeaders
from bridge.names import Octets, SpoolId
from bridge.pop3.wireform import unstuffed
from bridge.storage.ports import Shaper
from bridge.storage.sealing import RowSeal
from bridge.storage.sqlite.bodies import Bodies, Held
from bridge.storage.sqlite.spool.histories import envelope_context
from bridge.storage.sqlite.spool.steps import Arrival
from providers.contract import Attests, Envelope


@attrs.frozen
class Arrivals:
    """Writes bodies, durably; no row speaks of them yet."""

    bodies: Bodies
    seal: RowSeal

    async def written(
        self,
        spool_id: SpoolId,
        body: AsyncIterator[bytes],
        attests: Attests | None,
        shaper: Shaper | None,
    ) -> Arrival:
        """Write what comes: as the body, or as the original where all is shaped.

        Raises:
            ShaperUnavailable: it matters what is packed in it, and that cannot be told now.
            SpoolUnavailable: the disk is full or not writable.
        """
        held_as = Held.ORIGINAL if shaper is not None and shaper.shapes_all else Held.BODY
        octets, imprint = await self.bodies.write(spool_id, body, attests, held_as)
        if imprint.is_unsure and shaper is not None and shaper.looks_inside:
            with closing(await self.bodies.open(spool_id, held_as)) as came:
                found = await shaper.has_pages(octets, unstuffed(came.pieces()))
            imprint = attrs.evolve(imprint, is_printable=found)
        return Arrival(octets, imprint, self._sealed(spool_id, imprint.envelope))

    async def shaped(self, spool_id: SpoolId, arrival: Arrival, shaper: Shaper) -> Arrival:
        """Write what is made of what has come, and see that the original is kept.

        Raises:
            Unshapeable: no shape can be made of it.
            ShaperUnavailable: it cannot be tried now.
            SpoolUnavailable: the disk is full or not writable.
        """
        if not shaper.shapes_all:
            await self._keep_original(spool_id)
        with closing(await self.bodies.open(spool_id, Held.ORIGINAL)) as original:
            message = unstuffed(original.pieces())
            async with aclosing(shaper.shape(arrival.octets, message)) as made:
                octets, _ = await self.bodies.write(spool_id, made)
        is_utf8 = not shaper.shapes_all and arrival.imprint.raw_headers is RawHeaders.UTF8
        return attrs.evolve(
            arrival, octets=octets, original_octets=arrival.octets, is_utf8=is_utf8
        )

    async def notice(self, spool_id: SpoolId, notice: bytes, envelope: Envelope) -> Arrival:
        """Write what stands for a message.

        Raises:
            SpoolUnavailable: the disk is full or not writable.
        """
        octets = await self.stand_in(spool_id, notice)
        return Arrival(octets, Imprint(), self._sealed(spool_id, envelope))

    async def stand_in(self, spool_id: SpoolId, notice: bytes) -> Octets:
        """Write a notice as the body of a message that is here.

        Raises:
            SpoolUnavailable: the disk is full or not writable.
        """
        octets, _ = await self.bodies.write(spool_id, _once(notice))
        return octets

    async def _keep_original(self, spool_id: SpoolId) -> None:
        """Write a body once more, as the original: only at its end was it known to need shaping."""
        with closing(await self.bodies.open(spool_id)) as body:
            await self.bodies.write(spool_id, unstuffed(body.pieces()), held=Held.ORIGINAL)

    def _sealed(self, spool_id: SpoolId, envelope: Envelope) -> bytes:
        told = [text[:TEXT_CHARACTERS] for text in attrs.astuple(envelope)]
        return self.seal.seal(json.dumps(told).encode(), envelope_context(spool_id))


def has_work(shaper: Shaper, arrival: Arrival) -> bool:
    """Tell whether the shaper makes something of what has come."""
    return shaper.has_work(arrival.octets, arrival.imprint.raw_headers)


async def _once(octets: bytes) -> AsyncIterator[bytes]:
    yield octets
