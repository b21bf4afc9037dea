"""Keeps grants sealed in the register, each bound to its account."""

from typing import Protocol

import attrs

from bridge.accounts.changes import SecretSealer
from bridge.accounts.directory import SecretOpener
from bridge.alerts import Alert
from bridge.names import AccountName
from bridge.storage.register import Register
from providers.identity import Grant


class SecretBox(SecretSealer, SecretOpener, Protocol):
    """Seals and opens secrets; bridge.vault.seal.SecretSeal does."""


@attrs.frozen
class KeptGrant:
    """A grant, opened; `renewed` is in seconds since the epoch, `lost` says why it is dead."""

    grant: Grant = attrs.field(repr=False)
    enrolment: int
    renewed: float
    lost: str | None


@attrs.frozen
class Grants:
    """The grants of all accounts."""

    register: Register
    box: SecretBox

    async def load(self, account: AccountName) -> KeptGrant | None:
        """Return the grant of an account, or None where it has none.

        Raises:
            StateError: it was sealed with another master key, or altered.
            SpoolUnavailable: the register cannot answer now.
        """
        stored = await self.register.grant(account)
        if stored is None:
            return None
        opened = self.box.open(stored.sealed, _context(account)).decode()
        return KeptGrant(Grant(opened), stored.enrolment, stored.renewed, stored.lost)

    def sealed(self, account: AccountName, grant: Grant) -> bytes:
        """Return the grant as it is kept at rest."""
        return self.box.seal(grant.encode(), _context(account))

    async def enrol(
        self,
        account: AccountName,
        grant: Grant,
        now: float,
        settings: dict[str, str] | None = None,
    ) -> None:
        """Keep the grant of a new enrolment, and the settings it changed, durably.

        Raises:
            RegisterError: there is no such account, or it needs none.
        """
        await self.register.enrol(account, self.sealed(account, grant), now, settings)

    async def renew(
        self, account: AccountName, enrolment: int, grant: Grant, now: float
    ) -> bool:
        """Keep a grant's successor, durably; return False where the account was enrolled anew."""
        sealed = self.sealed(account, grant)
        return await self.register.renew_grant(account, enrolment, sealed, now)

    async def lose(
        self, account: AccountName, enrolment: int, why: str, alert: Alert | None = None
    ) -> bool:
        """Record that a grant is dead, and return whether that is news; `alert` is kept along with it."""
        return await self.register.lose_grant(account, enrolment, why, alert)


def _context(account: AccountName) -> bytes:
    return b"grant of account " + account.encode()
