"""What all locks owe their callers (bridge/storage/ports.py), asked of each kind alike."""

import asyncio
from collections.abc import Callable
from typing import Any

import attrs
import pytest

from bridge.errors import MaildropBusy
from bridge.names import DeviceName, MaildropName
from bridge.storage.holding import Holder, Locks, MaildropLock
from tests.contract.storage_harness import FAX, LOCKS, PRINTER
from tests.fakes.clock import run_without_waiting

GRACE = 3.0
PANEL = Holder(DeviceName("panel"), "192.0.2.7")
MOVED = Holder(DeviceName("panel"), "192.0.2.8")
OTHER = Holder(DeviceName("other"), "192.0.2.7")

Scenario = Callable[[Locks], Any]


@pytest.fixture(params=LOCKS)
def locks(request: pytest.FixtureRequest) -> Locks:
    made: Locks = LOCKS[request.param](GRACE)
    return made


@attrs.define
class Owner:
    """A session that holds a lock, and ends when it is evicted."""

    locks: Locks
    lock: MaildropLock | None = None
    evictions: int = 0
    ends_at_once: bool = True

    async def enter(self, holder: Holder = PANEL) -> None:
        self.lock = await self.locks.acquire(PRINTER, holder, self.evict)

    def evict(self) -> None:
        self.evictions += 1
        if self.ends_at_once:
            self.leave()

    def leave(self) -> None:
        assert self.lock is not None
        self.lock.release()


def now() -> float:
    return asyncio.get_running_loop().time()


def test_a_free_maildrop_is_had_at_once(locks: Locks) -> None:
    async def scenario() -> float:
        await Owner(locks).enter()
        return now()

    assert run_without_waiting(scenario()) == 0


def test_a_maildrop_is_held_until_it_is_released(locks: Locks) -> None:
    async def scenario() -> list[bool]:
        owner = Owner(locks)
        told = [locks.is_held(PRINTER)]
        await owner.enter()
        told += [locks.is_held(PRINTER), locks.is_held(FAX)]
        owner.leave()
        return [*told, locks.is_held(PRINTER)]

    assert run_without_waiting(scenario()) == [False, True, False, False]


def test_two_maildrops_have_two_locks(locks: Locks) -> None:
    async def scenario() -> float:
        await Owner(locks).enter()
        await locks.acquire(FAX, OTHER, lambda: None)
        return now()

    assert run_without_waiting(scenario()) == 0


@pytest.mark.parametrize("newcomer", [MOVED, OTHER], ids=["other address", "other device"])
def test_anybody_else_is_refused_at_once(locks: Locks, newcomer: Holder) -> None:
    async def scenario() -> tuple[float, int]:
        owner = Owner(locks)
        await owner.enter()
        with pytest.raises(MaildropBusy):
            await Owner(locks).enter(newcomer)
        return now(), owner.evictions

    assert run_without_waiting(scenario()) == (0, 0)


def test_a_device_takes_over_from_its_own_silent_session_after_the_grace(locks: Locks) -> None:
    async def scenario() -> tuple[float, int]:
        owner = Owner(locks)
        await owner.enter()
        await Owner(locks).enter()
        assert locks.is_held(PRINTER)
        return now(), owner.evictions

    assert run_without_waiting(scenario()) == (GRACE, 1)


def test_without_takeover_even_a_silent_session_keeps_its_maildrop(locks: Locks) -> None:
    async def scenario() -> tuple[float, int]:
        owner = Owner(locks)
        await owner.enter()
        with pytest.raises(MaildropBusy):
            await locks.acquire(PRINTER, PANEL, lambda: None, takeover=False)
        return now(), owner.evictions

    assert run_without_waiting(scenario()) == (0, 0)


def test_a_session_that_shows_life_keeps_its_maildrop(locks: Locks) -> None:
    async def scenario() -> tuple[float, int]:
        owner = Owner(locks)
        await owner.enter()
        assert owner.lock is not None
        asyncio.get_running_loop().call_later(GRACE / 2, owner.lock.touch)
        with pytest.raises(MaildropBusy):
            await Owner(locks).enter()
        assert locks.is_held(PRINTER)
        return now(), owner.evictions

    assert run_without_waiting(scenario()) == (GRACE, 0)


def test_a_session_whose_peer_takes_octets_keeps_its_maildrop(locks: Locks) -> None:
    """A printer may read one piece of a message for longer than the grace."""
    taken = iter(range(100))

    async def scenario() -> int:
        owner = Owner(locks)
        owner.lock = await locks.acquire(PRINTER, PANEL, owner.evict, lambda: next(taken))
        with pytest.raises(MaildropBusy):
            await locks.acquire(PRINTER, PANEL, owner.evict)
        return owner.evictions

    assert run_without_waiting(scenario()) == 0


def test_life_shown_before_the_newcomer_came_does_not_count(locks: Locks) -> None:
    async def scenario() -> int:
        owner = Owner(locks)
        await owner.enter()
        assert owner.lock is not None
        owner.lock.touch()
        await Owner(locks).enter()
        return owner.evictions

    assert run_without_waiting(scenario()) == 1


@pytest.mark.parametrize("pinned_after", [0.0, GRACE / 2])
def test_a_session_in_the_update_state_is_never_evicted(
    locks: Locks, pinned_after: float
) -> None:
    async def scenario() -> int:
        owner = Owner(locks)
        await owner.enter()
        assert owner.lock is not None
        asyncio.get_running_loop().call_later(pinned_after, owner.lock.pin)
        with pytest.raises(MaildropBusy):
            await Owner(locks).enter()
        return owner.evictions

    assert run_without_waiting(scenario()) == 0


def test_a_newcomer_goes_in_as_soon_as_the_older_session_ends(locks: Locks) -> None:
    async def scenario() -> tuple[float, int]:
        owner = Owner(locks)
        await owner.enter()
        asyncio.get_running_loop().call_later(1, owner.leave)
        await Owner(locks).enter()
        return now(), owner.evictions

    assert run_without_waiting(scenario()) == (1, 0)


def test_a_newcomer_waits_until_the_evicted_session_has_let_go(locks: Locks) -> None:
    async def scenario() -> tuple[float, int]:
        owner = Owner(locks, ends_at_once=False)
        await owner.enter()
        asyncio.get_running_loop().call_later(GRACE + 7, owner.leave)
        await Owner(locks).enter()
        return now(), owner.evictions

    assert run_without_waiting(scenario()) == (GRACE + 7, 1)


@pytest.mark.parametrize("newcomers", [2, 5])
def test_many_newcomers_evict_a_session_once(locks: Locks, newcomers: int) -> None:
    async def scenario() -> tuple[int, list[str]]:
        owner = Owner(locks, ends_at_once=False)
        await owner.enter()
        asyncio.get_running_loop().call_later(GRACE + 1, owner.leave)
        ends: list[str] = []

        async def come() -> None:
            newcomer = Owner(locks)
            try:
                await newcomer.enter()
            except MaildropBusy:
                ends.append("refused")
            else:
                assert newcomer.lock is not None
                newcomer.lock.pin()
                ends.append("entered")

        async with asyncio.TaskGroup() as group:
            for _ in range(newcomers):
                group.create_task(come())
        return owner.evictions, sorted(ends)

    evictions, ends = run_without_waiting(scenario())
    assert evictions == 1
    assert ends == ["entered"] + ["refused"] * (newcomers - 1)


def test_the_release_of_an_evicted_session_does_not_free_its_successor(locks: Locks) -> None:
    async def scenario() -> bool:
        owner = Owner(locks)
        await owner.enter()
        await Owner(locks).enter()
        owner.leave()
        return locks.is_held(PRINTER)

    assert run_without_waiting(scenario())


def test_a_second_release_does_nothing(locks: Locks) -> None:
    async def scenario() -> bool:
        first, second = Owner(locks), Owner(locks)
        await first.enter()
        first.leave()
        await second.enter(OTHER)
        first.leave()
        return locks.is_held(PRINTER)

    assert run_without_waiting(scenario())


@pytest.mark.parametrize("cancelled_at", [GRACE / 2, GRACE + 1])
def test_a_newcomer_that_gives_up_holds_nothing(locks: Locks, cancelled_at: float) -> None:
    async def scenario() -> bool:
        owner = Owner(locks, ends_at_once=False)
        await owner.enter()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(cancelled_at):
                await Owner(locks).enter()
        assert locks.is_held(PRINTER)
        owner.leave()
        return locks.is_held(MaildropName(PRINTER))

    assert not run_without_waiting(scenario())
