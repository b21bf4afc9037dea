"""What is kept of the addresses that devices log in from, and what may be asked of it."""

from collections.abc import Sequence
from typing import Protocol

import attrs

from bridge.alerts import Alert
from bridge.names import DeviceName

ADDRESSES_KEPT = 16
"""Addresses kept of each device, and as many at which it was refused; the one unused longest goes first.
A choice of ours: a machine moves, or gets another lease, a few times a year."""


@attrs.frozen
class DeviceAddress:
    """An address that a device showed its password from, of IPv6 its /64 (`bridge.throttle.addresses.address_key`).

    It may log in from there where it is `admitted`. `first` and `last` are seconds since the epoch, and
    `last` may be some days old. `by_hand` where an owner said so, used since or not.
    """

    device: DeviceName
    address: str
    first: float
    last: float
    admitted: bool
    by_hand: bool = False


class AddressStore(Protocol):
    """Addresses of devices at rest."""

    async def of(self, device: DeviceName) -> Sequence[DeviceAddress]:
        """Return what is kept of one device, the last used first.

        Raises:
            SpoolUnavailable: it is not known now.
        """
        ...

    async def addresses(self) -> Sequence[DeviceAddress]:
        """Return all that is kept, by device, the last used first."""
        ...

    async def note(self, one: DeviceAddress, alert: Alert | None = None) -> None:
        """Keep an address durably; one that is known keeps its first time, and stays admitted where it was.

        A device that is gone is passed over. `alert` is kept along with it until it was told.

        Raises:
            SpoolUnavailable: nothing was written.
        """
        ...

    async def admit(self, device: DeviceName, address: str, now: float, *, only: bool) -> None:
        """Let a device log in from an address, durably; with `only`, forget all others it has.

        Raises:
            SpoolUnavailable: nothing was written.
        """
        ...
