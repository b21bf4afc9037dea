"""Knows where a Maildir, and where a directory of .eml files, keeps the messages of a folder.

A layout lives for one job; which of the two a folder has is looked up anew each time, so that an
owner may turn one into the other. What the last look found is kept by the caller and only ever
used as a hint: a Maildir file may have been renamed since.
"""

import os
import stat
from collections.abc import Callable, Iterator, MutableMapping
from typing import TYPE_CHECKING, ClassVar, Protocol

import attrs

from providers.contract import (
    DispositionKind,
    FolderMissing,
    FolderName,
    RemoteId,
    RemoteMessage,
)
from providers.folder import wire
from providers.folder.directories import Directories, Place, unreachable
from providers.folder.writers import has_writer

TRASH = FolderName("Trash")
"""The sub-folder for trash: `.Trash` in a Maildir (Maildir++), `Trash` among .eml files."""

_SCAN_ATTEMPTS = 3
"""How often a Maildir that changes while it is read is read again; after that the next look helps."""


@attrs.frozen
class Found:
    """A message and the file that holds it."""

    message: RemoteMessage
    place: Place
    name: str


Listing = dict[RemoteId, Found]
"""Everything one look found in a folder."""

Listings = MutableMapping[FolderName, Listing]
"""What the last look at each folder found."""


@attrs.frozen
class Settling:
    """When an .eml file counts as wholly written."""

    now: Callable[[], float]
    seconds: float


class Layout(Protocol):
    """How one kind of mail folder lies on the disk."""

    dispositions: ClassVar[frozenset[DispositionKind]]

    def scan(self, folder: FolderName) -> Listing:
        """Return every message of `folder`, and remember it in the listings.

        Raises:
            FolderMissing, Unreachable: as the contract says.
        """
        ...

    def locate(self, folder: FolderName, remote_id: RemoteId) -> Found | None:
        """Return the file of a message; None when it is gone.

        Raises:
            Unreachable: as the contract says.
        """
        ...

    def is_still(self, remote_id: RemoteId, status: os.stat_result) -> bool:
        """Tell whether a file of this status is still the message of that id."""
        ...

    def target(self, folder: FolderName, source: Place) -> Place:
        """Return where in `folder` a message from `source` belongs.

        Raises:
            FolderMissing: no folder can have that name.
        """
        ...

    def make(self, folder: FolderName) -> None:
        """Create `folder` where it is missing, durably.

        Raises:
            OSError, FolderMissing: it cannot be created.
        """
        ...

    def places(self, folder: FolderName) -> tuple[Place, ...]:
        """Return the directories that hold the messages of `folder`.

        Raises:
            FolderMissing: no folder can have that name.
        """
        ...

    def numbered(self, name: str, number: int) -> str:
        """Return another file name for the same message."""
        ...


def layout_of(directories: Directories, listings: Listings, settling: Settling) -> Layout:
    """Return the layout that the folder has at this moment: a Maildir has cur/ and new/."""
    if is_maildir(directories):
        return Maildir(directories, listings)
    return EmlDirectory(directories, listings, settling)


def is_maildir(directories: Directories) -> bool:
    """Tell whether the root is a Maildir."""
    return directories.holds("cur") and directories.holds("new")


class Maildir:
    """A Maildir; its sub-folders are directories `.Name` in the root (Maildir++)."""

    dispositions = frozenset(DispositionKind)

    def __init__(self, directories: Directories, listings: Listings) -> None:
        self._directories = directories
        self._listings = listings
        self._scanned: set[FolderName] = set()

    def places(self, folder: FolderName) -> tuple[Place, ...]:
        """Return new/ and cur/, in this order: messages move from the one into the other."""
        base = (f".{_checked(folder)}",) if folder else ()
        return ((*base, "new"), (*base, "cur"))

    def target(self, folder: FolderName, source: Place) -> Place:
        """Return new/ for a message from new/, else cur/: moving a message does not read it."""
        new, cur = self.places(folder)
        return new if source[-1] == "new" else cur

    def make(self, folder: FolderName) -> None:
        """Create the three directories of a Maildir, and the mark of a Maildir++ sub-folder."""
        base = self.places(folder)[0][:-1]
        for part in ("tmp", "new", "cur"):
            self._directories.make((*base, part))
        if base:
            _create_mark(self._directories.get(base), "maildirfolder")

    def scan(self, folder: FolderName) -> Listing:
        """Return every message; one that was renamed meanwhile is not missed.

        readdir(3) may pass over a file that is renamed while the directory is read, so a Maildir
        that changes under the reader is read again, and what any reading saw is there.
        """
        places = self.places(folder)
        listing: Listing = {}
        for _ in range(_SCAN_ATTEMPTS):
            before = [self._changed_at(place) for place in places]
            for place in places:
                listing.update(self._entries(place))
            if before == [self._changed_at(place) for place in places]:
                break
        self._listings[folder] = listing
        self._scanned.add(folder)
        return listing

    def locate(self, folder: FolderName, remote_id: RemoteId) -> Found | None:
        """Return the file; a folder is read again only where the last look does not suffice."""
        found = self._listings.get(folder, {}).get(remote_id)
        if found is None and folder in self._scanned:
            return None
        try:
            if found is not None and self._is_there(found):
                return found
            return self.scan(folder).get(remote_id)
        except FolderMissing:
            return None

    def is_still(self, remote_id: RemoteId, status: os.stat_result) -> bool:
        """Tell that the message is the same: a file in a Maildir never changes."""
        del remote_id, status
        return True

    def numbered(self, name: str, number: int) -> str:
        """Return another file name with the same flags."""
        return wire.numbered_maildir_name(name, number)

    def _changed_at(self, place: Place) -> int:
        return os.fstat(self._directories.get(place)).st_mtime_ns

    def _is_there(self, found: Found) -> bool:
        return lstat(self._directories.get(found.place), found.name) is not None

    def _entries(self, place: Place) -> Iterator[tuple[RemoteId, Found]]:
        for entry in _entries(self._directories, place):
            if not wire.is_maildir_name(entry.name) or not entry.is_file(follow_symlinks=False):
                continue
            dated = wire.delivered_at(entry.name) is not None
            status = None if dated else _status(entry)
            if not dated and status is None:
                continue
            remote_id = wire.maildir_id(entry.name)
            key = wire.maildir_sort_key(entry.name, status.st_mtime_ns if status else 0)
            yield remote_id, Found(RemoteMessage(remote_id, key), place, entry.name)


class EmlDirectory:
    """A directory of .eml files; its sub-folders are its sub-directories."""

    dispositions = frozenset(DispositionKind) - {DispositionKind.MARK_READ}

    def __init__(
        self, directories: Directories, listings: Listings, settling: Settling
    ) -> None:
        self._directories = directories
        self._listings = listings
        self._settling = settling

    def places(self, folder: FolderName) -> tuple[Place, ...]:
        """Return the one directory of the folder."""
        return ((_checked(folder),) if folder else (),)

    def target(self, folder: FolderName, source: Place) -> Place:
        """Return the one directory of the folder."""
        del source
        return self.places(folder)[0]

    def make(self, folder: FolderName) -> None:
        """Create the sub-directory."""
        self._directories.make(self.places(folder)[0])

    def scan(self, folder: FolderName) -> Listing:
        """Return every message that is wholly written."""
        place = self.places(folder)[0]
        known = self._listings.get(folder, {})
        now = self._settling.now()
        listing: Listing = {}
        for entry in _entries(self._directories, place):
            if not wire.is_eml_name(entry.name) or not entry.is_file(follow_symlinks=False):
                continue
            status = _status(entry)
            if status is None or not status.st_size:
                continue
            found = _found_eml(place, entry.name, status)
            remote_id = found.message.remote_id
            age = now - status.st_mtime
            if remote_id in known or self._is_whole(place, entry.name, age):
                listing[remote_id] = found
        self._listings[folder] = listing
        return listing

    def locate(self, folder: FolderName, remote_id: RemoteId) -> Found | None:
        """Return the file, if it is still the one that the id was made from."""
        facts = wire.eml_facts(remote_id)
        if facts is None:
            return None
        try:
            place = self.places(folder)[0]
            status = lstat(self._directories.get(place), facts.name)
        except FolderMissing:
            return None
        if status is None or not self.is_still(remote_id, status):
            return None
        return _found_eml(place, facts.name, status)

    def is_still(self, remote_id: RemoteId, status: os.stat_result) -> bool:
        """Tell whether size and time of change are those of the id."""
        facts = wire.eml_facts(remote_id)
        return (
            facts is not None
            and stat.S_ISREG(status.st_mode)
            and (status.st_size, status.st_mtime_ns) == (facts.size, facts.mtime_ns)
        )

    def numbered(self, name: str, number: int) -> str:
        """Return another file name that still ends in .eml."""
        return wire.numbered_eml_name(name, number)

    def _is_whole(self, place: Place, name: str, age: float) -> bool:
        match wire.readiness(age, self._settling.seconds):
            case wire.Readiness.TAKE:
                return True
            case wire.Readiness.WAIT:
                return False
            case wire.Readiness.ASK:
                try:
                    return not has_writer(self._directories.get(place), name)
                except FileNotFoundError:
                    return False


if TYPE_CHECKING:
    _maildir: type[Layout] = Maildir
    _eml: type[Layout] = EmlDirectory


def lstat(directory: int, name: str) -> os.stat_result | None:
    """Return the status of a file, links not followed; None when it is gone."""
    try:
        return os.stat(name, dir_fd=directory, follow_symlinks=False)
    except (FileNotFoundError, OSError) as error:
        if isinstance(error, FileNotFoundError):
            return None
        raise


def _checked(folder: FolderName) -> str:
    try:
        return wire.check_folder_name(folder)
    except ValueError as error:
        raise FolderMissing(str(error)) from error


def _found_eml(place: Place, name: str, status: os.stat_result) -> Found:
    remote_id = wire.eml_id(wire.EmlFacts(name, status.st_size, status.st_mtime_ns))
    return Found(RemoteMessage(remote_id, wire.eml_sort_key(name)), place, name)


def _entries(directories: Directories, place: Place) -> Iterator[os.DirEntry[str]]:
    descriptor = directories.get(place)
    try:
        with os.scandir(descriptor) as entries:
            yield from entries
    except OSError as error:
        raise unreachable(directories.path(place), error) from error


def _status(entry: os.DirEntry[str]) -> os.stat_result | None:
    try:
        return entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None


def _create_mark(directory: int, name: str) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    os.close(os.open(name, flags, 0o600, dir_fd=directory))
