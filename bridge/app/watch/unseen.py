"""Says which devices have not logged in for long, and which may therefore log in no more; pure.

Days count while a bridge watched, in sum: while it was off, nobody could be seen.
"""

from collections.abc import Iterable

import attrs

from bridge.app.watch.exposure import Watched
from bridge.names import DeviceName
from bridge.storage.register import Device


@attrs.frozen
class Unseen:
    """A device that was not seen in `days` of watching; `last` is when it was, in seconds since the epoch, or None."""

    device: DeviceName
    days: int
    last: float | None


def unseen(devices: Iterable[Device], watched: Watched, days: int) -> list[Unseen]:
    """Return the devices that have not logged in for `days`, the longest gone first; 0 days is off.

    The days of one that was never seen count from when it was added, where that is known; those of one
    that was enabled count anew. What is disabled already is not among them.
    """
    if days == 0:
        return []
    last: dict[DeviceName, float] = {}
    for one in watched.sightings:
        last[one.device] = max(one.last, last.get(one.device, 0.0))
    found = []
    for device in devices:
        seen = last.get(device.name)
        known = [at for at in (device.made, device.enabled, seen) if at is not None]
        gone = watched.days_after(max([watched.since, *known]))
        if gone >= days and device.disabled is None:
            found.append(Unseen(device.name, gone, seen))
    return sorted(found, key=lambda one: -one.days)
