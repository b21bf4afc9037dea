"""A mailbox that fails when it is told to, in every way its contract allows, and answers truly otherwise."""

import enum
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING

import attrs

from providers.contract import (
    AccessRefused,
    Attests,
    ChangePage,
    Cursor,
    CursorExpired,
    DispositionKind,
    DispositionOrder,
    DispositionOutcome,
    FolderMissing,
    FolderName,
    GrantLost,
    HostAnswer,
    MailboxProvider,
    MessageUnreadable,
    RemoteId,
    Throttled,
    Unreachable,
)


class Fault(enum.StrEnum):
    """What can go wrong with one call; `HALF` lets it begin, or take effect, and then breaks off."""

    UNREACHABLE = "unreachable"
    THROTTLED = "throttled"
    REFUSED = "refused"
    GRANT_LOST = "grant-lost"
    FOLDER_MISSING = "folder-missing"
    CURSOR_EXPIRED = "cursor-expired"
    HALF = "half"


@attrs.define
class Faults:
    """What the next calls meet, one each; `sick` says of a message whether it can ever be had.

    `met` counts the faults that were met so far.
    """

    waiting: list[Fault] = attrs.field(factory=list)
    sick: dict[RemoteId, bool] = attrs.field(factory=dict)
    met: int = 0

    def take(self) -> Fault | None:
        if not self.waiting:
            return None
        self.met += 1
        return self.waiting.pop(0)


def _raise(fault: Fault | None, cursor: Cursor | None = None) -> None:
    match fault:
        case Fault.UNREACHABLE:
            raise Unreachable("connection reset")
        case Fault.THROTTLED:
            raise Throttled("too many requests", 7.0)
        case Fault.REFUSED:
            raise AccessRefused("forbidden")
        case Fault.GRANT_LOST:
            raise GrantLost("invalid_grant")
        case Fault.FOLDER_MISSING:
            raise FolderMissing("no such folder")
        case Fault.CURSOR_EXPIRED if cursor is not None:
            raise CursorExpired("syncStateNotFound")
        case _:
            return


class FailingMailbox:
    """One connection to a mailbox, through which faults come."""

    def __init__(self, inner: MailboxProvider, faults: Faults) -> None:
        self._inner = inner
        self._faults = faults

    @property
    def at_once(self) -> int:
        return self._inner.at_once

    @property
    def dispositions(self) -> frozenset[DispositionKind]:
        return self._inner.dispositions

    @property
    def attests(self) -> Attests | None:
        return self._inner.attests

    def check_folder(self, folder: FolderName) -> FolderName:
        return self._inner.check_folder(folder)

    def check_target(self, folder: FolderName) -> None:
        self._inner.check_target(folder)

    async def changes(
        self, folder: FolderName, cursor: Cursor | None
    ) -> AsyncGenerator[ChangePage, None]:
        fault = self._faults.take()
        _raise(fault, cursor)
        async with aclosing(self._inner.changes(folder, cursor)) as pages:
            async for page in pages:
                yield page
                if fault is Fault.HALF and not page.last:
                    raise Unreachable("the list broke off")

    async def fetch(
        self, folder: FolderName, remote_id: RemoteId
    ) -> AsyncGenerator[bytes, None]:
        can_ever_be_had = self._faults.sick.get(remote_id)
        if can_ever_be_had is not None:
            if can_ever_be_had:
                raise Unreachable("conversion failed just now")
            raise MessageUnreadable("it cannot be converted")
        fault = self._faults.take()
        if fault is not Fault.FOLDER_MISSING:  # of a message it says nothing
            _raise(fault)
        async with aclosing(self._inner.fetch(folder, remote_id)) as pieces:
            async for piece in pieces:
                if fault is Fault.HALF:
                    yield piece[: len(piece) // 2]
                    raise Unreachable("the answer broke off")
                yield piece

    async def dispose(self, orders: Sequence[DispositionOrder]) -> Sequence[DispositionOutcome]:
        fault = self._faults.take()
        if fault is not Fault.FOLDER_MISSING:
            _raise(fault)
        outcomes = await self._inner.dispose(orders)
        if fault is Fault.HALF:
            raise Unreachable("it was obeyed, and the answer lost")
        return outcomes

    async def reach(self) -> Sequence[HostAnswer]:
        return await self._inner.reach()

    async def prove_right(self, folder: FolderName, remote_id: RemoteId) -> None:
        await self._inner.prove_right(folder, remote_id)

    async def close(self) -> None:
        await self._inner.close()


if TYPE_CHECKING:
    _provider: type[MailboxProvider] = FailingMailbox
