"""Time that a test moves by hand, and a loop on which waiting takes none.

`FakeClock` keeps bridge.clock.Clock; its sleeps return at once and are written down. `FakeTimeLoop`
is a real asyncio loop whose time stands still while there is work, and jumps to the next timer when
there is none; work in threads is waited for in earnest.
"""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any, TypeVar

T = TypeVar("T")


class FakeClock:
    """A clock that goes on only while somebody sleeps, or when a test says so."""

    def __init__(self, start: float = 1_000_000.0) -> None:
        self.time = start
        self.slept: list[float] = []

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds

    def advance(self, seconds: float) -> None:
        self.time += seconds


class _JumpingSelector(selectors.DefaultSelector):  # type: ignore[misc,valid-type] - the platform's best
    """Waits for no timer: where only time would bring work, it moves the time."""

    loop: "FakeTimeLoop"

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready: list[tuple[selectors.SelectorKey, int]] = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None or self.loop.threads_at_work:
            waited: list[tuple[selectors.SelectorKey, int]] = super().select(None)
            return waited
        self.loop.seconds += timeout
        return []


class FakeTimeLoop(asyncio.SelectorEventLoop):
    """A loop with a time of its own, which begins at 0."""

    def __init__(self) -> None:
        selector = _JumpingSelector()
        selector.loop = self
        self.seconds = 0.0
        self.threads_at_work = 0
        super().__init__(selector)

    def time(self) -> float:
        return self.seconds

    def run_in_executor(  # type: ignore[override] - the same, counted
        self, executor: Executor | None, func: Callable[..., T], *args: object
    ) -> "asyncio.Future[T]":
        work = super().run_in_executor(executor, func, *args)
        self.threads_at_work += 1
        work.add_done_callback(self._count_down)
        return work

    def _count_down(self, _work: "asyncio.Future[Any]") -> None:
        self.threads_at_work -= 1


def run_without_waiting(work: Coroutine[Any, Any, T]) -> T:
    """Return what `work` returns, run on a loop whose time is not the machine's."""
    with asyncio.Runner(loop_factory=FakeTimeLoop) as runner:
        return runner.run(work)


class LoopClock:
    """A loop's own time, as a Clock: on a `FakeTimeLoop` its sleeps take none.

    Without a loop it is that of the one that runs: in a thread of its executor there is none.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop | None = None) -> None:
        self._loop = loop

    def now(self) -> float:
        return 1_000_000.0 + self.monotonic()

    def monotonic(self) -> float:
        return (self._loop or asyncio.get_running_loop()).time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)  # noqa: TID251 - a clock is where the ban points to


if TYPE_CHECKING:
    from bridge.clock import Clock

    _clocks: tuple[type[Clock], ...] = (FakeClock, LoopClock)
