"""A sign-in service in memory behind the provider contract, and tokens for those who need only these.

A test says how calls end (`failures`, `waits_for`, `rotates`), counts them (`calls`), and holds them
back at a gate while others come (`gate`, `entered`).
"""

import asyncio
from collections import deque
from typing import TYPE_CHECKING

import attrs

from providers.contract import HostAnswer
from providers.identity import (
    CodeInvitation,
    Grant,
    IdentityProvider,
    Invitation,
    Renewal,
    TokenSource,
)

CODE = CodeInvitation("ABCD-EFGH", "https://sign.in/device", 900.0, 5.0, "a-device-code")
SCOPES = frozenset({"Mail.ReadWrite"})


@attrs.frozen
class Asked:
    """One call to renew."""

    grant: Grant
    force: bool
    claims: str | None


class FakeIdentity:
    """The sign-in of one account; every name of a token and a grant begins with "secret"."""

    def __init__(self) -> None:
        self.invitation: Invitation = CODE
        self.lifetime = 3600.0
        self.scopes = SCOPES
        self.needed = SCOPES
        self.rotates = True
        self.credential_ends: float | None = None
        self.answer = HostAnswer("sign.in", 0.0)
        self.failures: dict[str, deque[Exception]] = {
            name: deque() for name in ("prepare", "invite", "redeem", "renew", "reach")
        }
        self.outage: Exception | None = None
        self.waits_for = 0
        self.gate: asyncio.Event | None = None
        self.entered = asyncio.Event()
        self.prepared: list[str] = []
        self.invited: list[Grant] = []
        self.redeemed: list[tuple[Grant, Invitation, str]] = []
        self.renewals: list[Asked] = []
        self.closed = 0
        self._number = 0

    def prepare(self, secret: str) -> Grant:
        self._fail("prepare")
        self.prepared.append(secret)
        return Grant(f"secret-grant-of-{secret}")

    async def invite(self, grant: Grant) -> Invitation:
        self.invited.append(grant)
        await self._pass("invite")
        return self.invitation

    async def redeem(
        self, grant: Grant, invitation: Invitation, answer: str = ""
    ) -> Renewal | None:
        """Return a grant once it was asked for `waits_for` times in vain."""
        self.redeemed.append((grant, invitation, answer))
        await self._pass("redeem")
        if self.waits_for > 0:
            self.waits_for -= 1
            return None
        return self._renewal(grant)

    async def renew(
        self, grant: Grant, *, force: bool = False, claims: str | None = None
    ) -> Renewal:
        self.renewals.append(Asked(grant, force, claims))
        await self._pass("renew")
        return self._renewal(grant)

    def missing(self, scopes: frozenset[str]) -> frozenset[str]:
        return self.needed - scopes

    def ends(self, grant: Grant) -> float | None:
        del grant
        return self.credential_ends

    async def reach(self) -> HostAnswer:
        await self._pass("reach")
        return self.answer

    async def close(self) -> None:
        self.closed += 1

    def _renewal(self, grant: Grant) -> Renewal:
        self._number += 1
        after = Grant(f"secret-grant-{self._number}") if self.rotates else grant
        return Renewal(f"secret-token-{self._number}", self.lifetime, self.scopes, after)

    async def _pass(self, method: str) -> None:
        self.entered.set()
        await asyncio.sleep(0)  # noqa: TID251 - a network lets others run meanwhile
        if self.gate is not None:
            await self.gate.wait()
        self._fail(method)

    def _fail(self, method: str) -> None:
        if self.outage is not None:
            raise self.outage
        if self.failures[method]:
            raise self.failures[method].popleft()


class FakeTokens:
    """Access tokens "secret-token-0", 1, 2 ...: another whenever one was refused."""

    def __init__(self) -> None:
        self.failures: deque[Exception] = deque()
        self.replaced: list[tuple[str, str | None]] = []
        self.asked = 0

    @property
    def current(self) -> str:
        return f"secret-token-{len(self.replaced)}"

    async def access_token(self) -> str:
        self.asked += 1
        if self.failures:
            raise self.failures.popleft()
        return self.current

    async def replace(self, refused: str, claims: str | None = None) -> str:
        self.replaced.append((refused, claims))
        if self.failures:
            raise self.failures.popleft()
        return self.current


if TYPE_CHECKING:
    _identity: type[IdentityProvider] = FakeIdentity
    _tokens: type[TokenSource] = FakeTokens
