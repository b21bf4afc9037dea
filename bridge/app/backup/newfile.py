"""Makes a new file that is whole or not there: it has its name once all of it is on the disk."""

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from bridge.storage.sqlite.bodies import sync_folder
from bridge.tls.wholefile import PRIVATE, draft_of, sweep_drafts


@contextlib.contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """Give a file of mode 0600 that is `path` once the block has ended well; a kill leaves no half of it.

    Raises:
        FileExistsError: something has that name; it stays as it is.
        OSError: it cannot be written; nothing is left of it.
    """
    draft = draft_of(path)
    sweep_drafts(path.parent, path.name)
    if os.path.lexists(path):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(draft, flags, PRIVATE), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        _give_name(draft, path)
    finally:
        draft.unlink(missing_ok=True)
    sync_folder(path.parent)


def _give_name(draft: Path, path: Path) -> None:
    """Let the finished draft have its name, which nothing has."""
    try:
        os.link(draft, path)
    except FileExistsError:
        raise
    except OSError:  # a stick's file system knows no links: then a rename must do
        draft.rename(path)
