"""Every step that a simulation can take, and how often it takes it."""

import asyncio

from bridge.errors import OwnerError
from tests.chaos.devices import HungUp
from tests.chaos.mailbox_steps import (
    deliver,
    deliver_copy,
    falls_sick,
    forget_cursors,
    gets_well,
    lose_cursor,
    owner_marks,
    owner_moves,
    trouble,
)
from tests.chaos.moving_steps import back_up, restore
from tests.chaos.page_steps import make_page
from tests.chaos.sessions import Unit
from tests.chaos.views import Broken, View, must
from tests.chaos.world import Weighed, World

MINUTE, DAY = 60.0, 86400.0
CRASHES = 0.25
"""How often the process ends in the middle of a step in which it may."""

LOOKS_IN_VAIN = 4
"""Looks that may fail because of sick messages alone: each puts three of them last."""


# ---- looks


async def look(world: World) -> str:
    """Look at the account; sometimes other things happen in the middle of it."""
    is_held = world.rng.random() < 0.3
    return await look_once(world, hold_at=world.rng.randrange(60) if is_held else None)


async def look_once(world: World, *, hold_at: int | None = None) -> str:
    """Look, and where it is to be held back have other things happen at that boundary."""
    model, upstream, life = world.model, world.upstream, world.life
    if life.is_over:
        return "killed"
    in_use = {unit.view.name for unit in world.units if unit.dialogue is not None}
    model.look_begins(await world.at_rest(), in_use)
    met = upstream.met
    told: list[str] = []
    meanwhile: list[str] = []

    async def run() -> None:
        told.append(await life.look())

    hold = None if hold_at is None else world.loop.hold("look", hold_at)
    task = life.start(run(), "look")
    if hold is not None and await hold.holds(task):
        meanwhile = await _meanwhile(world)
    world.loop.release("look")
    await asyncio.wait([task])
    if not told:
        return f"killed; meanwhile {meanwhile}"
    await world.check()
    if upstream.met == met:
        await _look_was_left_alone(world)
    return f"{told[0]}; meanwhile {meanwhile}"


async def _meanwhile(world: World) -> list[str]:
    """Let other things happen while a look is held back."""
    happened: list[str] = []
    with world.loop.unharmed():
        await world.check()
        for _ in range(world.rng.randint(1, 4)):
            step = world.rng.choice(MEANWHILE)
            happened.append(f"{step.__name__}: {await step(world)}")
            await world.check()
    return happened


async def _look_was_left_alone(world: World) -> None:
    """Check what a look must have brought about that met no fault of the service."""
    if world.life.is_failing:
        world.ended_in_vain += 1
        must(
            world.ended_in_vain <= LOOKS_IN_VAIN, "sick messages block the others for ever (6)"
        )
        return
    world.ended_in_vain = 0
    world.model.look_ended_well(await world.at_rest())


# ---- devices


def _at_home(world: World, *, connected: bool) -> Unit | None:
    units = [unit for unit in world.units if (unit.dialogue is not None) is connected]
    return world.rng.choice(units) if units else None


async def log_in(world: World) -> str:
    """A device logs in."""
    unit = _at_home(world, connected=False)
    if unit is None:
        return "-"
    return f"{unit}: {await unit.log_in(world.life, world.model, world.units)}"


async def reconnect(world: World) -> str:
    """A device lost power and comes back, while its old connection still looks alive."""
    unit = _at_home(world, connected=True)
    if unit is None:
        return "-"
    return f"{unit}: {await unit.log_in(world.life, world.model, world.units)}"


async def retrieve(world: World) -> str:
    """A device takes a message."""
    unit = _at_home(world, connected=True)
    numbers = _unmarked(unit)
    if unit is None or not numbers:
        return "-"
    return f"{unit}: {await _retrieve(world, unit, world.rng.choice(numbers))}"


async def _retrieve(world: World, unit: Unit, number: int) -> str:
    return await unit.retrieve(
        number, world.model, lambda job: world.is_damaged(unit.view, job)
    )


def _unmarked(unit: Unit | None) -> list[int]:
    if unit is None:
        return []
    return [n for n in range(1, len(unit.told) + 1) if n not in unit.marked]


async def break_off(world: World) -> str:
    """A device leaves in the middle of a message."""
    unit = _at_home(world, connected=True)
    numbers = _unmarked(unit)
    if unit is None or not numbers:
        return "-"
    number = world.rng.choice(numbers)
    entry = unit.told[number - 1]
    if world.is_damaged(unit.view, entry.job):
        return "-"
    await unit.break_off(number, world.rng.randint(0, entry.octets))
    return f"{unit}: job {entry.job}"


async def mark(world: World) -> str:
    """A device marks some messages as deleted, one of them twice perhaps."""
    unit = _at_home(world, connected=True)
    if unit is None or not unit.told:
        return "-"
    count = world.rng.randint(1, min(4, len(unit.told)))
    numbers = [world.rng.randint(1, len(unit.told)) for _ in range(count)]
    return f"{unit}: {[await unit.mark(number) for number in numbers]}"


async def unmark(world: World) -> str:
    """A device takes its marks back."""
    unit = _at_home(world, connected=True)
    if unit is None:
        return "-"
    await unit.unmark()
    return str(unit)


async def leave(world: World) -> str:
    """A device is switched off."""
    unit = _at_home(world, connected=True)
    if unit is None:
        return "-"
    await unit.lose()
    return str(unit)


async def say_quit(world: World) -> str:
    """A device says QUIT; now and then it does not wait for the answer."""
    unit = _at_home(world, connected=True)
    if unit is None:
        return "-"
    listens = world.rng.random() < 0.8
    return f"{unit}: {await unit.quit(world.model, listens=listens)}"


async def quit_slowly(world: World) -> str:
    """A device deletes something, and while its QUIT is carried out the account is looked at."""
    unit = _at_home(world, connected=True)
    if unit is None:
        unit = world.rng.choice(world.units)
        await unit.log_in(world.life, world.model, world.units)
    if unit.dialogue is None:
        return f"{unit} could not log in"
    for number in _unmarked(unit)[: world.rng.randint(0, 4)]:
        await unit.mark(number)
    dialogue, looked = unit.dialogue, "-"
    hold = world.loop.hold(dialogue.name, world.rng.randrange(4))
    jobs = await unit.say_quit(world.model)
    if await hold.holds(dialogue.session) and not world.life.is_over:
        await world.check()
        looked = await look_once(world)
    world.loop.release(dialogue.name)
    return f"{unit}: {await unit.hear_quit(world.model, jobs)}; meanwhile {looked}"


async def print_all(world: World) -> str:
    """A device does what a printer does: takes all, deletes it, and leaves."""
    unit = _at_home(world, connected=False)
    return "-" if unit is None else await print_as(world, unit)


async def print_as(world: World, unit: Unit) -> str:
    """Do that as a certain device."""
    answer = await unit.log_in(world.life, world.model, world.units)
    if unit.dialogue is None:
        return f"{unit}: {answer}"
    for number in _unmarked(unit):
        if "damaged" not in await _retrieve(world, unit, number):
            await unit.mark(number)
    return f"{unit}: {await unit.quit(world.model)}"


async def wrong_password(world: World) -> str:
    """Somebody tries a password."""
    dialogue = await world.life.connect("10.0.0.9")
    try:
        await dialogue.ask("USER panel")
        answer = await dialogue.ask("PASS wrong")
        must(answer.startswith("-ERR [AUTH]"), f"a wrong password was answered with {answer}")
    finally:
        await dialogue.leave()
    return answer


# ---- the machine


async def wait(world: World) -> str:
    """Time passes: minutes, or days."""
    seconds = world.rng.choice((MINUTE, 11 * MINUTE, 90 * MINUTE, DAY, 3 * DAY))
    await world.clock.sleep(seconds)
    return f"{seconds:.0f} s"


async def crash(world: World) -> str:
    """The process is killed."""
    world.kill()
    return ""


async def restart(world: World) -> str:
    """The process is stopped in order, and started again."""
    world.life.stop()
    return ""


async def damage(world: World) -> str:
    """The disk damages a body, or loses it."""
    view = world.rng.choice([*world.model.views.values()])
    jobs = [job for job in sorted(view.listed) if job not in view.again]
    if not jobs:
        return "-"
    job = world.rng.choice(jobs)
    world.damage(view, job)
    return f"job {job} of {view.name}"


async def prune(world: World) -> str:
    """Old histories are forgotten."""
    return str(await world.life.spool.prune(world.clock.now() - 2 * DAY))


# ---- the admin


async def redeliver(world: World) -> str:
    """An admin has a message listed again."""
    found = await _some_message(world, ("disposed", "held", "quarantined"))
    if found is None:
        return "-"
    view, job, number, state = found
    try:
        await world.life.desk.redeliver(number)
    except OwnerError:
        return f"job {job}: refused"
    if state == "quarantined":
        view.listed.pop(job, None)
        view.owed.discard(job)
        view.excused.add(job)
        view.unique_ids.pop(job, None)
    else:
        world.model.redeliver(view, job)
    return f"job {job} of {view.name}, {state}"


async def drop(world: World) -> str:
    """An admin takes a message off the list."""
    found = await _some_message(world, ("announced", "ready", "quarantined", "held"))
    if found is None:
        return "-"
    view, job, number, state = found
    dispose = world.rng.random() < 0.5
    try:
        await world.life.desk.drop(number, dispose=dispose)
    except OwnerError:
        return f"job {job}: refused"
    world.model.drop(view, job, dispose=dispose)
    return f"job {job} of {view.name}, {state}, dispose={dispose}"


async def _some_message(
    world: World, states: tuple[str, ...]
) -> tuple[View, int, int, str] | None:
    rows = [row for row in await world.rows() if row[3] in states]
    if not rows:
        return None
    number, maildrop, remote_id, state = world.rng.choice(rows)
    return world.model.views[maildrop], world.remote[remote_id], number, state


MEANWHILE = (
    deliver, owner_moves, owner_marks, log_in, print_all, retrieve, mark, say_quit, leave, break_off,
    make_page,
)  # fmt: skip
"""What may happen in the middle of a look."""

STEPS = (
    Weighed(deliver, 14),
    Weighed(deliver_copy, 3),
    Weighed(owner_moves, 6),
    Weighed(owner_marks, 2),
    Weighed(falls_sick, 2),
    Weighed(gets_well, 2),
    Weighed(trouble, 8),
    Weighed(forget_cursors, 2),
    Weighed(lose_cursor, 2),
    Weighed(look, 24, may_crash=True),
    Weighed(log_in, 8, may_crash=True),
    Weighed(reconnect, 2, may_crash=True),
    Weighed(retrieve, 8, may_crash=True),
    Weighed(break_off, 3, may_crash=True),
    Weighed(mark, 7),
    Weighed(unmark, 1),
    Weighed(leave, 3),
    Weighed(say_quit, 7, may_crash=True),
    Weighed(quit_slowly, 3, may_crash=True),
    Weighed(print_all, 5, may_crash=True),
    Weighed(wrong_password, 1),
    Weighed(wait, 4),
    Weighed(crash, 3),
    Weighed(restart, 2),
    Weighed(damage, 2),
    Weighed(prune, 1),
    Weighed(redeliver, 2),
    Weighed(back_up, 1),
    Weighed(restore, 1),
    Weighed(drop, 1),
    Weighed(make_page, 3, may_crash=True),
)


async def take(world: World) -> str:
    """Take one step, and return what came of it."""
    chosen = world.rng.choices(STEPS, [one.weight for one in STEPS])[0]
    name = chosen.step.__name__
    world.loop.on_burn = world.kill
    if chosen.may_crash and world.rng.random() < CRASHES:
        world.loop.burn_at = int(world.rng.expovariate(1 / 12))
    try:
        told = await chosen.step(world)
    except HungUp:
        if not world.life.is_over:
            raise Broken("the bridge hung up") from None
        told = "the bridge is gone"
    except Broken as error:
        raise Broken(f"{name}: {error}") from error
    world.loop.burn_at = None
    if world.life.is_over:
        await world.revive()
        told += " (killed)"
    await world.check()
    return f"{name}: {told}"
