"""Steps of a simulation in which the owner has a test page made, which no mailbox knows of."""

import asyncio
from collections.abc import AsyncIterator

from bridge.sync.plan import mint_unique_id
from providers.contract import RemoteId
from tests.chaos.mails import make_job
from tests.chaos.world import World


async def make_page(world: World) -> str:
    """A page is made here; where the process ends meanwhile it is in its maildrop whole, or not at all."""
    life, view = world.life, world.rng.choice([*world.model.views.values()])
    job = make_job(len(world.model.jobs), world.rng)
    remote_id = RemoteId(f"local:{job.number}")
    world.remote[remote_id] = job.number
    world.model.page_begins(view, job, world.clock.now())
    made: list[int] = []

    async def make() -> None:
        number = await life.spool.announce_local(
            view.name, remote_id, mint_unique_id(remote_id)
        )
        await life.spool.deliver(number, _once(job.octets))
        made.append(number)

    if life.is_over:
        return "killed"
    await asyncio.wait([life.start(make(), "page")])
    if made and not life.is_over:
        world.model.page_is_made(view, job.number)
    return f"job {job.number} for {view.name}, {'made' if made else 'killed'}"


async def _once(octets: bytes) -> AsyncIterator[bytes]:
    yield octets
