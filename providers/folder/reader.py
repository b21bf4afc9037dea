"""Reads the octets of one message, piece by piece, and notices when they are no longer the message that was asked for.

Every method belongs into the mailbox's thread. The caller owns the reader before anything is open,
so that a fetch cancelled while the file is being opened still gets it closed.
"""

import errno
import os
import stat

from providers.contract import FolderName, MessageGone, MessageUnreadable, RemoteId
from providers.folder.directories import Directories, unreachable
from providers.folder.layout import Found, Layout, lstat
from providers.folder.wire import quote_name
from providers.folder.writers import OPEN_MESSAGE

PIECE_OCTETS = 256 * 1024
"""How much of a message is in memory at once; the piece in which the bridge also sends."""

_OPEN_ATTEMPTS = 2
"""A Maildir file may be renamed between being found and being opened; twice in a row it is not."""

_REPLACED = frozenset({errno.ENOENT, errno.ELOOP, errno.ENXIO, errno.EISDIR})
_NOT_ALLOWED = frozenset({errno.EACCES, errno.EPERM})


class MessageReader:
    """One message being read."""

    def __init__(self, folder: FolderName, remote_id: RemoteId) -> None:
        self._folder = folder
        self._remote_id = remote_id
        self._descriptor: int | None = None
        self._layout: Layout | None = None

    def open(self, directories: Directories, layout: Layout) -> None:
        """Find the message's file and open it.

        Raises:
            MessageGone, MessageUnreadable, Unreachable: as the contract says.
        """
        self._layout = layout
        for _ in range(_OPEN_ATTEMPTS):
            found = layout.locate(self._folder, self._remote_id)
            if found is None:
                break
            self._descriptor = self._opened(directories, found)
            if self._descriptor is not None:
                return
        raise self._gone()

    def read(self) -> bytes:
        """Return the next piece; nothing at the end, and only if the file is still the message.

        Raises:
            MessageGone: the file was changed since it was listed.
            OSError: the disk failed.
        """
        if self._descriptor is None or self._layout is None:
            raise self._gone()
        piece = os.read(self._descriptor, PIECE_OCTETS)
        if not piece and not self._layout.is_still(self._remote_id, os.fstat(self._descriptor)):
            raise self._gone()
        return piece

    def close(self) -> None:
        """Close the file, if one is open."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def _opened(self, directories: Directories, found: Found) -> int | None:
        directory = directories.get(found.place)
        try:
            descriptor = os.open(found.name, OPEN_MESSAGE, dir_fd=directory)
        except OSError as error:
            if error.errno in _REPLACED:
                return None
            if error.errno in _NOT_ALLOWED and _can_search(directory, found.name):
                raise _unreadable(found) from error
            raise unreachable(directories.path(found.place), error) from error
        if self._is_message(descriptor):
            return descriptor
        os.close(descriptor)
        return None

    def _is_message(self, descriptor: int) -> bool:
        status = os.fstat(descriptor)
        return (
            stat.S_ISREG(status.st_mode)
            and self._layout is not None
            and self._layout.is_still(self._remote_id, status)
        )

    def _gone(self) -> MessageGone:
        return MessageGone(
            f"the file of message {self._remote_id} was removed or changed after it was listed"
        )


def _can_search(directory: int, name: str) -> bool:
    """Tell whether it is the file alone that may not be read, not everything in its directory."""
    try:
        return lstat(directory, name) is not None
    except OSError:
        return False


def _unreadable(found: Found) -> MessageUnreadable:
    return MessageUnreadable(
        f"the message file {quote_name(found.name)} cannot be read: permission denied:"
        " let the bridge's user read it, and put it there anew"
    )
