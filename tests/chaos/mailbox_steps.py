"""Steps of a simulation that happen on the far side: senders, the mailbox's owner, and what goes wrong there."""

from tests.chaos.failing import Fault
from tests.chaos.mails import Job, make_copy, make_job
from tests.chaos.upstreams import Place
from tests.chaos.world import World

SICK_AT_ONCE = 4


async def deliver(world: World) -> str:
    """New mail arrives."""
    numbers = []
    for _ in range(world.rng.choice((1, 1, 2, 5))):
        job = make_job(len(world.model.jobs), world.rng)
        _put(world, job)
        numbers.append(job.number)
    return f"jobs {numbers}"


async def deliver_copy(world: World) -> str:
    """A second copy of a job arrives."""
    if not world.model.jobs:
        return "-"
    of = world.rng.choice([*world.model.jobs.values()][-10:])
    job = make_copy(len(world.model.jobs), of)
    _put(world, job)
    return f"job {job.number} of {job.first}"


def _put(world: World, job: Job) -> None:
    world.model.arrived(job, world.clock.now())
    world.owner(lambda: world.remote.__setitem__(world.upstream.put(job), job.number))


async def owner_moves(world: World) -> str:
    """The owner moves a message, takes one away for ever, or brings one back."""
    seen = world.model.seen
    if not seen:
        return "-"
    job = world.rng.choice(sorted(seen))
    choices = [Place.INBOX, Place.ELSEWHERE, Place.ELSEWHERE, Place.GONE]
    place = world.rng.choice([one for one in choices if one is not seen[job].place])
    world.owner(lambda: world.upstream.move(job, place))
    return f"job {job} to {place}"


async def owner_marks(world: World) -> str:
    """The owner reads a message, or marks it as unread."""
    here = [job for job, seen in sorted(world.model.seen.items()) if seen.place is Place.INBOX]
    if not here:
        return "-"
    job = world.rng.choice(here)
    is_read = not world.model.seen[job].is_read
    world.owner(lambda: world.upstream.mark(job, is_read=is_read))
    return f"job {job} {'read' if is_read else 'unread'}"


async def falls_sick(world: World) -> str:
    """A message cannot be had from now on: just now, or never."""
    model = world.model
    here = [job for job, seen in sorted(model.seen.items()) if seen.place is Place.INBOX]
    if not here or len(model.sick) >= SICK_AT_ONCE:
        return "-"
    job, can_be_had = world.rng.choice(here), world.rng.random() < 0.6
    can_be_had = can_be_had or not world.upstream.can_be_unreadable
    model.sick[job] = can_be_had
    if not can_be_had:
        model.was_unreadable.add(job)
    world.upstream.sicken(model.sick)
    return f"job {job}, {'for a while' if can_be_had else 'for ever'}"


async def gets_well(world: World) -> str:
    """What could not be had can be had."""
    jobs = sorted(world.model.sick)
    world.model.sick.clear()
    world.upstream.sicken(world.model.sick)
    return f"jobs {jobs}"


async def trouble(world: World) -> str:
    """The next calls of the service fail."""
    faults = [world.rng.choice(list(Fault)) for _ in range(world.rng.choice((1, 1, 2, 4)))]
    world.upstream.trouble(faults)
    return ", ".join(faults)


async def forget_cursors(world: World) -> str:
    """The service knows no cursor any more."""
    world.upstream.forget_cursors()
    return ""


async def lose_cursor(world: World) -> str:
    """A cursor is lost here, as at a new enrolment."""
    await world.lose_cursors()
    return ""
