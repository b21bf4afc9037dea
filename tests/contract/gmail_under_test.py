"""A Gmail mailbox for the contract suite, over HTTPS on loopback, both sides held to Google's own description."""

from pathlib import Path

from providers.contract import FolderName, MailboxProvider
from providers.google.mailbox import open_mailbox
from tests.contract.graph_under_test import FixedToken
from tests.fakes.cloud import Cloud

INBOX = FolderName("")
BROAD = "https://mail.google.com/"


class GmailUnderTest:
    """A mailbox whose owner is asked through the fake's store; labels stand for folders."""

    mailbox: MailboxProvider

    def __init__(self, root: Path) -> None:
        self.cloud = Cloud(root)

    async def start(self) -> None:
        await self.cloud.__aenter__()
        self.mailbox = self._open()

    async def stop(self) -> None:
        await self.cloud.__aexit__(None, None, None)
        self.cloud.assert_kept()

    async def reopen(self) -> None:
        await self.mailbox.close()
        self.mailbox = self._open()

    async def put_message(self, octets: bytes, folder: FolderName = INBOX) -> None:
        store = self.cloud.gmail.mailbox
        if folder and store.label_named(folder) is None:
            store.create_label(folder)
        label = store.label_named(folder or "INBOX")
        assert label is not None
        store.put(octets, labels=(label.id, "UNREAD"))

    async def remove_message(self, octets: bytes) -> None:
        store = self.cloud.gmail.mailbox
        for message_id in store.ids_labelled("INBOX"):
            if store.message(message_id).octets == octets:
                store.remove(message_id)

    async def list_remote(self, folder: FolderName = INBOX) -> list[bytes]:
        store = self.cloud.gmail.mailbox
        found = store.ids_labelled(folder or "INBOX")
        shown = [i for i in found if not store.label_names(i) & {"TRASH", "SPAM"}]
        return [b"".join(store.message(i).pieces()) for i in shown]

    async def list_trash(self) -> list[bytes]:
        store = self.cloud.gmail.mailbox
        return [b"".join(store.message(i).pieces()) for i in store.ids_labelled("TRASH")]

    async def list_read(self) -> list[bytes]:
        store = self.cloud.gmail.mailbox
        read = set(store.read_ids())
        return [
            b"".join(store.message(i).pieces())
            for i in store.ids_labelled("INBOX")
            if i in read
        ]

    def _open(self) -> MailboxProvider:
        settings = {
            "gmail_url": self.cloud.gmail.url,
            "ca": str(self.cloud.ca_file),
            "access": "purge",
            "units_per_minute": "1000000",
        }
        return open_mailbox(settings, FixedToken(self.cloud.google_signin.bearer(BROAD)))
