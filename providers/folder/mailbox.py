"""A mail folder on this machine behind the mailbox contract, all file work done in a thread of its own.

One thread per mailbox: a disk that hangs stalls this mailbox and nothing else, and jobs of one
mailbox never overlap. A job that was begun is finished even when its caller is cancelled, so the
folder is always left as a completed or a never-made call leaves it.
"""

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import attrs

from providers.contract import (
    AccessRefused,
    ChangePage,
    Cursor,
    DispositionKind,
    DispositionOrder,
    DispositionOutcome,
    FolderMissing,
    FolderName,
    HostAnswer,
    MailboxProvider,
    MessageGone,
    RemoteId,
    RemoteMessage,
    Unreachable,
)
from providers.folder.clearing import Clearing
from providers.folder.directories import Directories, unreachable
from providers.folder.eml import EmlDirectory
from providers.folder.layout import Layout, Listing, Settling
from providers.folder.maildir import Maildir, is_maildir
from providers.folder.reader import MessageReader
from providers.folder.wire import SETTLE_SECONDS, check_folder_name, cursor_for, full_list

_Asked = ParamSpec("_Asked")
_Answer = TypeVar("_Answer")


@attrs.frozen
class _Look:
    """What a look found: the messages in listing order, or that they are those of the cursor."""

    messages: list[RemoteMessage]
    cursor: Cursor
    is_idle: bool


class FolderMailbox:
    """A Maildir or a directory of .eml files; which of the two is seen anew at each call."""

    def __init__(
        self, root: Path, now: Callable[[], float], settle_seconds: float = SETTLE_SECONDS
    ) -> None:
        self._root = root
        self._settling = Settling(now, settle_seconds)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="mail-folder")
        self._listings: dict[FolderName, Listing] = {}  # touched by jobs in the thread alone
        self._doubts: dict[FolderName, int] = {}

    @property
    def attests(self) -> None:
        """Return nothing: nobody says who has written the files, and what they may say of it is theirs."""

    def check_folder(self, folder: FolderName) -> FolderName:
        """Accept the name of one sub-folder, and return it; the empty name is the folder itself.

        Raises:
            ValueError: it would lead elsewhere, or is no name of a folder here.
        """
        return FolderName(check_folder_name(folder)) if folder else folder

    def check_target(self, folder: FolderName) -> None:
        """Accept whatever can be a folder.

        Raises:
            ValueError: it cannot.
        """
        self.check_folder(folder)

    @property
    def at_once(self) -> int:
        """Return 1: the folder has one thread."""
        return 1

    @property
    def dispositions(self) -> frozenset[DispositionKind]:
        """Return the kinds that the folder can carry out; only a Maildir can mark as read.

        This looks at the folder in the caller's thread; a missing one is taken for one of .eml files.
        """
        try:
            with Directories(self._root) as directories:
                return self._layout(directories).dispositions
        except (FolderMissing, Unreachable):
            return EmlDirectory.dispositions

    async def changes(
        self, folder: FolderName, cursor: Cursor | None
    ) -> AsyncGenerator[ChangePage, None]:
        """Yield the pages of a full list, or one empty page when nothing changed since `cursor`.

        A cursor of any other origin gives a full list; it never expires.

        Raises:
            FolderMissing, Unreachable: as the contract says.
        """
        doubts = self._doubts.get(folder, 0)
        look = await self._run(self._look, folder, None if doubts else cursor)
        if look.is_idle:
            yield ChangePage((), (), look.cursor, full=False, last=True)
            return
        for page in full_list(look.messages, look.cursor):
            yield page
        if self._doubts.get(folder) == doubts:
            del self._doubts[folder]

    async def fetch(
        self, folder: FolderName, remote_id: RemoteId
    ) -> AsyncGenerator[bytes, None]:
        """Yield the message's octets as they are in the file, in pieces of at most 256 KiB.

        Raises:
            MessageGone: the file is gone, or is no longer the one that was listed; perhaps only
                after the last piece.
            MessageUnreadable: the bridge's user may not read the file.
            Unreachable: the folder or its disk failed.
        """
        reader = MessageReader(folder, remote_id)
        try:
            await self._run(self._open, reader)
            while piece := await self._run(self._read, reader):
                yield piece
        except MessageGone:
            # The caller forgets the message now. Should the file turn up again under the same id,
            # only a full list can say so: the cursor would not tell the difference.
            self._doubts[folder] = self._doubts.get(folder, 0) + 1
            raise
        finally:
            self._release(reader)

    async def dispose(self, orders: Sequence[DispositionOrder]) -> Sequence[DispositionOutcome]:
        """Carry out `orders`; DONE is said only of what is on the disk.

        Raises:
            Unreachable: the folder cannot be changed; the text names it.
        """
        return await self._run(self._clear, list(orders))

    async def reach(self) -> Sequence[HostAnswer]:
        """Return nothing: the folder is on this machine."""
        return ()

    async def prove_right(self, folder: FolderName, remote_id: RemoteId) -> None:
        """Ask the system whether the bridge's user may take a file out of the folder.

        Raises:
            AccessRefused: it may not.
        """
        del folder, remote_id
        if not await self._run(os.access, self._root, os.W_OK | os.X_OK):
            raise AccessRefused(f"the bridge's user may not change {self._root}")

    async def close(self) -> None:
        """Let a job that was begun end, then end the thread."""
        try:
            await self._run(bool)
        finally:
            self._thread.shutdown(wait=False, cancel_futures=True)

    # ---- jobs, in the thread

    def _look(self, folder: FolderName, cursor: Cursor | None) -> _Look:
        try:
            with Directories(self._root) as directories:
                listing = self._layout(directories).scan(folder)
        except OSError as error:
            raise unreachable(self._root, error) from error
        found = (entry.message for entry in listing.values())
        messages = sorted(found, key=lambda message: (message.sort_key, message.remote_id))
        seen = cursor_for(message.remote_id for message in messages)
        return _Look(messages, seen, is_idle=seen == cursor)

    def _open(self, reader: MessageReader) -> None:
        with self._visit() as (directories, layout):
            reader.open(directories, layout)

    def _read(self, reader: MessageReader) -> bytes:
        try:
            return reader.read()
        except OSError as error:
            raise unreachable(self._root, error) from error

    def _clear(self, orders: list[DispositionOrder]) -> list[DispositionOutcome]:
        with self._visit() as (directories, layout):
            return Clearing(directories, layout).carry_out(orders)

    # ---- helpers

    def _layout(self, directories: Directories) -> Layout:
        if is_maildir(directories):
            return Maildir(directories, self._listings)
        return EmlDirectory(directories, self._listings, self._settling)

    @contextlib.contextmanager
    def _visit(self) -> Iterator[tuple[Directories, Layout]]:
        """Open the folder for one job, and say of every failure that it may pass.

        A missing folder too: where a message was listed, a disk is perhaps not attached just now.
        """
        try:
            with Directories(self._root) as directories:
                yield directories, self._layout(directories)
        except FolderMissing as error:
            raise Unreachable(str(error)) from error
        except OSError as error:
            raise unreachable(self._root, error) from error

    async def _run(
        self,
        job: Callable[_Asked, _Answer],
        *args: _Asked.args,
        **kwargs: _Asked.kwargs,
    ) -> _Answer:
        asked = self._thread.submit(job, *args, **kwargs)
        return await asyncio.wrap_future(asked)

    def _release(self, reader: MessageReader) -> None:
        """Close the reader behind every job it may still have in the thread."""
        try:
            self._thread.submit(reader.close)
        except RuntimeError:
            reader.close()  # the mailbox is closed: no job is left that could open the file


def open_folder(settings: Mapping[str, str]) -> FolderMailbox:
    """Return the mailbox of the folder that `settings["path"]` names; whether it exists shows at the first call.

    Raises:
        ValueError: the settings name no folder.
    """
    path = settings.get("path", "")
    if not path:
        raise ValueError("a folder account needs the setting path: name the mail folder")
    return FolderMailbox(Path(path), time.time)  # noqa: TID251 - providers may not import bridge.clock


if TYPE_CHECKING:
    _provider: type[MailboxProvider] = FolderMailbox
