"""How soon after a login the same device may log in again (RFC 2449 section 6.5, LOGIN-DELAY); pure.

Delays are whole seconds, and 0 is none. A device's own comes before its listener's.
"""

import re
from collections.abc import Iterable

import attrs

from bridge.errors import LoginTooSoon, RegisterError
from bridge.names import DeviceName

MAX_SECONDS = 86400
"""The longest delay: a day, beyond which no machine polls."""


LISTENER = "listener"
"""What a device's delay is set to so that its listener's counts."""


def parse(text: str) -> int | None:
    """Return the delay that an owner writes; None for LISTENER.

    Raises:
        RegisterError: it is none.
    """
    if text == LISTENER:
        return None
    if not re.fullmatch(r"[0-9]{1,5}", text) or int(text) > MAX_SECONDS:
        raise RegisterError(
            f"{text!r} is no login delay; write seconds, 0 (none) to {MAX_SECONDS}, or {LISTENER}."
        )
    return int(text)


@attrs.frozen
class Announced:
    """What CAPA says before a login: the largest delay of any device, and whether they differ."""

    seconds: int = 0
    differs: bool = False


def announced(usual: int, own: Iterable[int | None]) -> Announced:
    """Return what a listener whose delay is `usual` says; None among the devices' `own` takes that."""
    delays = {usual if one is None else one for one in own} or {usual}
    return Announced(max(delays), len(delays) > 1)


@attrs.define
class LoginDelays:
    """When each device last logged in: a name and a number for each in the register."""

    _last: dict[DeviceName, float] = attrs.field(factory=dict, init=False)

    def refuse_early(self, device: DeviceName, seconds: int, now: float) -> None:
        """Promise that the device may log in at `now` (seconds, monotonic).

        Raises:
            LoginTooSoon: its last login is less than so many seconds ago.
        """
        last = self._last.get(device)
        if last is not None and now - last < seconds:
            raise LoginTooSoon(
                f"it logged in {now - last:.0f} seconds ago, and its delay is {seconds}"
            )

    def logged_in(self, device: DeviceName, now: float) -> None:
        """Count a login; one that was refused does not count."""
        self._last[device] = now

    def forget_all_but(self, devices: Iterable[DeviceName]) -> None:
        """Forget devices that are no longer in the register."""
        self._last = {name: self._last[name] for name in devices if name in self._last}
