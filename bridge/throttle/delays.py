"""How long the answer to a failed login waits; pure, and bounded in memory.

Only the answer to a *failed* login waits. A right password is answered at once however many
strangers guess at the same name, so nobody can lock a printer out.
"""

from collections import OrderedDict

import attrs


@attrs.define
class _Failures:
    count: int
    last: float


@attrs.define
class FailureDelays:
    """Growing delays for failed logins, per key; the least recently failed key is forgotten first.

    `first` and `ceiling` are seconds; the delay doubles with each failure. A key that was quiet
    for `forget_after` seconds starts anew. At most `remembered` keys are held, some 300 octets each.
    """

    first: float = 1.0
    ceiling: float = 30.0
    forget_after: float = 900.0
    remembered: int = 4096
    _failures: OrderedDict[str, _Failures] = attrs.field(factory=OrderedDict, init=False)

    def failed(self, key: str, now: float) -> float:
        """Count a failure at `now` (seconds, monotonic) and return how long its answer must wait."""
        known = self._failures.pop(key, None)
        count = known.count + 1 if known and now - known.last < self.forget_after else 1
        self._failures[key] = _Failures(count, now)
        while len(self._failures) > self.remembered:
            self._failures.popitem(last=False)
        # The exponent is bounded so that a year of failures cannot overflow a float.
        return min(self.ceiling, self.first * 2.0 ** min(count - 1, 30))

    def succeeded(self, key: str) -> None:
        """Forget the failures of a key that has shown the right password."""
        self._failures.pop(key, None)
