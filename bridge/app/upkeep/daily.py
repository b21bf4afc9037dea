"""Carries out what a running bridge does once a day, each duty whatever became of the others."""

from collections.abc import Awaitable, Callable, Iterable

from bridge.errors import PopbridgeError
from bridge.logs import EventLog

Duty = Callable[[], Awaitable[object]]


async def carry_out(duties: Iterable[Duty], log: EventLog) -> None:
    """Carry out each duty, one after the other; what one fails for is logged, and keeps no other from being done."""
    for duty in duties:
        try:
            await duty()
        except PopbridgeError as error:
            log.error("daily-look-failed", why=str(error))
        except Exception:
            log.exception("daily-look-failed")
