"""Replaces a file as a whole: after a kill at any line, its name holds the old octets or the new."""

import os
import secrets
from contextlib import suppress
from glob import escape
from pathlib import Path

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
        _sync_folder(path.parent)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise _cannot(path, error) from error


def write_draft(path: Path, data: bytes, mode: int) -> Path:
    """Return a file beside `path` that holds `data`, durably, and may be renamed to it.

    Raises:
        StateError: it cannot be written, and is not there.
    """
    draft = draft_of(path)
    try:
        _write(draft, data, mode)
    except OSError as error:
        with suppress(OSError):
            draft.unlink()
        raise _cannot(path, error) from error
    return draft


def draft_of(path: Path) -> Path:
    """Return a name for what is to become `path`: no two writers mix their octets."""
    return path.with_name(f".{path.name}.{secrets.token_hex(8)}")


def sweep_drafts(folder: Path, name: str = "*") -> None:
    """Remove what killed writers left half-written, of one name or of all: it may be as secret as a key.

    A writer that is at work just then fails with an error, and what was there before stays.
    """
    name = name if name == "*" else escape(name)
    for draft in folder.glob(f".{name}." + "[0-9a-f]" * 16):
        with suppress(OSError):  # it goes at the next sweep
            draft.unlink()


def _cannot(path: Path, error: OSError) -> StateError:
    return StateError(
        f"{path} cannot be written ({error.strerror}): check the folder, its owner and the free space"
    )


def _write(path: Path, data: bytes, mode: int) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(path, flags, PRIVATE), "wb") as target:
        target.write(data)
        target.flush()
        os.fchmod(target.fileno(), mode)  # exact, whatever the umask
        os.fsync(target.fileno())


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
