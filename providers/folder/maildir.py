"""Finds the messages of a Maildir (cr.yp.to/proto/maildir.html), whatever renames them meanwhile.

tmp/ is never looked at: the protocol renames a file into new/ once it is whole, so nothing in new/
or cur/ needs to settle.
"""

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from providers.contract import (
    DispositionKind,
    FolderMissing,
    FolderName,
    RemoteId,
    RemoteMessage,
)
from providers.folder import wire
from providers.folder.directories import Directories, Place
from providers.folder.layout import (
    Found,
    Layout,
    Listing,
    Listings,
    checked,
    entries,
    lstat,
    status_of,
)

_SCAN_ATTEMPTS = 3
"""How often a Maildir that changes while it is read is read again; after that the next look helps."""


def is_maildir(directories: Directories) -> bool:
    """Tell whether the root is a Maildir: it has cur/ and new/."""
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
        base = (f".{checked(folder)}",) if folder else ()
        return ((*base, "new"), (*base, "cur"))

    def target(self, folder: FolderName, source: Place) -> Place:
        """Return new/ for a message from new/, else cur/: moving a message does not read it."""
        new, cur = self.places(folder)
        return new if source[-1] == "new" else cur

    def make(self, folder: FolderName) -> None:
        """Create the three directories of a Maildir, and the mark of a Maildir++ sub-folder.

        cur/ comes last: until it is there the folder is ours to complete, also after a kill.
        """
        base = self.places(folder)[0][:-1]
        is_new = bool(base) and not self._exists((*base, "cur"))
        for part in ("tmp", "new"):
            self._directories.make((*base, part))
        if is_new:
            _create_mark(self._directories.get(base))
        self._directories.make((*base, "cur"))

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

    def _exists(self, place: Place) -> bool:
        try:
            self._directories.get(place)
        except FolderMissing:
            return False
        return True

    def _changed_at(self, place: Place) -> int:
        return os.fstat(self._directories.get(place)).st_mtime_ns

    def _is_there(self, found: Found) -> bool:
        return lstat(self._directories.get(found.place), found.name) is not None

    def _entries(self, place: Place) -> Iterator[tuple[RemoteId, Found]]:
        for entry in entries(self._directories, place):
            if not wire.is_maildir_name(entry.name) or not entry.is_file(follow_symlinks=False):
                continue
            dated = wire.delivered_at(entry.name) is not None
            status = None if dated else status_of(entry)
            if not dated and status is None:
                continue
            remote_id = wire.maildir_id(entry.name)
            key = wire.maildir_sort_key(entry.name, status.st_mtime_ns if status else 0)
            yield remote_id, Found(RemoteMessage(remote_id, key), place, entry.name)


def _create_mark(directory: int) -> None:
    """Mark a Maildir++ sub-folder as one, for the programs that ask (courier-mta.org/maildirquota.html)."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    os.close(os.open("maildirfolder", flags, 0o600, dir_fd=directory))


if TYPE_CHECKING:
    _layout: type[Layout] = Maildir
