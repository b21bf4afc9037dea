"""What every register owes the grants of accounts (bridge/storage/register.py), asked of each engine alike."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from bridge.errors import RegisterError, SpoolUnavailable
from bridge.names import AccountName
from bridge.storage.register import Account, Register, StoredGrant
from tests.contract.storage_harness import (
    OFFICE,
    PRINTER,
    STORAGES,
    StorageUnderTest,
    device,
    maildrop,
)

OTHER = AccountName("other")
NOBODY = AccountName("nobody")
FIRST = b"\x00\xff sealed first"
SECOND = b"sealed second"


def cloud(name: AccountName = OFFICE) -> Account:
    return Account(name, "microsoft", {"client_id": "x"})


@pytest.fixture(params=STORAGES)
async def storage(
    request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[StorageUnderTest]:
    """Yield an engine with two accounts of a cloud and one that needs no grant."""
    under_test = STORAGES[request.param](tmp_path)
    await under_test.register.add_account(cloud(), FIRST)
    await under_test.register.add_account(cloud(OTHER), FIRST)
    await under_test.register.add_account(Account(AccountName("local"), "folder", {}))
    yield under_test
    under_test.close()


async def grant(
    storage: StorageUnderTest, name: AccountName = OFFICE, *, durably: bool = True
) -> StoredGrant | None:
    """Return a grant as the machine would find it after a loss of power."""
    if durably:
        storage.crash()
    return await storage.register.grant(name)


async def enrolments(storage: StorageUnderTest) -> dict[str, int | None]:
    return {one.name: one.enrolment for one in (await storage.register.snapshot()).accounts}


async def test_an_account_begins_with_the_grant_it_was_given_and_is_not_enrolled(
    storage: StorageUnderTest,
) -> None:
    assert await grant(storage) == StoredGrant(FIRST, 0, 0.0, None)
    assert await enrolments(storage) == {"office": 0, "other": 0, "local": None}


async def test_an_account_that_needs_none_and_one_that_is_not_there_have_no_grant(
    storage: StorageUnderTest,
) -> None:
    assert await storage.register.grant(AccountName("local")) is None
    assert await storage.register.grant(NOBODY) is None


async def test_everything_else_of_an_account_is_kept_as_it_was_given(
    storage: StorageUnderTest,
) -> None:
    [_, office, _] = (await storage.register.snapshot()).accounts
    assert (office.provider, office.settings) == ("microsoft", {"client_id": "x"})


async def test_an_account_whose_name_is_taken_changes_no_grant(
    storage: StorageUnderTest,
) -> None:
    with pytest.raises(RegisterError, match="already"):
        await storage.register.add_account(cloud(), SECOND)
    assert await grant(storage) == StoredGrant(FIRST, 0, 0.0, None)


# ---- enrolments


async def test_an_enrolment_replaces_the_grant_and_is_counted(
    storage: StorageUnderTest,
) -> None:
    await storage.register.enrol(OFFICE, SECOND, 1234.5)
    assert await grant(storage) == StoredGrant(SECOND, 1, 1234.5, None)
    await storage.register.enrol(OFFICE, FIRST, 2345.5)
    assert await grant(storage) == StoredGrant(FIRST, 2, 2345.5, None)
    assert (await enrolments(storage))["office"] == 2


async def test_an_enrolment_finds_what_was_lost(storage: StorageUnderTest) -> None:
    await storage.register.enrol(OFFICE, FIRST, 1.0)
    await storage.register.lose_grant(OFFICE, 1, "revoked")
    await storage.register.enrol(OFFICE, SECOND, 2.0)
    assert await grant(storage) == StoredGrant(SECOND, 2, 2.0, None)


@pytest.mark.parametrize(
    ("name", "said"),
    [(AccountName("local"), "needs no enrolment"), (NOBODY, "There is no account nobody")],
)
async def test_nobody_else_is_enrolled(
    storage: StorageUnderTest, name: AccountName, said: str
) -> None:
    with pytest.raises(RegisterError, match=said):
        await storage.register.enrol(name, SECOND, 1.0)
    assert await grant(storage, name) is None
    assert await enrolments(storage) == {"office": 0, "other": 0, "local": None}


# ---- renewals


async def test_a_renewal_replaces_the_grant_and_its_moment_alone(
    storage: StorageUnderTest,
) -> None:
    await storage.register.enrol(OFFICE, FIRST, 1.0)
    assert await storage.register.renew_grant(OFFICE, 1, SECOND, 99.5)
    assert await grant(storage) == StoredGrant(SECOND, 1, 99.5, None)


@pytest.mark.parametrize("enrolment", [0, 1, 3])
async def test_a_renewal_of_another_enrolment_changes_nothing(
    storage: StorageUnderTest, enrolment: int
) -> None:
    """Else a renewal that was under way would undo what an admin has just mended."""
    for moment in (1.0, 2.0):
        await storage.register.enrol(OFFICE, FIRST, moment)
    assert not await storage.register.renew_grant(OFFICE, enrolment, SECOND, 99.5)
    assert await grant(storage) == StoredGrant(FIRST, 2, 2.0, None)


async def test_a_renewal_that_went_well_finds_what_was_taken_for_lost(
    storage: StorageUnderTest,
) -> None:
    await storage.register.enrol(OFFICE, FIRST, 1.0)
    await storage.register.lose_grant(OFFICE, 1, "revoked")
    assert await storage.register.renew_grant(OFFICE, 1, SECOND, 2.0)
    assert await grant(storage) == StoredGrant(SECOND, 1, 2.0, None)


@pytest.mark.parametrize("name", [AccountName("local"), NOBODY])
async def test_where_there_is_no_grant_none_is_renewed_or_lost(
    storage: StorageUnderTest, name: AccountName
) -> None:
    assert not await storage.register.renew_grant(name, 0, SECOND, 1.0)
    assert not await storage.register.lose_grant(name, 0, "revoked")
    assert await grant(storage, name) is None


# ---- losses


async def test_a_loss_is_news_once_and_deletes_nothing(storage: StorageUnderTest) -> None:
    await storage.register.enrol(OFFICE, FIRST, 1.0)
    assert await storage.register.lose_grant(OFFICE, 1, "it was revoked (ü)")
    assert await grant(storage) == StoredGrant(FIRST, 1, 1.0, "it was revoked (ü)")
    assert not await storage.register.lose_grant(OFFICE, 1, "another reason")
    assert await grant(storage) == StoredGrant(FIRST, 1, 1.0, "it was revoked (ü)")


@pytest.mark.parametrize("enrolment", [0, 1, 3])
async def test_the_loss_of_another_enrolment_is_no_news(
    storage: StorageUnderTest, enrolment: int
) -> None:
    for moment in (1.0, 2.0):
        await storage.register.enrol(OFFICE, FIRST, moment)
    assert not await storage.register.lose_grant(OFFICE, enrolment, "revoked")
    assert await grant(storage) == StoredGrant(FIRST, 2, 2.0, None)


async def test_a_loss_after_another_enrolment_is_news_again(storage: StorageUnderTest) -> None:
    for number in (1, 2):
        await storage.register.enrol(OFFICE, FIRST, 1.0)
        assert await storage.register.lose_grant(OFFICE, number, "revoked")


# ---- around them


async def test_what_happens_to_one_account_leaves_the_others_alone(
    storage: StorageUnderTest,
) -> None:
    await storage.register.enrol(OFFICE, SECOND, 1.0)
    await storage.register.renew_grant(OFFICE, 1, SECOND, 2.0)
    await storage.register.lose_grant(OFFICE, 1, "revoked")
    assert await grant(storage, OTHER) == StoredGrant(FIRST, 0, 0.0, None)
    await storage.register.remove_account(OFFICE)
    assert await grant(storage, OTHER) == StoredGrant(FIRST, 0, 0.0, None)


async def test_maildrops_and_devices_leave_grants_alone(storage: StorageUnderTest) -> None:
    """A wrong or a new password of a device can never harm a grant."""
    await storage.register.enrol(OFFICE, SECOND, 1.0)
    await storage.register.add_maildrop(maildrop())
    await storage.register.add_device(device())
    await storage.register.change_device(device(drop=PRINTER, aliases=("x",)))
    assert await grant(storage) == StoredGrant(SECOND, 1, 1.0, None)


async def test_the_grant_goes_with_its_account(storage: StorageUnderTest) -> None:
    await storage.register.enrol(OFFICE, SECOND, 1.0)
    await storage.register.remove_account(OFFICE)
    assert await grant(storage) is None
    await storage.register.add_account(Account(OFFICE, "folder", {}))
    assert await grant(storage) is None
    await storage.register.remove_account(OFFICE)
    await storage.register.add_account(cloud(), FIRST)
    assert await grant(storage) == StoredGrant(FIRST, 0, 0.0, None)


async def test_an_account_in_use_keeps_its_grant(storage: StorageUnderTest) -> None:
    await storage.register.add_maildrop(maildrop())
    with pytest.raises(RegisterError, match="still used"):
        await storage.register.remove_account(OFFICE)
    assert await grant(storage) == StoredGrant(FIRST, 0, 0.0, None)


Change = Callable[[Register], Awaitable[object]]

CHANGES: dict[str, Change] = {
    "an enrolment": lambda r: r.enrol(OFFICE, SECOND, 9.0),
    "a renewal": lambda r: r.renew_grant(OFFICE, 1, SECOND, 9.0),
    "a loss": lambda r: r.lose_grant(OFFICE, 1, "revoked"),
    "an account": lambda r: r.add_account(cloud(NOBODY), SECOND),
}


@pytest.mark.parametrize("what", CHANGES)
async def test_what_cannot_be_stored_is_told_and_not_made(
    storage: StorageUnderTest, what: str
) -> None:
    await storage.register.enrol(OFFICE, FIRST, 1.0)
    await storage.refuse_writes()
    with pytest.raises(SpoolUnavailable):
        await CHANGES[what](storage.register)
    assert await grant(storage) == StoredGrant(FIRST, 1, 1.0, None)
    assert await enrolments(storage) == {"office": 1, "other": 0, "local": None}


async def test_a_grant_that_cannot_be_read_is_told(storage: StorageUnderTest) -> None:
    await storage.refuse_everything()
    with pytest.raises(SpoolUnavailable):
        await storage.register.grant(OFFICE)


def test_a_grant_at_rest_does_not_show_itself() -> None:
    assert "sealed" not in repr(StoredGrant(FIRST, 1, 1.0))
