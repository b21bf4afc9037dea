"""Accounts opened: what they get of a provider, and that both their halves are closed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge import logs
from bridge.accounts.tokens import Tokens
from bridge.app.accounts.opener import AccountOpener, OpenAccount
from bridge.names import AccountName
from bridge.storage.register import Account
from providers.folder.mailbox import FolderMailbox
from providers.microsoft.identity import EntraIdentity
from providers.microsoft.mailbox import GraphMailbox
from tests.contract.storage_harness import OFFICE
from tests.fakes.cloud_account import FakeCloud, TokenMailbox, take_place_of
from tests.fakes.identity import FakeIdentity
from tests.fakes.mailbox import FakeMailbox, FakeService
from tests.unit.accounts.enrolled import Enrolled

APP = {"client_id": "0a1b2c3d-0000-0000-0000-000000000000"}


@pytest.fixture
def enrolled(tmp_path: Path) -> Iterator[Enrolled]:
    made = Enrolled(tmp_path)
    yield made
    made.storage.close()


@pytest.fixture
def opener(enrolled: Enrolled) -> AccountOpener:
    return AccountOpener(enrolled.grants, enrolled.clock, logs.get("test"))


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> FakeCloud:
    return take_place_of("microsoft", monkeypatch)


async def test_a_folder_is_a_mailbox_and_nothing_else(
    opener: AccountOpener, tmp_path: Path
) -> None:
    opened = opener.open(Account(OFFICE, "folder", {"path": str(tmp_path)}))
    assert isinstance(opened.mailbox, FolderMailbox)
    assert (opened.identity, opened.tokens) == (None, None)
    await opened.close()


async def test_a_cloud_has_a_sign_in_and_tokens_too_and_nothing_is_contacted(
    opener: AccountOpener,
) -> None:
    opened = opener.open(Account(OFFICE, "microsoft", APP))
    assert isinstance(opened.mailbox, GraphMailbox)
    assert isinstance(opened.identity, EntraIdentity)
    assert isinstance(opened.tokens, Tokens)
    await opened.close()


async def test_a_mailbox_gets_the_tokens_of_its_account_and_no_others(
    opener: AccountOpener, enrolled: Enrolled, cloud: FakeCloud
) -> None:
    await enrolled.enrol()
    cloud.identity = enrolled.identity
    opened = opener.open(Account(OFFICE, "microsoft", APP))
    other = opener.open(Account(AccountName("other"), "microsoft", APP))
    assert cloud.settings == [APP, APP]
    assert isinstance(opened.mailbox, TokenMailbox)
    assert opened.mailbox.tokens is opened.tokens
    assert other.tokens is not opened.tokens
    assert await opened.mailbox.tokens.access_token() == "secret-token-1"
    assert (await enrolled.kept()).grant == "secret-grant-1"


@pytest.mark.parametrize(
    ("provider", "settings"),
    [
        ("gone", {}),
        ("folder", {}),
        ("folder", APP),
        ("microsoft", {}),
        ("microsoft", {"path": "/"}),
    ],
)
def test_what_its_provider_cannot_use_is_refused(
    opener: AccountOpener, provider: str, settings: dict[str, str]
) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        opener.open(Account(OFFICE, provider, settings))


async def test_closing_closes_both_halves_once(cloud: FakeCloud, opener: AccountOpener) -> None:
    opened = opener.open(Account(OFFICE, "microsoft", APP))
    await opened.close()
    assert (cloud.service.closed, cloud.identity.closed) == (1, 1)


async def test_the_sign_in_can_be_closed_by_itself(
    cloud: FakeCloud, opener: AccountOpener, tmp_path: Path
) -> None:
    await opener.open(Account(OFFICE, "microsoft", APP)).close_identity()
    assert (cloud.service.closed, cloud.identity.closed) == (0, 1)
    opened = opener.open(Account(OFFICE, "folder", {"path": str(tmp_path)}))
    await opened.close_identity()
    await opened.close()


class Stuck(FakeMailbox):
    """A mailbox that fails even to close."""

    async def close(self) -> None:
        raise ConnectionError("it is gone already")


async def test_a_mailbox_that_fails_to_close_keeps_no_sign_in_open() -> None:
    identity = FakeIdentity()
    with pytest.raises(ConnectionError):
        await OpenAccount(Stuck(FakeService()), identity, None).close()
    assert identity.closed == 1
