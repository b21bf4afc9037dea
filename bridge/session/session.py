"""One device from greeting to close: carries out what the machine asks and reports what came of it.

The waiting points are few: the client's next octets, the room to write, a login, a body, QUIT.
A session that ends any other way than by QUIT has deleted nothing.
"""

import ssl
from collections.abc import Awaitable
from typing import assert_never

from bridge.accounts.simulations import told_as
from bridge.connection import Connection, ConnectionClosed
from bridge.errors import LoginRefused, LoginTooSoon, MaildropBusy, SpoolUnavailable
from bridge.logs import EventLog
from bridge.maildrop import NO_MESSAGES, Listing
from bridge.names import DeviceName, MaildropName
from bridge.pop3.events import (
    Accepted,
    Answer,
    CheckDigest,
    CheckPassword,
    Close,
    Effect,
    Expunge,
    Expunged,
    NotExpunged,
    Refused,
    Secured,
    Send,
    SendMany,
    SendMessage,
    StartTls,
)
from bridge.pop3.machine import Machine
from bridge.pop3.quirks import Quirks, SingleSession
from bridge.pop3.replies import ResponseCode
from bridge.pop3.table import State
from bridge.session.log import SessionLog
from bridge.session.sender import MessageSender
from bridge.session.services import Peer, Services
from bridge.session.tracing import LOGIN_REFUSED, SessionTrace
from bridge.storage.holding import Holder, MaildropLock, NoLock
from bridge.storage.register import Device, OnOutage
from bridge.storage.sightings import Login
from bridge.tls.hints import handshake_hint, looks_like_client_hello


class Session:
    """One device's session."""

    def __init__(
        self, connection: Connection, peer: Peer, services: Services, log: EventLog
    ) -> None:
        self._connection = connection
        self._peer = peer
        self._services = services
        self._log = log
        self._trace = SessionTrace(
            services.tracing, connection, peer.connection_id, peer.address
        )
        self._machine = Machine(peer.terms, services.machine_limits, self._trace)
        self._lock: MaildropLock | None = None
        self._device: Device | None = None
        self._done = SessionLog(
            peer.connection_id, peer.address, services.clock, log, services.takings
        )
        self._sender = MessageSender(
            peer.connection_id,
            connection,
            self._send,
            services.spool,
            services.clock,
            self._done,
            self._trace,
            log,
        )

    async def serve(self) -> None:
        """Speak POP3 until either side ends it; the maildrop is free again when this returns."""
        started = self._services.clock.monotonic()
        try:
            await self._speak()
        except ConnectionClosed as error:
            self._done.reason = str(error)
            self._explain(self._connection.error)
        finally:
            self._let_go()
            self._connection.close()
            await self._done.write_notes(self._services.spool)
            self._hint_at_tls()
            self._trace.fact(f"closed: {self._done.reason}")
            self._done.summarise(self._connection, self._services.clock.monotonic() - started)

    def _hint_at_tls(self) -> None:
        if self._machine.refused_in_clear:
            self._log.warning(
                "password-refused-in-clear",
                connection=self._peer.connection_id,
                address=self._peer.address,
                hint="switch TLS on in the device, or name its network in plaintext_from",
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
        greeting = self._machine.greeting()
        self._trace.begin(greeting)
        await self._connection.send(greeting)
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
                    self._trace.said(Send(piece))
                    await self._send(piece)
            case Close(farewell, reason):
                self._done.reason = reason
                await self._connection.send(farewell)
            case _:
                self._machine.answer(await self._answer(effect))

    async def _answer(
        self, effect: CheckPassword | CheckDigest | SendMessage | Expunge | StartTls
    ) -> Answer:
        directory, whence = self._services.directory, (self._peer.address, self._peer.simulated)
        match effect:
            case CheckPassword(name, password):
                return await self._log_in(directory.check_password(name, password, *whence))
            case CheckDigest(name, timestamp, digest):
                check = directory.check_digest(name, timestamp, digest, *whence)
                return await self._log_in(check)
            case SendMessage():
                return await self._sender.send(effect)
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
        quirks: Quirks | None = None
        try:
            # A failed login is waited for even if the peer has left: its place among the
            # connections of its address is what makes guessing slow.
            device = await check
            is_simulated = device.name == self._peer.simulated
            if not is_simulated:
                self._services.seen(self._login_of(device.name))
            quirks = self._services.manners.of(device)
            directory, usual = self._services.directory, self._peer.login_delay
            delay = directory.refuse_early(device, usual)
            holder = self._holder(device)
            async with self._connection.while_open():
                self._lock = await self._acquire(device.maildrop, holder, quirks)
            listing = await self._listing(device)
            directory.confirm(device, self._peer.address)  # nothing is waited for from here on
            if not is_simulated:
                delay = directory.count_login(device, usual)
        except LoginRefused as error:
            self._let_go()
            return self._refused(ResponseCode.AUTH, error, quirks)
        except MaildropBusy as error:
            return self._refused(ResponseCode.IN_USE, error, quirks)
        except (SpoolUnavailable, MemoryError) as error:
            self._let_go()
            return self._refused(ResponseCode.SYS_TEMP, error, quirks)
        except LoginTooSoon as error:
            self._let_go()
            return self._refused(ResponseCode.LOGIN_DELAY, error, quirks)
        self._device = device
        self._trace.logged_in(device.name)
        if not is_simulated:
            self._services.logged_in(self._login_of(device.name))
        self._connection.allow(self._services.limits.autologout)
        self._nudge()
        return Accepted(self._done.begin(holder, device.maildrop or "", listing), quirks, delay)

    def _let_go(self) -> None:
        if self._lock is not None:
            self._lock.release()
            # It knows this session: without the ring, memory comes back at once.
            self._lock = None

    async def _acquire(
        self, maildrop: MaildropName | None, holder: Holder, quirks: Quirks
    ) -> MaildropLock:
        """Return the lock of a maildrop; a device without one waits for nobody and holds up nobody."""
        if maildrop is None:
            return NoLock()
        return await self._services.locks.acquire(
            maildrop,
            holder,
            self._be_evicted,
            self._connection.octets_acknowledged,
            takeover=quirks.single_session is SingleSession.TAKEOVER,
        )

    def _login_of(self, device: DeviceName) -> Login:
        peer, connection = self._peer, self._connection
        tls, cipher = connection.tls_version, connection.tls_cipher
        return Login(device, peer.address, peer.listener, tls, cipher)

    async def _listing(self, device: Device) -> Listing:
        """Return what the device sees: nothing where it has no maildrop, and what the owner wants in an outage.

        Raises:
            SpoolUnavailable: the spool cannot answer now, or the owner wants an outage to be seen.
        """
        if device.maildrop is None:
            return NO_MESSAGES
        record = self._services.directory.record_of(device.maildrop)
        if record is not None and self._services.is_failing(record.account):
            self._log.warning(
                "login-during-outage",
                connection=self._peer.connection_id,
                device=device.name,
                account=record.account,
                on_outage=record.on_outage,
            )
            if record.on_outage is OnOutage.ERROR:
                raise SpoolUnavailable("the account is failing, and on_outage is error")
            if record.on_outage is OnOutage.EMPTY:
                return NO_MESSAGES
        return await self._services.spool.listing(device.maildrop)

    def _refused(self, code: ResponseCode, error: Exception, quirks: Quirks | None) -> Refused:
        self._log.warning(
            "login-refused",
            connection=self._peer.connection_id,
            address=self._peer.address,
            code=str(code),
            why=str(error) or type(error).__name__,
        )
        self._trace.fact(f"{LOGIN_REFUSED} [{code}]: {error}")
        return Refused(code, quirks)

    def _holder(self, device: Device) -> Holder:
        """Return who has the maildrop; a simulated machine is told as such, and is not the device."""
        name = device.name if device.name != self._peer.simulated else told_as(device.name)
        return Holder(name, self._peer.address, self._peer.connection_id)

    def _be_evicted(self) -> None:
        self._connection.abort("taken over by a newer connection of the device")

    def _nudge(self) -> None:
        if self._device is not None:
            account = self._services.directory.account_of(self._device.maildrop)
            if account is not None:
                self._services.nudge(account)

    # ---- ending

    async def _expunge(self, effect: Expunge) -> Answer:
        maildrop = None if self._device is None else self._device.maildrop
        if self._lock is None or self._device is None or maildrop is None:
            raise AssertionError("UPDATE without a maildrop")
        self._lock.pin()
        try:
            holder, spool = self._holder(self._device), self._services.spool
            async with self._done.taken() as taken:
                await spool.expunge(maildrop, effect.messages, holder, taken)
        except SpoolUnavailable as error:
            self._log.error(
                "expunge-failed",
                connection=self._peer.connection_id,
                maildrop=maildrop,
                why=str(error),
            )
            return NotExpunged()
        self._done.note_deleted(len(effect.messages))
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
        self._trace.secured()
        return Secured(peer.secured_terms)
