"""The admin's journey from "no grant" to "granted", as one state machine that any door can drive.

    NEW --begin--> INVITED --ask or bring--> GRANTED
                      |  ^                      (saved, durably, before anybody is told)
                      |  `-- not yet, or the service was away: ask again
                      `---- refused, expired, given up --> ENDED

Until GRANTED nothing was stored, so a journey that is broken off anywhere leaves the account as it was.
"""

import enum
from typing import Final

import attrs

from bridge.accounts.grants import Grants
from bridge.clock import Clock
from bridge.errors import RegisterError
from bridge.names import AccountName
from providers.contract import Throttled, Unreachable
from providers.identity import (
    CodeInvitation,
    Grant,
    IdentityProvider,
    Invitation,
    NotTheAddress,
    Renewal,
    SignInRefused,
)


@attrs.frozen
class Change:
    """What an enrolment changes besides: the app's own credential, and the account's settings."""

    credential: Grant | None = attrs.field(default=None, repr=False)
    settings: dict[str, str] | None = None


NO_CHANGE: Final = Change()


class EnrolmentState(enum.Enum):
    """Where a journey is."""

    NEW = enum.auto()
    INVITED = enum.auto()
    GRANTED = enum.auto()
    ENDED = enum.auto()


class Enrolment:
    """One journey of one account."""

    PATIENCE_SECONDS: Final = 5.0
    """Between two questions where the service names no interval (RFC 8628 section 3.5)."""

    LONGEST_SECONDS: Final = 60.0
    """Between two questions, whatever is asked for: a code lives for a quarter of an hour."""

    def __init__(
        self,
        account: AccountName,
        grants: Grants,
        identity: IdentityProvider,
        clock: Clock,
        change: Change = NO_CHANGE,
    ) -> None:
        """Begin nothing yet; `change` is kept only together with the grant that it brings."""
        self._account = account
        self._change = change
        self._grants = grants
        self._identity = identity
        self._clock = clock
        self._invitation: Invitation | None = None
        self._ends: float | None = None
        self.interval = self.PATIENCE_SECONDS
        self.state = EnrolmentState.NEW

    async def begin(self) -> Invitation:
        """Return what the admin is to do.

        Raises:
            RegisterError: the account needs no enrolment.
            SignInRefused, Unreachable, Throttled: it cannot begin; a new journey may.
        """
        self._expect(EnrolmentState.NEW)
        kept = await self._grants.load(self._account)
        if kept is None:
            raise RegisterError(f"The account {self._account} needs no enrolment.")
        invitation = await self._identity.invite(self._change.credential or kept.grant)
        if isinstance(invitation, CodeInvitation):
            self.interval = invitation.interval
            self._ends = self._clock.monotonic() + invitation.lifetime
        self._invitation = invitation
        self.state = EnrolmentState.INVITED
        return invitation

    async def ask(self) -> Renewal | None:
        """Return what was granted, once it was saved; None where to ask again after `interval` seconds.

        Raises:
            SignInRefused: the journey has ended; the account is as it was.
            Unreachable, Throttled: only where nothing but a new try by hand helps.
        """
        self._expect(EnrolmentState.INVITED)
        if isinstance(self._invitation, CodeInvitation):
            return await self._ask_for_code()
        return await self._redeem("")

    async def bring(self, address: str) -> Renewal:
        """Return what was granted for the address where the admin's browser ended, once it was saved.

        Raises:
            NotTheAddress: that was not it; bring another.
            SignInRefused: the journey has ended; the account is as it was.
            Unreachable, Throttled: the service is away; bring the same address again.
        """
        self._expect(EnrolmentState.INVITED)
        renewal = await self._redeem(address)
        if renewal is None:
            raise AssertionError("only a code is waited for, and it is asked for with `ask`")
        return renewal

    def give_up(self) -> None:
        """End the journey; what the service may still grant is not taken."""
        if self.state is not EnrolmentState.GRANTED:
            self.state = EnrolmentState.ENDED

    # ---- private

    async def _ask_for_code(self) -> Renewal | None:
        if self._ends is not None and self._clock.monotonic() >= self._ends:
            self.state = EnrolmentState.ENDED
            raise SignInRefused(
                "nobody has signed in with the code in time; begin again. Where the page says that"
                " the sign-in is blocked, the tenant forbids device codes (many do): use a browser"
                " or an app instead"
            )
        try:
            return await self._redeem("")
        except Throttled as error:
            longer = self.interval + max(error.retry_after, self.PATIENCE_SECONDS)
            self.interval = min(longer, self.LONGEST_SECONDS)  # RFC 8628 section 3.5
        except Unreachable:
            pass  # the code outlives a short outage
        return None

    async def _redeem(self, answer: str) -> Renewal | None:
        kept = await self._grants.load(self._account)
        if kept is None or self._invitation is None:
            raise RegisterError(f"The account {self._account} was removed meanwhile.")
        try:
            grant = self._change.credential or kept.grant
            renewal = await self._identity.redeem(grant, self._invitation, answer)
        except NotTheAddress:
            raise  # the sign-in still waits for the right one
        except SignInRefused:
            self.state = EnrolmentState.ENDED
            raise
        if renewal is not None:
            await self._grants.enrol(
                self._account, renewal.grant, self._clock.now(), self._change.settings
            )
            self.state = EnrolmentState.GRANTED
        return renewal

    def _expect(self, state: EnrolmentState) -> None:
        if self.state is not state:
            raise AssertionError(f"an enrolment that is {self.state.name} cannot do this")
