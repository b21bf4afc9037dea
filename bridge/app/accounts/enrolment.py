"""Leads an admin through an enrolment, whatever door they stand at."""

from typing import Protocol

from bridge.accounts.enrolment import Enrolment
from bridge.clock import Clock
from providers.contract import Throttled, Unreachable
from providers.identity import (
    AddressInvitation,
    CodeInvitation,
    Invitation,
    NotTheAddress,
    Renewal,
)


class EnrolmentDoor(Protocol):
    """Where the admin is: shows what is to be done, and brings back what they did."""

    def show(self, invitation: Invitation) -> None:
        """Show what the admin is invited to do."""
        ...

    async def address(self) -> str:
        """Return the address where the admin's browser ended; called after an AddressInvitation."""
        ...

    def again(self, why: str) -> bool:
        """Say why that address did not do, and return whether to ask for one again."""
        ...

    async def done(self) -> None:
        """Return once the admin has followed a SetupInvitation."""
        ...

    def enrolled(self, renewal: Renewal) -> None:
        """Tell the admin that it went well; the grant is saved."""
        ...


async def lead(journey: Enrolment, door: EnrolmentDoor, clock: Clock) -> None:
    """Go the whole way; cancelled anywhere, the account is as it was.

    Raises:
        SignInRefused, Unreachable, Throttled: it ended without a grant.
        RegisterError: the account needs no enrolment, or was removed meanwhile.
    """
    try:
        invitation = await journey.begin()
        door.show(invitation)
        door.enrolled(await _granted(journey, invitation, door, clock))
    finally:
        journey.give_up()


async def _granted(
    journey: Enrolment, invitation: Invitation, door: EnrolmentDoor, clock: Clock
) -> Renewal:
    match invitation:
        case AddressInvitation():
            return await _brought(journey, door)
        case CodeInvitation():
            await clock.sleep(journey.interval)
        case _:
            await door.done()
    while (renewal := await journey.ask()) is None:
        await clock.sleep(journey.interval)
    return renewal


async def _brought(journey: Enrolment, door: EnrolmentDoor) -> Renewal:
    """Return what an address brings: a wrong paste, or an outage just then, costs no sign-in."""
    while True:
        try:
            return await journey.bring(await door.address())
        except (NotTheAddress, Unreachable, Throttled) as error:
            if not door.again(str(error)):
                raise
