"""Who may connect at all: how many connections there may be, in all and from an address; pure."""

import attrs


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
