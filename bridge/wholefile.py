"""Makes and replaces files as a whole: after a kill at any line, a name holds the old octets, the new, or nothing.

What is not finished has another name, which the next writer of that file sweeps away.
"""

import contextlib
import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import suppress
from glob import escape
from pathlib import Path
from typing import BinaryIO

from bridge.errors import StateError

PRIVATE = 0o600
PUBLIC = 0o644


def replace_file(path: Path, data: bytes, mode: int) -> None:
    """Put `data` under this name with this mode, durably.

    Raises:
        StateError: it cannot be written; what was there before is still there.
    """
    draft = write_draft(path, data, mode)
    try:
        draft.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise _cannot(path, error) from error


@contextlib.contextmanager
def new_file(path: Path, *, may_rename: bool = False) -> Iterator[BinaryIO]:
    """Give a file of mode 0600 that is `path`, durably, once the block has ended well; a kill leaves no half of it.

    `may_rename` also where the file system knows no links, as on a stick: then what gets that name at the
    same moment is lost.

    Raises:
        FileExistsError: something has that name; it stays as it is.
        OSError: it cannot be written; nothing is left of it.
    """
    draft = _draft_of(path)
    sweep_drafts(path.parent, path.name)
    if os.path.lexists(path):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
    try:
        with _synced(draft) as file:
            yield file
        _give_name(draft, path, may_rename=may_rename)
    finally:
        draft.unlink(missing_ok=True)
    sync_folder(path.parent)


def write_draft(path: Path, data: bytes, mode: int) -> Path:
    """Return a file beside `path` that holds `data`, durably, and may be renamed to it.

    Raises:
        StateError: it cannot be written, and is not there.
    """
    draft = _draft_of(path)
    try:
        with _synced(draft) as file:
            file.write(data)
            os.fchmod(file.fileno(), mode)  # exact, whatever the umask
    except OSError as error:
        with suppress(OSError):
            draft.unlink()
        raise _cannot(path, error) from error
    return draft


def sweep_drafts(folder: Path, name: str = "*") -> None:
    """Remove what killed writers left half-written, of one name or of all: it may be as secret as a key.

    A writer that is at work just then fails with an error, and what was there before stays.
    """
    name = name if name == "*" else escape(name)
    for draft in folder.glob(f".{name}." + "[0-9a-f]" * 16):
        with suppress(OSError):  # it goes at the next sweep
            draft.unlink()


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _draft_of(path: Path) -> Path:
    """Return a name for what is to become `path`: no two writers mix their octets."""
    return path.with_name(f".{path.name}.{secrets.token_hex(8)}")


@contextlib.contextmanager
def _synced(path: Path) -> Iterator[BinaryIO]:
    """Give a file that nobody else has, whose octets are durable once the block has ended well."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(path, flags, PRIVATE), "wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def _give_name(draft: Path, path: Path, *, may_rename: bool) -> None:
    """Let the finished draft have its name, which nothing has; a link, unlike a rename, would replace nothing."""
    try:
        os.link(draft, path)
    except FileExistsError:
        raise
    except OSError:
        if not may_rename:
            raise
        draft.rename(path)


def _cannot(path: Path, error: OSError) -> StateError:
    return StateError(
        f"{path} cannot be written ({error.strerror}): check the folder, its owner and the free space"
    )
