"""Opens what stands behind an account: its mailbox, and where it needs one its sign-in with tokens."""

import attrs

from bridge.accounts.grants import Grants
from bridge.accounts.tokens import Tokens
from bridge.alerts import AlertSink, unheard
from bridge.clock import Clock
from bridge.logs import EventLog
from bridge.storage.register import Account
from providers.contract import MailboxProvider
from providers.identity import IdentityProvider
from providers.registry import open_identity, open_mailbox


@attrs.frozen
class OpenAccount:
    """An account whose two halves are open; close both, each once."""

    mailbox: MailboxProvider
    identity: IdentityProvider | None
    tokens: Tokens | None

    async def close_identity(self) -> None:
        """Close the sign-in's connections, after the mailbox's."""
        if self.identity is not None:
            await self.identity.close()

    async def close(self) -> None:
        """Close everything."""
        try:
            await self.mailbox.close()
        finally:
            await self.close_identity()


@attrs.frozen
class AccountOpener:
    """Opens accounts with what all of them share."""

    grants: Grants
    clock: Clock
    log: EventLog
    alert: AlertSink = unheard

    def open(self, account: Account) -> OpenAccount:
        """Return an account, opened; nothing is contacted yet.

        Raises:
            ValueError: its provider cannot use its settings.
        """
        identity = open_identity(account.provider, account.settings)
        if identity is None:
            return OpenAccount(open_mailbox(account.provider, account.settings), None, None)
        tokens = Tokens(account.name, self.grants, identity, self.clock, self.log, self.alert)
        mailbox = open_mailbox(account.provider, account.settings, tokens)
        return OpenAccount(mailbox, identity, tokens)
