"""What Gmail's methods cost, and how much of a user's quota was spent."""

from collections import Counter, deque

import attrs

COSTS = {
    "getProfile": 1,
    "labels.list": 1,
    "labels.get": 1,
    "labels.create": 5,
    "history.list": 2,
    "messages.list": 5,
    "messages.get": 20,
    "messages.modify": 5,
    "messages.trash": 20,
    "messages.untrash": 5,
    "messages.delete": 10,
    "messages.batchModify": 50,
    "messages.batchDelete": 50,
}
"""Units by method since 2026-05-01 (developers.google.com/workspace/gmail/api/reference/quota)."""

WINDOW_SECONDS = 60.0


@attrs.define
class Units:
    """The units of all calls that were let through: `total`, and by method; `calls` counts them.

    `most_in_a_minute` is the highest sum of one user's units in any 60 seconds so far.
    """

    total: int = 0
    by_method: Counter[str] = attrs.field(factory=Counter)
    calls: Counter[str] = attrs.field(factory=Counter)
    most_in_a_minute: int = 0
    _spent: dict[str, deque[tuple[float, int]]] = attrs.field(factory=dict)

    def spend(self, user: str, method: str, now: float, most: int | None) -> bool:
        """Count a call of `user`, unless that makes more than `most` units in 60 seconds."""
        cost = COSTS[method]
        spent = self._spent.setdefault(user, deque())
        while spent and spent[0][0] <= now - WINDOW_SECONDS:
            spent.popleft()
        in_window = sum(units for _, units in spent) + cost
        if most is not None and in_window > most:
            return False
        spent.append((now, cost))
        self.most_in_a_minute = max(self.most_in_a_minute, in_window)
        self.total += cost
        self.by_method[method] += cost
        self.calls[method] += 1
        return True
