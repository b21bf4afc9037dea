"""Counts failed logins by address and by device, for the last hour and the last day; pure, and bounded in memory.

A login that is no device's is counted by its address alone: it may be a password in the wrong field.
"""

from array import array
from collections import OrderedDict
from typing import Any

import attrs

SLOT_SECONDS = 900.0
"""Failures are counted by the quarter of an hour: an hour is the last four of them, of which one is not over."""

HOUR_SLOTS = 4
DAY_SLOTS = 96

REMEMBERED = 1024
"""Addresses, and devices, that are counted at a time, some 800 octets each; who failed longest ago is forgotten first."""

MANY = (10, 100, 1000, 10_000)
"""Failures within an hour at which it is said that they are many: a device with an old password reaches the first."""


@attrs.frozen
class Failing:
    """How often somebody failed within an hour and a day, how many seconds ago last, and why."""

    who: str
    hour: int
    day: int
    ago: float
    reason: str


@attrs.define
class _Count:
    """Failures of one, by the quarter of an hour, in a ring of a day."""

    slot: int
    last: float = 0.0
    reason: str = ""
    _ring: "array[int]" = attrs.field(factory=lambda: array("L", [0] * DAY_SLOTS))

    def add(self, now: float, reason: str) -> int:
        """Count one more, and return how many there were within the hour."""
        self._turn(now)
        self._ring[self.slot % DAY_SLOTS] += 1
        self.last, self.reason = now, reason
        return self.within(HOUR_SLOTS, now)

    def within(self, slots: int, now: float) -> int:
        """Return how many there were within so many slots."""
        self._turn(now)
        return sum(self._ring[(self.slot - back) % DAY_SLOTS] for back in range(slots))

    def _turn(self, now: float) -> None:
        """Go on to the slot of `now`, and empty those that begin anew."""
        slot = int(now // SLOT_SECONDS)
        for begun in range(max(self.slot + 1, slot - DAY_SLOTS + 1), slot + 1):
            self._ring[begun % DAY_SLOTS] = 0
        self.slot = max(self.slot, slot)


@attrs.define
class FailureCounts:
    """Failures by some key."""

    remembered: int = REMEMBERED
    _counts: OrderedDict[str, _Count] = attrs.field(factory=OrderedDict, init=False)

    def failed(self, who: str, reason: str, now: float) -> int:
        """Count a failure at `now` (seconds, monotonic), and return how many there were within the hour."""
        count = self._counts.pop(who, None) or _Count(int(now // SLOT_SECONDS))
        self._counts[who] = count
        while len(self._counts) > self.remembered:
            self._counts.popitem(last=False)
        return count.add(now, reason)

    def most(self, number: int, now: float) -> list[Failing]:
        """Return who failed most within the hour, and then within the day: at most so many."""
        failing = [
            Failing(
                who,
                count.within(HOUR_SLOTS, now),
                count.within(DAY_SLOTS, now),
                now - count.last,
                count.reason,
            )
            for who, count in self._counts.items()
        ]
        lately = sorted(
            (one for one in failing if one.day), key=lambda one: (-one.hour, -one.day, one.who)
        )
        return lately[:number]


@attrs.define
class FailedLogins:
    """Failed logins, counted in both ways."""

    _by_address: FailureCounts = attrs.field(factory=FailureCounts, init=False)
    _by_device: FailureCounts = attrs.field(factory=FailureCounts, init=False)

    def failed(
        self, address: str, device: str | None, reason: str, now: float
    ) -> list[tuple[str, str, int]]:
        """Count a failure, of no device where None; return by what, of whom and how many where they are just then MANY."""
        reached = [("address", address, self._by_address.failed(address, reason, now))]
        if device is not None:
            reached += [("device", device, self._by_device.failed(device, reason, now))]
        return [one for one in reached if one[2] in MANY]

    def told(self, number: int, now: float) -> dict[str, list[dict[str, Any]]]:
        """Return who failed most, at most so many in each way, as values for JSON."""
        return {
            name: [attrs.asdict(one) for one in counts.most(number, now)]
            for name, counts in (
                ("by_address", self._by_address),
                ("by_device", self._by_device),
            )
        }
