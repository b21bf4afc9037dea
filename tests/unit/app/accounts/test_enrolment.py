"""An admin led through an enrolment, by a door that does as it is told."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from bridge.accounts.enrolment import Enrolment, EnrolmentState
from bridge.app.accounts.enrolment import lead
from bridge.errors import OwnerError, RegisterError, SpoolUnavailable
from providers.contract import Throttled, Unreachable
from providers.identity import (
    AddressInvitation,
    Invitation,
    NotTheAddress,
    Renewal,
    SetupInvitation,
    SignInRefused,
)
from tests.contract.storage_harness import OFFICE
from tests.fakes.clock import FakeClock
from tests.fakes.identity import CODE
from tests.unit.accounts.enrolled import PREPARED, Enrolled

ADDRESS = AddressInvitation("https://sign.in/authorize", "memory")
SETUP = SetupInvitation(("run this",))
BACK = "http://localhost/?code=c&state=s"


@attrs.define
class FakeDoor:
    """Writes down what an admin sees, and does what they would."""

    said: list[str] = attrs.field(factory=list)
    shown: list[Invitation] = attrs.field(factory=list)
    waiting: asyncio.Event = attrs.field(factory=asyncio.Event)
    gate: asyncio.Event | None = None
    trouble: Exception | None = None
    patience: int = 1

    def show(self, invitation: Invitation) -> None:
        self.said.append("show")
        self.shown.append(invitation)

    def again(self, why: str) -> bool:
        self.said.append(f"again: {why}")
        return self.patience > 0

    async def address(self) -> str:
        self.patience -= 1
        self.said.append("address")
        await self._wait()
        return BACK

    async def done(self) -> None:
        self.said.append("done")
        await self._wait()

    def enrolled(self, renewal: Renewal) -> None:
        assert renewal.token == "secret-token-1"
        self.said.append("enrolled")

    async def _wait(self) -> None:
        self.waiting.set()
        if self.trouble is not None:
            raise self.trouble
        if self.gate is not None:
            await self.gate.wait()


@pytest.fixture
def enrolled(tmp_path: Path) -> Iterator[Enrolled]:
    made = Enrolled(tmp_path)
    yield made
    made.storage.close()


@pytest.fixture
def door() -> FakeDoor:
    return FakeDoor()


@pytest.fixture
async def journey(enrolled: Enrolled) -> Enrolment:
    await enrolled.prepare()
    return Enrolment(OFFICE, enrolled.grants, enrolled.identity, enrolled.clock)


async def as_it_was(enrolled: Enrolled) -> bool:
    kept = await enrolled.kept()
    return (kept.grant, kept.enrolment, kept.lost) == (PREPARED, 0, None)


async def test_a_code_is_shown_and_asked_for_at_the_services_pace(
    enrolled: Enrolled, journey: Enrolment, door: FakeDoor
) -> None:
    enrolled.identity.waits_for = 3
    await lead(journey, door, enrolled.clock)
    assert door.shown == [CODE]
    assert door.said == ["show", "enrolled"]
    assert enrolled.clock.slept == [CODE.interval] * 4  # RFC 8628: not before the first is over
    assert (await enrolled.kept()).enrolment == 1


async def test_a_code_is_asked_for_less_often_when_the_service_says_so(
    enrolled: Enrolled, journey: Enrolment, door: FakeDoor
) -> None:
    enrolled.identity.failures["redeem"].extend([Throttled("slow down", 0.0)] * 2)
    await lead(journey, door, enrolled.clock)
    assert enrolled.clock.slept == [5.0, 10.0, 15.0]


async def test_a_code_nobody_types_ends_in_its_time(
    enrolled: Enrolled, journey: Enrolment, door: FakeDoor
) -> None:
    enrolled.identity.waits_for = 10_000
    with pytest.raises(SignInRefused, match="in time"):
        await lead(journey, door, enrolled.clock)
    assert sum(enrolled.clock.slept) == CODE.lifetime
    assert door.said == ["show"]
    assert await as_it_was(enrolled)


async def test_an_address_is_brought_back_by_the_door(
    enrolled: Enrolled, journey: Enrolment, door: FakeDoor
) -> None:
    enrolled.identity.invitation = ADDRESS
    await lead(journey, door, enrolled.clock)
    assert door.said == ["show", "address", "enrolled"]
    assert enrolled.identity.redeemed == [(PREPARED, ADDRESS, BACK)]
    assert enrolled.clock.slept == []


async def test_a_setup_is_redeemed_once_the_admin_says_it_is_done(
    enrolled: Enrolled, journey: Enrolment, door: FakeDoor
) -> None:
    enrolled.identity.invitation = SETUP
    door.gate = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(lead(journey, door, enrolled.clock))
        await door.waiting.wait()
        assert enrolled.identity.redeemed == []
        door.gate.set()
    assert door.said == ["show", "done", "enrolled"]
    assert enrolled.clock.slept == []


async def test_a_setup_that_has_not_spread_yet_is_asked_for_again(
    enrolled: Enrolled, journey: Enrolment, door: FakeDoor
) -> None:
    enrolled.identity.invitation = SETUP
    enrolled.identity.waits_for = 2
    await lead(journey, door, enrolled.clock)
    assert enrolled.clock.slept == [Enrolment.PATIENCE_SECONDS] * 2


async def test_who_is_told_of_a_grant_can_rely_on_it(
    enrolled: Enrolled, journey: Enrolment, door: FakeDoor
) -> None:
    await enrolled.storage.refuse_writes()
    with pytest.raises(SpoolUnavailable):
        await lead(journey, door, enrolled.clock)
    assert "enrolled" not in door.said


@pytest.mark.parametrize("where", ["invite", "redeem"])
@pytest.mark.parametrize("invitation", [CODE, ADDRESS, SETUP])
async def test_a_refusal_is_told_and_leaves_the_account_as_it_was(
    enrolled: Enrolled, journey: Enrolment, door: FakeDoor, where: str, invitation: Invitation
) -> None:
    enrolled.identity.invitation = invitation
    enrolled.identity.failures[where].append(SignInRefused("no"))
    with pytest.raises(SignInRefused, match="no"):
        await lead(journey, door, enrolled.clock)
    assert "enrolled" not in door.said
    assert ("show" in door.said) is (where == "redeem")
    assert journey.state is EnrolmentState.ENDED
    assert await as_it_was(enrolled)


async def test_a_service_that_is_away_when_an_address_is_brought_ends_the_journey(
    enrolled: Enrolled, journey: Enrolment, door: FakeDoor
) -> None:
    enrolled.identity.invitation = ADDRESS
    enrolled.identity.failures["redeem"].append(Unreachable("away"))
    with pytest.raises(Unreachable):
        await lead(journey, door, enrolled.clock)
    assert journey.state is EnrolmentState.ENDED
    assert await as_it_was(enrolled)


@pytest.mark.parametrize("error", [Unreachable("away"), NotTheAddress("not that one")])
async def test_a_wrong_paste_or_an_outage_just_then_costs_no_sign_in(
    enrolled: Enrolled, journey: Enrolment, door: FakeDoor, error: Exception
) -> None:
    enrolled.identity.invitation = ADDRESS
    enrolled.identity.failures["redeem"].append(error)
    door.patience = 2
    await lead(journey, door, enrolled.clock)
    assert door.said.count("address") == 2
    assert f"again: {error}" in door.said
    assert journey.state is EnrolmentState.GRANTED


async def test_an_account_that_needs_no_enrolment_is_told(
    enrolled: Enrolled, door: FakeDoor
) -> None:
    journey = Enrolment(OFFICE, enrolled.grants, enrolled.identity, enrolled.clock)
    with pytest.raises(RegisterError):
        await lead(journey, door, enrolled.clock)
    assert door.said == []


async def test_a_door_that_closes_ends_the_journey(
    enrolled: Enrolled, journey: Enrolment, door: FakeDoor
) -> None:
    enrolled.identity.invitation = ADDRESS
    door.trouble = OwnerError("standard input has ended")
    with pytest.raises(OwnerError):
        await lead(journey, door, enrolled.clock)
    assert journey.state is EnrolmentState.ENDED
    assert await as_it_was(enrolled)


class EndlessClock(FakeClock):
    """A clock on which a wait never ends."""

    def __init__(self, waiting: asyncio.Event) -> None:
        super().__init__()
        self._waiting = waiting

    async def sleep(self, seconds: float) -> None:
        self._waiting.set()
        await super().sleep(seconds)
        await asyncio.Event().wait()


@pytest.mark.parametrize("invitation", [CODE, ADDRESS, SETUP])
async def test_a_journey_that_is_cancelled_while_somebody_is_waited_for_leaves_no_trace(
    enrolled: Enrolled, journey: Enrolment, door: FakeDoor, invitation: Invitation
) -> None:
    """Ctrl-C, at any time."""
    enrolled.identity.invitation = invitation
    door.gate = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        led = group.create_task(lead(journey, door, EndlessClock(door.waiting)))
        await door.waiting.wait()
        led.cancel()
    assert led.cancelled()
    assert door.said[0] == "show"
    assert "enrolled" not in door.said
    assert enrolled.identity.redeemed == []
    assert journey.state is EnrolmentState.ENDED
    assert await as_it_was(enrolled)
