"""Message bodies as sealed files in wire form: written once, synced, verified whole before sending.

A file is named after its message's spool id. It is written under a passing name and renamed when it
is complete and synced, so a file with a final name is whole; one that no row knows is an orphan of a
crash and is swept at the next start.
"""

import asyncio
import contextlib
import enum
import os
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path
from typing import BinaryIO, TypeAlias, TypeVar

from bridge.errors import BodyUnreadable, SpoolUnavailable
from bridge.imprint.imprint import Imprint, ImprintTaker
from bridge.names import Octets, SpoolId
from bridge.pop3.wireform import WireForm
from bridge.storage.sealing import FrameSeal, SealedWriter
from bridge.wholefile import sync_folder
from providers.contract import Attests

T = TypeVar("T")

PIECE_FRAMES = 2
"""Frames of 64 KiB per piece sent: larger pieces cost less CPU and more memory (docs/performance.md)."""

GATHER_OCTETS = 1 << 20
"""Octets gathered from a provider before a thread seals them: bounds memory and thread changes."""

THREADS = 4
"""Threads for body files; more would only queue at the disk."""


class Held(enum.StrEnum):
    """What a file holds of its message; its name ends with it."""

    BODY = "body"  # what devices get
    ORIGINAL = "original"  # what that was made of, where it was shaped


_Place: TypeAlias = tuple[SpoolId, Held]


class Bodies:
    """The folder of sealed bodies."""

    def __init__(self, folder: Path, seal: FrameSeal, minimum_free: int) -> None:
        """Use `folder`; refuse to write where fewer than `minimum_free` octets are free."""
        self._folder = folder
        self._seal = seal
        self._minimum_free = minimum_free
        self._executor = ThreadPoolExecutor(THREADS, thread_name_prefix="bodies")

    def close(self) -> None:
        """Wait for file work under way."""
        self._executor.shutdown()

    async def write(
        self,
        spool_id: SpoolId,
        body: AsyncIterator[bytes],
        attests: Attests | None = None,
        held: Held = Held.BODY,
    ) -> tuple[Octets, Imprint]:
        """Store a body in wire form, durably, and return its octets and imprint; a failure leaves nothing.

        `attests` reads what the service has recorded of its sender.

        Raises:
            SpoolUnavailable: the disk is full or not writable.
        """
        part = self._folder / f"{spool_id}.{secrets.token_hex(8)}.part"
        taker = ImprintTaker(attests)
        try:
            octets = await self._write_part(part, (spool_id, held), body, taker)
            return octets, await self._in_thread(
                taker.finish
            )  # a long header takes half a second
        finally:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)

    async def open(self, spool_id: SpoolId, held: Held = Held.BODY) -> "StoredBody":
        """Open a body and every frame of it.

        Raises:
            BodyUnreadable: it is missing, cut short or altered.
            SpoolUnavailable: it cannot be read now.
        """
        with contextlib.ExitStack() as stack:
            body = await self._in_thread(
                lambda: stack.enter_context(contextlib.closing(self._open((spool_id, held))))
            )
            stack.pop_all()
        return body

    async def remove(
        self, spool_ids: Iterable[SpoolId], held: Iterable[Held] = tuple(Held)
    ) -> None:
        """Unlink what is held of messages; what is not there, or cannot go now, is left to the next sweep."""
        paths = [self._path((spool_id, one)) for spool_id in spool_ids for one in held]
        if paths:
            await self._in_thread(lambda: _unlink_all(paths))

    async def room(self) -> int:
        """Return how many octets may still be stored; below 0 no more mail is fetched.

        It is asked in the threads that read and write bodies: where they hang, so does the answer.

        Raises:
            OSError: the folder cannot be reached.
        """
        return await asyncio.get_running_loop().run_in_executor(self._executor, self._room)

    def sweep(self, live: set[SpoolId], originals: Iterable[SpoolId] = ()) -> int:
        """Remove every file that is neither a live message's body nor an original; return how many went."""
        wanted = {self._path((spool_id, Held.BODY)).name for spool_id in live}
        wanted |= {self._path((spool_id, Held.ORIGINAL)).name for spool_id in originals}
        orphans = [path for path in self._folder.iterdir() if path.name not in wanted]
        _unlink_all(orphans)
        return len(orphans)

    async def _write_part(
        self, part: Path, place: _Place, body: AsyncIterator[bytes], taker: ImprintTaker
    ) -> Octets:
        form = WireForm()
        with contextlib.ExitStack() as stack:
            file = await self._storing(lambda: self._create(part, stack))
            writer = self._seal.writer(file, _context(place))
            async for chunk in _gathered(body):
                await self._storing(partial(_store, writer, form, taker, chunk))
            await self._storing(partial(_store_rest, writer, form, taker))
            await self._storing(lambda: self._complete(file, writer, part, place))
        return form.octets

    def _room(self) -> int:
        disk = os.statvfs(self._folder)
        return disk.f_bavail * disk.f_frsize - self._minimum_free

    def _create(self, part: Path, stack: contextlib.ExitStack) -> BinaryIO:
        if self._room() < 0:
            raise SpoolUnavailable("the disk is nearly full, no more mail is fetched")
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        file = os.fdopen(descriptor, "wb")
        stack.callback(_close, file)
        return file

    def _complete(
        self, file: BinaryIO, writer: SealedWriter, part: Path, place: _Place
    ) -> None:
        writer.finish()
        file.flush()
        os.fsync(file.fileno())
        part.rename(self._path(place))
        sync_folder(self._folder)

    def _open(self, place: _Place) -> "StoredBody":
        try:
            file = self._path(place).open("rb")
        except FileNotFoundError as error:
            raise BodyUnreadable("its file is missing") from error
        except OSError as error:
            raise SpoolUnavailable(f"its file cannot be read: {error.strerror}") from error
        body = StoredBody(file, self._seal, _context(place), self._in_thread)
        try:
            body.verify()
        except OSError as error:
            body.close()
            raise SpoolUnavailable(f"its file cannot be read: {error.strerror}") from error
        except BaseException:
            body.close()
            raise
        return body

    def _path(self, place: _Place) -> Path:
        spool_id, held = place
        return self._folder / f"{spool_id}.{held}"

    async def _storing(self, work: Callable[[], T]) -> T:
        # The disk's errors alone are caught here: what the source raises is its caller's to judge.
        try:
            return await self._in_thread(work)
        except OSError as error:
            raise SpoolUnavailable(f"a body cannot be stored: {error.strerror}") from error

    async def _in_thread(self, work: Callable[[], T]) -> T:
        """Return what `work` returns; a cancelled caller goes on only when the thread has let go."""
        task = asyncio.get_running_loop().run_in_executor(self._executor, work)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            await asyncio.wait([task])  # its file can be neither closed nor removed before
            raise


class StoredBody:
    """One open body file."""

    def __init__(
        self,
        file: BinaryIO,
        seal: FrameSeal,
        context: bytes,
        in_thread: Callable[[Callable[[], bytes]], Awaitable[bytes]],
    ) -> None:
        self._file = file
        self._seal = seal
        self._context = context
        self._in_thread = in_thread
        self._whole: bytes | None = None

    def verify(self) -> None:
        """Open every frame once, so that what is sent later is known to be whole.

        A body of one piece is kept, since there is nothing left to read afterwards.
        """
        frames = self._frames()
        first = b"".join(islice(frames, PIECE_FRAMES))
        is_short = True
        for _ in frames:
            is_short = False
        if is_short:
            self._whole = first
            self._file.close()

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield the body in pieces of at most 128 KiB.

        Raises:
            BodyUnreadable: the file changed since it was verified.
        """
        if self._whole is not None:
            yield self._whole
            return
        frames = self._frames()
        while piece := await self._in_thread(lambda: b"".join(islice(frames, PIECE_FRAMES))):
            yield piece

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _frames(self) -> Iterator[bytes]:
        self._file.seek(0)
        return self._seal.reader(self._file, self._context)


def _close(file: BinaryIO) -> None:
    """Close a file that is either synced or of no use any more."""
    with contextlib.suppress(OSError):
        file.close()


def _unlink_all(paths: Iterable[Path]) -> None:
    for path in paths:
        with contextlib.suppress(OSError):
            path.unlink()


def _store(writer: SealedWriter, form: WireForm, taker: ImprintTaker, chunk: bytes) -> None:
    stored = form.feed(chunk)
    taker.feed(stored)
    writer.write(stored)


def _store_rest(writer: SealedWriter, form: WireForm, taker: ImprintTaker) -> None:
    rest = form.finish()
    taker.feed(rest)
    writer.write(rest)


async def _gathered(body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield what `body` yields in fewer, larger pieces."""
    waiting: list[bytes] = []
    size = 0
    async for chunk in body:
        waiting.append(chunk)
        size += len(chunk)
        if size >= GATHER_OCTETS:
            yield b"".join(waiting)
            waiting, size = [], 0
    if waiting:
        yield b"".join(waiting)


def _context(place: _Place) -> bytes:
    spool_id, held = place
    return (
        b"message %d" % spool_id if held is Held.BODY else b"original of message %d" % spool_id
    )
