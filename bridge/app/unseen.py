"""Says which devices have not logged in for long; pure."""

from collections.abc import Iterable

import attrs

from bridge.app.exposure import DAY_SECONDS, Watched
from bridge.names import DeviceName


@attrs.frozen
class Unseen:
    """A device that was not seen for `days`; `last` is when it was, in seconds since the epoch, or None."""

    device: DeviceName
    days: int
    last: float | None


def unseen(devices: Iterable[DeviceName], watched: Watched, days: int) -> list[Unseen]:
    """Return the devices that have not logged in for `days`, the longest gone first; 0 days is off.

    One that was never seen counts from when logins were first written down.
    """
    if days == 0:
        return []
    last: dict[DeviceName, float] = {}
    for one in watched.sightings:
        last[one.device] = max(one.last, last.get(one.device, 0.0))
    found = [
        Unseen(
            name,
            int((watched.now - last.get(name, watched.since)) // DAY_SECONDS),
            last.get(name),
        )
        for name in devices
    ]
    return sorted((one for one in found if one.days >= days), key=lambda one: -one.days)
