"""Sign-ins under test, and the fake tenant behind them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import attrs

from providers.identity import (
    CodeInvitation,
    Renewal,
)
from providers.microsoft.clouds import read_settings
from providers.microsoft.identity import EntraIdentity
from providers.transport import Patience
from tests.fakes.cloud import Cloud

NOW = 1_800_000_000.0
HASTY = Patience(connect=2.0, silence=0.5, whole=0.5)


@attrs.define
class Desk:
    """The fake cloud, and sign-ins that a test opens; `now` is the wall clock of both sides."""

    cloud: Cloud
    now: float = NOW
    opened: list[EntraIdentity] = attrs.field(factory=list)

    def identity(self, patience: Patience | None = None, **settings: str) -> EntraIdentity:
        given = {
            "client_id": self.cloud.entra.client_id,
            "tenant": "example.com",
            "graph_url": self.cloud.graph.url,
            "authority": self.cloud.entra.url,
            "ca": str(self.cloud.ca_file),
            **settings,
        }
        made = EntraIdentity(read_settings(given), lambda: self.now, patience)
        self.opened.append(made)
        return made

    async def granted(self, **settings: str) -> tuple[EntraIdentity, Renewal]:
        """Enrol by device code."""
        identity = self.identity(**settings)
        grant = identity.prepare("")
        invitation = await identity.invite(grant)
        assert isinstance(invitation, CodeInvitation)
        self.cloud.entra.approve(invitation.code)
        renewal = await identity.redeem(grant, invitation)
        assert renewal is not None
        return identity, renewal


@asynccontextmanager
async def entra_desk(folder: Path) -> AsyncIterator[Desk]:
    """Yield a desk whose contract is looked at when it is left."""
    async with Cloud(folder) as cloud:
        desk = Desk(cloud)
        yield desk
        for identity in desk.opened:
            await identity.close()
    cloud.assert_kept()
