"""What the two kinds of mail folder have in common: a layout says which files are which messages.

A layout lives for one job; which of the two a folder has is looked up anew each time, so that an
owner may turn one into the other. What the last look found is kept by the caller and only ever
used as a hint: a Maildir file may have been renamed since.
"""

import os
from collections.abc import Callable, Iterator, MutableMapping
from typing import Protocol

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

TRASH = FolderName("Trash")
"""The sub-folder for trash: `.Trash` in a Maildir (Maildir++), `Trash` among .eml files."""


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

    @property
    def dispositions(self) -> frozenset[DispositionKind]:
        """Return the kinds this layout can carry out."""
        ...

    def scan(self, folder: FolderName) -> Listing:
        """Return every message of `folder`, and remember it in the listings.

        Raises:
            FolderMissing, Unreachable: as the contract says.
            OSError: the file system failed.
        """
        ...

    def locate(self, folder: FolderName, remote_id: RemoteId) -> Found | None:
        """Return the file of a message; None when it is gone.

        Raises:
            Unreachable: as the contract says.
            OSError: the file system failed.
        """
        ...

    def is_still(self, remote_id: RemoteId, status: os.stat_result) -> bool:
        """Tell whether a file of this status is still the message of that id."""
        ...

    def places(self, folder: FolderName) -> tuple[Place, ...]:
        """Return the directories that hold the messages of `folder`.

        Raises:
            FolderMissing: no folder can have that name.
        """
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
            FolderMissing: something else bears its name.
            OSError: it cannot be created.
        """
        ...

    def numbered(self, name: str, number: int) -> str:
        """Return another file name for the same message."""
        ...


def checked(folder: FolderName) -> str:
    """Return the name of a sub-folder.

    Raises:
        FolderMissing: no folder can have that name.
    """
    try:
        return wire.check_folder_name(folder)
    except ValueError as error:
        raise FolderMissing(str(error)) from error


def entries(directories: Directories, place: Place) -> Iterator[os.DirEntry[str]]:
    """Yield what lies in a directory, in no order.

    Raises:
        FolderMissing, Unreachable: as the contract says.
    """
    descriptor = directories.get(place)
    try:
        with os.scandir(descriptor) as found:
            yield from found
    except OSError as error:
        raise unreachable(directories.path(place), error) from error


def status_of(entry: os.DirEntry[str]) -> os.stat_result | None:
    """Return the status of an entry, links not followed; None when it is gone already."""
    try:
        return entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None


def lstat(directory: int, name: str) -> os.stat_result | None:
    """Return the status of a file, links not followed; None when it is gone."""
    try:
        return os.stat(name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return None
