"""Finds the messages of a directory of .eml files, and leaves alone what is still being written.

Nobody announces that an .eml file is whole. So a file is taken once nobody changed it for a moment
and no program holds it open for writing; a file that the last look took already is not asked about again.
"""

import os
import stat
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
    Settling,
    checked,
    entries,
    lstat,
    status_of,
)
from providers.folder.writers import has_writer

UNASKED_SETTLE_SECONDS = 30.0
"""Silence after which a file of another owner is taken: who may not ask for its writers must allow
for a program that pauses, such as a copy over a slow line."""


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
        return ((checked(folder),) if folder else (),)

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
        for entry in entries(self._directories, place):
            if not wire.is_eml_name(entry.name) or not entry.is_file(follow_symlinks=False):
                continue
            status = status_of(entry)
            if status is None or not status.st_size:
                continue
            found = _found(place, entry.name, status)
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
        return _found(place, facts.name, status)

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
                    writer = has_writer(self._directories.get(place), name)
                except FileNotFoundError:
                    return False
                # Where the system cannot say, only a long silence tells that the writer is done.
                return age >= UNASKED_SETTLE_SECONDS if writer is None else not writer


def _found(place: Place, name: str, status: os.stat_result) -> Found:
    remote_id = wire.eml_id(wire.EmlFacts(name, status.st_size, status.st_mtime_ns))
    return Found(RemoteMessage(remote_id, wire.eml_sort_key(name)), place, name)


if TYPE_CHECKING:
    _layout: type[Layout] = EmlDirectory
