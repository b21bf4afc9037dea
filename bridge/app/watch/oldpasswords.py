"""Says which devices log in with an old password; pure."""

from collections.abc import Iterable

import attrs

from bridge.names import DeviceName
from bridge.storage.register import Device
from bridge.storage.sightings import DAY_SECONDS


@attrs.frozen
class Aged:
    """A device whose password was `made` (seconds since the epoch) `days` ago; None where nobody knows when."""

    device: DeviceName
    days: int | None
    made: float | None


def aged(devices: Iterable[Device], now: float, days: int) -> list[Aged]:
    """Return the devices whose password is `days` old or older, the oldest first; 0 days is off.

    Then come those whose password is from before it was written down when one was made. A device that
    is disabled logs in with none.
    """
    if days == 0:
        return []
    known, unknown = [], []
    for device in devices:
        made = device.password_made
        if device.disabled is not None:
            continue
        if made is None:
            unknown.append(Aged(device.name, None, None))
        elif (age := int((now - made) // DAY_SECONDS)) >= days:
            known.append(Aged(device.name, age, made))
    return [*sorted(known, key=lambda one: one.made or 0.0), *unknown]
