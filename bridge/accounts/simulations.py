"""Knows which connections the owner's own simulator makes: what happens there is no sign of a device's life.

A connection is announced over the control socket before it is made, by the address and port that its socket has
already, and counts only while whoever announced it is there. So nobody else can come in its place.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import attrs

from bridge.errors import OwnerError
from bridge.names import DeviceName
from bridge.throttle.addresses import Address, parse_address

MOST_AT_ONCE = 16
"""Simulators that an owner may run side by side."""


@attrs.define
class Simulations:
    """Connections that are announced and have not come yet."""

    _expected: dict[tuple[Address, int], DeviceName] = attrs.field(factory=dict, init=False)

    @contextmanager
    def expecting(self, device: DeviceName, address: str, port: int) -> Iterator[None]:
        """Expect one connection from there during the block, in which the simulator logs in as `device`.

        Raises:
            OwnerError: too many are expected, or this one is already.
        """
        key = (parse_address(address), port)
        if key in self._expected or len(self._expected) >= MOST_AT_ONCE:
            raise OwnerError("Too many machines are simulated just now; try again in a moment.")
        self._expected[key] = device
        try:
            yield
        finally:
            self._expected.pop(key, None)

    def claim(self, address: str, port: int) -> DeviceName | None:
        """Return as which device the simulator comes from there, once; None for everybody else."""
        if not self._expected:
            return None
        return self._expected.pop((parse_address(address), port), None)


def told_as(device: DeviceName) -> DeviceName:
    """Return under which name it is told what a simulated machine took; no device can have it."""
    return DeviceName(f"{device} (simulated)")
