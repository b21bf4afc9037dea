"""A cloud in memory that takes a real provider's place in the registry, so that its options can be given."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing

import attrs
import pytest

from providers import registry
from providers.contract import ChangePage, Cursor, FolderName, MailboxProvider, RemoteId
from providers.identity import IdentityProvider, TokenSource
from providers.registry import PROVIDERS, ProviderEntry
from tests.fakes.identity import FakeIdentity
from tests.fakes.mailbox import FakeMailbox, FakeService


class TokenMailbox(FakeMailbox):
    """A mailbox that lets nobody in without a token."""

    def __init__(self, service: FakeService, tokens: TokenSource) -> None:
        super().__init__(service)
        self.tokens = tokens

    async def changes(
        self, folder: FolderName, cursor: Cursor | None
    ) -> AsyncGenerator[ChangePage, None]:
        await self.tokens.access_token()
        async with aclosing(super().changes(folder, cursor)) as pages:
            async for page in pages:
                yield page

    async def prove_right(self, folder: FolderName, remote_id: RemoteId) -> None:
        await self.tokens.access_token()
        await super().prove_right(folder, remote_id)


@attrs.define
class FakeCloud:
    """The service and the sign-in behind every account of one provider."""

    service: FakeService = attrs.field(factory=FakeService)
    identity: FakeIdentity = attrs.field(factory=FakeIdentity)
    settings: list[Mapping[str, str]] = attrs.field(factory=list)
    mailboxes: list[TokenMailbox] = attrs.field(factory=list)
    unusable: str = ""

    def open_mailbox(
        self, settings: Mapping[str, str], tokens: TokenSource | None
    ) -> MailboxProvider:
        assert tokens is not None
        if self.unusable:
            raise ValueError(self.unusable)
        self.settings.append(settings)
        self.mailboxes.append(TokenMailbox(self.service, tokens))
        return self.mailboxes[-1]

    def open_identity(self, settings: Mapping[str, str]) -> IdentityProvider:
        del settings
        return self.identity


def take_place_of(provider: str, monkeypatch: pytest.MonkeyPatch) -> FakeCloud:
    """Return a cloud that is opened by that provider's name until the test ends."""
    cloud = FakeCloud()
    entry = ProviderEntry(
        PROVIDERS[provider].summary,
        PROVIDERS[provider].settings,
        cloud.open_mailbox,
        cloud.open_identity,
    )
    monkeypatch.setattr(registry, "PROVIDERS", {**PROVIDERS, provider: entry})
    return cloud
