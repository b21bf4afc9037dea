"""Gives slow work its turn on a few threads, one origin at a time.

The work here is a slow hash of 19 MiB, so the number of threads is what bounds the memory under a
flood. What may surprise: when the queue is full, the newest turn of the longest line gives way to
an origin with a shorter one, so a stranger who fills the queue shuts out itself and not the printer.
"""

import asyncio
import functools
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import attrs

from bridge.errors import SpoolUnavailable

_BUSY = "too many logins are being checked just now"


@attrs.define(eq=False)
class _Turn:
    """One piece of work, and who waits for its answer."""

    work: Callable[[], bool]
    answer: asyncio.Future[bool]


class Turns:
    """Runs work on `workers` threads: first in first out over origins, one at a time for each.

    At most `ceiling` turns wait; nothing is remembered of an origin that has none.
    """

    def __init__(self, workers: int, ceiling: int) -> None:
        self._workers = workers
        self._ceiling = ceiling
        self._executor = ThreadPoolExecutor(workers, thread_name_prefix="passwords")
        self._lines: dict[str, deque[_Turn]] = {}  # who waits; never an empty line
        self._ready: deque[str] = deque()  # origins with a line and no running turn
        self._running: set[str] = set()
        self._waiting = 0
        self._closed = False

    async def run(self, origin: str, work: Callable[[], bool]) -> bool:
        """Return what `work` returns, called on a worker thread when its turn comes.

        A cancelled wait leaves the queue; work that runs already ends unheard.

        Raises:
            SpoolUnavailable: the queue is full, or closed.
        """
        self._make_room(origin)
        turn = _Turn(work, asyncio.get_running_loop().create_future())
        self._lines.setdefault(origin, deque()).append(turn)
        self._waiting += 1
        if origin not in self._running and len(self._lines[origin]) == 1:
            self._ready.append(origin)
        self._start_idle_workers()
        try:
            return await turn.answer
        finally:
            self._withdraw(origin, turn)

    def is_idle(self) -> bool:
        """Tell whether nothing runs, nothing waits and no origin is remembered."""
        return not (self._lines or self._ready or self._running or self._waiting)

    def close(self) -> None:
        """Refuse what waits, let what runs end, and return when the threads are gone."""
        self._closed = True
        for line in self._lines.values():
            for turn in line:
                _refuse(turn)
        self._lines.clear()
        self._ready.clear()
        self._waiting = 0
        self._executor.shutdown(wait=True, cancel_futures=True)

    def _make_room(self, origin: str) -> None:
        if self._closed:
            raise SpoolUnavailable(_BUSY)
        if self._waiting < self._ceiling:
            return
        longest = max(self._lines.values(), key=len)
        if len(longest) <= len(self._lines.get(origin, ())) + 1:
            raise SpoolUnavailable(_BUSY)
        _refuse(longest.pop())
        self._waiting -= 1

    def _start_idle_workers(self) -> None:
        loop = asyncio.get_running_loop()
        while self._ready and len(self._running) < self._workers:
            origin = self._ready.popleft()
            turn = self._lines[origin].popleft()
            self._took_from(origin)
            self._running.add(origin)
            result = loop.run_in_executor(self._executor, turn.work)
            result.add_done_callback(functools.partial(self._finish, origin, turn))

    def _finish(self, origin: str, turn: _Turn, result: asyncio.Future[bool]) -> None:
        self._running.discard(origin)
        if origin in self._lines:
            self._ready.append(origin)
        if result.cancelled():  # closed before a thread took it up
            _refuse(turn)
            return
        # Asked for even when nobody waits any more, or asyncio reports it as never retrieved.
        error = result.exception()
        if not turn.answer.done():
            if error is not None:
                turn.answer.set_exception(error)
            else:
                turn.answer.set_result(result.result())
        if not self._closed:
            self._start_idle_workers()

    def _withdraw(self, origin: str, turn: _Turn) -> None:
        line = self._lines.get(origin)
        if line is None or turn not in line:
            return
        line.remove(turn)
        self._took_from(origin)
        if origin not in self._lines and origin in self._ready:
            self._ready.remove(origin)

    def _took_from(self, origin: str) -> None:
        self._waiting -= 1
        if not self._lines[origin]:
            del self._lines[origin]


def _refuse(turn: _Turn) -> None:
    if not turn.answer.done():
        turn.answer.set_exception(SpoolUnavailable(_BUSY))
