"""Paces requests to the budget of units that Gmail gives each user and minute."""

from collections import deque
from collections.abc import Mapping
from types import MappingProxyType

UNITS: Mapping[str, int] = MappingProxyType(
    {
        "getProfile": 1,
        "labels.list": 1,
        "labels.create": 5,
        "history.list": 2,
        "messages.list": 5,
        "messages.get": 20,
        "messages.modify": 5,
        "messages.delete": 10,
        "messages.batchModify": 50,
        "messages.batchDelete": 50,
    }
)
"""Units of each call since 2026-05-01 (developers.google.com/workspace/gmail/api/reference/quota)."""

UNITS_PER_MINUTE = 6000
"""Units a minute and user for projects made since then (the same page)."""

WINDOW_SECONDS = 60.0


class Budget:
    """What may be spent: in no window of a minute more than `units_per_minute`."""

    def __init__(self, units_per_minute: int) -> None:
        """Have spent nothing yet."""
        self._per_minute = units_per_minute
        self._last = 0.0
        self._spent: deque[tuple[float, int]] = deque()  # until when, and how much
        self._sum = 0

    def take(self, units: int, now: float) -> float:
        """Set `units` aside and return the seconds until they may be spent; `now` never runs backwards.

        A call that costs more than a minute's budget is let through alone.
        """
        when = max(now, self._last) if self._spent else now
        self._forget_until(when)
        while self._spent and self._sum + units > self._per_minute:
            when = self._spent[0][0]
            self._forget_until(when)
        self._last = when
        self._spent.append((when + WINDOW_SECONDS, units))
        self._sum += units
        return when - now

    def _forget_until(self, when: float) -> None:
        """Forget what was spent; no clock is reckoned with here, or rounding could keep it for ever."""
        while self._spent and self._spent[0][0] <= when:
            self._sum -= self._spent.popleft()[1]
