"""The one HTTP client: every octet to and from a service goes through it, bounded in size and time.

It follows no redirect, keeps no cookie, reads no .netrc, and takes an answer for whole only where
HTTP says so: an answer that ends with its connection could be half of one, and is refused.
"""

import asyncio
import json
import ssl
import time
import urllib.request
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import lru_cache
from typing import Any

import aiohttp
import attrs
from multidict import CIMultiDict
from yarl import URL

from providers.contract import HostAnswer, Unreachable
from providers.inflation import Damaged, Inflation
from providers.pauses import http_date

ANSWER_OCTETS = 4 << 20
"""Longest answer taken into memory: a page of 1,000 messages has well under one megabyte."""

SLOWEST_OCTETS = 1024
"""Octets per second that a streamed body must reach on average, or its lane is not worth holding."""

GRACE_SECONDS = 120.0
"""Seconds before a streamed body is held to that: slow starts are common."""

NO_CONTENT = 204
"""An answer without a body, and so without its length (RFC 9112 section 6.3)."""

HEADER_OCTETS = 32768
"""Longest header line and field taken: Entra's and Google's are a few kilobytes at the most."""


@attrs.frozen
class Patience:
    """How long is waited, in seconds: to connect, for the next octet, for a short answer as a whole."""

    connect: float = 15.0
    silence: float = 60.0
    whole: float = 120.0


SIGN_IN = Patience(connect=10.0, silence=20.0, whole=30.0)
"""Sign-in services answer at once or not at all, and everybody waits for them."""


@attrs.frozen
class HttpAnswer:
    """An answer as it came; `body` is decompressed, and empty for a streamed one that went well."""

    status: int
    headers: Mapping[str, str] = attrs.field(repr=False)
    body: bytes = attrs.field(default=b"", repr=False)

    @property
    def is_success(self) -> bool:
        """Tell whether the status is one of the 2xx."""
        return 200 <= self.status < 300  # noqa: PLR2004 - RFC 9110 section 15.3

    def json(self) -> Any:  # noqa: ANN401 - the caller knows what it asked for
        """Return the body as JSON.

        Raises:
            Unreachable: it is none, so something else than the service has answered.
        """
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise Unreachable(
                f"the answer (status {self.status}) is not JSON;"
                " is a proxy or a captive portal in the way?"
            ) from error

    @property
    def is_page(self) -> bool:
        """Tell whether this is a page for people: no service of ours sends one."""
        kind = self.headers.get("Content-Type", "").lower()
        return "html" in kind or self.body.lstrip()[:1] == b"<"


@attrs.frozen
class Streamed:
    """An answer whose body is still on its way."""

    head: HttpAnswer
    pieces: AsyncGenerator[bytes, None]


class HttpClient:
    """Asks hosts over HTTP; one per account and service."""

    def __init__(
        self, *, ca: str = "", connections: int = 4, patience: Patience | None = None
    ) -> None:
        """Trust the system's CAs, and the one in the file `ca`; nothing is opened yet."""
        self._ca = ca
        self._connections = connections
        self._patience = patience or Patience()
        self._session: aiohttp.ClientSession | None = None

    async def ask(
        self, method: str, url: str, *, headers: Mapping[str, str], body: bytes | None = None
    ) -> HttpAnswer:
        """Return the whole answer, whatever its status.

        Raises:
            Unreachable: there was none, or not a whole one, or a redirect.
        """
        async with (
            _told(url),
            asyncio.timeout(self._patience.whole),
            self._request(method, url, headers, body) as response,
        ):
            return _answer(response, await _whole(response))

    @asynccontextmanager
    async def stream(
        self, method: str, url: str, *, headers: Mapping[str, str]
    ) -> AsyncGenerator[Streamed, None]:
        """Yield the answer as soon as its head is here; of a failed one also the body.

        Raises:
            Unreachable: as for `ask`; also while the pieces are read.
        """
        async with AsyncExitStack() as stack:
            async with _told(url), asyncio.timeout(self._patience.whole):
                response = await stack.enter_async_context(
                    self._request(method, url, headers, None)
                )
                head = _answer(response, b"")
                if head.is_success:
                    _refuse_endless(response)
                    streamed = Streamed(head, _pieces(response))
                else:
                    streamed = Streamed(_answer(response, await _whole(response)), nothing())
            yield streamed

    async def reach(self, url: str) -> HostAnswer:
        """Return what a request without credentials tells of a host: that it answers, and its clock.

        Raises:
            Unreachable: it does not.
        """
        host = _host(url)
        answer = await self.ask("GET", url, headers={})
        if answer.is_page:
            raise Unreachable(
                f"{host} answers with a page for people; is a proxy or a captive portal in the way?"
            )
        served = http_date(answer.headers.get("Date", ""))
        ahead = None if served is None else served - _now()
        return HostAnswer(host, ahead)

    async def close(self) -> None:
        """Close every connection."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _request(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> "aiohttp.client._RequestContextManager":
        if self._session is None:
            self._session = self._open()
        return self._session.request(
            method,
            URL(url, encoded=True),
            headers={"Accept-Encoding": "identity", **headers},
            data=body,
            allow_redirects=False,
            proxy=_proxy_for(url),
        )

    def _open(self) -> aiohttp.ClientSession:
        patience = self._patience
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=self._connections,
                ssl=_tls_context(self._ca),
                keepalive_timeout=90.0,  # longer than the pause between two looks
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(
                total=None,
                connect=None,
                sock_connect=patience.connect,
                sock_read=patience.silence,
            ),
            headers={"User-Agent": "popbridge"},
            auto_decompress=False,  # done here, where its end is checked and its size bounded
            max_line_size=HEADER_OCTETS,
            max_field_size=HEADER_OCTETS,
        )


@asynccontextmanager
async def _told(url: str) -> AsyncGenerator[None, None]:
    """Tell what goes wrong on the way as one sentence about the host."""
    host = _host(url)
    try:
        yield
    except TimeoutError as error:  # aiohttp's own time-outs are of this kind too
        raise Unreachable(f"{host} did not answer in time") from error
    except aiohttp.ClientConnectorDNSError as error:
        raise Unreachable(
            f"the name {error.host} cannot be resolved; check this machine's DNS and network"
        ) from error
    except (aiohttp.ClientConnectorCertificateError, ssl.SSLCertVerificationError) as error:
        raise Unreachable(
            f"the certificate of {host} is not trusted ({_why(error)}); where a proxy of yours"
            " inspects TLS, name its CA with --ca"
        ) from error
    except aiohttp.ClientPayloadError as error:
        raise Unreachable(f"{host} broke off in the middle of its answer") from error
    except (aiohttp.ClientConnectionError, OSError) as error:
        raise Unreachable(f"{host} cannot be asked: {_why(error)}") from error
    except (aiohttp.ClientError, ValueError) as error:
        # Not even as its cause: such texts repeat octets of the answer, or a proxy's password.
        raise Unreachable(f"{host} cannot be asked: {_kind(error)}") from None


def _host(url: str) -> str:
    try:
        return URL(url).host or url.partition("?")[0]
    except ValueError:
        return url.partition("?")[0]


def _why(error: BaseException) -> str:
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(text).splitlines()[0][:200]


def _kind(error: Exception) -> str:
    match error:
        case aiohttp.ClientHttpProxyError():
            return f"the proxy on the way says {error.status}"
        case aiohttp.ClientResponseError():
            return "what came is not one whole answer"
        case _:
            return "its address is none, or that of the proxy"


def _answer(response: aiohttp.ClientResponse, body: bytes) -> HttpAnswer:
    if 300 <= response.status < 400:  # noqa: PLR2004 - RFC 9110 section 15.4
        raise Unreachable(
            f"{response.url.host} answers with a redirect, which no service of ours does;"
            " is a proxy or a captive portal in the way?"
        )
    return HttpAnswer(response.status, CIMultiDict(response.headers), body)


def _refuse_endless(response: aiohttp.ClientResponse) -> None:
    if response.status == NO_CONTENT:
        return
    coding = response.headers.get("Transfer-Encoding", "")
    if "Content-Length" not in response.headers and "chunked" not in coding.lower():
        raise Unreachable(f"{response.url.host} sent a body whose end cannot be told")


async def _whole(response: aiohttp.ClientResponse) -> bytes:
    """Return a short body, decompressed."""
    _refuse_endless(response)
    gathered = bytearray()
    async for piece in _inflated(response):
        gathered += piece
        if len(gathered) > ANSWER_OCTETS:
            raise Unreachable(f"{response.url.host} sent an answer over {ANSWER_OCTETS} octets")
    return bytes(gathered)


async def _pieces(response: aiohttp.ClientResponse) -> AsyncGenerator[bytes, None]:
    """Yield a long body as it arrives; one that trickles is given up."""
    begun, octets = time.monotonic(), 0
    async with _told(str(response.url)):
        async for piece in _inflated(response):
            octets += len(piece)
            yield piece
            if time.monotonic() - begun > GRACE_SECONDS + octets / SLOWEST_OCTETS:
                raise Unreachable(f"{response.url.host} sends too slowly")


async def _inflated(response: aiohttp.ClientResponse) -> AsyncGenerator[bytes, None]:
    # Kept, since the answer lets go of it with its last octet.
    protocol = response.connection.protocol if response.connection is not None else None
    try:
        inflation = Inflation(response.headers.get("Content-Encoding", "").lower())
        async for octets in response.content.iter_any():
            for piece in inflation.feed(octets):
                yield piece
        inflation.finish()
    except Damaged as error:
        raise Unreachable(f"the answer of {response.url.host} is {error}") from error
    if protocol is not None and protocol.exception() is not None:
        raise Unreachable(
            f"the answer of {response.url.host} is longer than its head says, so what came may be"
            " half of it"
        )


async def nothing() -> AsyncGenerator[bytes, None]:
    """Yield no piece: the body of an answer that has none left."""
    empty: tuple[bytes, ...] = ()
    for piece in empty:
        yield piece


@lru_cache(maxsize=8)
def _tls_context(ca: str) -> ssl.SSLContext:
    """Return a context that verifies; made once for all accounts, since it holds every CA there is."""
    context = ssl.create_default_context()
    if ca:
        context.load_verify_locations(cafile=ca)
    return context


def _proxy_for(url: str) -> str | None:
    """Return the proxy that the environment names for this address (https_proxy, no_proxy)."""
    address = URL(url)
    if urllib.request.proxy_bypass(address.host or ""):
        return None
    return urllib.request.getproxies().get(address.scheme)


def _now() -> float:
    return time.time()  # noqa: TID251 - providers may not import bridge.clock
