"""How much of a maildrop's ceiling is left, while several bodies for it arrive at once; pure."""

import attrs

from bridge.errors import CeilingReached


@attrs.define
class Room:
    """What lies here for one maildrop, in octets, and how much may."""

    ceiling: int
    used: int

    def check(self, octets: int = 1) -> None:
        """Accept that another body is asked for, of at least so many octets.

        Raises:
            CeilingReached: there is no room for them.
        """
        if self.used + octets > self.ceiling:
            raise CeilingReached(self._told())

    def take(self, octets: int) -> None:
        """Use up room for octets that have arrived.

        Raises:
            CeilingReached: they do not fit; they are counted all the same, until they are given back.
        """
        self.used += octets
        if self.used > self.ceiling:
            raise CeilingReached(self._told())

    def give_back(self, octets: int) -> None:
        """Free the room of octets that were not kept."""
        self.used -= octets

    def settle(self, taken: int, kept: int) -> None:
        """Count what was kept of a body in place of what has arrived of it: line ends grow, copies are not kept."""
        self.used += kept - taken

    def _told(self) -> str:
        return f"no more than {self.ceiling} octets may lie here for the maildrop"
