"""One account of a cloud over a real register, with its sign-in in memory and time moved by hand."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bridge import logs
from bridge.accounts.grants import Grants, KeptGrant
from bridge.accounts.tokens import Tokens
from bridge.storage.register import Account
from bridge.vault.seal import SecretSeal
from providers.identity import Grant
from tests.contract.storage_harness import OFFICE, SqliteUnderTest
from tests.fakes.clock import FakeClock
from tests.fakes.identity import FakeIdentity

if TYPE_CHECKING:
    from bridge.alerts import Alert

PREPARED = Grant("secret-grant-prepared")
GRANTED = Grant("secret-grant-0")


class TwoClocks(FakeClock):
    """A clock whose time of day can be set wrong, or right, while seconds go on as ever."""

    def __init__(self) -> None:
        super().__init__()
        self.wrong_by = 0.0

    def now(self) -> float:
        return self.time + self.wrong_by


class Enrolled:
    """Everything that stands behind the tokens of one account."""

    def __init__(self, folder: Path) -> None:
        self.storage = SqliteUnderTest(folder)
        self.grants = Grants(self.storage.register, SecretSeal(bytes(32)))
        self.identity = FakeIdentity()
        self.clock = TwoClocks()
        self.alerts: list[Alert] = []
        self.tokens = self.new_tokens()

    async def prepare(self) -> None:
        """Add the account, not enrolled yet."""
        sealed = self.grants.sealed(OFFICE, PREPARED)
        await self.storage.register.add_account(Account(OFFICE, "microsoft", {}), sealed)

    async def enrol(self, grant: Grant = GRANTED) -> None:
        """Add the account where it is not there, and enrol it."""
        if await self.grants.load(OFFICE) is None:
            await self.prepare()
        await self.grants.enrol(OFFICE, grant, self.clock.now())

    def new_tokens(self) -> Tokens:
        """Return the tokens of a process that has only just begun."""
        log = logs.get("test.tokens")
        alert = self.alerts.append
        return Tokens(OFFICE, self.grants, self.identity, self.clock, log, alert)

    async def kept(self) -> KeptGrant:
        found = await self.grants.load(OFFICE)
        assert found is not None
        return found


def events(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """Return the level and name of each event, and see to it that nothing secret is in them."""
    assert "secret" not in repr([vars(record) for record in caplog.records])
    return [(logging.getLevelName(one.levelno), one.getMessage()) for one in caplog.records]
