"""A Gmail mailbox under test, with the fake services behind it and a token source that counts."""

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
from providers.google.mailbox import GmailMailbox
from providers.google.settings import read_settings
from providers.transport import Patience
from tests.fakes.cloud import Cloud
from tests.fakes.gmail import FULL, FakeGmail
from tests.fakes.gmail_store import GmailMailbox as Store

INBOX = FolderName("")
MAIL = b"From: a@example.com\r\nSubject: job\r\n\r\nprint me\r\n"
HASTY = Patience(connect=2.0, silence=0.5, whole=0.5)


@attrs.define
class CountedTokens:
    """Hands out tokens of the fake sign-in, a new one wherever one was refused."""

    cloud: Cloud
    scopes: tuple[str, ...] = (FULL,)
    given: str = ""
    replaced: int = 0

    async def access_token(self) -> str:
        self.given = self.given or self._new()
        return self.given

    async def replace(self, refused: str, claims: str | None = None) -> str:
        assert (refused, claims) == (self.given, None)
        self.replaced += 1
        self.given = self._new()
        return self.given

    def _new(self) -> str:
        return self.cloud.google_signin.bearer(*self.scopes)


@attrs.define
class Desk:
    """One mailbox, and what a test does with it; `paused` are the seconds it waited for its budget."""

    cloud: Cloud
    tokens: CountedTokens
    patience: Patience | None = None
    paused: list[float] = attrs.field(factory=list)
    opened: list[GmailMailbox] = attrs.field(factory=list)
    mailbox: GmailMailbox = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.open()

    @property
    def gmail(self) -> FakeGmail:
        return self.cloud.gmail

    @property
    def store(self) -> Store:
        return self.cloud.gmail.mailbox

    def open(self, **settings: str) -> None:
        """Take another mailbox of the same cloud, with other settings."""
        given = {
            "gmail_url": self.gmail.url,
            "ca": str(self.cloud.ca_file),
            "access": "purge",
            "units_per_minute": "1000000",
            **settings,
        }
        self.mailbox = GmailMailbox(
            read_settings(given), self.tokens, self.patience, self._pause
        )
        self.opened.append(self.mailbox)

    async def _pause(self, seconds: float) -> None:
        self.paused.append(seconds)

    def put(self, octets: bytes = MAIL, *labels: str) -> RemoteId:
        return RemoteId(self.store.put(octets, labels or ("INBOX", "UNREAD")))

    async def look(
        self, cursor: Cursor | None = None, folder: FolderName = INBOX
    ) -> list[ChangePage]:
        return [page async for page in self.mailbox.changes(folder, cursor)]

    async def ids(self, folder: FolderName = INBOX) -> list[RemoteId]:
        return [one.remote_id for page in await self.look(None, folder) for one in page.added]

    async def cursor(self, folder: FolderName = INBOX) -> Cursor:
        """Return where a full list ended."""
        cursor = (await self.look(None, folder))[-1].cursor
        assert cursor is not None
        return cursor

    async def fetch(self, remote_id: RemoteId) -> bytes:
        return b"".join([piece async for piece in self.mailbox.fetch(INBOX, remote_id)])

    async def dispose(
        self, spelled: str, *ids: RemoteId, folder: FolderName = INBOX
    ) -> list[DispositionOutcome]:
        orders = [DispositionOrder(folder, one, Disposition.parse(spelled)) for one in ids]
        return list(await self.mailbox.dispose(orders))

    def count(self, pattern: str = "") -> int:
        return len(self.gmail.requests(pattern))


@asynccontextmanager
async def gmail_desk(folder: Path, patience: Patience | None = None) -> AsyncIterator[Desk]:
    """Yield a desk whose contracts are looked at when it is left."""
    async with Cloud(folder) as cloud:
        desk = Desk(cloud, CountedTokens(cloud), patience)
        try:
            yield desk
        finally:
            for mailbox in desk.opened:
                await mailbox.close()
    cloud.assert_kept()
