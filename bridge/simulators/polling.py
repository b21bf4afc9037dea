"""Lets a machine's script talk to a listener: TLS as the machine knows it, and bounded everything."""

import asyncio
import socket
import ssl
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import attrs

from bridge.config.settings import TlsMode, TlsPolicy
from bridge.simulators.script import Answer, Ask, Machine, Report, Stopped, polled

LINE_OCTETS = 4096
"""Longest line taken as a first answer; RFC 1939 section 3 allows 512."""

BODY_OCTETS = 64 * 1024 * 1024
"""Longest answer of many lines that is taken; no machine here holds more."""

ANSWER_SECONDS = 30.0
"""How long a machine waits for an answer."""

POLL_SECONDS = 600.0
"""How long one poll may take."""


Announce = Callable[[str, int], AbstractContextManager[None]]
"""Says that a connection will come from an address and port of this machine, for as long as the block lasts."""


def _to_nobody(_address: str, _port: int) -> AbstractContextManager[None]:
    return nullcontext()


@attrs.frozen
class Target:
    """A listener, and the address of this machine at which it is reached; each connection is announced before it comes."""

    name: str
    address: str
    port: int
    tls: TlsMode
    announce: Announce = _to_nobody


@attrs.define
class _Line:
    """A connection to the bridge."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


async def poll(target: Target, machine: Machine, policy: TlsPolicy) -> Report:
    """Poll once as the machine would; whatever goes wrong is told in the report."""
    report = Report()
    try:
        async with asyncio.timeout(POLL_SECONDS):
            await _poll(target, machine, policy, report)
    except Stopped as stopped:
        report.error = str(stopped)
    except TimeoutError:
        report.error = (
            f"The panel shows a time-out: no answer within {ANSWER_SECONDS:.0f} seconds;"
            " see the bridge's log."
        )
    except OSError as error:
        why = error.strerror or type(error).__name__
        report.error = (
            f"The panel shows a connection error: {target.name} at port {target.port}: {why}."
        )
    return report


async def _poll(target: Target, machine: Machine, policy: TlsPolicy, report: Report) -> None:
    line, greeting = await _connected(target, policy, report)
    try:
        talk = polled(greeting, machine, report)
        ask = next(talk, None)
        while ask is not None:
            answer = await _said(line, ask)
            try:
                ask = talk.send(answer)
            except StopIteration:
                ask = None
    finally:
        line.writer.transport.abort()


async def _connected(target: Target, policy: TlsPolicy, report: Report) -> tuple[_Line, Answer]:
    """Return a greeted connection: by the oldest TLS that such a machine may know, else by the newest."""
    if target.tls == "none":
        return await _greeted(target, None)
    oldest, newest = offers(policy)
    try:
        return await _greeted(target, oldest)
    except (ssl.SSLError, ConnectionError):
        try:
            found = await _greeted(target, newest)
        except (ssl.SSLError, ConnectionError):
            raise Stopped(
                f"The panel shows an SSL error: listener {target.name} and the machine have no"
                f' TLS in common; set policy = "{policy}" for that listener.'
            ) from None
    report.warnings.append(
        f"An old machine of this kind may know no TLS that listener {target.name} takes;"
        f' if its panel shows an SSL error, set policy = "{policy}" for that listener.'
    )
    return found


async def _greeted(target: Target, context: ssl.SSLContext | None) -> tuple[_Line, Answer]:
    with _bound(target.address) as source, target.announce(*source.getsockname()[:2]):
        line = await _reached(source, target, context)
        try:
            greeting = await _heard(line, is_long=False)
            if context is not None and target.tls == "starttls":
                _must_go_on(await _said(line, Ask("STLS")))
                async with asyncio.timeout(ANSWER_SECONDS):
                    await line.writer.start_tls(context)
        except BaseException:
            line.writer.transport.abort()
            raise
    return line, greeting


@contextmanager
def _bound(address: str) -> Iterator[socket.socket]:
    """Yield a socket that has its port already; where the block fails it is closed."""
    is_v6 = ":" in address
    source = socket.socket(socket.AF_INET6 if is_v6 else socket.AF_INET)
    try:
        source.setblocking(False)  # noqa: FBT003 - the standard library's own form
        source.bind((address, 0))
        yield source
    except BaseException:
        source.close()
        raise


async def _reached(
    source: socket.socket, target: Target, context: ssl.SSLContext | None
) -> _Line:
    implicit = context if target.tls == "implicit" else None
    async with asyncio.timeout(ANSWER_SECONDS):
        await asyncio.get_running_loop().sock_connect(source, (target.address, target.port))
        reader, writer = await asyncio.open_connection(
            sock=source,
            limit=LINE_OCTETS,
            ssl=implicit,
            server_hostname=target.address if implicit is not None else None,
        )
    return _Line(reader, writer)


def _must_go_on(answer: Answer) -> None:
    if not answer.is_good:
        raise Stopped(f"The panel shows an SSL error: STLS was answered {answer.first}.")


async def _said(line: _Line, ask: Ask) -> Answer:
    line.writer.write(ask.line.encode("utf-8", "surrogateescape") + b"\r\n")
    return await _heard(line, is_long=ask.is_long)


async def _heard(line: _Line, *, is_long: bool) -> Answer:
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            first = (
                (await line.reader.readuntil(b"\n")).decode("utf-8", "replace").rstrip("\r\n")
            )
        octets = await _body(line) if is_long and first.startswith("+OK") else b""
    except asyncio.IncompleteReadError:
        raise Stopped("The panel shows a server error: the connection ended early.") from None
    except asyncio.LimitOverrunError:
        raise Stopped("The panel shows a server error: an answer has no end.") from None
    return Answer(first, octets)


async def _body(line: _Line) -> bytes:
    """Return what stands before the lone dot, byte-stuffing taken off (RFC 1939 section 3)."""
    body, piece, starts = bytearray(), b"", True
    while True:
        async with asyncio.timeout(ANSWER_SECONDS):
            piece = await _piece(line.reader)
        if starts and piece == b".\r\n":
            return bytes(body)
        body += piece[1:] if starts and piece.startswith(b".") else piece
        starts = piece.endswith(b"\n")
        if len(body) > BODY_OCTETS:
            raise Stopped(f"The panel shows memory full: more than {BODY_OCTETS} octets came.")


async def _piece(reader: asyncio.StreamReader) -> bytes:
    """Return a line, or the beginning of one that is longer than is read at once."""
    try:
        return await reader.readuntil(b"\n")
    except asyncio.LimitOverrunError as error:
        return await reader.readexactly(error.consumed)


def offers(policy: TlsPolicy) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return the least and the most TLS that a machine may know that needs a listener of this policy."""
    if policy == "modern":
        return _client(ssl.TLSVersion.TLSv1_2, "DEFAULT"), _client(None, "DEFAULT")
    last = ssl.TLSVersion.TLSv1_2 if policy == "legacy12" else ssl.TLSVersion.TLSv1
    # RSA key exchange and AES-CBC: all that many firmwares before 2015 offer.
    return _client(last, "AES128-SHA:@SECLEVEL=0"), _client(
        ssl.TLSVersion.TLSv1_2, "ALL:!aNULL:!eNULL:@SECLEVEL=0"
    )


def _client(last: ssl.TLSVersion | None, ciphers: str) -> ssl.SSLContext:
    """Return a context that takes any certificate: verification is mostly off on such panels."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers(ciphers)
    with warnings.catch_warnings():
        # That TLS 1.0 is deprecated is what such a machine is like.
        warnings.simplefilter("ignore", DeprecationWarning)
        if last is not None:
            context.minimum_version = min(last, ssl.TLSVersion.TLSv1_2)
            context.maximum_version = last
    return context
