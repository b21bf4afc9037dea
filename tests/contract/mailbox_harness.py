"""Mailboxes of a test's own, seen from their other side: the sender's and the owner's.

A new provider joins the contract suite by writing a `ProviderUnderTest` around its service (or a
fake of it) and adding it to `IMPLEMENTATIONS`.
"""

import itertools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from providers.contract import FolderName, MailboxProvider
from providers.folder.mailbox import FolderMailbox
from tests.contract.gmail_under_test import GmailUnderTest
from tests.contract.graph_under_test import GraphUnderTest
from tests.fakes.mailbox import TRASH, FakeMailbox, FakeService

INBOX = FolderName("")
NOW = 1_800_000_000.0


class ProviderUnderTest(Protocol):
    """A mailbox of a test's own, seen from its other side: the sender's and the owner's."""

    mailbox: MailboxProvider

    async def put_message(self, octets: bytes, folder: FolderName = INBOX) -> None:
        """Let a whole message arrive; those put later come later in the listing."""

    async def remove_message(self, octets: bytes) -> None:
        """Remove the message with these octets from the inbox, as its owner would."""

    async def list_remote(self, folder: FolderName = INBOX) -> list[bytes]:
        """Return the octets of the messages in a folder; of a missing folder, none."""

    async def list_trash(self) -> list[bytes]:
        """Return the octets of the messages in the trash."""

    async def list_read(self) -> list[bytes]:
        """Return the octets of the inbox's messages that are marked as read."""

    async def reopen(self) -> None:
        """Close the mailbox and open it anew, as a restart of the bridge does."""

    async def start(self) -> None:
        """Start the service; `mailbox` is open from then on."""

    async def stop(self) -> None:
        """Stop the service, and see that both sides kept to its contract."""


class _InPlace:
    """A service that need not be started."""

    async def start(self) -> None:
        pass

    async def stop(self) -> None:
        pass


class _FolderUnderTest(_InPlace):
    """What both kinds of mail folder share."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.mailbox: MailboxProvider = self._open()
        self._numbers = itertools.count(1)

    def _open(self) -> MailboxProvider:
        return FolderMailbox(self.root, now=lambda: NOW)

    async def reopen(self) -> None:
        await self.mailbox.close()
        self.mailbox = self._open()

    async def put_message(self, octets: bytes, folder: FolderName = INBOX) -> None:
        path = self.arrival(folder, next(self._numbers))
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(octets)
        os.utime(path, (NOW - 3600, NOW - 3600))

    async def remove_message(self, octets: bytes) -> None:
        for path in self.files(INBOX):
            if path.read_bytes() == octets:
                path.unlink()

    async def list_remote(self, folder: FolderName = INBOX) -> list[bytes]:
        return [path.read_bytes() for path in self.files(folder)]

    async def list_trash(self) -> list[bytes]:
        return await self.list_remote(FolderName("Trash"))

    def arrival(self, folder: FolderName, number: int) -> Path:
        raise NotImplementedError

    def files(self, folder: FolderName) -> list[Path]:
        raise NotImplementedError


class MaildirUnderTest(_FolderUnderTest):
    """A Maildir with Maildir++ sub-folders."""

    def __init__(self, root: Path) -> None:
        for part in ("cur", "new", "tmp"):
            (root / part).mkdir()
        super().__init__(root)

    def _base(self, folder: FolderName) -> Path:
        return self.root / f".{folder}" if folder else self.root

    def arrival(self, folder: FolderName, number: int) -> Path:
        base = self._base(folder)
        for path in (base, base / "cur", base / "new"):
            path.mkdir(exist_ok=True)
        return base / "new" / f"{1_700_000_000 + number}.M5P7.host"

    def files(self, folder: FolderName) -> list[Path]:
        base = self._base(folder)
        return sorted([*base.glob("new/*"), *base.glob("cur/*")])

    async def list_read(self) -> list[bytes]:
        flagged = [path for path in self.files(INBOX) if "S" in path.name.partition(":2,")[2]]
        return [path.read_bytes() for path in flagged]


class EmlUnderTest(_FolderUnderTest):
    """A directory of .eml files."""

    def arrival(self, folder: FolderName, number: int) -> Path:
        return self.root / folder / f"job-{number:05d}.eml"

    def files(self, folder: FolderName) -> list[Path]:
        return sorted((self.root / folder).glob("*.eml"))

    async def list_read(self) -> list[bytes]:
        return []


class FakeUnderTest(_InPlace):
    """The mailbox in memory that other tests script to fail."""

    def __init__(self, _root: Path) -> None:
        self.service = FakeService()
        self.mailbox: MailboxProvider = FakeMailbox(self.service)

    async def reopen(self) -> None:
        await self.mailbox.close()
        self.mailbox = FakeMailbox(self.service)

    async def put_message(self, octets: bytes, folder: FolderName = INBOX) -> None:
        self.service.put(octets, folder)

    async def remove_message(self, octets: bytes) -> None:
        for mail in list(self.service.folder().values()):
            if mail.octets == octets:
                self.service.remove(mail.remote_id)

    async def list_remote(self, folder: FolderName = INBOX) -> list[bytes]:
        return [mail.octets for mail in self.service.folder(folder).values()]

    async def list_trash(self) -> list[bytes]:
        return await self.list_remote(TRASH)

    async def list_read(self) -> list[bytes]:
        return [mail.octets for mail in self.service.folder().values() if mail.is_read]


IMPLEMENTATIONS: dict[str, Callable[[Path], ProviderUnderTest]] = {
    "folder-maildir": MaildirUnderTest,
    "folder-eml": EmlUnderTest,
    "fake": FakeUnderTest,
    "microsoft": GraphUnderTest,
    "google": GmailUnderTest,
}
