"""What the rest of the house may ask of messages at rest; every engine passes the same contract suite.

Durable means: on the disk, through fsync, before the call returns. Where a method promises it, a
machine that loses power on the next instruction still keeps the promise.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence
from typing import Protocol

from bridge.imprint.rawheaders import RawHeaders
from bridge.maildrop import Listing
from bridge.names import AccountName, MaildropName, Octets, SpoolId, UniqueId
from bridge.storage.audit import THE_BRIDGE, Actor
from bridge.storage.holding import Holder
from bridge.storage.lives import Note
from bridge.storage.messages import (
    Announcement,
    Delivery,
    MessageState,
    Pending,
    QueuedDisposition,
    SpoolFigures,
)
from providers.contract import Attests, Cursor, Disposition, Envelope, RemoteId

NOTHING_TOLD = Envelope()
"""The envelope of a message of which nothing is known."""


class OpenBody(Protocol):
    """A verified body, ready to be sent: every frame of it was opened once already."""

    def pieces(self) -> AsyncIterator[bytes]:
        """Yield the body in wire form (CRLF, byte-stuffed, no termination octet).

        Raises:
            BodyUnreadable: the file changed since it was verified; what was yielded is not whole.
        """
        ...

    def close(self) -> None:
        """Release the body; it cannot be sent any more."""
        ...


class Shaper(Protocol):
    """Makes of a message what the devices of its maildrop get."""

    @property
    def shapes_all(self) -> bool:
        """Tell whether it shapes every message, or only those that `has_work` finds."""
        ...

    def has_work(self, octets: Octets, raw_headers: RawHeaders) -> bool:
        """Tell whether there is something to make, or to refuse, of a message of so many octets."""
        ...

    @property
    def looks_inside(self) -> bool:
        """Tell whether it matters that a message brings something to print."""
        ...

    async def has_pages(self, octets: Octets, message: AsyncIterator[bytes]) -> bool:
        """Tell whether a message of so many octets brings something to print, however it is packed.

        Raises:
            ShaperUnavailable: it cannot be told now.
        """
        ...

    def shape(
        self, octets: Octets, message: AsyncIterator[bytes]
    ) -> AsyncGenerator[bytes, None]:
        """Yield what is made of a message of so many octets.

        Raises:
            Unshapeable: no shape can be made of it; a notice stands for it.
            Skipped: it is to be left out.
            ShaperUnavailable: it cannot be tried now.
        """
        ...

    def notice(self, envelope: Envelope, why: str) -> bytes:
        """Return RFC 5322 octets that stand for a message of which no shape can be made."""
        ...


class UnreadHeaders(Protocol):
    """Messages that an earlier release stored without a look at their headers."""

    async def unread(self, maildrop: MaildropName, limit: int) -> list[tuple[SpoolId, Octets]]:
        """Return at most `limit` listed messages of the maildrop with their octets, in the order they came."""
        ...

    async def leave(self, messages: Iterable[SpoolId]) -> None:
        """Let messages be as they are, durably.

        Raises:
            SpoolUnavailable: they are still to be looked at.
        """
        ...

    async def take_back(self, spool_id: SpoolId) -> bool:
        """Let a message that no device was told of wait for its body, durably; tell whether it is one.

        Its body stays, to be delivered once more. Call only while no session is open at its maildrop. Killed then,
        the bridge fetches the message anew.

        Raises:
            SpoolUnavailable: it is listed as before.
        """
        ...


class Spool(Protocol):
    """Messages at rest."""

    async def listing(self, maildrop: MaildropName) -> Listing:
        """Return what a session that starts now sees, oldest first, frozen.

        Raises:
            SpoolUnavailable: the spool cannot answer now.
        """
        ...

    async def open_body(self, spool_id: SpoolId, *, as_it_came: bool = False) -> OpenBody:
        """Return the body after opening every frame of it; `as_it_came` the original that lies beside it.

        Raises:
            BodyUnreadable: it is missing, cut short or altered.
            SpoolUnavailable: it cannot be read now.
        """
        ...

    async def expunge(
        self,
        maildrop: MaildropName,
        messages: Iterable[SpoolId],
        by: Holder | None = None,
        notes: Sequence[Note] = (),
    ) -> None:
        """Remove the messages and queue their dispositions, in one durable transaction.

        `by` is the device that was promised it, where one was; `notes` are written down along with it.
        A message of these that has vanished upstream, or is local, becomes a tombstone at once. A notice is
        removed, and its original left alone upstream.

        Raises:
            SpoolUnavailable: nothing was removed.
        """
        ...

    async def known(self, maildrop: MaildropName) -> dict[RemoteId, MessageState]:
        """Return every message and tombstone of the maildrop.

        One that an admin had listed again counts as disposed of: upstream has no say in it any more. Of
        a local one upstream knows nothing, so it is left out.
        """
        ...

    async def announce(self, maildrop: MaildropName, messages: Sequence[Announcement]) -> None:
        """Record the ids, durably; one that is known already, tombstones included, is left as it is.

        After a restore they are held on delivery, until a cursor was saved: they may be printed.
        A vanished message that is named again is ready again where its body is still here, and
        announced again elsewhere.
        """
        ...

    async def pending(self, maildrop: MaildropName) -> list[Pending]:
        """Return what waits for its body from upstream, in listing order, and how often it is noted as FAULTED."""
        ...

    async def deliver(
        self,
        spool_id: SpoolId,
        body: AsyncIterator[bytes],
        attests: Attests | None = None,
        shaper: Shaper | None = None,
    ) -> Delivery:
        """Store RFC 5322 octets in sealed wire form, and make the message visible durably.

        A second copy within the maildrop's `print_once`, and what it does not admit, is held instead,
        unless it is local: its owner asked for it;
        `attests` reads what the service that took the message has recorded of its sender.
        With a `shaper` what it makes of the message is listed, or its notice where nothing can be made,
        and the original is kept beside it until upstream has obeyed. What is held is not shaped. The
        original of one that was shaped for its headers alone, which are UTF-8, is listed to who asks for it.
        Delivering a message that is no longer announced changes nothing.
        An exception raised by `body` or `shaper` is passed on and leaves nothing behind.

        Raises:
            SpoolUnavailable: the body could not be stored; the message stays announced.
        """
        ...

    async def quarantine(
        self,
        spool_id: SpoolId,
        notice: bytes,
        reason: str = "",
        envelope: Envelope = NOTHING_TOLD,
    ) -> None:
        """Let `notice` (RFC 5322 octets) stand for a message that can never be had, durably."""
        ...

    async def at_rest(self, maildrop: MaildropName) -> list[SpoolId]:
        """Return every message of the maildrop whose body is here, listed or not."""
        ...

    async def octets_at_rest(self, maildrop: MaildropName) -> Octets:
        """Return the octets of all bodies that are here for the maildrop."""
        ...

    async def forget(self, maildrop: MaildropName, messages: Iterable[RemoteId]) -> None:
        """Take note, durably, that these are gone upstream; unless a device took them they are listed no more.

        What was held as a second copy of one of them is announced: it is the only one now. The maildrop's cursor is forgotten with them, until the look is over and saves another.
        """
        ...

    async def sweep_vanished(self, maildrop: MaildropName) -> None:
        """Remove the bodies and rows of vanished messages; call only while no session is open.

        A message whose body was found damaged is announced again: it is fetched anew. A local one is held.
        """
        ...

    async def cursor(self, maildrop: MaildropName) -> Cursor | None:
        """Return where the last look for this maildrop ended."""
        ...

    async def save_cursor(
        self, maildrops: Iterable[MaildropName], cursor: Cursor | None
    ) -> None:
        """Remember where the look for these maildrops ended, durably."""
        ...

    async def queued(self, account: AccountName, limit: int) -> list[QueuedDisposition]:
        """Return at most `limit` dispositions that wait for this account, oldest first."""
        ...

    async def disposed(self, messages: Iterable[SpoolId]) -> None:
        """Record, durably, that upstream has obeyed; the tombstones stay for ever."""
        ...

    def refresh(self) -> None:
        """Forget what is remembered of listings: another process has changed the register."""
        ...

    async def note(self, notes: Sequence[Note]) -> None:
        """Write down what happened to messages; those that are gone are passed over.

        Raises:
            SpoolUnavailable: nothing was written.
        """
        ...

    async def note_listed(self, listing: Listing, by: Holder, at: float) -> None:
        """Write down that a device was told of these messages, where it was not told before."""
        ...

    async def note_damaged(self, spool_id: SpoolId, why: str, at: float) -> None:
        """Have the body of a message fetched anew, once no session is open."""
        ...

    async def drop(
        self, spool_id: SpoolId, disposition: Disposition, by: Actor = THE_BRIDGE
    ) -> bool:
        """Take a message off the list for ever, durably, and queue `disposition`; tell whether it could be.

        `by` is who ordered it, which is written down with it; so too of the other orders below. Call only while no session is open at its maildrop; so too `retry`.
        """
        ...

    async def redeliver(
        self,
        spool_id: SpoolId,
        unique_id: UniqueId,
        body: AsyncIterator[bytes],
        shaper: Shaper | None = None,
        by: Actor = THE_BRIDGE,
    ) -> bool:
        """List a held or disposed message again, durably, as a new one; tell whether it was one.

        An exception raised by `body` or `shaper` is passed on and changes nothing.
        """
        ...

    async def announce_local(
        self,
        maildrop: MaildropName,
        remote_id: RemoteId,
        unique_id: UniqueId,
        by: Actor = THE_BRIDGE,
    ) -> SpoolId:
        """Record, durably, a message that is about to be made here, and return its id for `deliver`.

        It comes behind all that is known of the maildrop. Upstream is neither asked for it nor told of it.
        One that is not delivered before the bridge ends is forgotten at its next start.

        Raises:
            SpoolUnavailable: nothing was recorded.
        """
        ...

    async def withdraw(self, spool_id: SpoolId) -> None:
        """Forget, durably, a local message that was announced and not delivered; any other stays."""
        ...

    async def retry(
        self, spool_id: SpoolId, unique_id: UniqueId, by: Actor = THE_BRIDGE
    ) -> bool:
        """Take a notice away and have its message fetched again, as a new one; tell whether it was one."""
        ...

    async def figures(self, maildrop: MaildropName) -> SpoolFigures:
        """Return what `popbridge status` says of the maildrop."""
        ...
