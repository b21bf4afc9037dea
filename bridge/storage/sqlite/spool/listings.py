"""Listings that are remembered until a step changes them, so a poll that finds nothing new asks no disk.

That is sound because one process alone serves a state folder.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from bridge.maildrop import Listing
from bridge.names import MaildropName

REMEMBERED_MESSAGES = 200_000
"""Entries of all remembered listings together, some 250 octets each: about 50 MB at the worst."""


class Listings:
    """What is remembered of listings, oldest first."""

    def __init__(self) -> None:
        self._listings: dict[MaildropName, Listing] = {}
        self._changes = 0

    @property
    def changes(self) -> int:
        """Return a number that another listing may not be remembered across."""
        return self._changes

    def get(self, maildrop: MaildropName) -> Listing | None:
        """Return what is remembered of a maildrop."""
        return self._listings.get(maildrop)

    def remember(self, maildrop: MaildropName, listing: Listing, changes: int) -> None:
        """Remember a listing that was read when there had been so many `changes`, if that is still so."""
        if changes != self._changes:
            return
        self._listings[maildrop] = listing
        total = sum(len(known.entries) for known in self._listings.values())
        while total > REMEMBERED_MESSAGES and len(self._listings) > 1:
            oldest = next(iter(self._listings))
            total -= len(self._listings.pop(oldest).entries)

    @contextmanager
    def changing(self, maildrop: MaildropName) -> Iterator[None]:
        """Forget a maildrop's listing before a change and after it: what is told meanwhile may be old."""
        self._forget(maildrop)
        try:
            yield
        finally:
            self._forget(maildrop)

    def clear(self) -> None:
        """Forget everything."""
        self._changes += 1
        self._listings.clear()

    def _forget(self, maildrop: MaildropName) -> None:
        self._changes += 1
        self._listings.pop(maildrop, None)
