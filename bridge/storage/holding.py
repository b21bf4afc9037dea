"""Who holds a maildrop: what the exclusive-access lock of RFC 1939 section 4 promises."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

import attrs

from bridge.names import DeviceName, MaildropName


@attrs.frozen
class Holder:
    """Who holds a maildrop: the device, and the network address it came from; in any of its connections.

    Where it is no session, the bridge keeps sessions out for a moment.
    """

    device: DeviceName
    address: str
    connection: str = attrs.field(default="", eq=False)
    is_session: bool = attrs.field(default=True, eq=False)


class MaildropLock(Protocol):
    """The exclusive-access lock of RFC 1939 section 4, held until it is released."""

    def touch(self) -> None:
        """Show that the session lives: it heard a command, or its peer took some octets."""
        ...

    def pin(self) -> None:
        """Refuse eviction from now on: the session is in the UPDATE state."""
        ...

    def release(self) -> None:
        """Give the maildrop free; a second call does nothing."""
        ...


class NoLock:
    """What a session holds whose device has no maildrop: nothing that anybody else could want."""

    def touch(self) -> None:
        """Do nothing: nobody waits."""

    def pin(self) -> None:
        """Do nothing: nobody evicts."""

    def release(self) -> None:
        """Do nothing: nothing was taken."""


class Locks(Protocol):
    """One session per maildrop."""

    async def acquire(
        self,
        maildrop: MaildropName,
        holder: Holder,
        evict: Callable[[], None],
        progress: Callable[[], int] = lambda: 0,
        *,
        takeover: bool = True,
    ) -> MaildropLock:
        """Return the lock; the same device from the same address may take it over after a grace.

        `evict` is called at most once, when a later connection of the same holder takes over; the
        session must then end without entering UPDATE. A `progress` that grows while a newcomer waits
        is a sign of life, such as octets that a slow printer takes in the middle of a message.
        Without `takeover` whoever comes second is refused at once.

        Raises:
            MaildropBusy: somebody else holds it, or the older session showed life.
        """
        ...

    def is_held(self, maildrop: MaildropName) -> bool:
        """Tell whether a session is open."""
        ...

    def was_held(self, maildrop: MaildropName) -> bool:
        """Tell whether a session is open, or was since the bridge runs."""
        ...


if TYPE_CHECKING:
    _no_lock: type[MaildropLock] = NoLock
