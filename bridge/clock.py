"""The one place that asks the machine what time it is, or waits."""

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """What the bridge may know of time; a test hands in one that it moves by hand."""

    def now(self) -> float:
        """Return seconds since the Unix epoch; may jump when the machine's clock is set."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never run backwards; only differences mean anything."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds`; cancellation ends the wait at once."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> float:
        """Return seconds since the Unix epoch."""
        return time.time()  # noqa: TID251 - this is the place the ban points to

    def monotonic(self) -> float:
        """Return seconds since some fixed moment."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait on the running loop."""
        await asyncio.sleep(seconds)  # noqa: TID251 - this is the place the ban points to
