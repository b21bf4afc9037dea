"""Runs the fake cloud in a thread of its own, beside a test that drives the real bridge as a process."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import attrs

from tests.fakes.cloud import Cloud

T = TypeVar("T")

DEADLINE_SECONDS = 30.0


@attrs.frozen
class CloudThread:
    """The cloud; everything is done on its own loop, so that nothing happens between two requests."""

    cloud: Cloud
    loop: asyncio.AbstractEventLoop

    def do(self, work: Callable[[Cloud], T]) -> T:
        """Return what `work` returns, done on the loop of the cloud."""

        async def run() -> T:
            return work(self.cloud)

        return asyncio.run_coroutine_threadsafe(run(), self.loop).result(DEADLINE_SECONDS)

    def wait(self, work: Callable[[Cloud], Awaitable[T]]) -> T:
        """Return what `work` returns, waited for on the loop of the cloud."""

        async def run() -> T:
            return await work(self.cloud)

        return asyncio.run_coroutine_threadsafe(run(), self.loop).result(DEADLINE_SECONDS)


@contextmanager
def cloud_thread(folder: Path) -> Iterator[CloudThread]:
    """Yield a cloud that runs, and see at the end that both sides kept to its contracts."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="cloud", daemon=True)
    thread.start()
    running = CloudThread(Cloud(folder), loop)
    try:
        running.wait(lambda cloud: cloud.__aenter__())
        try:
            yield running
        finally:
            running.wait(lambda cloud: cloud.__aexit__(None, None, None))
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(DEADLINE_SECONDS)
        loop.close()
    running.cloud.assert_kept()
