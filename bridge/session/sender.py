"""Sends one message from the spool to a device: whole, or cut by TOP, or not at all."""

from collections.abc import Awaitable, Callable
from contextlib import closing, suppress

import attrs

from bridge.clock import Clock
from bridge.connection import Connection
from bridge.errors import BodyUnreadable, SpoolUnavailable
from bridge.logs import EventLog
from bridge.names import ConnectionId, SpoolId
from bridge.pop3.events import Answer, SendMessage, Sent, Unsendable
from bridge.pop3.replies import TERMINATION, ResponseCode
from bridge.pop3.transcript import Tally
from bridge.pop3.wireform import TopCutter, without_nul
from bridge.session.log import SessionLog
from bridge.session.tracing import SessionTrace
from bridge.storage.ports import OpenBody, Spool

WRITE_OCTETS = 65536
"""Octets of a message gathered before they are written: a small message is one write."""


@attrs.frozen
class MessageSender:
    """Sends messages of one session; `write` waits for the device's pace."""

    connection_id: ConnectionId
    connection: Connection
    write: Callable[[bytes], Awaitable[None]]
    spool: Spool
    clock: Clock
    done: SessionLog
    trace: SessionTrace
    log: EventLog

    async def send(self, effect: SendMessage) -> Answer:
        """Send a message and say how it went.

        Raises:
            ConnectionClosed: the device has gone.
        """
        spool_id, as_it_came = effect.entry.spool_id, effect.entry.is_utf8
        try:
            with (
                closing(await self.spool.open_body(spool_id, as_it_came=as_it_came)) as body,
                self.trace.sending(effect.head) as tally,
            ):
                whole = await self._copy(effect, body, tally)
        except BodyUnreadable as error:
            self.log.error(
                "body-unreadable",
                connection=self.connection_id,
                message=spool_id,
                unique_id=effect.entry.unique_id,
                why=str(error),
            )
            await self._have_fetched_anew(spool_id, str(error))
            return Unsendable(ResponseCode.SYS_PERM)
        except SpoolUnavailable as error:
            self.log.error("spool-unavailable", message=spool_id, why=str(error))
            return Unsendable(ResponseCode.SYS_TEMP)
        if whole:  # fetchmail downloads by TOP
            self.done.note_sent(spool_id, effect.entry.octets)
        return Sent()

    async def _have_fetched_anew(self, spool_id: SpoolId, why: str) -> None:
        with suppress(SpoolUnavailable):  # then at the next attempt to read it
            await self.spool.note_damaged(spool_id, why, self.clock.now())

    async def _copy(self, effect: SendMessage, body: OpenBody, tally: Tally | None) -> bool:
        """Send a verified body, and return whether all of it was wanted.

        What is left at the end goes out with the termination octets.
        """
        cutter = None if effect.body_lines is None else TopCutter(effect.body_lines)
        waiting = effect.head
        started = False
        try:
            async for piece in body.pieces():
                if len(waiting) >= WRITE_OCTETS:
                    started = True
                    await self.write(waiting)
                    waiting = b""
                wanted = cutter.feed(piece) if cutter else piece
                if effect.without_nul:
                    wanted = without_nul(wanted)
                if tally is not None:
                    tally.feed(wanted)
                waiting += wanted
                if cutter and cutter.done:
                    break
        except BodyUnreadable:
            if started:
                # Half a message is out: without its end the device will not take it for whole.
                self.connection.abort("the body changed while it was being sent")
            raise
        await self.write(waiting + TERMINATION)
        return cutter is None or not cutter.done
