"""One session's frozen view of a maildrop: its listing, its message-numbers, its deletion marks.

Marks live in memory alone: a session that ends without QUIT has changed nothing (RFC 1939 section 6).
"""

from collections.abc import Iterator, Sequence

import attrs

from bridge.errors import NoSuchMessage
from bridge.names import MessageNumber, Octets, SpoolId, UniqueId


@attrs.frozen
class MessageEntry:
    """One message as a session sees it."""

    spool_id: SpoolId
    unique_id: UniqueId
    octets: Octets
    utf8_octets: Octets | None = None
    """Octets as it came, where its headers are UTF-8 and were made ASCII."""
    is_utf8: bool = False
    """It is sent as it came."""

    def in_utf8(self) -> "MessageEntry":
        """Return the message as a session sees it that asked for UTF-8 (RFC 6856 section 2.1)."""
        if self.utf8_octets is None:
            return self
        return attrs.evolve(self, octets=self.utf8_octets, is_utf8=True)


@attrs.frozen
class Listing:
    """The messages of a maildrop in listing order, shared by every session that starts before it changes."""

    entries: tuple[MessageEntry, ...]
    octets: Octets

    @classmethod
    def of(cls, entries: Sequence[MessageEntry]) -> "Listing":
        """Return the listing of `entries`, its octets summed once."""
        return cls(tuple(entries), Octets(sum(entry.octets for entry in entries)))

    def in_utf8(self) -> "Listing":
        """Return the listing of a session that asked for UTF-8: unique-ids and order are the same."""
        if all(entry.utf8_octets is None for entry in self.entries):
            return self
        return Listing.of([entry.in_utf8() for entry in self.entries])


NO_MESSAGES = Listing.of([])
"""What is listed where nothing is."""


class Maildrop:
    """Answers every pure question of the TRANSACTION state."""

    __slots__ = ("_listing", "_marked", "_marked_octets")

    def __init__(self, listing: Listing) -> None:
        self._listing = listing
        self._marked: set[MessageNumber] = set()
        self._marked_octets = 0

    def use_utf8(self) -> None:
        """Show messages as they came where their headers are UTF-8; nothing is marked yet."""
        self._listing = self._listing.in_utf8()

    def drop_listing(self) -> tuple[int, Octets]:
        """Return count and octets of the messages not marked (RFC 1939 section 5, STAT)."""
        return (
            len(self._listing.entries) - len(self._marked),
            Octets(self._listing.octets - self._marked_octets),
        )

    def entry(self, number: MessageNumber) -> MessageEntry:
        """Return the message that `number` names.

        Raises:
            NoSuchMessage: there is none, or it is marked.
        """
        if number in self._marked:
            raise NoSuchMessage(f"message {number} is marked as deleted")
        if not 1 <= number <= len(self._listing.entries):
            raise NoSuchMessage(f"there are only {len(self._listing.entries)} messages")
        return self._listing.entries[number - 1]

    def unmarked(self) -> Iterator[tuple[MessageNumber, MessageEntry]]:
        """Yield the messages not marked, with their numbers, in order."""
        for index, entry in enumerate(self._listing.entries, 1):
            number = MessageNumber(index)
            if number not in self._marked:
                yield number, entry

    def mark(self, number: MessageNumber) -> None:
        """Mark a message as deleted (RFC 1939 section 5, DELE).

        Raises:
            NoSuchMessage: there is none, or it is marked already.
        """
        self._marked_octets += self.entry(number).octets
        self._marked.add(number)

    def unmark_all(self) -> None:
        """Take every mark back (RFC 1939 section 5, RSET)."""
        self._marked.clear()
        self._marked_octets = 0

    def marked(self) -> tuple[SpoolId, ...]:
        """Return what QUIT removes, in listing order."""
        return tuple(
            self._listing.entries[number - 1].spool_id for number in sorted(self._marked)
        )
