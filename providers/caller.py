"""Sends the requests of one mailbox with the manners its service asks for.

Few at a time, a pause for all when the service wants one, another token where one was refused (once),
and a bounded number of tries. What an answer means is the provider's to say: its `judge` turns a bad
one into the error to raise, and the kind of error decides what happens here.
"""

import asyncio
import itertools
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TypeAlias

import attrs
import stamina
from stamina.instrumentation import set_on_retry_hooks

from providers.contract import AccessRefused, ProviderError, Throttled, Unreachable
from providers.identity import TokenSource
from providers.transport import HttpAnswer, HttpClient, Streamed, nothing

TRIES = 4
"""Times one request is sent at most before its failure is the whole look's."""

LONGEST_PAUSE_SECONDS = 30.0
"""A longer pause is left to the worker, which has other things to do meanwhile."""

set_on_retry_hooks(())  # failures are told by ours below; stamina's would log their arguments


class TokenRefused(ProviderError):
    """The service did not take the access token; `claims` is its challenge, decoded, if it made one."""

    def __init__(self, text: str, claims: str | None = None, *, request_id: str = "") -> None:
        super().__init__(text, request_id=request_id)
        self.claims = claims


class TookTooLong(Unreachable):
    """The service ran out of its own time (504): a smaller question may be answered."""


class AskedInVain(Unreachable):
    """The service is there and would say the same again; `tries` says how many are worth it at once."""

    def __init__(self, text: str, tries: int, *, request_id: str = "") -> None:
        super().__init__(text, request_id=request_id)
        self.tries = tries


Judge: TypeAlias = Callable[[HttpAnswer], ProviderError | None]
"""Says which error an answer is, or None for one that is good."""


@attrs.frozen
class Request:
    """One request; whoever can ask a smaller one instead says so, and gets TookTooLong at once."""

    method: str
    url: str
    headers: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    body: bytes | None = attrs.field(default=None, repr=False)
    can_shrink: bool = False


class Caller:
    """Sends requests with tokens from a source, at most `at_once` at the same time."""

    def __init__(
        self,
        http: HttpClient,
        tokens: TokenSource,
        judge: Judge,
        at_once: int,
        log: logging.Logger,
    ) -> None:
        """Ask nothing yet; `log` is told every failure, also those that are tried again."""
        self._http = http
        self._tokens = tokens
        self._judge = judge
        self._lanes = asyncio.Semaphore(at_once)
        self._log = log
        self._closed_until = 0.0

    async def ask(self, request: Request) -> HttpAnswer:
        """Return the good answer to a request.

        Raises:
            ProviderError: what `judge` made of the last bad one; Unreachable where there was none;
                AccessRefused where two tokens in a row were refused.
        """
        async with AsyncExitStack() as stack:
            return (await self._send(request, stack, self._asked)).head

    @asynccontextmanager
    async def stream(self, request: Request) -> AsyncGenerator[Streamed, None]:
        """Yield the good answer to a request, its body still on the way and its lane still taken.

        Raises:
            ProviderError: as for `ask`.
        """
        async with AsyncExitStack() as stack:
            yield await self._send(request, stack, self._streamed)

    def pause(self, seconds: float) -> None:
        """Send nothing more for that long: the service asked for it."""
        self._closed_until = max(self._closed_until, time.monotonic() + seconds)

    # ---- private

    async def _send(self, request: Request, stack: AsyncExitStack, way: "_Way") -> Streamed:
        """Return the good answer; what is open then is left to `stack`.

        A token that cannot be had is not asked for again here: its source has tries of its own.
        """
        token = await self._tokens.access_token()
        try:
            return await self._try(request, token, stack, way)
        except TokenRefused as refusal:
            token = await self._tokens.replace(token, refusal.claims)
        try:
            return await self._try(request, token, stack, way)
        except TokenRefused as refusal:
            raise AccessRefused(
                f"even a new access token is refused: {refusal}", request_id=refusal.request_id
            ) from refusal

    async def _try(
        self, request: Request, token: str, stack: AsyncExitStack, way: "_Way"
    ) -> Streamed:
        """Try until it goes well or there is no sense in it."""
        tries = itertools.count(1)
        async for attempt in stamina.retry_context(
            on=lambda error: self._again(error, request, next(tries)),
            attempts=TRIES,
            timeout=None,
            wait_initial=1.0,
            wait_max=20.0,
        ):
            with attempt:
                return await self._once(request, token, stack, way)
        raise AssertionError("the last attempt returns or raises")

    def _again(self, error: Exception, request: Request, tries: int) -> bool | float:
        """Say whether to try again, and where the service said so after how many seconds."""
        if not isinstance(error, ProviderError):
            return False
        self._tell(error, request)
        match error:
            case TookTooLong() if request.can_shrink:
                return False
            case AskedInVain(tries=worth):
                return tries < worth
            case Unreachable():
                return True
            case Throttled(retry_after=0.0):
                return True  # the service did not say how long
            case Throttled(retry_after=seconds) if seconds <= LONGEST_PAUSE_SECONDS:
                self.pause(seconds)
                return float(seconds)
            case _:
                return False

    async def _once(
        self, request: Request, token: str, stack: AsyncExitStack, way: "_Way"
    ) -> Streamed:
        async with AsyncExitStack() as held:
            await held.enter_async_context(self._lanes)
            await self._wait_for_opening()
            headers = {**request.headers, "Authorization": f"Bearer {token}"}
            answer = await way(attrs.evolve(request, headers=headers), held)
            error = self._judge(answer.head)
            if error is not None:
                raise error
            await stack.enter_async_context(held.pop_all())
            return answer

    async def _asked(self, request: Request, _held: AsyncExitStack) -> Streamed:
        head = await self._http.ask(
            request.method, request.url, headers=request.headers, body=request.body
        )
        return Streamed(head, nothing())

    async def _streamed(self, request: Request, held: AsyncExitStack) -> Streamed:
        opened = self._http.stream(request.method, request.url, headers=request.headers)
        return await held.enter_async_context(opened)

    async def _wait_for_opening(self) -> None:
        """Wait for the end of a pause, which others may make longer meanwhile."""
        seconds = self._closed_until - time.monotonic()
        if seconds > 0:
            await asyncio.sleep(seconds)  # noqa: TID251 - providers may not import bridge.clock
            await self._wait_for_opening()

    def _tell(self, error: ProviderError, request: Request) -> None:
        fields = {"why": str(error), "request_id": error.request_id, "method": request.method}
        self._log.warning("request-failed", extra={"event_fields": fields})


_Way: TypeAlias = Callable[[Request, AsyncExitStack], Awaitable[Streamed]]
