"""One connection over a real pair of sockets: what it hands over, what it holds back, how it ends."""

import asyncio
import gc
import socket
import ssl
from asyncio import sslproto
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import attrs
import pytest

from bridge import connection as connection_module
from bridge.connection import (
    RECEIVE_OCTETS,
    TLS_BUFFER_OCTETS,
    Connection,
    ConnectionClosed,
    shrink_tls_buffers,
)
from bridge.tls.issuer import create_ca, issue_server_certificates, server_certificate_files
from tests.unit.tls.conftest import NAMES

SOON = 20.0
"""Seconds after which something that must happen has not happened."""

BRIEF = 0.1
"""An allowance that is meant to run out."""


@attrs.define
class Pair:
    """Our connection, and the raw socket at its other end."""

    ours: Connection
    theirs: socket.socket

    async def say(self, octets: bytes) -> None:
        await asyncio.get_running_loop().sock_sendall(self.theirs, octets)

    async def hear(self, count: int = 65536) -> bytes:
        return await asyncio.get_running_loop().sock_recv(self.theirs, count)

    async def hear_all(self) -> bytes:
        heard = bytearray()
        while piece := await self.hear():
            heard += piece
        return bytes(heard)


Connect = Callable[[], object]


@asynccontextmanager
async def connected() -> AsyncIterator[Pair]:
    loop = asyncio.get_running_loop()
    with socket.create_server(("127.0.0.1", 0)) as server:
        theirs = socket.socket()
        theirs.setblocking(False)  # noqa: FBT003 - the standard library's own form
        await loop.sock_connect(theirs, server.getsockname())
        accepted, _ = server.accept()
    ours = Connection(accepted)
    await loop.connect_accepted_socket(lambda: ours, accepted)
    try:
        async with asyncio.timeout(SOON):
            yield Pair(ours, theirs)
    finally:
        theirs.close()
        ours.abort("the test is over")
        await ours.wait_closed()


@pytest.fixture
async def pair() -> AsyncIterator[Pair]:
    async with connected() as made:
        yield made


async def fill(pair: Pair) -> "asyncio.Task[None]":
    """Send until the peer's buffers are full; return the send that waits."""
    while True:
        task = asyncio.ensure_future(pair.ours.send(b"x" * 1_000_000))  # noqa: TID251 - a test's own
        for _ in range(3):
            await _Turn()
        if not task.done():
            return task
        await task


class _Turn:
    def __await__(self):  # type: ignore[no-untyped-def] # noqa: ANN204 - one turn of the loop
        yield


# ---- receiving


async def test_what_the_peer_says_is_received_in_order(pair: Pair) -> None:
    await pair.say(b"CAPA\r\n")
    assert await pair.ours.receive() == b"CAPA\r\n"
    await pair.say(b"QUIT\r\n")
    assert await pair.ours.receive() == b"QUIT\r\n"


async def test_receiving_waits_for_the_peer(pair: Pair) -> None:
    async with asyncio.TaskGroup() as group:
        receiving = group.create_task(pair.ours.receive())
        await _Turn()
        assert not receiving.done()
        await pair.say(b"x")
    assert receiving.result() == b"x"


async def test_what_came_before_the_end_is_still_received(pair: Pair) -> None:
    await pair.say(b"QUIT\r\n")
    pair.theirs.close()
    assert await pair.ours.receive() == b"QUIT\r\n"
    with pytest.raises(ConnectionClosed, match="left"):
        await pair.ours.receive()


async def test_a_peer_that_sends_without_end_is_held_back(pair: Pair) -> None:
    """What we hold is bounded: our buffer, and one read of asyncio's (256 KiB) on top."""
    flood = b"x" * 16_000_000
    async with asyncio.TaskGroup() as group:
        saying = group.create_task(pair.say(flood))
        received = 0
        while received < len(flood):
            piece = await pair.ours.receive()
            assert len(piece) < RECEIVE_OCTETS + 262_144
            assert received == 0 or received < len(flood)
            received += len(piece)
        await saying
    assert received == len(flood)


async def test_a_flood_that_nobody_receives_stops_at_the_kernel(pair: Pair) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(BRIEF):
            await pair.say(b"x" * 64_000_000)
    assert len(await pair.ours.receive()) < RECEIVE_OCTETS + 262_144


# ---- sending


async def test_what_is_sent_arrives(pair: Pair) -> None:
    await pair.ours.send(b"+OK\r\n")
    assert await pair.hear() == b"+OK\r\n"


async def test_sending_waits_while_the_peer_does_not_read(pair: Pair) -> None:
    waiting = await fill(pair)
    assert not waiting.done()
    while not waiting.done():
        await pair.hear()
    await waiting


async def test_a_send_that_waits_ends_with_the_connection(pair: Pair) -> None:
    waiting = await fill(pair)
    pair.theirs.close()
    with pytest.raises(ConnectionClosed):
        await waiting


async def test_nothing_is_sent_after_the_end(pair: Pair) -> None:
    pair.ours.close()
    with pytest.raises(ConnectionClosed, match="closed"):
        await pair.ours.send(b"late")


async def test_closing_sends_what_waits(pair: Pair) -> None:
    octets = b"x" * 3_000_000
    async with asyncio.TaskGroup() as group:
        sending = group.create_task(pair.ours.send(octets))
        await _Turn()
        pair.ours.close()
        hearing = group.create_task(pair.hear_all())
        with pytest.raises(ConnectionClosed):
            await sending
    assert hearing.result() == octets
    await pair.ours.wait_closed()


# ---- the deadline


async def test_a_silent_peer_is_cut_off(pair: Pair) -> None:
    pair.ours.allow(BRIEF)
    with pytest.raises(ConnectionClosed, match="timed out"):
        await pair.ours.receive()
    await pair.ours.wait_closed()


async def test_a_new_allowance_counts_from_now(pair: Pair) -> None:
    pair.ours.allow(1e6)
    pair.ours.allow(BRIEF)
    with pytest.raises(ConnectionClosed, match="timed out"):
        await pair.ours.receive()


async def test_a_longer_allowance_replaces_a_shorter_one(pair: Pair) -> None:
    pair.ours.allow(BRIEF)
    pair.ours.allow(1e6)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(3 * BRIEF):
            await pair.ours.receive()


async def test_a_peer_that_takes_nothing_is_cut_off(pair: Pair) -> None:
    waiting = await fill(pair)
    pair.ours.allow(BRIEF)
    with pytest.raises(ConnectionClosed, match="timed out"):
        await waiting


@pytest.mark.slow
async def test_a_slow_reader_is_given_time_as_long_as_it_reads(pair: Pair) -> None:
    loop = asyncio.get_running_loop()
    waiting = await fill(pair)
    pair.ours.allow(3 * BRIEF)
    begun = loop.time()
    ended = asyncio.Event()
    while loop.time() < begun + 12 * BRIEF:
        # A little at a time, at intervals well within the allowance.
        await pair.hear(300_000)
        loop.call_later(BRIEF / 4, ended.set)
        await ended.wait()
        ended.clear()
        if waiting.done():
            await waiting
            waiting = await fill(pair)
    waiting.cancel()
    await pair.ours_is_open() if hasattr(pair, "ours_is_open") else None
    pair.ours.allow(SOON)


async def test_closing_does_not_wait_for_ever_for_a_peer_that_does_not_read(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_module, "CLOSE_SECONDS", BRIEF)
    waiting = await fill(pair)
    pair.ours.close()
    with pytest.raises(ConnectionClosed):
        await waiting
    await pair.ours.wait_closed()


# ---- interrupting


async def test_a_wait_is_interrupted_when_the_peer_leaves(pair: Pair) -> None:
    pair.theirs.close()
    with pytest.raises(ConnectionClosed, match="left"):
        async with pair.ours.while_open():
            await asyncio.Event().wait()


async def test_a_wait_is_interrupted_by_an_abort(pair: Pair) -> None:
    asyncio.get_running_loop().call_soon(pair.ours.abort, "taken over")
    with pytest.raises(ConnectionClosed, match="taken over"):
        async with pair.ours.while_open():
            await asyncio.Event().wait()


async def test_a_wait_that_ends_first_is_left_alone(pair: Pair) -> None:
    async with pair.ours.while_open():
        await _Turn()
    pair.ours.abort("afterwards")
    for _ in range(3):
        await _Turn()


async def test_no_wait_begins_after_the_end(pair: Pair) -> None:
    pair.ours.abort("over")
    with pytest.raises(ConnectionClosed, match="over"):
        async with pair.ours.while_open():
            pytest.fail("the block was entered")


async def test_cancelling_from_outside_stays_a_cancellation(pair: Pair) -> None:
    async def wait() -> None:
        async with pair.ours.while_open():
            await asyncio.Event().wait()

    async with asyncio.TaskGroup() as group:
        task = group.create_task(wait())
        await _Turn()
        task.cancel()
    assert task.cancelled()


async def test_an_abort_voids_what_was_received(pair: Pair) -> None:
    await pair.say(b"QUIT\r\n")
    while not pair.ours._received:  # noqa: SLF001 - to know that the octets are here
        await _Turn()
    pair.ours.abort("taken over")
    with pytest.raises(ConnectionClosed, match="taken over"):
        await pair.ours.receive()


async def test_ending_twice_keeps_the_first_reason(pair: Pair) -> None:
    pair.ours.abort("first")
    pair.ours.abort("second")
    pair.ours.close()
    with pytest.raises(ConnectionClosed, match="first"):
        await pair.ours.receive()


async def test_a_connection_that_is_gone_leaves_nothing_behind() -> None:
    async with connected() as pair:
        pair.ours.allow(1e6)
        pair.theirs.close()
        with pytest.raises(ConnectionClosed):
            await pair.ours.receive()
    del pair
    gc.collect()
    assert not [thing for thing in gc.get_objects() if type(thing) is Connection]


# ---- TLS


@pytest.fixture(scope="module")
def contexts(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    import datetime as dt  # noqa: PLC0415 - for this fixture alone

    folder: Path = tmp_path_factory.mktemp("tls")
    now = dt.datetime.now(dt.UTC)  # noqa: TID251 - the handshakes are real
    create_ca(folder, now)
    issue_server_certificates(folder, NAMES, now)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    pair = server_certificate_files(folder)[0]
    server.load_cert_chain(pair.certificate, pair.key)
    return server, ssl.create_default_context(cafile=folder / "ca.pem")


@attrs.define
class TlsPeer:
    """The client's side of TLS over the raw socket of a pair."""

    pair: Pair
    context: ssl.SSLContext
    incoming: ssl.MemoryBIO = attrs.field(factory=ssl.MemoryBIO)
    outgoing: ssl.MemoryBIO = attrs.field(factory=ssl.MemoryBIO)
    tls: ssl.SSLObject | None = None

    async def run(self, work: Callable[[], object]) -> object:
        while True:
            try:
                result = work()
            except ssl.SSLWantReadError:
                await self.flush()
                self.incoming.write(await self.pair.hear())
            else:
                await self.flush()
                return result

    async def flush(self) -> None:
        if octets := self.outgoing.read():
            await self.pair.say(octets)

    async def shake_hands(self) -> ssl.SSLObject:
        tls = self.context.wrap_bio(self.incoming, self.outgoing, server_hostname=NAMES[0])
        await self.run(tls.do_handshake)
        self.tls = tls
        return tls


async def test_tls_begins_on_an_open_connection(
    pair: Pair, contexts: tuple[ssl.SSLContext, ssl.SSLContext]
) -> None:
    assert (pair.ours.encrypted, pair.ours.tls_version) == (False, "")
    peer = TlsPeer(pair, contexts[1])
    async with asyncio.TaskGroup() as group:
        group.create_task(pair.ours.start_tls(contexts[0], SOON))
        shaking = group.create_task(peer.shake_hands())
    tls = shaking.result()
    assert (pair.ours.encrypted, pair.ours.tls_version) == (True, "TLSv1.3")
    await peer.run(lambda: tls.write(b"CAPA\r\n"))
    assert await pair.ours.receive() == b"CAPA\r\n"
    await pair.ours.send(b"+OK\r\n")
    assert await peer.run(lambda: tls.read(100)) == b"+OK\r\n"


async def test_what_came_before_tls_is_thrown_away(
    pair: Pair, contexts: tuple[ssl.SSLContext, ssl.SSLContext]
) -> None:
    """RFC 2595 section 4: a command slipped in before the handshake must not count after it."""
    await pair.say(b"USER attacker\r\n")
    while not pair.ours._received:  # noqa: SLF001 - to know that the octets are here
        await _Turn()
    peer = TlsPeer(pair, contexts[1])
    async with asyncio.TaskGroup() as group:
        group.create_task(pair.ours.start_tls(contexts[0], SOON))
        shaking = group.create_task(peer.shake_hands())
    tls = shaking.result()
    await peer.run(lambda: tls.write(b"NOOP\r\n"))
    assert await pair.ours.receive() == b"NOOP\r\n"


@pytest.mark.parametrize("trouble", ["not TLS", "leaves", "is silent", "resets"])
async def test_a_handshake_that_fails_ends_the_connection_wholly(
    contexts: tuple[ssl.SSLContext, ssl.SSLContext], trouble: str
) -> None:
    async with connected() as pair, asyncio.TaskGroup() as group:
        shaking = group.create_task(_failing(pair, contexts[0]))
        await _Turn()
        if trouble == "not TLS":
            await pair.say(b"QUIT\r\nQUIT\r\n")
        elif trouble == "leaves":
            pair.theirs.close()
        elif trouble == "resets":
            pair.theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            pair.theirs.close()
        await shaking
        pair.ours.close()
        await pair.ours.wait_closed()


async def _failing(pair: Pair, context: ssl.SSLContext) -> None:
    with pytest.raises((OSError, TimeoutError)):
        await pair.ours.start_tls(context, BRIEF)
