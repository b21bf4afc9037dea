"""Who must wait after how many failed logins, and who may connect at all; pure, and bounded in memory.

Only the answer to a *failed* login waits. A right password is answered at once however many
strangers guess at the same name, so nobody can lock a printer out.
"""

import ipaddress
from collections import OrderedDict
from functools import lru_cache

import attrs

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

IPV6_PREFIX = 64
"""One subscriber or host may use any address of its /64 (RFC 4291 section 2.5.4), so all of them
are one address here."""


@lru_cache(maxsize=4096)
def parse_address(text: str) -> Address:
    """Return a peer's address, an IPv4-mapped one as IPv4; devices come again, so it is remembered."""
    parsed = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped:
        return parsed.ipv4_mapped
    return parsed


@lru_cache(maxsize=4096)
def address_key(text: str) -> str:
    """Return what stands for an address in counts: itself, or its /64 for IPv6."""
    parsed = parse_address(text)
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((parsed, IPV6_PREFIX), strict=False))
    return str(parsed)


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


@attrs.define
class ConnectionCaps:
    """How many connections are open, in all and per address."""

    total: int
    per_address: int
    _open: dict[str, int] = attrs.field(factory=dict, init=False)
    _count: int = attrs.field(default=0, init=False)

    @property
    def open_connections(self) -> int:
        """Return how many were admitted and have not left."""
        return self._count

    def admit(self, key: str) -> bool:
        """Count a connection in, or return False where a cap would be passed."""
        if not self.has_room(key):
            return False
        self._open[key] = self._open.get(key, 0) + 1
        self._count += 1
        return True

    def has_room(self, key: str) -> bool:
        """Tell whether one more connection would be admitted."""
        return self._count < self.total and self._open.get(key, 0) < self.per_address

    def leave(self, key: str) -> None:
        """Count an admitted connection out."""
        self._count -= 1
        self._open[key] -= 1
        if not self._open[key]:
            del self._open[key]
