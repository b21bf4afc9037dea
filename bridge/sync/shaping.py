"""Has what is fetched for a maildrop shaped as its owner wishes, once, before devices are told of it."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import TYPE_CHECKING, Final

import attrs

from bridge.clock import Clock
from bridge.names import Octets, SpoolId
from bridge.shaper.processes import ShapingProcesses
from bridge.shaping.sizes import is_taken, may_refuse
from bridge.shaping.wish import Deliver, Wish
from bridge.sync.notice import unshaped_notice
from providers.contract import Envelope

UNTOUCHED: Final = frozenset({Deliver.ORIGINAL, Deliver.COMMAND})
"""What leaves a message as it is: no process is started for it."""


def is_shaped(wish: Wish) -> bool:
    """Tell whether devices may get something else than a message as it came; the original is kept then."""
    return wish.deliver not in UNTOUCHED or may_refuse(wish)


@attrs.frozen
class MaildropShaper:
    """Shapes one message; `grows` is told of every octet that is made, before it is stored, and may refuse it."""

    wish: Wish
    spool_id: SpoolId
    processes: ShapingProcesses
    clock: Clock
    grows: Callable[[int], None]

    async def shape(
        self, octets: Octets, message: AsyncIterator[bytes]
    ) -> AsyncGenerator[bytes, None]:
        """Yield what a process of its own makes of the message, or the message where it fits as it is."""
        if self.wish.deliver in UNTOUCHED:
            is_taken(octets, self.wish)
            async for piece in message:
                self.grows(len(piece))
                yield piece
            return
        async with aclosing(self.processes.shape(self.wish, octets, message)) as pieces:
            async for piece in pieces:
                self.grows(len(piece))
                yield piece

    def notice(self, envelope: Envelope, why: str) -> bytes:
        """Return what stands for the message, and says how to get at it."""
        return unshaped_notice(self.spool_id, why, envelope, self.clock.now())


if TYPE_CHECKING:
    from bridge.storage.ports import Shaper

    _shaper: type[Shaper] = MaildropShaper
