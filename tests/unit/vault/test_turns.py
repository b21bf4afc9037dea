import asyncio
import threading
from collections.abc import AsyncIterator, Callable

import pytest

from bridge.errors import SpoolUnavailable
from bridge.vault.turns import Turns


class Gate:
    """Work that says when it runs, and ends when the test says so."""

    def __init__(self) -> None:
        self.running = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._end = threading.Event()

    def __call__(self) -> bool:
        self._loop.call_soon_threadsafe(self.running.set)
        return self._end.wait(timeout=30)

    def open(self) -> None:
        self._end.set()


@pytest.fixture
async def turns() -> AsyncIterator[Turns]:
    turns = Turns(workers=1, ceiling=3)
    yield turns
    turns.close()


async def settle() -> None:
    """Let every task run up to the point where it waits for somebody else."""
    for _ in range(5):
        await asyncio.get_running_loop().run_in_executor(None, bool)


async def occupied(turns: Turns, group: asyncio.TaskGroup, origin: str) -> Gate:
    """Return the gate of work that runs now, on the only worker."""
    gate = Gate()
    group.create_task(turns.run(origin, gate))
    await gate.running.wait()
    return gate


def noting(log: list[str], name: str) -> Callable[[], bool]:
    def work() -> bool:
        log.append(name)
        return True

    return work


async def test_the_answer_is_what_the_work_returned(turns: Turns) -> None:
    assert await turns.run("a", lambda: True) is True
    assert await turns.run("a", lambda: False) is False


async def test_an_error_of_the_work_reaches_who_waits_and_the_next_turn_comes(
    turns: Turns,
) -> None:
    def fail() -> bool:
        raise MemoryError

    with pytest.raises(MemoryError):
        await turns.run("a", fail)
    assert await turns.run("a", lambda: True)


async def test_origins_take_turns_although_one_asked_more_often(turns: Turns) -> None:
    log: list[str] = []
    async with asyncio.TaskGroup() as group:
        gate = await occupied(turns, group, "first")
        for name in ("flood 1", "flood 2", "printer 1"):
            group.create_task(turns.run(name.split()[0], noting(log, name)))
        await settle()
        gate.open()

    assert log == ["flood 1", "printer 1", "flood 2"]


async def test_one_origin_never_has_two_workers() -> None:
    turns = Turns(workers=2, ceiling=3)
    async with asyncio.TaskGroup() as group:
        first = await occupied(turns, group, "flood")
        second = Gate()
        group.create_task(turns.run("flood", second))
        other = await occupied(turns, group, "printer")
        assert not second.running.is_set()

        first.open()
        await second.running.wait()
        second.open()
        other.open()
    turns.close()


async def test_nothing_is_remembered_of_an_origin_that_waits_for_nothing(turns: Turns) -> None:
    assert turns.is_idle()
    async with asyncio.TaskGroup() as group:
        gate = await occupied(turns, group, "a")
        group.create_task(turns.run("a", lambda: True))
        group.create_task(turns.run("b", lambda: True))
        await settle()
        assert not turns.is_idle()
        gate.open()

    assert turns.is_idle()


async def test_above_the_ceiling_a_newcomer_with_the_longest_line_is_refused(
    turns: Turns,
) -> None:
    async with asyncio.TaskGroup() as group:
        gate = await occupied(turns, group, "a")
        for _ in range(3):
            group.create_task(turns.run("a", lambda: True))
        await settle()

        with pytest.raises(SpoolUnavailable, match="too many logins"):
            await turns.run("a", lambda: True)
        gate.open()

    assert await turns.run("a", lambda: True)


async def test_the_newest_of_the_longest_line_gives_way_to_a_quiet_origin(turns: Turns) -> None:
    log: list[str] = []
    async with asyncio.TaskGroup() as group:
        gate = await occupied(turns, group, "first")
        flood = [
            asyncio.Task(turns.run("flood", noting(log, f"flood {number}")))
            for number in range(3)
        ]
        await settle()
        group.create_task(turns.run("printer", noting(log, "printer")))
        await settle()
        gate.open()
        answers = await asyncio.gather(*flood, return_exceptions=True)

    assert answers[:2] == [True, True]
    assert isinstance(answers[2], SpoolUnavailable)
    assert log == ["flood 0", "printer", "flood 1"]


async def test_a_cancelled_wait_leaves_the_queue_and_its_work_is_never_done(
    turns: Turns,
) -> None:
    log: list[str] = []
    async with asyncio.TaskGroup() as group:
        gate = await occupied(turns, group, "a")
        leaving = [
            group.create_task(turns.run(origin, noting(log, "left")))
            for origin in ("a", "b", "b")
        ]
        await settle()
        for task in leaving:
            task.cancel()
        await settle()
        group.create_task(turns.run("c", noting(log, "stayed")))
        await settle()
        gate.open()

    assert log == ["stayed"]
    assert turns.is_idle()


async def test_work_that_runs_when_its_caller_leaves_ends_and_frees_its_worker(
    turns: Turns,
) -> None:
    async with asyncio.TaskGroup() as group:
        gate = Gate()
        task = group.create_task(turns.run("a", gate))
        await gate.running.wait()
        task.cancel()
        await settle()
        assert not turns.is_idle()
        gate.open()

    assert await turns.run("a", lambda: True)
    assert turns.is_idle()


async def test_closing_refuses_what_waits_and_what_comes_later() -> None:
    turns = Turns(workers=1, ceiling=3)
    gate = Gate()
    running = asyncio.Task(turns.run("a", gate))
    await gate.running.wait()
    waiting = asyncio.Task(turns.run("b", lambda: True))
    await settle()

    gate.open()
    turns.close()

    assert await running is True
    with pytest.raises(SpoolUnavailable):
        await waiting
    with pytest.raises(SpoolUnavailable):
        await turns.run("c", lambda: True)
    assert turns.is_idle()
