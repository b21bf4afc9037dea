"""Sign-ins at the fake Google, and what a test does with them."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import attrs

from providers.google.identity import GoogleIdentity
from providers.google.settings import read_settings
from providers.identity import AddressInvitation, Grant, Renewal
from providers.transport import Patience
from tests.fakes.cloud import Cloud
from tests.fakes.google_signin import FakeGoogleSignin

MODIFY = "https://www.googleapis.com/auth/gmail.modify"
ROBOT = "printing@printing-481516.iam.gserviceaccount.com"
SERVICE = {"auth": "service-account", "subject": "printer@example.com"}


@attrs.define
class Desk:
    """The fake cloud, and sign-ins that a test opens; `ahead` is what the bridge's clock is ahead."""

    cloud: Cloud
    ahead: float = 0.0
    opened: list[GoogleIdentity] = attrs.field(factory=list)

    @property
    def signin(self) -> FakeGoogleSignin:
        return self.cloud.google_signin

    def now(self) -> float:
        return self.signin.clock.now() + self.ahead

    def identity(self, patience: Patience | None = None, **settings: str) -> GoogleIdentity:
        given = {
            "ca": str(self.cloud.ca_file),
            "token_url": f"{self.signin.url}/token",
            **settings,
        }
        made = GoogleIdentity(read_settings(given), self.now, patience)
        self.opened.append(made)
        return made

    def client(self) -> str:
        return json.dumps(self.signin.client_file())

    def account(self, *scopes: str) -> str:
        return json.dumps(self.signin.service_account_file(ROBOT, scopes or (MODIFY,)))

    async def invited(self, **settings: str) -> tuple[GoogleIdentity, Grant, AddressInvitation]:
        identity = self.identity(None, **settings)
        grant = identity.prepare(self.client())
        invitation = await identity.invite(grant)
        assert isinstance(invitation, AddressInvitation)
        return identity, grant, invitation

    async def granted(self, **settings: str) -> tuple[GoogleIdentity, Renewal]:
        """Enrol with a person's consent."""
        identity, grant, invitation = await self.invited(**settings)
        ended = self.signin.authorize(invitation.address)
        renewal = await identity.redeem(grant, invitation, ended)
        assert renewal is not None
        return identity, renewal

    async def acting(self, *scopes: str) -> tuple[GoogleIdentity, Grant]:
        """Return a service account's sign-in and the grant it begins with."""
        identity = self.identity(None, **SERVICE)
        return identity, identity.prepare(self.account(*scopes))

    def asked(self) -> int:
        return len(self.signin.requests("/token$"))


@asynccontextmanager
async def signin_desk(folder: Path) -> AsyncIterator[Desk]:
    """Yield a desk whose contracts are looked at when it is left."""
    async with Cloud(folder) as cloud:
        desk = Desk(cloud)
        try:
            yield desk
        finally:
            for identity in desk.opened:
                await identity.close()
    cloud.assert_kept()
