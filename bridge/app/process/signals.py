"""Hears the signals that end the bridge or have it read anew, and sees to it that an end comes."""

import asyncio
import signal

FAULT_SECONDS = 60
"""How long the end may take that a fault of ours brings about; then the process is killed."""


def heard(*signals: signal.Signals) -> asyncio.Event:
    """Return what is set by any of these signals from now on."""
    event = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in signals:
        loop.add_signal_handler(number, event.set)
    return event


async def wanted(stop: asyncio.Event) -> None:
    """Return when an end is wanted; where a fault brings it, let the kernel see to it that it comes."""
    try:
        await stop.wait()
    except asyncio.CancelledError:
        signal.alarm(FAULT_SECONDS)
        raise
