"""What one look has to fetch for one folder, the lanes that share it, and what has come of it so far."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence

import attrs

from bridge.names import MaildropName, SpoolId
from bridge.shaping.wish import Wish
from bridge.storage.messages import Pending
from bridge.sync.room import Room
from providers.contract import AccessRefused, FolderName, Throttled, Unreachable

FAILURES_IN_A_ROW = 3
"""Fetches that may fail one after the other before a look is given up: one message that cannot be
had just now must not block those behind it, a dead service must not be asked a thousand times."""


@attrs.define
class Errand:
    """The fetching that one look does for one folder, and what has come of it.

    `ceilings` says of each maildrop how many octets may lie here for it, `wishes` how messages arrive;
    `choosy` are those that take only what brings something to print. `failed` is what was asked for
    in vain: once in a look is enough. `gone` counts the messages that were listed and could not be
    found any more, `had` all that did not fail. `throttled` is told once all is done.
    """

    folder: FolderName
    maildrops: Sequence[MaildropName]
    ceilings: Mapping[MaildropName, int]
    delivered: int = 0
    held: int = 0
    quarantined: int = 0
    gone: int = 0
    failed: set[SpoolId] = attrs.field(factory=set)
    had: int = 0
    refused: dict[SpoolId, AccessRefused] = attrs.field(factory=dict)
    throttled: Throttled | None = None
    wishes: Mapping[MaildropName, Wish] = attrs.field(factory=dict)
    choosy: frozenset[MaildropName] = frozenset()


@attrs.define
class FailureRow:
    """Failures without a success between them; `ending` is the one that made the row too long."""

    length: int = 0
    ending: Unreachable | AccessRefused | None = None

    def grow(self, error: Unreachable | AccessRefused) -> None:
        """Count one more failure."""
        self.length += 1
        if self.length >= FAILURES_IN_A_ROW and self.ending is None:
            self.ending = error


@attrs.define
class Arriving:
    """A body on its way: how many octets of it have come, and how many were made of them."""

    item: Pending
    octets: int = 0
    shaped: int = 0


@attrs.define
class Turn:
    """Messages of one maildrop, and the lanes that share them: each lane takes the next one."""

    errand: Errand
    maildrop: MaildropName
    items: Sequence[Pending]
    row: FailureRow
    room: Room
    is_full: bool = False
    has_left_out: bool = False
    lanes: list[asyncio.Task[None]] = attrs.field(factory=list)
    error: Exception | None = None
    waiting: Iterator[Pending] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.waiting = iter(self.items)

    def give_up(self, error: Exception) -> None:
        """End every other lane; the first error is the one to raise."""
        if self.error is None:
            self.error = error
            for lane in self.lanes:
                if lane is not asyncio.current_task():
                    lane.cancel()
