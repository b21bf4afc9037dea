"""What only the locks of one process promise; the rest is in tests/contract/test_locks.py."""

import asyncio

import pytest

from bridge.errors import MaildropBusy
from bridge.names import DeviceName, MaildropName
from bridge.storage.holding import Holder, MaildropLock
from bridge.storage.locks import MemoryLocks
from tests.fakes.clock import run_without_waiting

PRINTER = MaildropName("printer")
PANEL = Holder(DeviceName("panel"), "192.0.2.7")


def test_without_a_grace_a_silent_session_is_replaced_at_once() -> None:
    async def scenario() -> tuple[float, list[str]]:
        locks = MemoryLocks(0)
        evicted: list[str] = []
        held: list[MaildropLock] = []

        def evict() -> None:
            evicted.append("first")
            held[0].release()

        held.append(await locks.acquire(PRINTER, PANEL, evict))
        await locks.acquire(PRINTER, PANEL, lambda: None)
        return asyncio.get_running_loop().time(), evicted

    assert run_without_waiting(scenario()) == (0, ["first"])


def test_a_chain_of_connections_each_replaces_the_one_before() -> None:
    async def scenario() -> list[int]:
        locks = MemoryLocks(3)
        evicted: list[int] = []
        held: list[MaildropLock] = []
        for number in range(4):

            def evict(number: int = number) -> None:
                evicted.append(number)
                held[number].release()

            held.append(await locks.acquire(PRINTER, PANEL, evict))
        return evicted

    assert run_without_waiting(scenario()) == [0, 1, 2]


def test_a_newcomer_that_overtook_another_is_given_a_grace_of_its_own() -> None:
    """The second newcomer first outlives the old session, and then its fellow newcomer."""

    async def scenario() -> tuple[list[float], list[str]]:
        loop = asyncio.get_running_loop()
        locks = MemoryLocks(3)
        evicted: list[str] = []
        entered: list[float] = []

        async def come(name: str) -> None:
            held: list[MaildropLock] = []

            def evict() -> None:
                evicted.append(name)
                held[0].release()

            held.append(await locks.acquire(PRINTER, PANEL, evict))
            entered.append(loop.time())

        await come("old")
        async with asyncio.TaskGroup() as group:
            for name in ("first", "second"):
                group.create_task(come(name))
        return entered, evicted

    entered, evicted = run_without_waiting(scenario())
    assert entered == [0, 3, 6]
    assert evicted == ["old", "first"]


def test_a_refusal_names_no_secret_and_no_address() -> None:
    async def scenario() -> str:
        locks = MemoryLocks(3)
        await locks.acquire(PRINTER, PANEL, lambda: None)
        with pytest.raises(MaildropBusy) as raised:
            await locks.acquire(PRINTER, Holder(PANEL.device, "198.51.100.1"), lambda: None)
        return str(raised.value)

    assert "192.0.2.7" not in run_without_waiting(scenario())


def test_a_released_maildrop_leaves_nothing_in_memory() -> None:
    async def scenario() -> int:
        locks = MemoryLocks(3)
        for number in range(100):
            lock = await locks.acquire(MaildropName(f"drop-{number}"), PANEL, lambda: None)
            lock.release()
        return sum(locks.is_held(MaildropName(f"drop-{number}")) for number in range(100))

    assert run_without_waiting(scenario()) == 0
