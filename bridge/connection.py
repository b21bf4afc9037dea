"""One network connection: octets in, octets out at the peer's pace, a deadline, an end.

It knows nothing of POP3. What it receives is held in a bounded buffer; while that is full the peer
is not read from, and while the peer does not read, `send` waits.
"""

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

RECEIVE_OCTETS = 16384
"""Received octets after which the peer is paused, and which are handed over at once. What asyncio has
read already comes on top: at most 256 KiB without TLS."""

TLS_BUFFER_OCTETS = 16384
"""asyncio's own read buffer per TLS connection is 256 KiB, allocated and zeroed for each; one TLS
record (RFC 8446 section 5.1) is all it ever needs to hold, and saves 240 kB per session (measured)."""

SHUTDOWN_SECONDS = 5.0
"""How long a closing TLS connection waits for the peer's own goodbye."""

CLOSE_SECONDS = 30.0
"""How long a closed connection may take to hand its last octets to a peer that does not read."""

TCP_INFO_BYTES_ACKED = 120
"""Offset of tcpi_bytes_acked in struct tcp_info (linux/tcp.h, since 4.1): 64 bits."""


class ConnectionClosed(Exception):
    """The connection is over; the text says why, for the log."""


def shrink_tls_buffers() -> None:
    """Make stock asyncio hold 16 KiB instead of 256 KiB per TLS connection; call before the first."""
    from asyncio import sslproto  # noqa: PLC0415 - an internal name, touched here only

    sslproto.SSLProtocol.max_size = TLS_BUFFER_OCTETS


class Connection(asyncio.Protocol):
    """One connection, from accepted socket to close."""

    def __init__(self, raw: socket.socket) -> None:
        """Stand ready to be given the transport over the accepted socket `raw`."""
        self._raw = raw
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._reader: asyncio.Future[None] | None = None
        self._writer: asyncio.Future[None] | None = None
        self._can_write = True
        self._ended: str | None = None
        self._waiting: asyncio.Task[object] | None = None
        self._interrupted = False
        self.error: Exception | None = None
        self._lost: asyncio.Future[None] = self._loop.create_future()
        self._deadline = 0.0
        self._allowance = 0.0
        self._extends = True
        self._acked = 0
        self._tls_version = ""
        self._tls_cipher = ""
        self._at_end = False
        self._timer: asyncio.TimerHandle | None = None

    # ---- what the session calls

    @property
    def encrypted(self) -> bool:
        """Tell whether TLS protects the connection."""
        return self._extra("ssl_object") is not None

    @property
    def tls_version(self) -> str:
        """Return the TLS version in use, also after the end; an empty text without TLS."""
        return self._tls_version

    @property
    def tls_cipher(self) -> str:
        """Return the cipher in use, by its OpenSSL name, also after the end; an empty text without TLS."""
        return self._tls_cipher

    async def receive(self) -> bytes:
        """Return the next octets, at least one.

        Raises:
            ConnectionClosed: none will come any more.
        """
        while not self._received:
            if self._at_end:
                raise ConnectionClosed("left")
            self._raise_if_ended()
            self._reader = self._loop.create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        data = bytes(self._received[:RECEIVE_OCTETS])
        del self._received[:RECEIVE_OCTETS]
        if not self._received and self._transport is not None and not self._ended:
            self._transport.resume_reading()
        return data

    async def send(self, data: bytes) -> None:
        """Write `data` and return once the peer has room for more.

        Raises:
            ConnectionClosed: the connection ended first.
        """
        self._raise_if_ended()
        self._open_transport().write(data)
        while not self._can_write:
            self._raise_if_ended()
            self._writer = self._loop.create_future()
            try:
                await self._writer
            finally:
                self._writer = None

    async def start_tls(self, context: ssl.SSLContext, timeout_seconds: float) -> None:
        """Throw away what was received and run the server's side of a TLS handshake.

        Raises:
            ssl.SSLError, OSError, TimeoutError: the handshake failed; the connection is over.
        """
        transport = self._open_transport()
        transport.pause_reading()
        self._received.clear()
        try:
            secured = await self._loop.start_tls(
                transport,
                self,
                context,
                server_side=True,
                ssl_handshake_timeout=timeout_seconds,
                ssl_shutdown_timeout=SHUTDOWN_SECONDS,
            )
        except BaseException:
            self._give_up(transport)
            raise
        if secured is None:
            self._give_up(transport)
            raise ConnectionResetError("the peer left during the handshake")
        self._transport = secured
        self._note_tls()

    def allow(self, seconds: float, *, extend: bool = True) -> None:
        """End the connection unless this is called again within `seconds`.

        While octets wait to be sent, progress at the peer extends the time: a printer that prints
        while it reads is slow, not gone. Without `extend` the time is final.
        """
        self._allowance = seconds
        self._extends = extend
        self._deadline = self._loop.time() + seconds
        if self._timer is None:
            self._timer = self._loop.call_at(self._deadline, self._expire)
        elif self._timer.when() > self._deadline:
            self._timer.cancel()
            self._timer = self._loop.call_at(self._deadline, self._expire)

    @asynccontextmanager
    async def while_open(self) -> AsyncIterator[None]:
        """Interrupt the block when the connection ends.

        Raises:
            ConnectionClosed: it ended; the block was cancelled where it waited.
        """
        self._raise_if_ended()
        task = cast("asyncio.Task[object]", asyncio.current_task())
        self._waiting = task
        try:
            yield
        except asyncio.CancelledError:
            if self._interrupted and task.uncancel() == 0:
                raise ConnectionClosed(self._ended or "left") from None
            raise
        finally:
            self._waiting = None

    def close(self) -> None:
        """Send what waits to be sent, then end."""
        self._end("closed")
        if self._transport is not None and not self._lost.done():
            self.allow(CLOSE_SECONDS)
            # A second close makes asyncio's TLS transport forget its protocol: every question
            # about it would fail from then on.
            if not self._transport.is_closing():
                self._transport.close()

    async def wait_closed(self) -> None:
        """Return when nothing of the connection is left; call `close` or `abort` first."""
        await asyncio.shield(self._lost)

    def abort(self, reason: str) -> None:
        """End at once; what was received and not yet taken is void."""
        self._received.clear()
        self._end(reason)
        if self._transport is not None and not self._lost.done():
            self._transport.abort()

    # ---- what the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        self._transport = cast("asyncio.Transport", transport)
        self._note_tls()

    def data_received(self, data: bytes) -> None:
        """Hold octets for the session, within bounds."""
        self._received += data
        if len(self._received) >= RECEIVE_OCTETS:
            self._open_transport().pause_reading()
        _wake(self._reader)

    def eof_received(self) -> bool:
        """Take note that the peer says no more; without TLS it may still listen to replies."""
        self._at_end = True
        _wake(self._reader)
        self._interrupt()
        return not self.encrypted

    def connection_lost(self, exc: Exception | None) -> None:
        """Wake the session: nothing more will come or go."""
        self.error = exc
        self._end("lost" if exc else "left")
        _wake(self._lost)
        self._transport = None  # transport and protocol know each other: the ring is cut here

    def pause_writing(self) -> None:
        """Hold the session back: the peer is slow."""
        self._can_write = False

    def resume_writing(self) -> None:
        """Let the session go on."""
        self._can_write = True
        _wake(self._writer)

    # ---- private

    def _give_up(self, transport: asyncio.Transport) -> None:
        """End after a failed handshake: the loop tells nobody when that connection is gone."""
        transport.abort()
        self._end("lost")
        _wake(self._lost)
        self._transport = None  # transport and protocol know each other: the ring is cut here

    def _end(self, reason: str) -> None:
        if self._ended is None:
            self._ended = reason
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        _wake(self._reader)
        _wake(self._writer)
        self._interrupt()

    def _interrupt(self) -> None:
        if self._waiting is not None:
            self._interrupted = self._waiting.cancel()
            self._waiting = None

    def _expire(self) -> None:
        self._timer = None
        now = self._loop.time()
        if self._extends and self._progressed():
            self._deadline = now + self._allowance
        if now < self._deadline:
            self._timer = self._loop.call_at(self._deadline, self._expire)
        else:
            self.abort("timed out")

    def _progressed(self) -> bool:
        """Tell whether the peer has taken octets of a reply since this was last asked."""
        if self._can_write:
            return False
        # The first time this is asked all counts as progress: a large window opens only in jumps.
        before, self._acked = self._acked, self.octets_acknowledged()
        return self._acked > before

    def octets_acknowledged(self) -> int:
        """Return the octets the peer's kernel has taken, while more wait for it; else 0."""
        if self._can_write:
            return 0
        try:
            info = self._raw.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
            (acked,) = struct.unpack_from("Q", info, TCP_INFO_BYTES_ACKED)
        except (OSError, struct.error):
            return 0
        return int(acked)

    def _note_tls(self) -> None:
        tls: ssl.SSLObject | None = self._extra("ssl_object")
        self._tls_version = (tls.version() or "") if tls else ""
        cipher = tls.cipher() if tls else None
        self._tls_cipher = cipher[0] if cipher else ""

    def _extra(self, name: str) -> Any:  # noqa: ANN401 - what asyncio gives for a name
        return self._transport.get_extra_info(name) if self._transport is not None else None

    def _open_transport(self) -> asyncio.Transport:
        if self._transport is None:
            raise ConnectionClosed("not connected")
        return self._transport

    def _raise_if_ended(self) -> None:
        if self._ended is not None:
            raise ConnectionClosed(self._ended)


def _wake(future: asyncio.Future[None] | None) -> None:
    if future is not None and not future.done():
        future.set_result(None)
