"""A worker at work on a loop whose time takes none: waits are exact, and nobody waits for them."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs

from bridge import logs
from bridge.storage.register import MaildropRecord
from bridge.sync.worker import Pace, Worker
from tests.fakes.clock import LoopClock, run_without_waiting
from tests.unit.sync.looking import Looking

PACE = Pace(interval=60, nudge_gap=60)
GRACE = 1.000001


@attrs.define
class Bench:
    """A worker that runs, and the times at which it looked."""

    looking: Looking
    worker: Worker
    task: asyncio.Task[None]
    looks: list[float]
    looked: asyncio.Event

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    async def pass_time(self, seconds: float) -> None:
        await LoopClock().sleep(seconds)

    async def until_looks(self, count: int) -> None:
        """Return when so many looks have begun; an hour of loop time is for ever."""
        async with asyncio.timeout(1e7):
            while len(self.looks) < count:
                self.looked.clear()
                await self.looked.wait()

    def waits(self) -> list[float]:
        return [
            later - sooner for sooner, later in zip(self.looks, self.looks[1:], strict=False)
        ]


Scenario = Callable[[Bench], Coroutine[Any, Any, None]]


@asynccontextmanager
async def _running(
    root: Path, pace: Pace, records: Callable[[], list[MaildropRecord]] | None
) -> Any:  # noqa: ANN401 - an iterator
    looking = Looking(root)
    await looking.register()
    known = list(await looking.records())
    looks: list[float] = []
    looked = asyncio.Event()

    def on_step(name: str) -> None:
        if name == "look":
            looks.append(asyncio.get_running_loop().time())
            looked.set()

    looking.service.on_step = on_step
    worker = Worker(
        looking.looker(), records or (lambda: known), pace, LoopClock(), logs.get("sync")
    )
    async with asyncio.TaskGroup() as group:
        task = group.create_task(worker.run(), name="worker")
        yield Bench(looking, worker, task, looks, looked)
        task.cancel()
    looking.storage.close()


def play(
    tmp_path: Path,
    scenario: Scenario,
    records: Callable[[], list[MaildropRecord]] | None = None,
    pace: Pace = PACE,
) -> None:
    """Let a worker run while a scenario goes on."""

    async def run() -> None:
        async with _running(tmp_path, pace, records) as bench:
            await scenario(bench)

    run_without_waiting(run())
