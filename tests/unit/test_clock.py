import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from bridge.clock import Clock, SystemClock

if TYPE_CHECKING:
    _clock: type[Clock] = SystemClock


def test_now_is_seconds_since_the_epoch() -> None:
    before = time.clock_gettime(time.CLOCK_REALTIME)
    now = SystemClock().now()
    assert before <= now <= time.clock_gettime(time.CLOCK_REALTIME)


def test_monotonic_never_runs_backwards() -> None:
    clock = SystemClock()
    before = time.monotonic()
    first, second = clock.monotonic(), clock.monotonic()
    assert before <= first <= second <= time.monotonic()


async def test_a_longer_sleep_ends_later() -> None:
    ended: list[float] = []

    async def sleep(seconds: float) -> None:
        await SystemClock().sleep(seconds)
        ended.append(seconds)

    async with asyncio.TaskGroup() as tasks:
        for seconds in (0.02, 0.0, 0.01):
            tasks.create_task(sleep(seconds))
    assert ended == [0.0, 0.01, 0.02]


async def test_cancellation_ends_a_sleep_at_once() -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await SystemClock().sleep(3600)
