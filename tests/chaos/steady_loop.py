"""A loop on which a run can be repeated to the last step: its time is its own, its threads take turns.

What is asked of a thread is done while the loop waits, so there is one order of things. Before and after
each such piece of work lies a boundary: there the process may end, or one task may be held back.
"""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from contextvars import ContextVar
from types import ModuleType
from typing import Any, ParamSpec, TypeVar

import attrs

from tests.fakes.clock import FakeTimeLoop

T = TypeVar("T")
P = ParamSpec("P")

ACTOR: ContextVar[str] = ContextVar("actor", default="")
"""Who a task works for, and the tasks it starts: a look, or a session by its name."""


@attrs.frozen
class _Work:
    """One piece of work for a thread, and who waits for it."""

    do: Callable[[], Any]
    done: "asyncio.Future[Any]"

    boundary: Callable[[], None]

    def run(self) -> None:
        self.boundary()
        if self.done.cancelled():
            return  # its process ended before it was begun
        try:
            result = self.do()
        except Exception as error:  # noqa: BLE001 - it is the waiter's
            self.boundary()
            if not self.done.cancelled():
                self.done.set_exception(error)
        else:
            self.boundary()
            if not self.done.cancelled():
                self.done.set_result(result)


def _nothing() -> None:
    pass


class Hold:
    """Holds one actor back, some boundaries of its own from now, until it is released."""

    def __init__(self, after: int) -> None:
        self._left = after
        self._reached = asyncio.Event()
        self._waiting: list[_Work] = []

    def takes(self, work: _Work) -> bool:
        """Take a piece of work where the actor is to be held, and tell whether it was."""
        self._left -= 1
        if self._left >= 0:
            return False
        # One of several lanes is held: so are the others when they get here.
        self._waiting.append(work)
        self._reached.set()
        return True

    async def holds(self, task: "asyncio.Task[None]") -> bool:
        """Wait until the actor is held, or its task has ended; tell whether it is held."""
        task.add_done_callback(lambda _: self._reached.set())
        await self._reached.wait()
        return not task.done()

    def release(self) -> list[_Work]:
        waiting, self._waiting = self._waiting, []
        return waiting


class SteadyLoop(FakeTimeLoop):
    """A loop whose threads take turns with it; `burn_at` boundaries from now `on_burn` is called, once."""

    def __init__(self) -> None:
        super().__init__()
        self.burn_at: int | None = None
        self.on_burn: Callable[[], None] = _nothing
        self._holds: dict[str, Hold] = {}

    def run_in_executor(  # type: ignore[override] - the same, in turn
        self, executor: Executor | None, func: Callable[..., T], *args: object
    ) -> "asyncio.Future[T]":
        done: asyncio.Future[T] = self.create_future()

        def do() -> T:
            # SQLite's connection belongs to its thread.
            return executor.submit(func, *args).result() if executor else func(*args)

        work = _Work(do, done, self.pass_boundary)
        hold = self._holds.get(ACTOR.get())
        if hold is None or not hold.takes(work):
            self.call_soon(work.run)
        return done

    def pass_boundary(self) -> None:
        """Be at a point where the process may end."""
        if self.burn_at is None:
            return
        self.burn_at -= 1
        if self.burn_at < 0:
            self.burn_at = None
            self.on_burn()

    @contextmanager
    def unharmed(self) -> Iterator[None]:
        """Let no process end in the block: it is the simulator that asks there."""
        burn_at, self.burn_at = self.burn_at, None
        try:
            yield
        finally:
            self.burn_at = burn_at

    def hold(self, actor: str, after: int) -> Hold:
        """Hold an actor back, so many boundaries of its own from now."""
        self._holds[actor] = Hold(after)
        return self._holds[actor]

    def release(self, actor: str) -> None:
        """Let an actor go on that is held back, or was to be."""
        hold = self._holds.pop(actor, None)
        for work in hold.release() if hold else ():
            self.call_soon(work.run)

    def release_all(self) -> None:
        """Let everybody go on: what is held back can not even be cancelled."""
        for actor in list(self._holds):
            self.release(actor)

    def drop(self) -> None:
        """Forget what was held back: its process is gone."""
        self._holds.clear()


class TurnsTaken:
    """Stands in for a ThreadPoolExecutor that is not asked through the loop: work is done at once."""

    def __init__(self, *_args: object, **_kwargs: object) -> None:
        self._is_shut = False

    def submit(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> "Future[T]":
        if self._is_shut:
            raise RuntimeError("cannot schedule new futures after shutdown")
        done: Future[T] = Future()
        steady_loop().pass_boundary()
        try:
            done.set_result(work(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - it is the waiter's
            done.set_exception(error)
        steady_loop().pass_boundary()
        return done

    def shutdown(self, **_how: object) -> None:
        self._is_shut = True


@contextmanager
def instead(module: ModuleType, name: str, value: object) -> Iterator[None]:
    """Let a module have something else by that name in the block."""
    true = vars(module)[name]
    vars(module)[name] = value
    try:
        yield
    finally:
        vars(module)[name] = true


def steady_loop() -> SteadyLoop:
    """Return the loop that runs."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, SteadyLoop)
    return loop
