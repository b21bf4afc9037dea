"""TLS that begins on an open connection: what is thrown away, how it fails, what it holds in memory."""

import asyncio
import socket
import ssl
from asyncio import sslproto
from collections.abc import AsyncIterator, Callable

import attrs
import pytest

from bridge.connection import TLS_BUFFER_OCTETS, shrink_tls_buffers
from bridge.tls.issuer import create_ca, issue_server_certificates, server_certificate_files
from tests.unit.connected import BRIEF, SOON, Pair, Turn, connected
from tests.unit.tls.conftest import NAMES


@pytest.fixture
async def pair() -> AsyncIterator[Pair]:
    async with connected() as made:
        yield made


@pytest.fixture(scope="module")
def contexts(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    import datetime as dt  # noqa: PLC0415 - for this fixture alone

    folder = tmp_path_factory.mktemp("tls")
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
        await Turn()
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
        await Turn()
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


# ---- the read buffer of asyncio's TLS


async def _idle_protocol(
    context: ssl.SSLContext, pair: Pair, client: ssl.SSLContext
) -> sslproto.SSLProtocol:
    """Return asyncio's own TLS protocol of a connection that stands and is idle."""
    peer = TlsPeer(pair, client)
    async with asyncio.TaskGroup() as group:
        group.create_task(pair.ours.start_tls(context, SOON))
        group.create_task(peer.shake_hands())
    transport = pair.ours._transport  # noqa: SLF001 - the guard looks where the trick acts
    assert isinstance(transport, sslproto._SSLProtocolTransport), (  # type: ignore[attr-defined] # noqa: SLF001 - see above
        "asyncio has renamed what shrink_tls_buffers acts upon"
    )
    protocol = transport._ssl_protocol  # noqa: SLF001 - see above
    assert isinstance(protocol, sslproto.SSLProtocol)
    return protocol


async def test_an_idle_tls_connection_holds_a_buffer_of_one_record(
    pair: Pair,
    contexts: tuple[ssl.SSLContext, ssl.SSLContext],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """On stock asyncio alone; the same on all supported versions, or it must fail loudly here."""
    if type(asyncio.get_running_loop()).__module__.startswith("uvloop"):
        pytest.skip("uvloop has read buffers of its own")
    assert sslproto.SSLProtocol.max_size in (262_144, TLS_BUFFER_OCTETS), "no longer 256 KiB?"
    monkeypatch.setattr(sslproto.SSLProtocol, "max_size", sslproto.SSLProtocol.max_size)
    shrink_tls_buffers()
    protocol = await _idle_protocol(contexts[0], pair, contexts[1])
    assert protocol.max_size == TLS_BUFFER_OCTETS == 16_384
    assert len(protocol.get_buffer(-1)) == TLS_BUFFER_OCTETS
