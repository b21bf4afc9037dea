"""Grants sealed at rest, over a real register; its own promises are in tests/contract."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.accounts.grants import Grants, KeptGrant
from bridge.errors import RegisterError, StateError
from bridge.names import AccountName
from bridge.storage.register import Account
from bridge.vault.seal import SecretSeal
from providers.identity import Grant
from tests.contract.storage_harness import OFFICE, SqliteUnderTest

OTHER = AccountName("other")
GRANT = Grant('{"refresh": "secret-ü-\u2028"}')
NEXT = Grant("secret-next")


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[SqliteUnderTest]:
    under_test = SqliteUnderTest(tmp_path)
    yield under_test
    under_test.close()


@pytest.fixture
def grants(storage: SqliteUnderTest) -> Grants:
    return Grants(storage.register, SecretSeal(bytes(32)))


async def add(grants: Grants, name: AccountName = OFFICE, grant: Grant = GRANT) -> None:
    await grants.register.add_account(
        Account(name, "microsoft", {}), grants.sealed(name, grant)
    )


async def test_a_grant_is_opened_as_it_was_given(grants: Grants) -> None:
    await add(grants)
    assert await grants.load(OFFICE) == KeptGrant(GRANT, 0, 0.0, None)


async def test_an_account_without_a_grant_and_no_account_have_none(grants: Grants) -> None:
    assert await grants.load(OFFICE) is None
    await grants.register.add_account(Account(OFFICE, "folder", {}))
    assert await grants.load(OFFICE) is None


async def test_an_enrolment_a_renewal_and_a_loss_are_kept(grants: Grants) -> None:
    await add(grants)
    await grants.enrol(OFFICE, NEXT, 1000.0)
    assert await grants.load(OFFICE) == KeptGrant(NEXT, 1, 1000.0, None)
    assert await grants.renew(OFFICE, 1, GRANT, 2000.0)
    assert await grants.load(OFFICE) == KeptGrant(GRANT, 1, 2000.0, None)
    assert await grants.lose(OFFICE, 1, "it was revoked")
    assert not await grants.lose(OFFICE, 1, "it was revoked")
    assert await grants.load(OFFICE) == KeptGrant(GRANT, 1, 2000.0, "it was revoked")


async def test_what_an_older_enrolment_brings_is_not_kept(grants: Grants) -> None:
    await add(grants)
    await grants.enrol(OFFICE, GRANT, 1000.0)
    await grants.enrol(OFFICE, NEXT, 2000.0)
    assert not await grants.renew(OFFICE, 1, GRANT, 3000.0)
    assert not await grants.lose(OFFICE, 1, "it was revoked")
    assert await grants.load(OFFICE) == KeptGrant(NEXT, 2, 2000.0, None)


async def test_an_account_that_needs_no_grant_is_not_enrolled(grants: Grants) -> None:
    await grants.register.add_account(Account(OFFICE, "folder", {}))
    with pytest.raises(RegisterError):
        await grants.enrol(OFFICE, GRANT, 1000.0)
    assert await grants.load(OFFICE) is None


async def test_nothing_of_a_grant_can_be_read_at_rest(
    storage: SqliteUnderTest, grants: Grants
) -> None:
    await add(grants)
    await grants.enrol(OFFICE, GRANT, 1000.0)
    await grants.renew(OFFICE, 1, NEXT, 1000.0)
    octets = b"".join(path.read_bytes() for path in storage.folder.glob("popbridge.db*"))
    assert b"office" in octets
    assert b"secret-" not in octets


async def test_the_same_grant_is_never_sealed_twice_alike(grants: Grants) -> None:
    assert grants.sealed(OFFICE, GRANT) != grants.sealed(OFFICE, GRANT)


async def test_a_grant_moved_to_another_account_does_not_open(grants: Grants) -> None:
    await grants.register.add_account(
        Account(OTHER, "microsoft", {}), grants.sealed(OFFICE, GRANT)
    )
    with pytest.raises(StateError, match="cannot be opened"):
        await grants.load(OTHER)


async def test_a_grant_does_not_open_with_another_master_key(
    storage: SqliteUnderTest, grants: Grants
) -> None:
    await add(grants)
    stolen = Grants(storage.register, SecretSeal(bytes(range(32))))
    with pytest.raises(StateError, match="cannot be opened"):
        await stolen.load(OFFICE)


async def test_no_grant_shows_itself(grants: Grants) -> None:
    await add(grants)
    kept = await grants.load(OFFICE)
    stored = await grants.register.grant(OFFICE)
    assert stored is not None
    for shown in (repr(kept), repr(stored), repr(grants)):
        assert "secret" not in shown
        assert repr(stored.sealed)[2:20] not in shown
