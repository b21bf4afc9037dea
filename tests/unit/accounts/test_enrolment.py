"""Every step of an enrolment, and that nothing is stored before it is granted."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from bridge.accounts.enrolment import Enrolment, EnrolmentState
from bridge.errors import RegisterError, SpoolUnavailable
from bridge.names import AccountName
from bridge.storage.register import Account, StoredGrant
from providers.contract import Throttled, Unreachable
from providers.identity import AddressInvitation, Invitation, SetupInvitation, SignInRefused
from tests.contract.storage_harness import OFFICE
from tests.fakes.identity import CODE
from tests.unit.accounts.enrolled import PREPARED, Enrolled

ADDRESS = AddressInvitation("https://sign.in/authorize?state=s", "secret-memory")
SETUP = SetupInvitation(("run this",), "-----BEGIN CERTIFICATE-----")
INVITATIONS: list[Invitation] = [CODE, ADDRESS, SETUP]
NEW, INVITED, GRANTED, ENDED = EnrolmentState
BACK = "http://localhost/?code=secret-code&state=s"

all_invitations = pytest.mark.parametrize(
    "invitation", INVITATIONS, ids=["code", "address", "setup"]
)


@pytest.fixture
async def journey(enrolled: Enrolled) -> Enrolment:
    await enrolled.prepare()
    return new_journey(enrolled)


def new_journey(enrolled: Enrolled) -> Enrolment:
    return Enrolment(OFFICE, enrolled.grants, enrolled.identity, enrolled.clock)


async def stored(enrolled: Enrolled) -> StoredGrant | None:
    """Return what a machine would find after a loss of power."""
    enrolled.storage.crash()
    enrolled.grants = type(enrolled.grants)(enrolled.storage.register, enrolled.grants.box)
    return await enrolled.storage.register.grant(OFFICE)


async def finish(journey: Enrolment, invitation: Invitation) -> object:
    if isinstance(invitation, AddressInvitation):
        return await journey.bring(BACK)
    return await journey.ask()


# ---- the way to a grant


@all_invitations
async def test_a_journey_ends_with_a_grant_that_is_on_the_disk(
    enrolled: Enrolled, journey: Enrolment, invitation: Invitation
) -> None:
    enrolled.identity.invitation = invitation
    assert journey.state is NEW
    assert await journey.begin() is invitation
    assert journey.state is INVITED
    enrolled.clock.advance(7.0)
    renewal = await finish(journey, invitation)
    assert journey.state is GRANTED
    assert renewal is not None
    found = await stored(enrolled)
    assert found is not None
    assert (found.enrolment, found.renewed) == (1, enrolled.clock.now())
    assert (await enrolled.kept()).grant == "secret-grant-1"
    answer = BACK if invitation is ADDRESS else ""
    assert enrolled.identity.invited == [PREPARED]
    assert enrolled.identity.redeemed == [(PREPARED, invitation, answer)]


async def test_the_grant_is_on_the_disk_before_anybody_is_told(
    enrolled: Enrolled, journey: Enrolment
) -> None:
    await journey.begin()
    await enrolled.storage.refuse_writes()
    with pytest.raises(SpoolUnavailable):
        await journey.ask()
    assert journey.state is INVITED


async def test_a_lost_account_is_found_by_its_next_enrolment(enrolled: Enrolled) -> None:
    await enrolled.enrol()
    await enrolled.grants.lose(OFFICE, 1, "revoked")
    journey = new_journey(enrolled)
    await journey.begin()
    await journey.ask()
    kept = await enrolled.kept()
    assert (kept.enrolment, kept.lost) == (2, None)


# ---- a code


async def test_a_code_is_asked_for_until_somebody_has_typed_it(
    enrolled: Enrolled, journey: Enrolment
) -> None:
    enrolled.identity.waits_for = 3
    await journey.begin()
    for _ in range(3):
        assert await journey.ask() is None
        assert journey.state is INVITED
    assert await journey.ask() is not None
    assert len(enrolled.identity.redeemed) == 4


async def test_the_service_says_how_often_it_may_be_asked(
    enrolled: Enrolled, journey: Enrolment
) -> None:
    """RFC 8628 section 3.5: five seconds more each time, unless the service names more."""
    assert journey.interval == 5.0
    enrolled.identity.invitation = type(CODE)("C", "https://x", 900.0, 11.0, "m")
    await journey.begin()
    assert journey.interval == 11.0
    enrolled.identity.failures["redeem"].extend(
        [Throttled("slow down", 0.0), Throttled("slow down", 5.0), Throttled("slow down", 30.0)]
    )
    intervals = []
    for _ in range(3):
        assert await journey.ask() is None
        intervals.append(journey.interval)
    assert intervals == [16.0, 21.0, 51.0]
    assert await journey.ask() is not None


async def test_a_code_outlives_a_short_outage(enrolled: Enrolled, journey: Enrolment) -> None:
    await journey.begin()
    enrolled.identity.failures["redeem"].extend([Unreachable("away")] * 2)
    assert await journey.ask() is None
    assert await journey.ask() is None
    assert (journey.state, journey.interval) == (INVITED, CODE.interval)
    assert await journey.ask() is not None


async def test_a_code_nobody_typed_ends_when_its_time_is_over(
    enrolled: Enrolled, journey: Enrolment
) -> None:
    enrolled.identity.waits_for = 99
    await journey.begin()
    enrolled.clock.advance(CODE.lifetime - 0.1)
    assert await journey.ask() is None
    enrolled.clock.advance(0.1)
    with pytest.raises(SignInRefused, match=r"in time.*tenant forbids device codes.*a browser"):
        await journey.ask()
    assert journey.state is ENDED
    assert len(enrolled.identity.redeemed) == 1
    assert (await enrolled.kept()).enrolment == 0


@pytest.mark.parametrize("wrong_by", [1e9, -1e9])
async def test_a_clock_that_is_set_meanwhile_neither_ends_nor_prolongs_a_code(
    enrolled: Enrolled, journey: Enrolment, wrong_by: float
) -> None:
    enrolled.identity.waits_for = 99
    await journey.begin()
    enrolled.clock.wrong_by = wrong_by
    enrolled.clock.advance(CODE.lifetime - 0.1)
    assert await journey.ask() is None
    enrolled.clock.advance(0.1)
    with pytest.raises(SignInRefused):
        await journey.ask()


# ---- an address, a setup


@pytest.mark.parametrize("outage", [Unreachable("away"), Throttled("busy", 3.0)])
async def test_an_address_may_be_brought_again_when_the_service_was_away(
    enrolled: Enrolled, journey: Enrolment, outage: Exception
) -> None:
    enrolled.identity.invitation = ADDRESS
    await journey.begin()
    enrolled.identity.failures["redeem"].append(outage)
    with pytest.raises(type(outage)):
        await journey.bring(BACK)
    assert journey.state is INVITED
    await journey.bring(BACK)
    assert journey.state is GRANTED


async def test_an_address_never_ends_by_our_clock(
    enrolled: Enrolled, journey: Enrolment
) -> None:
    enrolled.identity.invitation = ADDRESS
    await journey.begin()
    enrolled.clock.advance(1e6)
    await journey.bring(BACK)
    assert journey.state is GRANTED


async def test_an_address_that_gives_nothing_is_a_fault_of_the_provider(
    enrolled: Enrolled, journey: Enrolment
) -> None:
    enrolled.identity.invitation = ADDRESS
    enrolled.identity.waits_for = 1
    await journey.begin()
    with pytest.raises(AssertionError):
        await journey.bring(BACK)


@pytest.mark.parametrize("outage", [Unreachable("away"), Throttled("busy", 3.0)])
async def test_a_setup_tells_its_admin_that_the_service_is_away(
    enrolled: Enrolled, journey: Enrolment, outage: Exception
) -> None:
    enrolled.identity.invitation = SETUP
    await journey.begin()
    enrolled.identity.failures["redeem"].append(outage)
    with pytest.raises(type(outage)):
        await journey.ask()
    assert journey.state is INVITED
    assert await journey.ask() is not None


# ---- ends without a grant


@all_invitations
async def test_a_refusal_ends_the_journey_and_leaves_the_account_as_it_was(
    enrolled: Enrolled, journey: Enrolment, invitation: Invitation
) -> None:
    before = await stored(enrolled)
    journey = new_journey(enrolled)
    enrolled.identity.invitation = invitation
    await journey.begin()
    enrolled.identity.failures["redeem"].append(SignInRefused("consent was refused"))
    with pytest.raises(SignInRefused, match="consent was refused"):
        await finish(journey, invitation)
    assert journey.state is ENDED
    assert await stored(enrolled) == before


@pytest.mark.parametrize(
    "error", [SignInRefused("no such client"), Unreachable("away"), Throttled("busy", 3.0)]
)
async def test_a_journey_that_cannot_begin_has_not_begun(
    enrolled: Enrolled, journey: Enrolment, error: Exception
) -> None:
    enrolled.identity.failures["invite"].append(error)
    with pytest.raises(type(error)):
        await journey.begin()
    assert journey.state is NEW
    assert (await enrolled.kept()).enrolment == 0


async def test_an_account_that_needs_none_and_no_account_are_not_enrolled(
    enrolled: Enrolled,
) -> None:
    journey = new_journey(enrolled)
    with pytest.raises(RegisterError, match="office needs no enrolment"):
        await journey.begin()
    await enrolled.storage.register.add_account(Account(OFFICE, "folder", {}))
    with pytest.raises(RegisterError, match="office needs no enrolment"):
        await journey.begin()
    assert enrolled.identity.invited == []


async def test_an_account_that_was_removed_meanwhile_is_told(
    enrolled: Enrolled, journey: Enrolment
) -> None:
    await journey.begin()
    await enrolled.storage.register.remove_account(OFFICE)
    with pytest.raises(RegisterError, match="removed meanwhile"):
        await journey.ask()
    assert enrolled.identity.redeemed == []


async def test_an_account_that_is_removed_while_the_service_answers_is_told(
    enrolled: Enrolled, journey: Enrolment
) -> None:
    await journey.begin()
    enrolled.identity.entered.clear()
    enrolled.identity.gate = asyncio.Event()

    async def asked() -> str:
        with pytest.raises(RegisterError) as told:
            await journey.ask()
        return str(told.value)

    async with asyncio.TaskGroup() as group:
        asking = group.create_task(asked())
        await enrolled.identity.entered.wait()
        await enrolled.storage.register.remove_account(AccountName("office"))
        enrolled.identity.gate.set()
    assert "no account office" in asking.result()
    assert journey.state is INVITED


@all_invitations
async def test_a_journey_that_is_broken_off_leaves_the_account_as_it_was(
    enrolled: Enrolled, journey: Enrolment, invitation: Invitation
) -> None:
    enrolled.identity.invitation = invitation
    await journey.begin()
    enrolled.identity.entered.clear()
    enrolled.identity.gate = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        asking = group.create_task(finish(journey, invitation))
        await enrolled.identity.entered.wait()
        asking.cancel()
    assert asking.cancelled()
    assert (await enrolled.kept()).grant == PREPARED
    assert (await enrolled.kept()).enrolment == 0


async def test_giving_up_ends_a_journey_but_takes_no_grant_back(
    enrolled: Enrolled, journey: Enrolment
) -> None:
    await journey.begin()
    await journey.ask()
    journey.give_up()
    assert journey.state is GRANTED
    for begins in (False, True):
        other = new_journey(enrolled)
        if begins:
            await other.begin()
        other.give_up()
        assert other.state is ENDED


# ---- steps that are none


Step = Callable[[Enrolment], Awaitable[object]]
begin: Step = lambda one: one.begin()  # noqa: E731 - a table of steps
ask: Step = lambda one: one.ask()  # noqa: E731 - as above
bring: Step = lambda one: one.bring(BACK)  # noqa: E731 - as above


@pytest.mark.parametrize(
    ("taken", "refused"),
    [
        ([], ask),
        ([], bring),
        ([begin], begin),
        ([begin, ask], ask),
        ([begin, ask], bring),
        ([begin, ask], begin),
    ],
)
async def test_a_step_out_of_its_order_is_a_fault_of_the_door(
    enrolled: Enrolled, journey: Enrolment, taken: list[Step], refused: Step
) -> None:
    for step in taken:
        await step(journey)
    before = journey.state, len(enrolled.identity.redeemed)
    with pytest.raises(AssertionError, match=f"an enrolment that is {journey.state.name}"):
        await refused(journey)
    assert (journey.state, len(enrolled.identity.redeemed)) == before


@pytest.mark.parametrize("step", [begin, ask, bring])
async def test_after_its_end_a_journey_goes_nowhere(
    enrolled: Enrolled, journey: Enrolment, step: Step
) -> None:
    await journey.begin()
    journey.give_up()
    with pytest.raises(AssertionError, match="ENDED"):
        await step(journey)
    assert enrolled.identity.redeemed == []


def test_an_invitation_does_not_show_what_it_remembers() -> None:
    assert "secret-memory" not in repr(ADDRESS)
    assert CODE.memory not in repr(CODE)
