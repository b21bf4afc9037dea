"""What an admin may have done to a message: listed again, or taken off the list.

It is done in the process that serves the state folder, and only while no session is open at the
maildrop: what a device was told of stays as it was told.
"""

import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager

import attrs

from bridge.app.accounts.examination import told
from bridge.clock import SystemClock
from bridge.errors import MaildropBusy, OwnerError, RegisterError, ShaperUnavailable
from bridge.imprint.rawheaders import RawHeaders
from bridge.names import AccountName, DeviceName, Octets, SpoolId, UniqueId
from bridge.shaper.processes import ShapingProcesses
from bridge.shaping.errors import Unshapeable
from bridge.storage.audit import THE_BRIDGE, Actor
from bridge.storage.holding import Holder, Locks
from bridge.storage.lives import Life
from bridge.storage.messages import MessageState
from bridge.storage.ports import Shaper, Spool
from bridge.storage.register import MaildropRecord, RegisterSnapshot
from bridge.storage.sqlite.spool.histories import Histories
from bridge.sync.maildropshaper import MaildropShaper
from bridge.sync.plan import mint_unique_id
from providers.contract import (
    Disposition,
    DispositionKind,
    Envelope,
    FolderName,
    MailboxProvider,
    MessageGone,
    MessageUnreadable,
    ProviderError,
    RemoteId,
)

REDELIVER = "message-redeliver"
DROP = "message-drop"
"""The orders, as the command line gives them to a running bridge."""

OWNER = Holder(DeviceName("(owner)"), "", is_session=False)
"""Who holds a maildrop while an admin's order is carried out; no device can have this name."""

_NOT_TO_BE_LISTED = {
    MessageState.READY: "is listed already",
    MessageState.ANNOUNCED: "waits for its body, and is listed once that is here",
    MessageState.VANISHED: "was taken away upstream",
    MessageState.GONE: "was taken away upstream",
    MessageState.EXPUNGED: (
        "was deleted by a device or not admitted, which upstream does not know of yet;"
        " run `popbridge account sync` for its account and then this again"
    ),
}
_DROPPABLE = frozenset(
    {
        MessageState.ANNOUNCED,
        MessageState.READY,
        MessageState.QUARANTINED,
        MessageState.HELD,
    }
)


@attrs.frozen
class MessageDesk:
    """Carries out an admin's orders; `actor` is who gives them."""

    spool: Spool
    histories: Histories
    locks: Locks
    register: Callable[[], RegisterSnapshot]
    mailbox_of: Callable[[AccountName], MailboxProvider]
    message_octets: int
    shaping: ShapingProcesses | None = None
    actor: Actor = THE_BRIDGE

    async def redeliver(self, number: int) -> str:
        """Have a message listed again as a new one, fetched anew from upstream; say what was done.

        Raises:
            OwnerError: it cannot be; nothing was changed.
        """
        life = await self._life(number)
        if life.local:
            raise OwnerError(
                f"Message {number} was made here and is nowhere else;"
                f" `popbridge test-message {life.maildrop}` makes another. Nothing was changed."
            )
        if life.state in _NOT_TO_BE_LISTED:
            raise OwnerError(
                f"Message {number} {_NOT_TO_BE_LISTED[life.state]}; nothing was changed."
            )
        # Never one that a device may know, a bridge that was restored since included.
        again = RemoteId(f"{life.remote_id}\0{secrets.token_hex(16)}")
        unique_id = mint_unique_id(again)
        if life.state is MessageState.QUARANTINED:
            async with self._held(number):
                if not await self.spool.retry(life.spool_id, unique_id, self.actor):
                    raise _went_meanwhile(number)
            return f"Message {number} is fetched again at the next look."
        await self._list_again(life, unique_id)
        return f"Message {number} is listed again, as a new message."

    async def drop(self, number: int, *, dispose: bool) -> str:
        """Take a message off the list; upstream it stays, or is disposed of as the maildrop says.

        Raises:
            OwnerError: it cannot be; nothing was changed.
        """
        async with self._held(number) as life:
            if life.state not in _DROPPABLE:
                raise OwnerError(f"Message {number} is {life.state}; nothing was changed.")
            keep = Disposition(DispositionKind.KEEP)
            disposes = dispose and not life.local
            disposition = self._maildrop(life).disposition if disposes else keep
            if not await self.spool.drop(life.spool_id, disposition, self.actor):
                raise _went_meanwhile(number)
        if life.local:
            return f"Message {number} is not listed any more; upstream it never was."
        return f"Message {number} is not listed any more; upstream: {disposition.spelled()}."

    async def account_of(self, number: int) -> AccountName:
        """Return whose message it is.

        Raises:
            RegisterError: there is no such message.
        """
        return self._maildrop(await self._life(number)).account

    async def _life(self, number: int) -> Life:
        life = await self.histories.life(SpoolId(number))
        if life is None:
            raise RegisterError(f"There is no message {number}; see `popbridge message list`.")
        return life

    def _maildrop(self, life: Life) -> MaildropRecord:
        for maildrop in self.register().maildrops:
            if maildrop.name == life.maildrop:
                return maildrop
        raise RegisterError(f"There is no maildrop {life.maildrop} any more.")

    async def _list_again(self, life: Life, unique_id: UniqueId) -> None:
        number = life.spool_id
        try:
            async with AsyncExitStack() as stack:
                shaper = self._shaper(life, stack)
                is_held_later = shaper is not None and shaper.shapes_all
                fetched = (
                    self._fetched(life) if is_held_later else self._fetched_whole(life, stack)
                )
                body = await stack.enter_async_context(aclosing(fetched))
                given = body, shaper, self.actor
                if not await self.spool.redeliver(number, unique_id, *given):
                    raise _went_meanwhile(number)
        except (Unshapeable, ShaperUnavailable) as error:
            raise OwnerError(
                f"Message {number} cannot be shaped: {error}; nothing was changed, and"
                f" `popbridge message show {number} --original` prints it as it came."
            ) from error
        except MessageGone:
            raise OwnerError(
                f"The body of message {number} is gone upstream, or lies in a folder that the"
                " maildrop does not name; nothing was changed."
            ) from None
        except ProviderError as error:
            raise OwnerError(
                f"Message {number} cannot be fetched: {told(error)}; nothing was changed."
            ) from error

    async def _fetched_whole(
        self, life: Life, stack: AsyncExitStack
    ) -> AsyncGenerator[bytes, None]:
        """Yield a message's octets, and keep devices out of its maildrop once all of them are here.

        Not before: a service that takes its time must not shut a device out.
        """
        async with aclosing(self._fetched(life)) as pieces:
            async for piece in pieces:
                yield piece
        await stack.enter_async_context(self._held(life.spool_id))

    def _shaper(self, life: Life, stack: AsyncExitStack) -> Shaper | None:
        wish = self._maildrop(life).wish
        if self.shaping is None:
            return None
        shaper = MaildropShaper(wish, life.spool_id, self.shaping, SystemClock(), _grows)
        if not shaper.shapes_all:
            return shaper

        async def hold() -> None:
            await stack.enter_async_context(self._held(life.spool_id))

        return _ThenHeld(shaper, hold)

    @asynccontextmanager
    async def _held(self, number: int) -> AsyncGenerator[Life, None]:
        """Keep devices out of a message's maildrop during the block, which gets it as it is then."""
        maildrop = (await self._life(number)).maildrop
        try:
            lock = await self.locks.acquire(maildrop, OWNER, _nothing)
        except MaildropBusy:
            raise OwnerError(
                f"A device has a session open at maildrop {maildrop}; nothing was changed,"
                " try again when it is over."
            ) from None
        try:
            lock.pin()
            yield await self._life(number)
        finally:
            lock.release()

    async def _fetched(self, life: Life) -> AsyncGenerator[bytes, None]:
        """Yield a message's octets from its folder, or from where it was moved when it was done with."""
        maildrop = self._maildrop(life)
        mailbox = self.mailbox_of(maildrop.account)
        folders = [maildrop.folder]
        if maildrop.disposition.folder is not None:
            folders.append(maildrop.disposition.folder)
        if maildrop.admission.refused_to:
            folders.append(FolderName(maildrop.admission.refused_to))
        *earlier, last = folders
        for folder in earlier:
            try:
                async for piece in self._bounded(mailbox, folder, life.remote_id):
                    yield piece
            except MessageGone:
                continue
            return
        async for piece in self._bounded(mailbox, last, life.remote_id):
            yield piece

    async def _bounded(
        self, mailbox: MailboxProvider, folder: FolderName, remote_id: RemoteId
    ) -> AsyncGenerator[bytes, None]:
        octets = 0
        async with aclosing(mailbox.fetch(folder, remote_id)) as pieces:
            async for piece in pieces:
                octets += len(piece)
                if octets > self.message_octets:
                    raise MessageUnreadable(f"it is larger than {self.message_octets} octets")
                yield piece


@attrs.frozen
class _ThenHeld:
    """Shapes, and keeps devices out of the maildrop once that is done: it may take its time."""

    shaper: Shaper
    hold: Callable[[], Awaitable[None]]

    @property
    def shapes_all(self) -> bool:
        """Tell whether every message is shaped."""
        return self.shaper.shapes_all

    def has_work(self, octets: Octets, raw_headers: RawHeaders) -> bool:
        """Tell what the shaper tells."""
        return self.shaper.has_work(octets, raw_headers)

    @property
    def looks_inside(self) -> bool:
        """Tell what the shaper tells; what an admin wants listed is not judged."""
        return self.shaper.looks_inside

    async def has_pages(self, octets: Octets, message: AsyncIterator[bytes]) -> bool:
        """Tell what the shaper tells."""
        return await self.shaper.has_pages(octets, message)

    async def shape(
        self, octets: Octets, message: AsyncIterator[bytes]
    ) -> AsyncGenerator[bytes, None]:
        """Yield what the shaper makes."""
        async with aclosing(self.shaper.shape(octets, message)) as pieces:
            async for piece in pieces:
                yield piece
        await self.hold()

    def notice(self, envelope: Envelope, why: str) -> bytes:
        """Return the shaper's notice."""
        return self.shaper.notice(envelope, why)


def _grows(_octets: int) -> None:
    """Accept any growth: an admin's order goes beyond a ceiling, as it does without shaping."""


def _went_meanwhile(number: int) -> OwnerError:
    return OwnerError(
        f"Message {number} went another way meanwhile, see `popbridge message show {number}`;"
        " nothing was changed."
    )


def _nothing() -> None:
    """Be evicted by nobody: no device has the owner's name."""
