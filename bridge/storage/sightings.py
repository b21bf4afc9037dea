"""What is kept of a device that logged in: where, how and from where; and what may be asked of it."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import attrs

from bridge.names import DeviceName


@attrs.frozen
class Login:
    """A login with the right password: whose, from where, at which listener, and under which TLS.

    `tls` is the version in OpenSSL's words, and empty without TLS, as `cipher` is.
    """

    device: DeviceName
    address: str
    listener: str
    tls: str
    cipher: str


@attrs.frozen
class Sighting:
    """Logins of one device at one listener under one TLS version, which is empty without TLS.

    `address` and `cipher` are those of the last time; times are seconds since the epoch.
    """

    device: DeviceName
    listener: str
    tls: str
    cipher: str
    address: str
    first: float
    last: float


DAY_SECONDS = 86400.0


def day_of(moment: float) -> int:
    """Return the day (since the epoch, UTC) of a moment in seconds since the epoch."""
    return int(moment // DAY_SECONDS)


class SightingStore(Protocol):
    """Sightings at rest."""

    async def record(self, sightings: Sequence[Sighting]) -> None:
        """Write sightings down durably, in one transaction; a device that is gone is passed over.

        A time before `watched_since` is a clock's that is wrong: it replaces no time that is known.

        Raises:
            SpoolUnavailable: nothing was written.
        """
        ...

    async def sightings(self) -> list[Sighting]:
        """Return all that is kept, the last seen first."""
        ...

    async def watched_since(self) -> float:
        """Return since when logins are written down, in seconds since the epoch."""
        ...

    async def add_watched(self, minutes: Mapping[int, int]) -> None:
        """Add minutes to those for which a bridge watched on each day (`day_of`), durably.

        Raises:
            SpoolUnavailable: nothing was added.
        """
        ...

    async def watched_minutes(self) -> dict[int, int]:
        """Return for how many minutes a bridge watched on each day on which one did."""
        ...

    async def forget(self, before: float) -> None:
        """Forget sightings older than that, but not the last of each device; and days ten years before that."""
        ...
