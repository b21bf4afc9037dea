"""Chooses the event loop that a bridge runs on."""

import asyncio
from collections.abc import Callable

from bridge.errors import ConfigError


def loop_factory(chosen: str) -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return what makes the loop that is chosen as `event_loop`; None is stock asyncio.

    Raises:
        ConfigError: it is not installed.
    """
    if chosen == "asyncio":
        return None
    try:
        import uvloop  # noqa: PLC0415 - an extra, imported only where it is wanted
    except ImportError:
        if chosen == "auto":
            return None
        raise ConfigError(
            'event_loop = "uvloop" needs the extra: pip install "popbridge[speed]";'
            ' or choose "auto".'
        ) from None
    return uvloop.new_event_loop
