"""Replaces a file as a whole: after a kill at any line, its name holds the old octets or the new."""

import os
import secrets
from contextlib import suppress
from pathlib import Path

from bridge.errors import StateError

PRIVATE = 0o600
PUBLIC = 0o644

_DRAFT = ".*." + "[0-9a-f]" * 16
"""What drafts are called."""


def replace_file(path: Path, data: bytes, mode: int) -> None:
    """Put `data` under this name with this mode, durably.

    Raises:
        StateError: it cannot be written; what was there before is still there.
    """
    # A name of its own for every writer, so that two of them cannot mix their octets.
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")  # as _DRAFT says
    try:
        try:
            _write(draft, data, mode)
            draft.replace(path)
        except OSError:
            draft.unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)
    except OSError as error:
        raise StateError(
            f"{path} cannot be written ({error.strerror}): check the folder, its owner and the "
            "free space"
        ) from error


def sweep_drafts(folder: Path) -> None:
    """Remove what killed writers left half-written: the draft of a key is as secret as the key.

    A writer that is at work just then fails with a StateError, and what was there before stays.
    """
    for draft in folder.glob(_DRAFT):
        with suppress(OSError):  # it goes at the next sweep
            draft.unlink()


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
