"""Exclusive-access locks for one process, with take-over from a device's own half-open connection.

A printer that lost power comes back while its old connection still looks alive. The newcomer waits
a short grace: if the old session stays silent that long, it is evicted and deletes nothing.
"""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

import attrs

from bridge.errors import MaildropBusy
from bridge.names import MaildropName
from bridge.storage.holding import Holder, Locks, MaildropLock


@attrs.define(eq=False)
class _Lock:
    """One held lock; `signs` counts signs of life."""

    owner: "MemoryLocks"
    maildrop: MaildropName
    holder: Holder
    evict: Callable[[], None]
    progress: Callable[[], int]
    signs: int = 0
    pinned: bool = False
    evicted: bool = False
    released: asyncio.Event = attrs.field(factory=asyncio.Event)

    def touch(self) -> None:
        """Show that the session lives."""
        self.signs += 1

    def pin(self) -> None:
        """Refuse eviction from now on."""
        self.pinned = True

    def release(self) -> None:
        """Give the maildrop free."""
        if not self.released.is_set():
            self.released.set()
            self.owner.forget(self)


class MemoryLocks:
    """Locks of one process, which is the only one that serves this state folder."""

    def __init__(self, takeover_grace: float) -> None:
        """Make the table; `takeover_grace` is in seconds."""
        self._grace = takeover_grace
        self._held: dict[MaildropName, _Lock] = {}
        self._had_sessions: set[MaildropName] = set()

    async def acquire(
        self,
        maildrop: MaildropName,
        holder: Holder,
        evict: Callable[[], None],
        progress: Callable[[], int] = lambda: 0,
        *,
        takeover: bool = True,
    ) -> MaildropLock:
        """Return the lock, after a grace where the same device takes over from itself.

        Raises:
            MaildropBusy: somebody else holds it, or the older session showed life.
        """
        while (current := self._held.get(maildrop)) is not None:
            if not takeover:
                raise MaildropBusy(
                    "an older session holds the maildrop, and none is taken over"
                )
            await self._outlive(current, holder)
        lock = _Lock(self, maildrop, holder, evict, progress)
        self._held[maildrop] = lock
        if holder.is_session:
            self._had_sessions.add(maildrop)
        return lock

    def is_held(self, maildrop: MaildropName) -> bool:
        """Tell whether a session is open."""
        return maildrop in self._held

    def was_held(self, maildrop: MaildropName) -> bool:
        """Tell whether a session is open, or was since the bridge runs."""
        return maildrop in self._had_sessions

    def forget(self, lock: _Lock) -> None:
        """Take a released lock out of the table."""
        if self._held.get(lock.maildrop) is lock:
            del self._held[lock.maildrop]

    async def _outlive(self, current: _Lock, newcomer: Holder) -> None:
        """Return once `current` is released; refuse where it may not be taken over."""
        if current.holder != newcomer:
            raise MaildropBusy("another device, or another address, holds the maildrop")
        signs = current.signs, current.progress()
        try:
            async with asyncio.timeout(self._grace):
                await current.released.wait()
        except TimeoutError:
            if current.pinned or (current.signs, current.progress()) != signs:
                raise MaildropBusy("the device's own older session is alive") from None
            if not current.evicted:  # another newcomer may have waited beside this one
                current.evicted = True
                current.evict()
            await current.released.wait()


if TYPE_CHECKING:
    _locks: type[Locks] = MemoryLocks
