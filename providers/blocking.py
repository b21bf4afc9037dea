"""Lets a library that blocks speak through the async client: it runs in a thread, its HTTP on the loop."""

import asyncio
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

from providers.contract import Unreachable
from providers.transport import HttpAnswer, HttpClient

T = TypeVar("T")


class Blocking:
    """Runs a library's calls, one at a time."""

    def __init__(self, http: HttpClient) -> None:
        self._http = http
        self._turn = asyncio.Lock()
        # A thread of its own: in the loop's pool, libraries that wait for an answer would take the
        # threads in which names are resolved, and wait for ever.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sign-in")

    def close(self) -> None:
        """End the thread; a call under way was waited for by who made it."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def run(self, work: Callable[["Line"], T]) -> T:
        """Return what `work` returns, run in a thread with a line to the network.

        A cancelled caller goes on only when the thread has ended; its request is cut off at once.
        """
        async with self._turn:
            loop = asyncio.get_running_loop()
            line = Line(self._http, loop)
            thread = loop.run_in_executor(self._thread, work, line)
            try:
                return await asyncio.shield(thread)
            except asyncio.CancelledError:
                line.cut()
                while not thread.done():
                    with suppress(asyncio.CancelledError):  # raised below, and once is enough
                        await asyncio.wait([thread])
                if not thread.cancelled():
                    thread.exception()  # taken note of: nobody waits for it any more
                raise


class Line:
    """What a library in a thread may ask of the network."""

    def __init__(self, http: HttpClient, loop: asyncio.AbstractEventLoop) -> None:
        self._http = http
        self._loop = loop
        self._guard = threading.Lock()
        self._asked: Future[HttpAnswer] | None = None
        self._is_cut = False

    def ask(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> HttpAnswer:
        """Return the whole answer; call in a thread alone.

        Raises:
            Unreachable: there was none, or the line was cut.
        """
        with self._guard:
            if self._is_cut:
                raise Unreachable("the request was given up")
            asked = asyncio.run_coroutine_threadsafe(
                self._http.ask(method, url, headers=headers, body=body), self._loop
            )
            self._asked = asked
        try:
            return asked.result()
        except CancelledError:
            raise Unreachable("the request was given up") from None

    def cut(self) -> None:
        """Give up what is being asked, and refuse to ask anything more; call on the loop."""
        with self._guard:
            self._is_cut = True
            if self._asked is not None:
                self._asked.cancel()
