"""Opens the directories of one mail folder, holds them open for one job, and brings their changes to the disk.

Below the root no symbolic link is followed: whoever may write into the mail folder could otherwise
point a sub-folder, and the messages moved into it, at any place of this machine.
"""

import contextlib
import errno
import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Self

from providers.contract import FolderMissing, Unreachable

Place = tuple[str, ...]
"""A directory below the root, as the names that lead to it; the empty tuple is the root."""

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_NOT_THERE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})
_CANNOT_SYNC = frozenset({errno.EINVAL, errno.ENOTSUP})


class Directories:
    """Directories of one mail folder, each opened once and closed when the job ends."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._open: dict[Place, int] = {}
        self._closing = contextlib.ExitStack()

    def __enter__(self) -> Self:
        """Open the root.

        Raises:
            FolderMissing: there is no such directory.
            Unreachable: it cannot be opened.
        """
        self._keep((), self._opened(self._root, (), None))
        return self

    def __exit__(self, *_: object) -> None:
        """Close every directory."""
        self._open.clear()
        self._closing.close()

    def path(self, place: Place) -> Path:
        """Return the path of `place`, for messages to the owner."""
        return self._root.joinpath(*place)

    def holds(self, name: str) -> bool:
        """Tell whether `name` is a directory in the root."""
        try:
            found = os.stat(name, dir_fd=self._open[()])
        except OSError:
            return False
        return stat.S_ISDIR(found.st_mode)

    def get(self, place: Place) -> int:
        """Return the descriptor of `place`, which stays open until the job ends.

        Raises:
            FolderMissing: it is not there, or is not a directory.
            Unreachable: it cannot be opened.
        """
        if place not in self._open:
            parent = self.get(place[:-1])
            self._keep(place, self._opened(place[-1], place, parent))
        return self._open[place]

    def make(self, place: Place) -> int:
        """Return the descriptor of `place`, which is created where it is missing, durably.

        A new directory gets the permissions of the root, whatever the umask: who may look into the
        one may see what was printed, too.

        Raises:
            FolderMissing: something else bears the name.
            OSError: it cannot be created.
        """
        if place in self._open:
            return self._open[place]
        parent = self.make(place[:-1])
        mode = stat.S_IMODE(os.fstat(self._open[()]).st_mode) & 0o777
        try:
            os.mkdir(place[-1], mode, dir_fd=parent)
        except FileExistsError:
            return self.get(place)
        os.fchmod(self.get(place), mode)
        self.sync([parent])
        return self.get(place)

    def same(self, one: Place, other: Place) -> bool:
        """Tell whether two places are one directory, under whatever names."""
        return os.path.samestat(os.fstat(self.get(one)), os.fstat(self.get(other)))

    def sync(self, descriptors: Iterable[int]) -> None:
        """Bring changes of these directories to the disk, where the file system can do that.

        Raises:
            OSError: the disk failed.
        """
        for descriptor in descriptors:
            try:
                os.fsync(descriptor)
            except OSError as error:
                if error.errno not in _CANNOT_SYNC:
                    raise

    def _keep(self, place: Place, descriptor: int) -> None:
        self._open[place] = descriptor
        self._closing.callback(os.close, descriptor)

    def _opened(self, name: str | Path, place: Place, parent: int | None) -> int:
        nofollow = 0 if parent is None else os.O_NOFOLLOW  # the root is the owner's own choice
        try:
            return os.open(name, _DIRECTORY | nofollow, dir_fd=parent)
        except OSError as error:
            if error.errno in _NOT_THERE:
                raise FolderMissing(
                    f"there is no directory {self.path(place)}: create it, or name another"
                ) from error
            raise unreachable(self.path(place), error) from error


def unreachable(path: Path, error: OSError) -> Unreachable:
    """Return the sentence that tells the owner why `path` cannot be used."""
    reason = os.strerror(error.errno) if error.errno else str(error)
    advice = (
        "give the bridge's user access to it"
        if error.errno in {errno.EACCES, errno.EPERM}
        else "see that its disk is attached, sound and writable"
    )
    return Unreachable(f"the mail folder {path} cannot be used ({reason}): {advice}")
