"""Has what is fetched for a maildrop shaped as its owner wishes, once, before devices are told of it."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import TYPE_CHECKING, Final

import attrs

from bridge.clock import Clock
from bridge.imprint.attachments import AttachmentFinder
from bridge.imprint.rawheaders import RawHeaders
from bridge.kinds import PAGES
from bridge.names import Octets, SpoolId
from bridge.shaper.processes import ShapingProcesses
from bridge.shaping.errors import Unshapeable
from bridge.shaping.sizes import is_refused, is_taken
from bridge.shaping.wish import Crypto, Deliver, Headers, Wish
from bridge.sync.notice import unshaped_notice
from providers.contract import Envelope

UNTOUCHED: Final = frozenset({Deliver.ORIGINAL, Deliver.COMMAND})
"""What leaves a message as it is, unless its headers are not ASCII or it is too large."""


@attrs.frozen
class MaildropShaper:
    """Shapes one message; `grows` is told of every octet that is made, before it is stored, and may refuse it.

    `looks_inside` where the maildrop takes only what brings something to print.
    """

    wish: Wish
    spool_id: SpoolId
    processes: ShapingProcesses
    clock: Clock
    grows: Callable[[int], None]
    looks_inside: bool = False

    @property
    def shapes_all(self) -> bool:
        """Tell whether something is made of every message."""
        return self.wish.deliver not in UNTOUCHED

    def has_work(self, octets: Octets, raw_headers: RawHeaders) -> bool:
        """Tell whether something is made, or said, of such a message."""
        has_raw = raw_headers is not RawHeaders.NONE
        return self.shapes_all or has_raw or is_refused(octets, self.wish)

    async def has_pages(self, octets: Octets, message: AsyncIterator[bytes]) -> bool:
        """Tell whether `print` would make a message with something to print of it: one rule for both.

        What cannot be shaped brings nothing.
        """
        wish = attrs.evolve(
            self.wish,
            deliver=Deliver.PRINT,
            attachments=tuple(sorted(PAGES)),
            headers=Headers.FEW,
            crypto=Crypto.NOTICE,
            size_octets=None,
        )
        finder = AttachmentFinder()
        try:
            async with aclosing(self.processes.shape(wish, octets, message)) as pieces:
                async for piece in pieces:
                    finder.feed(piece)
        except Unshapeable:
            return False
        return finder.finish()

    async def shape(
        self, octets: Octets, message: AsyncIterator[bytes]
    ) -> AsyncGenerator[bytes, None]:
        """Yield what a process of its own makes of the message."""
        wish = self.wish
        if not self.shapes_all:
            is_taken(octets, wish)
            wish = attrs.evolve(
                wish, size_octets=None
            )  # one that is taken, or had all the same
        async with aclosing(self.processes.shape(wish, octets, message)) as pieces:
            async for piece in pieces:
                self.grows(len(piece))
                yield piece

    def notice(self, envelope: Envelope, why: str) -> bytes:
        """Return what stands for the message, and says how to get at it."""
        return unshaped_notice(self.spool_id, why, envelope, self.clock.now())


if TYPE_CHECKING:
    from bridge.storage.ports import Shaper

    _shaper: type[Shaper] = MaildropShaper
