"""A Graph mailbox under test, with the fake service behind it and a token source that counts."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import attrs

from providers.contract import (
    ChangePage,
    Cursor,
    Disposition,
    DispositionOrder,
    DispositionOutcome,
    FolderName,
    RemoteId,
)
from providers.microsoft.clouds import read_settings
from providers.microsoft.mailbox import GraphMailbox
from providers.transport import Patience
from tests.fakes.cloud import Cloud

INBOX = FolderName("")
MAIL = b"From: a@example.com\r\nSubject: job\r\n\r\nprint me\r\n"
HASTY = Patience(connect=2.0, silence=0.5, whole=0.5)


@attrs.define
class CountedTokens:
    """Hands out tokens of the fake Entra, a new one wherever one was refused."""

    cloud: Cloud
    scopes: tuple[str, ...] = ("Mail.ReadWrite",)
    roles: tuple[str, ...] | None = None
    is_cae: bool = False
    given: str = ""
    replaced: list[str | None] = attrs.field(factory=list)

    async def access_token(self) -> str:
        self.given = self.given or self._new()
        return self.given

    async def replace(self, refused: str, claims: str | None = None) -> str:
        assert refused == self.given
        self.replaced.append(claims)
        self.given = self._new()
        return self.given

    def _new(self) -> str:
        return self.cloud.entra.bearer(*self.scopes, roles=self.roles, is_cae=self.is_cae)


@attrs.define
class Desk:
    """One mailbox, and what a test does with it."""

    cloud: Cloud
    tokens: CountedTokens
    mailbox: GraphMailbox

    async def look(
        self, cursor: Cursor | None = None, folder: FolderName = INBOX
    ) -> list[ChangePage]:
        return [page async for page in self.mailbox.changes(folder, cursor)]

    async def ids(self, folder: FolderName = INBOX) -> list[RemoteId]:
        pages = await self.look(folder=folder)
        found = [message for page in pages for message in page.added]
        found.sort(key=lambda message: message.sort_key)
        return [message.remote_id for message in found]

    async def fetch(self, remote_id: RemoteId) -> bytes:
        return b"".join([piece async for piece in self.mailbox.fetch(INBOX, remote_id)])

    async def dispose(self, spelled: str, *ids: RemoteId) -> list[DispositionOutcome]:
        orders = [DispositionOrder(INBOX, one, Disposition.parse(spelled)) for one in ids]
        return list(await self.mailbox.dispose(orders))

    def count(self, pattern: str = "") -> int:
        return len(self.cloud.graph.requests(pattern))

    def reopened(self, **settings: str) -> "Desk":
        """Return another mailbox of the same cloud, with other settings; close both."""
        return Desk(self.cloud, self.tokens, opened(self.cloud, self.tokens, **settings))


def opened(
    cloud: Cloud, tokens: CountedTokens, patience: Patience | None = None, **settings: str
) -> GraphMailbox:
    given = {
        "client_id": cloud.entra.client_id,
        "graph_url": cloud.graph.url,
        "ca": str(cloud.ca_file),
        "access": "purge",
        **settings,
    }
    return GraphMailbox(read_settings(given), tokens, patience)


@asynccontextmanager
async def graph_desk(folder: Path, patience: Patience | None = None) -> AsyncIterator[Desk]:
    """Yield a desk whose contract is looked at when it is left."""
    async with Cloud(folder) as cloud:
        tokens = CountedTokens(cloud)
        desk = Desk(cloud, tokens, opened(cloud, tokens, patience))
        try:
            yield desk
        finally:
            await desk.mailbox.close()
    cloud.assert_kept()
