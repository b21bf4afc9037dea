"""Carries out a batch of dispositions: moves, flags and unlinks message files without losing one.

A move is a hard link in the target and then an unlink in the source, with both directories brought
to the disk in between and at the end. Cut short at any point it leaves the message in one place or
in both, never in none; a second link is found by its inode when the order comes again.
"""

import errno
import os

import attrs

from providers.contract import (
    DispositionKind,
    DispositionOrder,
    DispositionOutcome,
    FolderMissing,
    FolderName,
    Unreachable,
)
from providers.folder import wire
from providers.folder.directories import Directories, Place, unreachable
from providers.folder.layout import TRASH, Found, Layout, lstat

_MAX_CLASHES = 1000
"""How many names are tried for one message in a target folder; a bound, not a measure."""

_NO_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK})
"""link(2) on FAT, on some network disks, and on files of others (protected_hardlinks, proc(5))."""

_CONCERNS_ALL = frozenset(
    {
        errno.EACCES,
        errno.EROFS,
        errno.EXDEV,
        errno.ENOSPC,
        errno.EDQUOT,
        errno.EIO,
        errno.ESTALE,
    }
)
"""Failures of a folder or its disk; others, such as EPERM on a locked file, are one message's own."""


@attrs.frozen
class _Leaver:
    """A file whose name goes once everything else is on the disk."""

    order: int
    found: Found
    status: os.stat_result


class Clearing:
    """One batch of orders, carried out in two halves: what is added, then what is taken away."""

    def __init__(self, directories: Directories, layout: Layout) -> None:
        self._directories = directories
        self._layout = layout
        self._made: set[FolderName] = set()
        self._changed: set[int] = set()
        self._leavers: list[_Leaver] = []
        self._taken: list[Found] = []

    def carry_out(self, orders: list[DispositionOrder]) -> list[DispositionOutcome]:
        """Return the outcome of each order; what is DONE is on the disk.

        Raises:
            Unreachable: the folder or its disk fails; repeating the batch is harmless.
        """
        outcomes = [self._prepare(index, order) for index, order in enumerate(orders)]
        self._sync()
        for leaver in self._leavers:
            outcomes[leaver.order] = self._unlink(leaver)
        self._sync()
        return outcomes

    def _prepare(self, index: int, order: DispositionOrder) -> DispositionOutcome:
        kind = order.disposition.kind
        if kind not in self._layout.dispositions:
            return DispositionOutcome.REFUSED
        if kind is DispositionKind.KEEP:
            return DispositionOutcome.DONE
        found: Found | None = None
        try:
            found = self._layout.locate(order.folder, order.remote_id)
            return self._begin(index, order, found) if found else DispositionOutcome.DONE
        except OSError as error:
            return self._failed(found.place if found else (), error)

    def _begin(self, index: int, order: DispositionOrder, found: Found) -> DispositionOutcome:
        status = lstat(self._directories.get(found.place), found.name)
        if status is None:
            return (
                DispositionOutcome.RETRY
            )  # renamed just now; the next try finds it or finds it gone
        match order.disposition.kind:
            case DispositionKind.MARK_READ:
                return self._mark_read(order.folder, found)
            case DispositionKind.PURGE:
                self._leavers.append(_Leaver(index, found, status))
                return DispositionOutcome.RETRY  # until it is unlinked
            case _:
                folder = order.disposition.folder or TRASH
                return self._move(folder, _Leaver(index, found, status))

    # ---- moving

    def _move(self, folder: FolderName, leaver: _Leaver) -> DispositionOutcome:
        try:
            wire.check_folder_name(folder)
        except ValueError:
            return DispositionOutcome.REFUSED
        target = self._target(folder, leaver.found.place)
        if self._directories.same(leaver.found.place, target):
            return DispositionOutcome.DONE
        if leaver.status.st_nlink > 1 and self._is_in(folder, leaver.status):
            self._leavers.append(leaver)  # an earlier move was cut short after its first half
            return DispositionOutcome.RETRY
        return self._link(leaver, target)

    def _target(self, folder: FolderName, source: Place) -> Place:
        try:
            if folder not in self._made:
                self._layout.make(folder)
                self._made.add(folder)
        except FolderMissing as error:
            raise Unreachable(
                f"messages cannot be moved to {folder}: something that is not a folder has that name"
            ) from error
        return self._layout.target(folder, source)

    def _is_in(self, folder: FolderName, status: os.stat_result) -> bool:
        for place in self._layout.places(folder):
            directory = self._directories.get(place)
            with os.scandir(directory) as entries:
                same = [entry.name for entry in entries if entry.inode() == status.st_ino]
            links = [lstat(directory, name) for name in same]
            if any(link and os.path.samestat(link, status) for link in links):
                return True
        return False

    def _link(self, leaver: _Leaver, target: Place) -> DispositionOutcome:
        source = self._directories.get(leaver.found.place)
        directory = self._directories.get(target)
        for number in range(_MAX_CLASHES):
            name = leaver.found.name
            candidate = self._layout.numbered(name, number) if number else name
            try:
                moved = _link_or_rename(source, name, directory, candidate)
            except FileExistsError:
                continue
            self._changed.update((source, directory))
            if moved:
                return DispositionOutcome.DONE
            self._leavers.append(leaver)
            return DispositionOutcome.RETRY  # until the source is unlinked
        return DispositionOutcome.RETRY

    # ---- marking

    def _mark_read(self, folder: FolderName, found: Found) -> DispositionOutcome:
        cur = self._layout.target(folder, ("cur",))
        source, directory = self._directories.get(found.place), self._directories.get(cur)
        name = wire.with_seen_flag(found.name)
        if lstat(directory, name) is None:
            os.rename(found.name, name, src_dir_fd=source, dst_dir_fd=directory)
            self._changed.update((source, directory))
        return DispositionOutcome.DONE

    # ---- taking away

    def _unlink(self, leaver: _Leaver) -> DispositionOutcome:
        directory = self._directories.get(leaver.found.place)
        try:
            status = lstat(directory, leaver.found.name)
            if status is None and leaver.found not in self._taken:
                # Renamed since, by another order of this batch or by a mail reader, or gone.
                return DispositionOutcome.RETRY
            if status is not None and _is_unchanged(status, leaver.status):
                os.unlink(leaver.found.name, dir_fd=directory)
                self._changed.add(directory)
                self._taken.append(leaver.found)
        except FileNotFoundError:
            pass
        except OSError as error:
            return self._failed(leaver.found.place, error)
        return DispositionOutcome.DONE

    def _sync(self) -> None:
        try:
            self._directories.sync(self._changed)
        except OSError as error:
            raise unreachable(self._directories.path(()), error) from error
        self._changed.clear()

    def _failed(self, place: Place, error: OSError) -> DispositionOutcome:
        if error.errno in _CONCERNS_ALL:
            raise unreachable(self._directories.path(place), error) from error
        return DispositionOutcome.RETRY


def _is_unchanged(now: os.stat_result, then: os.stat_result) -> bool:
    """Tell whether a name still holds the file that was dealt with, so that no other is unlinked."""
    return os.path.samestat(now, then) and (now.st_size, now.st_mtime_ns) == (
        then.st_size,
        then.st_mtime_ns,
    )


def _link_or_rename(source: int, name: str, target: int, candidate: str) -> bool:
    """Give the file a name in the target; return whether the old name is gone already.

    Raises:
        FileExistsError: the name is taken.
    """
    try:
        os.link(name, candidate, src_dir_fd=source, dst_dir_fd=target, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        _claim(target, candidate)
        _rename_over_claim(source, name, target, candidate)
        return True
    return False


def _claim(directory: int, name: str) -> None:
    """Take a free name with an empty file, over which a message may then be renamed.

    A move cut short right here leaves the empty file behind; the message itself is still in place.

    Raises:
        FileExistsError: the name is taken.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    os.close(os.open(name, flags, 0o600, dir_fd=directory))


def _rename_over_claim(source: int, name: str, target: int, claim: str) -> None:
    try:
        os.rename(name, claim, src_dir_fd=source, dst_dir_fd=target)
    except OSError:
        os.unlink(claim, dir_fd=target)
        raise
