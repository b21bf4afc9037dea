"""The form of a backup: one file that only its master key opens, and that is whole or refused.

A line in clear and 32 octets that name the master key, then a tar archive, sealed in frames as a
body at rest is. The frame that ends the file says that it does: a backup that was cut short anywhere
is told from a whole one.
"""

import contextlib
import hmac
import io
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, BinaryIO, Final

import attrs

from bridge.errors import BodyUnreadable, StateError
from bridge.vault.keyring import KEY_OCTETS, Keyring, Purpose
from bridge.vault.seal import BodySeal, BodyWriter
from bridge.wholefile import new_file

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

MAGIC: Final = b"popbridge backup 1\n"
CONTEXT: Final = b"backup"
PIECE_OCTETS: Final = 1 << 20
"""Octets that are in memory at once."""


@attrs.frozen
class Member:
    """One file in a backup; `source` can be read once, while it is the newest member."""

    name: str
    octets: int
    source: IO[bytes]

    def read(self, limit: int) -> bytes:
        """Return its octets.

        Raises:
            StateError: there are more than `limit`.
        """
        if self.octets > limit:
            raise StateError(
                f"The backup holds {self.name} of {self.octets} octets, more than a popbridge"
                " writes; use another copy. Nothing was changed."
            )
        return self.source.read()


def write_backup(path: Path, keyring: Keyring, members: Iterable[Member]) -> int:
    """Seal `members` into a new file of mode 0600 and return its octets; a kill leaves no half of it.

    Raises:
        StateError: the file exists, or cannot be written.
    """
    try:
        with new_file(path, may_rename=True) as file:
            _write(file, keyring, members)
            return file.tell()
    except FileExistsError:
        raise StateError(
            f"{path} exists already; name a new file. Nothing was changed."
        ) from None
    except OSError as error:
        raise StateError(
            f"The backup {path} cannot be written ({error.strerror}); check the folder, its"
            " owner and the free space."
        ) from error


@contextlib.contextmanager
def read_backup(path: Path, keyring: Keyring) -> Iterator[Iterator[Member]]:
    """Give the members in their order; the backup is whole once they have all been taken.

    What was read of it before counts for nothing until then.

    Raises:
        StateError: it cannot be read, was made with another master key, or is not whole.
    """
    try:
        with path.open("rb") as file:
            _check_head(path, file, keyring)
            yield _members(file, keyring)
    except (BodyUnreadable, tarfile.TarError):
        raise StateError(
            f"The backup {path} was cut short or altered; use another copy. Nothing was changed."
        ) from None


def _write(file: BinaryIO, keyring: Keyring, members: Iterable[Member]) -> None:
    file.write(MAGIC + keyring.check_value())
    seal = BodySeal(keyring.derive(Purpose.BACKUP))
    writer = seal.writer(file, CONTEXT)
    with tarfile.open(mode="w|", fileobj=_Sink(writer), format=tarfile.PAX_FORMAT) as tar:
        for member in members:
            head = tarfile.TarInfo(member.name)
            head.size, head.mode = member.octets, 0o600
            tar.addfile(head, member.source)
    writer.finish()


def _check_head(path: Path, file: BinaryIO, keyring: Keyring) -> None:
    if file.read(len(MAGIC)) != MAGIC:
        raise StateError(f"{path} is not a backup of this popbridge. Nothing was changed.")
    if not hmac.compare_digest(file.read(KEY_OCTETS), keyring.check_value()):
        raise StateError(
            f"The backup {path} was made with another master key; name that one with --key-file."
            " Nothing was changed."
        )


def _members(file: BinaryIO, keyring: Keyring) -> Iterator[Member]:
    frames = BodySeal(keyring.derive(Purpose.BACKUP)).reader(file, CONTEXT)
    source = io.BufferedReader(_Frames(frames), PIECE_OCTETS)
    with tarfile.open(mode="r|", fileobj=source) as tar:
        for head in tar:
            body = tar.extractfile(head)
            if body is None:
                raise tarfile.ReadError("not a file")
            yield Member(head.name, head.size, body)
    # An archive ends before its file does: only the last frame shows that this is all of it.
    while source.read(PIECE_OCTETS):
        pass


class _Sink(io.RawIOBase):
    """Lets an archive be written into a seal."""

    def __init__(self, writer: BodyWriter) -> None:
        self._writer = writer

    def writable(self) -> bool:
        return True

    def write(self, octets: "ReadableBuffer", /) -> int:
        piece = bytes(octets)
        self._writer.write(piece)
        return len(piece)


class _Frames(io.RawIOBase):
    """Lets an archive be read out of a seal."""

    def __init__(self, frames: Iterator[bytes]) -> None:
        self._frames = frames
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, target: "WriteableBuffer", /) -> int:
        room = memoryview(target)
        if not self._rest:
            self._rest = memoryview(next(self._frames, b""))
        count = min(len(room), len(self._rest))
        room[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count
