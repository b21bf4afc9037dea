"""Runs a simulation from its seed to its end; nothing but the seed decides what happens.

make chaos SEED=7 STEPS=5000 UPSTREAM=folder
"""

import asyncio
import hashlib
import random
import tempfile
from collections.abc import Callable
from pathlib import Path

import attrs

from tests.chaos.clouds import GmailUpstream, GraphUpstream
from tests.chaos.ending import end
from tests.chaos.steady_loop import SteadyLoop
from tests.chaos.steps import take
from tests.chaos.upstreams import FolderUpstream, MemoryUpstream, Upstream
from tests.chaos.views import Broken, must
from tests.chaos.world import World

A_STEP_ENDS = 1e9
"""Seconds of the loop's own time: only what hangs for ever takes so long."""


TOLD_STEPS = 25

UPSTREAMS: dict[str, Callable[[Path, int], Upstream]] = {
    "memory": MemoryUpstream,
    "folder": FolderUpstream,
    "microsoft": GraphUpstream,
    "google": GmailUpstream,
}


class Failed(AssertionError):
    """A simulation found something; the text says what, how to see it again, and what came before."""


@attrs.frozen
class Run:
    """What a simulation was, and every step of it."""

    trace: tuple[str, ...]

    @property
    def digest(self) -> str:
        """Return what two runs that are the same have in common."""
        return hashlib.sha256("\n".join(self.trace).encode()).hexdigest()


def simulate(seed: int, steps: int, upstream: str = "memory") -> Run:
    """Run a simulation.

    Raises:
        Failed: the bridge broke a promise.
    """
    rng = random.Random(seed)  # noqa: S311 - it is to be repeated
    before = random.getstate()
    random.seed(seed)  # what the bridge itself draws: jitter
    trace: list[str] = []
    try:
        with (
            tempfile.TemporaryDirectory(prefix="chaos-") as root,
            asyncio.Runner(loop_factory=SteadyLoop) as runner,
        ):
            runner.run(_live(Path(root), upstream, rng, steps, trace))
    except BaseExceptionGroup as group:
        raise Failed(_told(group, seed, steps, upstream, trace)) from group
    finally:
        random.setstate(before)
    return Run(tuple(trace))


async def _live(
    root: Path, upstream: str, rng: random.Random, steps: int, trace: list[str]
) -> None:
    made = UPSTREAMS[upstream](root / "mail", rng.randint(1, 3))
    async with asyncio.TaskGroup() as group:
        await made.start()
        world = World(root, made, rng, group)
        try:
            await _step_by_step(world, steps, trace)
            must(not made.check(), "\n".join(made.check()))
        finally:
            world.loop.release_all()
            world.life.stop()
            await world.life.bury()
            await made.stop()


async def _step_by_step(world: World, steps: int, trace: list[str]) -> None:
    await world.begin()
    for number in range(steps):
        async with asyncio.timeout(A_STEP_ENDS):
            trace.append(f"{number} {await take(world)}")
    async with asyncio.timeout(A_STEP_ENDS):
        trace.append(f"{steps} {await end(world)}")


def _told(
    group: BaseExceptionGroup[BaseException],
    seed: int,
    steps: int,
    upstream: str,
    trace: list[str],
) -> str:
    found: BaseException = group
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    what = str(found) if isinstance(found, Broken) else repr(found)
    lines = [
        f"{what} (in step {len(trace)})",
        f"make chaos SEED={seed} STEPS={steps} UPSTREAM={upstream}",
        *trace[-TOLD_STEPS:],
    ]
    return "\n".join(lines)
