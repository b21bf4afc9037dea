"""How an account comes by its grant and its access tokens: the other half of the provider contract.

A grant is everything secret that an account needs: the credential of the app itself, and what the
admin's consent gave. It is opaque to all but the provider that made it, and is kept sealed. An
access token is what a call carries; it lives for about an hour.

    prepare -> (grant without consent) -> invite -> an Invitation -> redeem -> Renewal (grant)
                                                                    renew  -> Renewal, for years
"""

from typing import NewType, Protocol, TypeAlias

import attrs

from providers.contract import HostAnswer, ProviderError

Grant = NewType("Grant", str)
"""A secret text; never logged, never shown."""


@attrs.frozen
class Renewal:
    """An access token, and the grant to keep from now on: save it before the token is used.

    `lifetime` is in seconds. `scopes` are those the service says it gave; empty where it does not.
    """

    token: str = attrs.field(repr=False)
    lifetime: float
    scopes: frozenset[str]
    grant: Grant = attrs.field(repr=False)


# ---- what the admin is invited to do; `memory` is the provider's own, needed to redeem


@attrs.frozen
class CodeInvitation:
    """Type `code` at `address` within `lifetime` seconds; ask each `interval` seconds whether it is done."""

    code: str = attrs.field(repr=False)
    address: str
    lifetime: float
    interval: float
    memory: str = attrs.field(repr=False)


@attrs.frozen
class AddressInvitation:
    """Open `address` in a browser, and bring back the address where the browser ends."""

    address: str = attrs.field(repr=False)
    memory: str = attrs.field(repr=False)


@attrs.frozen
class SetupInvitation:
    """Have `instructions` carried out by an administrator there; `certificate` (PEM) is what to upload.

    With neither, nothing is left to do but to redeem.
    """

    instructions: tuple[str, ...] = ()
    certificate: str = ""


Invitation: TypeAlias = CodeInvitation | AddressInvitation | SetupInvitation


class SignInRefused(ProviderError):
    """The sign-in ended without a grant; the text says why, and what to do."""


class NotTheAddress(SignInRefused):
    """What was brought back is not the address where this sign-in ended; another may still be."""


class TokenSource(Protocol):
    """Gives a mailbox its access tokens; one per account, whoever asks."""

    async def access_token(self) -> str:
        """Return a token that is valid for some minutes.

        Raises:
            Unreachable, Throttled: there is none, and none can be had now.
            GrantLost: as the contract says.
        """
        ...

    async def replace(self, refused: str, claims: str | None = None) -> str:
        """Return another token than `refused`, which the service did not take.

        `claims` is the challenge that came with the refusal, decoded (Microsoft: claims challenge).

        Raises:
            Unreachable, Throttled, GrantLost: as for access_token.
        """
        ...


class IdentityProvider(Protocol):
    """The sign-in service behind an account."""

    def prepare(self, secret: str) -> Grant:
        """Return the grant an account begins with; `secret` is what the admin handed over, or empty.

        Raises:
            ValueError: the secret is not of the form that is needed; the text says which is.
        """
        ...

    async def invite(self, grant: Grant) -> Invitation:
        """Begin an enrolment.

        Raises:
            SignInRefused, Unreachable, Throttled: it cannot begin.
        """
        ...

    async def redeem(
        self, grant: Grant, invitation: Invitation, answer: str = ""
    ) -> Renewal | None:
        """Return what the admin's consent gave, or None where it is still waited for.

        `answer` is the address that the admin brought back to an AddressInvitation.

        Raises:
            NotTheAddress: `answer` is none, or that of another sign-in; nothing was asked.
            SignInRefused: the enrolment has ended without a grant.
            Unreachable, Throttled: asking again with the same values may help.
        """
        ...

    async def renew(
        self, grant: Grant, *, force: bool = False, claims: str | None = None
    ) -> Renewal:
        """Return an access token: the one kept in the grant while it lives, unless `force`.

        Raises:
            GrantLost: the service no longer honours the grant; the text explains its reason.
            Unreachable, Throttled: as the contract says.
        """
        ...

    def missing(self, scopes: frozenset[str]) -> frozenset[str]:
        """Return the scopes that this account needs and that are not among those given."""
        ...

    def ends(self, grant: Grant) -> float | None:
        """Return when the app's own credential ends, in seconds since the epoch, where that is known."""
        ...

    async def reach(self) -> HostAnswer:
        """Return the sign-in host's answer to a request without credentials.

        Raises:
            Unreachable: it did not answer.
        """
        ...

    async def close(self) -> None:
        """Release what is held open; nothing else may be called afterwards."""
        ...
