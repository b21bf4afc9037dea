"""The end of a simulation: nothing fails any more, everything is drained, and nothing may be left open."""

from tests.chaos.steps import DAY, LOOKS_IN_VAIN, look_once, print_as
from tests.chaos.views import must
from tests.chaos.world import World

LOOKS = 3

LOOKS_AT_SICK = LOOKS_IN_VAIN + 2
"""Sick messages may end the first looks, and must not end the last ones."""

ROUNDS = 8
"""A damaged body is fetched anew once a device has met it; what is above a ceiling waits for its turn."""


async def end(world: World) -> str:
    """Drain everything and compare it with the model."""
    await _heal(world)
    await _looks(world, LOOKS_AT_SICK)
    for _ in range(ROUNDS):
        await _print_everything(world)
        await _looks(world)
    await _nothing_is_left(world)
    # Whatever happens afterwards, nothing comes back.
    world.upstream.forget_cursors()
    await world.lose_cursors()
    await _looks(world)
    world.kill()
    await world.revive()
    await world.clock.sleep(30 * DAY)
    await world.life.spool.prune(world.clock.now())
    await _looks(world)
    await _nothing_is_left(world)
    told = f"{len(world.model.jobs)} jobs, {len(world.model.seen)} left upstream"
    world.kill()
    await world.life.bury()
    return told


async def _heal(world: World) -> None:
    world.upstream.heal()
    world.upstream.sicken(world.model.sick)
    for unit in world.units:
        await unit.lose()
    await world.check()


async def _looks(world: World, count: int = LOOKS) -> None:
    for _ in range(count):
        await look_once(world)
        await world.check()
    must(not world.life.is_failing, "looks fail though nothing is wrong any more")


async def _print_everything(world: World) -> None:
    """Have every maildrop emptied by one of its devices."""
    world.model.sick.clear()
    world.upstream.sicken(world.model.sick)
    for view in world.model.views.values():
        await print_as(world, next(unit for unit in world.units if unit.view is view))
        await world.check()


async def _nothing_is_left(world: World) -> None:
    """Check that no message waits, that no disposition does, and that no body lies about."""
    for view in world.model.views.values():
        left = sorted(view.listed.keys() - view.again)
        must(not left, f"jobs {left} cannot be had from {view.name}")
    rows = await world.rows()
    must(not [row for row in rows if row[3] == "expunged"], "a disposition was never obeyed")
    waiting = [row for row in rows if row[3] == "announced"]
    must(not waiting, f"these wait for their bodies for ever: {waiting}")
    live = {f"{row[0]}.body" for row in rows if row[3] in ("ready", "quarantined")}
    there = {path.name for path in (world.life.folder / "bodies").iterdir()}
    must(there <= live, f"bodies of no message: {sorted(there - live)}")
