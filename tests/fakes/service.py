"""An HTTPS service on loopback that records what it is asked, and fails where a test's script says so.

A subclass answers from its own state (`answer`) and holds both sides to the vendor's contract
(`check_request`, `check_answer`); what it finds is kept in `violations`, which a fixture looks at.
"""

import asyncio
import gzip
import re
import ssl
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import assert_never

import attrs
import trustme
from aiohttp import web
from multidict import CIMultiDictProxy, MultiDictProxy

from tests.fakes.faults import (
    Answer,
    Away,
    Body,
    Cut,
    DoneBut,
    Drip,
    Endless,
    Fault,
    Gzip,
    Hang,
    NoEnd,
    Refuse,
    Reset,
    Trickle,
    Truncate,
    WrongLength,
)

PIECE_OCTETS = 65536


@attrs.frozen
class Asked:
    """One request as it came; `path` is decoded, `raw_path` as it was on the wire with its query."""

    method: str
    path: str
    raw_path: str
    query: MultiDictProxy[str]
    headers: CIMultiDictProxy[str]
    body: bytes


@attrs.define
class _Rule:
    """Faults for the requests whose "METHOD path?query" matches; the last one stays if `forever`."""

    pattern: re.Pattern[str]
    faults: deque[Fault]
    forever: bool


class Service:
    """One fake service; `url` is known once it was started."""

    def __init__(self, ca: trustme.CA, name: str = "localhost") -> None:
        self.name = name
        self.asked: list[Asked] = []
        self.violations: list[str] = []
        self.latency = 0.0
        self.in_flight = 0
        self.most_in_flight = 0
        self.port = 0
        self._rules: list[_Rule] = []
        self._stopped = asyncio.Event()
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        ca.issue_cert(name, "127.0.0.1").configure_cert(self._context)
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"https://{self.name}:{self.port}"

    # ---- what a test says

    def script(self, pattern: str, *faults: Fault) -> None:
        """Let the next requests that match fail, one after the other in these ways."""
        self._rules.append(_Rule(re.compile(pattern), deque(faults), forever=False))

    def always(self, pattern: str, fault: Fault) -> None:
        """Let every request that matches fail in this way, until `heal`."""
        self._rules.append(_Rule(re.compile(pattern), deque([fault]), forever=True))

    def heal(self) -> None:
        """Forget every fault that was scripted."""
        self._rules.clear()
        self._context.sni_callback = None

    def show_certificate_of(self, other: ssl.SSLContext, met: Callable[[], None]) -> None:
        """Meet whoever connects with another certificate, until `heal`; `met` is called each time."""

        def change(connection: ssl.SSLObject | ssl.SSLSocket, *_: object) -> None:
            met()
            connection.context = other

        self._context.sni_callback = change

    def requests(self, pattern: str = "") -> list[Asked]:
        """Return the requests so far whose "METHOD path?query" matches."""
        return [asked for asked in self.asked if re.search(pattern, _line(asked))]

    # ---- what a subclass says

    async def answer(self, asked: Asked) -> Answer:
        """Return the true answer."""
        raise NotImplementedError

    def check_request(self, asked: Asked) -> list[str]:
        """Return how a request departs from the contract."""
        del asked
        return []

    def check_answer(self, asked: Asked, answer: Answer) -> list[str]:
        """Return how an answer departs from the contract."""
        del asked, answer
        return []

    # ---- running

    async def start(self, port: int = 0) -> None:
        """Listen on 127.0.0.1; 0 is any free port."""
        application = web.Application(client_max_size=256 << 20)
        application.router.add_route("*", "/{rest:.*}", self._handle)
        self._runner = web.AppRunner(
            application,
            auto_decompress=True,
            handler_cancellation=True,  # a peer that has gone is not waited for
            shutdown_timeout=0.1,
            access_log=None,
        )
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port, ssl_context=self._context)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        self._stopped.set()
        if self._runner is not None:
            await self._runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            asked = Asked(
                request.method,
                request.path,
                request.raw_path,
                request.query,
                request.headers,
                await request.read(),
            )
            self.asked.append(asked)
            self._note(asked, self.check_request(asked))
            if self.latency:
                await self._pause(self.latency)
            fault = self._next_fault(asked)
            answer = fault if isinstance(fault, Answer) else await self._truth(fault, asked)
            if answer.is_legal:
                self._note(asked, self.check_answer(asked, answer))
            with suppress(ConnectionError):  # the peer has heard enough
                return await self._send(request, answer, fault)
            return web.Response()
        finally:
            self.in_flight -= 1

    async def _truth(self, fault: Fault | None, asked: Asked) -> Answer:
        """Return the true answer, unless the fault is that the request never had an effect."""
        if isinstance(fault, Away):
            fault.leave()
        if isinstance(fault, Hang | Refuse | Away):
            return Answer(is_legal=False)
        answer = await self.answer(asked)
        return fault.answer if isinstance(fault, DoneBut) else answer

    def _note(self, asked: Asked, found: list[str]) -> None:
        self.violations += [f"{type(self).__name__}: {_line(asked)}: {one}" for one in found]

    def _next_fault(self, asked: Asked) -> Fault | None:
        for rule in self._rules:
            if rule.faults and rule.pattern.search(_line(asked)):
                return rule.faults[0] if rule.forever else rule.faults.popleft()
        return None

    async def _pause(self, seconds: float) -> None:
        """Wait that long, or until the service is stopped."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopped.wait()

    async def _send(
        self, request: web.Request, answer: Answer, fault: Fault | None
    ) -> web.StreamResponse:
        match fault:
            case None | Answer() | DoneBut():
                return await _whole(request, answer)
            case Cut(octets):
                body = (await _joined(answer.body))[:octets]
                return await _whole(request, attrs.evolve(answer, body=body))
            case Gzip(cut):
                packed = gzip.compress(await _joined(answer.body))
                headers = {**answer.headers, "Content-Encoding": "gzip"}
                body = packed[: len(packed) - cut]
                return await _whole(request, attrs.evolve(answer, body=body, headers=headers))
            case Truncate() | WrongLength() | NoEnd():
                await self._send_broken(request, answer, fault)
                return web.Response()  # closed in order: what was sent is still to arrive
            case _:
                await self._break_off(request, answer, fault)
        if request.transport is not None:
            request.transport.abort()
        return web.Response()

    async def _break_off(
        self,
        request: web.Request,
        answer: Answer,
        fault: Hang | Refuse | Away | Endless | Reset | Trickle | Drip,
    ) -> None:
        """Do what ends with a torn connection."""
        match fault:
            case Hang():
                await self._stopped.wait()
            case Refuse() | Away():
                pass
            case Drip(seconds):
                await self._drip(request, answer, seconds)
            case Endless():
                await self._send_endless(request, answer)
            case Reset() | Trickle():
                await self._send_broken(request, answer, fault)
            case _:
                assert_never(fault)

    async def _send_broken(
        self,
        request: web.Request,
        answer: Answer,
        fault: Reset | Truncate | WrongLength | Trickle | NoEnd,
    ) -> None:
        """Write by hand what no HTTP library would."""
        body = await _joined(answer.body)
        length, sent, is_orderly = len(body), body, True
        match fault:
            case Reset(after):
                sent, is_orderly = body[:after], False
            case Truncate(after):
                sent = body[:after]
            case WrongLength(by):
                length = len(body) + by
            case Trickle(octets):
                sent = body[:octets]
            case NoEnd():
                length = -1
        head = [
            f"HTTP/1.1 {answer.status} X",
            *(f"{k}: {v}" for k, v in answer.headers.items()),
        ]
        head += [f"Content-Length: {length}"] if length >= 0 else []
        transport = request.transport
        assert transport is not None
        transport.write("\r\n".join([*head, "Connection: close", "", ""]).encode() + sent)
        if isinstance(fault, Trickle):
            await self._stopped.wait()
        elif is_orderly:
            transport.close()
        else:
            await self._pause(0.05)  # let what was sent arrive before the connection is torn

    async def _drip(self, request: web.Request, answer: Answer, seconds: float) -> None:
        body = await _joined(answer.body)
        length = {"Content-Length": str(len(body))}
        response = web.StreamResponse(
            status=answer.status, headers={**answer.headers, **length}
        )
        await response.prepare(request)
        for octet in body:
            await self._pause(seconds)
            await response.write(bytes([octet]))

    async def _send_endless(self, request: web.Request, answer: Answer) -> None:
        response = web.StreamResponse(status=answer.status, headers=answer.headers)
        response.enable_chunked_encoding()
        await response.prepare(request)
        body = await _joined(answer.body) or b"x"
        piece = body * max(1, PIECE_OCTETS // len(body))
        with suppress(ConnectionError):
            while not self._stopped.is_set():
                await response.write(piece)
                await self._pause(0)  # or a peer that has gone is never noticed


async def _whole(request: web.Request, answer: Answer) -> web.StreamResponse:
    if isinstance(answer.body, bytes):
        return web.Response(status=answer.status, headers=answer.headers, body=answer.body)
    response = web.StreamResponse(status=answer.status, headers=answer.headers)
    await response.prepare(request)
    async for piece in answer.body():
        await response.write(piece)
    await response.write_eof()
    return response


async def _joined(body: Body) -> bytes:
    if isinstance(body, bytes):
        return body
    return b"".join([piece async for piece in body()])


def _line(asked: Asked) -> str:
    return f"{asked.method} {asked.raw_path}"
