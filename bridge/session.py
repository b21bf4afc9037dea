"""One device from greeting to close: carries out what the machine asks and reports what came of it.

The waiting points are few: the client's next octets, the room to write, a login, a body, QUIT.
A session that ends any other way than by QUIT has deleted nothing.
"""

import hashlib
import ssl
from collections.abc import Awaitable, Callable
from contextlib import closing
from typing import assert_never

import attrs

from bridge.accounts.directory import Directory
from bridge.clock import Clock
from bridge.connection import Connection, ConnectionClosed
from bridge.errors import BodyUnreadable, LoginRefused, MaildropBusy, SpoolUnavailable
from bridge.logs import EventLog
from bridge.maildrop import Maildrop
from bridge.names import AccountName, ConnectionId
from bridge.pop3.events import (
    Accepted,
    Answer,
    CheckDigest,
    CheckPassword,
    Close,
    Effect,
    Expunge,
    Expunged,
    MachineLimits,
    NotExpunged,
    Refused,
    Secured,
    Send,
    SendMany,
    SendMessage,
    Sent,
    StartTls,
    Terms,
    Unsendable,
)
from bridge.pop3.machine import Machine
from bridge.pop3.replies import TERMINATION, ResponseCode
from bridge.pop3.table import State
from bridge.pop3.wireform import TopCutter
from bridge.storage.holding import Holder, Locks, MaildropLock
from bridge.storage.ports import Device, OpenBody, Spool
from bridge.tls.hints import handshake_hint, looks_like_client_hello

WRITE_OCTETS = 65536
"""Octets of a message gathered before they are written: a small message is one write."""


@attrs.frozen
class SessionLimits:
    """Times of a session, in seconds: to log in, between two commands, for a TLS handshake."""

    login_timeout: float
    autologout: float
    handshake_timeout: float


@attrs.frozen
class Services:
    """What every session of this bridge shares.

    `nudge` tells the sync road that a device of an account has come, or has deleted something.
    """

    spool: Spool
    locks: Locks
    directory: Directory
    clock: Clock
    nudge: Callable[[AccountName], None]
    machine_limits: MachineLimits
    limits: SessionLimits


@attrs.frozen
class Peer:
    """Who connected, where, and what may be done there.

    `secured_terms` and `tls_context` are what STLS leads to; None where it is not offered.
    """

    connection_id: ConnectionId
    address: str
    terms: Terms
    secured_terms: Terms | None = None
    tls_context: ssl.SSLContext | None = None


@attrs.define
class _Tally:
    """What the session did, for its one line in the log."""

    device: str = ""
    maildrop: str = ""
    retrieved: int = 0
    deleted: int = 0
    octets: int = 0
    reason: str = "stopped"


class Session:
    """One device's session."""

    def __init__(
        self, connection: Connection, peer: Peer, services: Services, log: EventLog
    ) -> None:
        self._connection = connection
        self._peer = peer
        self._services = services
        self._log = log
        self._machine = Machine(peer.terms, services.machine_limits)
        self._lock: MaildropLock | None = None
        self._device: Device | None = None
        self._done = _Tally()

    async def serve(self) -> None:
        """Speak POP3 until either side ends it; the maildrop is free again when this returns."""
        started = self._services.clock.monotonic()
        try:
            await self._speak()
        except ConnectionClosed as error:
            self._done.reason = str(error)
            self._explain(self._connection.error)
        finally:
            if self._lock is not None:
                self._lock.release()
                self._lock = (
                    None  # it knows this session: without the ring, memory comes back at once
                )
            self._connection.close()
            self._summarise(self._services.clock.monotonic() - started)

    def _summarise(self, seconds: float) -> None:
        done = self._done
        if self._machine.refused_in_clear:
            self._log.warning(
                "password-refused-in-clear",
                connection=self._peer.connection_id,
                address=self._peer.address,
                hint="switch TLS on in the device, or name its network in plaintext_from",
            )
        self._log.info(
            "session-closed",
            connection=self._peer.connection_id,
            address=self._peer.address,
            tls=self._connection.tls_version,
            seconds=round(seconds, 3),
            device=done.device,
            maildrop=done.maildrop,
            retrieved=done.retrieved,
            deleted=done.deleted,
            octets=done.octets,
            reason=done.reason,
        )

    def _explain(self, error: Exception | None) -> None:
        """Say what a TLS alert means: in TLS 1.3 a device refuses our certificate only after the handshake."""
        if isinstance(error, ssl.SSLError):
            self._log.warning(
                "tls-failed",
                connection=self._peer.connection_id,
                address=self._peer.address,
                hint=handshake_hint(error),
            )

    async def _speak(self) -> None:
        self._connection.allow(self._services.limits.login_timeout, extend=False)
        await self._connection.send(self._machine.greeting())
        while True:
            effect = self._machine.next_effect()
            if effect is not None:
                await self._carry_out(effect)
                if self._machine.unread:  # one who says much at once waits for the others
                    await self._services.clock.sleep(0)
            elif self._machine.state is State.CLOSED:
                return
            else:
                await self._listen()

    async def _listen(self) -> None:
        data = await self._connection.receive()
        if self._lock is not None:
            self._lock.touch()
        elif not self._connection.encrypted and looks_like_client_hello(data):
            self._log.warning(
                "tls-on-plaintext-port",
                connection=self._peer.connection_id,
                address=self._peer.address,
                hint="the device speaks TLS at once: point it at an implicit TLS port",
            )
            self._connection.abort("TLS on a plaintext port")
        self._machine.receive_data(data)

    async def _carry_out(self, effect: Effect) -> None:
        match effect:
            case Send(data):
                await self._send(data)
            case SendMany(pieces):
                for piece in pieces:
                    await self._send(piece)
            case Close(farewell, reason):
                self._done.reason = reason
                await self._connection.send(farewell)
            case _:
                self._machine.answer(await self._answer(effect))

    async def _answer(
        self, effect: CheckPassword | CheckDigest | SendMessage | Expunge | StartTls
    ) -> Answer:
        directory, address = self._services.directory, self._peer.address
        match effect:
            case CheckPassword(name, password):
                return await self._log_in(directory.check_password(name, password, address))
            case CheckDigest(name, timestamp, digest):
                check = directory.check_digest(name, timestamp, digest, address)
                return await self._log_in(check)
            case SendMessage():
                return await self._send_message(effect)
            case Expunge():
                return await self._expunge(effect)
            case StartTls(head):
                return await self._start_tls(head)
            case _:
                assert_never(effect)

    async def _send(self, data: bytes) -> None:
        await self._connection.send(data)
        if self._lock is not None:
            self._lock.touch()
            self._connection.allow(self._services.limits.autologout)

    # ---- logging in

    async def _log_in(self, check: Awaitable[Device]) -> Answer:
        try:
            # A failed login is waited for even if the peer has left: its place among the
            # connections of its address is what makes guessing slow.
            device = await check
            async with self._connection.while_open():
                self._lock = await self._services.locks.acquire(
                    device.maildrop,
                    Holder(device.name, self._peer.address),
                    self._be_evicted,
                    self._connection.octets_acknowledged,
                )
            listing = await self._services.spool.listing(device.maildrop)
        except LoginRefused as error:
            return self._refused(ResponseCode.AUTH, error)
        except MaildropBusy as error:
            return self._refused(ResponseCode.IN_USE, error)
        except SpoolUnavailable as error:
            if self._lock is not None:
                self._lock.release()
                self._lock = None
            return self._refused(ResponseCode.SYS_TEMP, error)
        self._device = device
        self._done.device, self._done.maildrop = device.name, device.maildrop
        self._connection.allow(self._services.limits.autologout)
        self._nudge()
        return Accepted(Maildrop(listing))

    def _refused(self, code: ResponseCode, error: Exception) -> Refused:
        self._log.warning(
            "login-refused",
            connection=self._peer.connection_id,
            address=self._peer.address,
            code=str(code),
            why=str(error),
        )
        return Refused(code)

    def _be_evicted(self) -> None:
        self._connection.abort("taken over by a newer connection of the device")

    def _nudge(self) -> None:
        if self._device is not None:
            account = self._services.directory.account_of(self._device.maildrop)
            if account is not None:
                self._services.nudge(account)

    # ---- sending

    async def _send_message(self, effect: SendMessage) -> Answer:
        spool_id = effect.entry.spool_id
        try:
            with closing(await self._services.spool.open_body(spool_id)) as body:
                whole = await self._copy(effect, body)
        except BodyUnreadable as error:
            self._log.error(
                "body-unreadable",
                connection=self._peer.connection_id,
                message=spool_id,
                unique_id=effect.entry.unique_id,
                why=str(error),
            )
            return Unsendable(ResponseCode.SYS_PERM)
        except SpoolUnavailable as error:
            self._log.error("spool-unavailable", message=spool_id, why=str(error))
            return Unsendable(ResponseCode.SYS_TEMP)
        if whole:  # fetchmail downloads by TOP
            self._done.retrieved += 1
            self._done.octets += effect.entry.octets
        return Sent()

    async def _copy(self, effect: SendMessage, body: OpenBody) -> bool:
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
                    await self._send(waiting)
                    waiting = b""
                waiting += cutter.feed(piece) if cutter else piece
                if cutter and cutter.done:
                    break
        except BodyUnreadable:
            if started:
                # Half a message is out: without its end the device will not take it for whole.
                self._connection.abort("the body changed while it was being sent")
            raise
        await self._send(waiting + TERMINATION)
        return cutter is None or not cutter.done

    # ---- ending

    async def _expunge(self, effect: Expunge) -> Answer:
        if self._lock is None or self._device is None:
            raise AssertionError("UPDATE without a lock")
        self._lock.pin()
        try:
            await self._services.spool.expunge(self._device.maildrop, effect.messages)
        except SpoolUnavailable as error:
            self._log.error(
                "expunge-failed",
                connection=self._peer.connection_id,
                maildrop=self._device.maildrop,
                why=str(error),
            )
            return NotExpunged()
        self._done.deleted = len(effect.messages)
        self._nudge()
        return Expunged()

    async def _start_tls(self, head: bytes) -> Answer:
        peer = self._peer
        if peer.tls_context is None or peer.secured_terms is None:
            raise AssertionError("STLS was not offered")
        await self._connection.send(head)
        try:
            await self._connection.start_tls(
                peer.tls_context, self._services.limits.handshake_timeout
            )
        except (OSError, TimeoutError) as error:
            self._log.warning(
                "handshake-failed",
                connection=peer.connection_id,
                address=peer.address,
                hint=handshake_hint(error),
            )
            raise ConnectionClosed("the TLS handshake failed") from error
        return Secured(peer.secured_terms)


def apop_timestamp(connection_id: ConnectionId, now: float, host: str, secret: bytes) -> str:
    """Return a fresh timestamp for a greeting: unique per connection, and not to be guessed."""
    nonce = hashlib.blake2b(f"{connection_id} {now}".encode(), key=secret, digest_size=12)
    return f"<{nonce.hexdigest()}.{int(now)}@{host}>"
