"""A mailbox of Microsoft Graph for the contract suite, over HTTPS on loopback, both sides held to the contract."""

from pathlib import Path

from providers.contract import FolderName, MailboxProvider
from providers.microsoft.mailbox import open_mailbox
from tests.fakes.cloud import Cloud

INBOX = FolderName("")


class FixedToken:
    """A token source for tests in which tokens do not matter."""

    def __init__(self, token: str) -> None:
        self.token = token

    async def access_token(self) -> str:
        return self.token

    async def replace(self, refused: str, claims: str | None = None) -> str:
        raise AssertionError(f"a token was refused: {refused[:0]}{claims}")


class GraphUnderTest:
    """A mailbox whose owner is asked through the fake's store."""

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
        self.cloud.graph.mailbox.put(octets, folder or "inbox")

    async def remove_message(self, octets: bytes) -> None:
        for message in self.cloud.graph.mailbox.messages_in("inbox"):
            if message.octets == octets:
                self.cloud.graph.mailbox.remove(message.id)

    async def list_remote(self, folder: FolderName = INBOX) -> list[bytes]:
        found = self.cloud.graph.mailbox.messages_in(folder or "inbox")
        return [b"".join(message.pieces()) for message in found]

    async def list_trash(self) -> list[bytes]:
        return await self.list_remote(FolderName("deleteditems"))

    async def list_read(self) -> list[bytes]:
        found = self.cloud.graph.mailbox.messages_in("inbox")
        return [b"".join(message.pieces()) for message in found if message.is_read]

    def _open(self) -> MailboxProvider:
        settings = {
            "client_id": self.cloud.entra.client_id,
            "graph_url": self.cloud.graph.url,
            "ca": str(self.cloud.ca_file),
            "access": "purge",
        }
        return open_mailbox(settings, FixedToken(self.cloud.entra.bearer("Mail.ReadWrite")))
