"""Signs an account in at Google: a person's consent with a Desktop client, or a service account.

Device codes do not do: Google refuses them for every scope of Gmail. The browser ends on an address of
the admin's own machine where nothing listens, and the admin brings it here.
"""

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

import attrs

from providers.blocking import Blocking
from providers.contract import GrantLost, HostAnswer, Throttled, Unreachable
from providers.google.credential import (
    AUTH_URL,
    TOKEN_URL,
    GoogleGrant,
    read_client,
    read_service_account,
)
from providers.google.failures import LOST, PASSING, explain, explain_code, sign_in_error
from providers.google.settings import SCOPES, Settings, read_settings
from providers.google.tokens import Minted, mint
from providers.identity import (
    AddressInvitation,
    Grant,
    IdentityProvider,
    Invitation,
    Renewal,
    SetupInvitation,
    SignInRefused,
)
from providers.pasted import returned_to
from providers.pauses import http_date, retry_after
from providers.transport import SIGN_IN, HttpAnswer, HttpClient, Patience

REDIRECT = "http://127.0.0.1:8586/"
"""Where the browser ends: nothing listens there. Desktop clients may name any port of loopback."""

FRESH_SECONDS = 600.0
"""A kept token with less left is renewed; Google's live for an hour."""

_FORM = {"Content-Type": "application/x-www-form-urlencoded"}

_WIDER = {
    SCOPES["read"]: (SCOPES["change"], SCOPES["purge"]),
    SCOPES["change"]: (SCOPES["purge"],),
}


class GoogleIdentity:
    """The sign-in of one account."""

    def __init__(
        self,
        settings: Settings,
        now: Callable[[], float],
        patience: Patience | None = None,
    ) -> None:
        """Sign in as `settings` say; nothing is contacted yet. `now` is in seconds since the epoch."""
        self._settings = settings
        self._now = now
        self._http = HttpClient(ca=settings.ca, connections=2, patience=patience or SIGN_IN)
        self._blocking = Blocking(self._http)

    @property
    def _acts_for(self) -> bool:
        return self._settings.auth == "service-account"

    def prepare(self, secret: str) -> Grant:
        """Return the client, or the service account, that the file holds.

        Raises:
            ValueError: it is another file.
        """
        read = read_service_account if self._acts_for else read_client
        return GoogleGrant(credential=read(secret)).pack()

    async def invite(self, grant: Grant) -> Invitation:
        """Begin a consent (RFC 6749 section 4.1.1, RFC 7636), or tell how to delegate."""
        kept = GoogleGrant.unpack(grant)
        if self._acts_for:
            return SetupInvitation(
                (
                    "As a super administrator, in the Google Admin console: Security, Access and data",
                    "control, API controls, Manage domain-wide delegation, Add new:",
                    f"     Client ID: {kept.client_id}",
                    f"     OAuth scopes: {self._settings.scope}",
                    "It takes some minutes to arrive.",
                )
            )
        state, verifier = secrets.token_urlsafe(24), secrets.token_urlsafe(48)
        digest = hashlib.sha256(verifier.encode()).digest()
        query = {
            "client_id": kept.client_id,
            "redirect_uri": REDIRECT,
            "response_type": "code",
            "scope": self._settings.scope,
            "access_type": "offline",
            "prompt": "consent",
            "state": state,
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        page = kept.credential.get("auth_uri") or AUTH_URL
        memory = json.dumps({"state": state, "verifier": verifier})
        return AddressInvitation(f"{page}?{urlencode(query)}", memory)

    async def redeem(
        self, grant: Grant, invitation: Invitation, answer: str = ""
    ) -> Renewal | None:
        """Return what the consent gave.

        Raises:
            SignInRefused, Unreachable, Throttled: as the contract says.
        """
        kept = GoogleGrant.unpack(grant)
        if not isinstance(invitation, AddressInvitation):
            minted = await self._mint(kept)
            if minted.error:
                raise SignInRefused(explain(minted.error))
            return self._renewed(kept, minted)
        memory = json.loads(invitation.memory)
        returned = returned_to(REDIRECT, answer, memory["state"])
        if "code" not in returned:
            raise SignInRefused(explain(sign_in_error(returned)))
        value = await self._exchange(kept, returned["code"], memory["verifier"])
        return self._granted(kept, value)

    async def _exchange(self, kept: GoogleGrant, code: str, verifier: str) -> Mapping[str, Any]:
        """Return the tokens for a code (RFC 6749 section 4.1.3)."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "client_id": kept.client_id,
            "client_secret": kept.credential["client_secret"],
            "redirect_uri": REDIRECT,
            "code_verifier": verifier,
        }
        body = urlencode(form).encode()
        answer = await self._http.ask("POST", self._token_url(kept), headers=_FORM, body=body)
        self._check(answer)
        value: dict[str, Any] = answer.json()
        if answer.is_success and "access_token" in value:
            return value
        raise SignInRefused(explain_code(sign_in_error(value)))

    async def renew(
        self, grant: Grant, *, force: bool = False, claims: str | None = None
    ) -> Renewal:
        """Return the kept access token while it lives, else a new one; Google makes no claims challenges.

        Raises:
            GrantLost, Unreachable, Throttled: as the contract says.
        """
        del claims
        kept = GoogleGrant.unpack(grant)
        left = kept.expires_at - self._now()
        if kept.token and left > FRESH_SECONDS and not force:
            return Renewal(kept.token, left, frozenset(kept.scopes), grant)
        if not self._acts_for and not kept.refresh_token:
            raise GrantLost("nobody has consented yet; enrol the account")
        minted = await self._mint(kept)
        if minted.error:
            if minted.error in LOST:
                raise GrantLost(explain(minted.error))
            raise Unreachable(f"Google gave no token: {explain(minted.error)}")
        return self._renewed(kept, minted)

    def missing(self, scopes: frozenset[str]) -> frozenset[str]:
        """Return the scope that is needed and was not given; a broader one is as good."""
        needed = self._settings.scope
        if not scopes or scopes & {needed, *_WIDER.get(needed, ())}:
            return frozenset()
        return frozenset({needed})

    def ends(self, grant: Grant) -> float | None:
        """Return None: neither clients nor keys of service accounts end by themselves."""
        del grant
        return None

    async def reach(self) -> HostAnswer:
        """Return the token host's answer to a form that asks for nothing; a GET has none there."""
        url = self._settings.token_url or TOKEN_URL
        host = urlsplit(url).hostname or url
        answer = await self._http.ask("POST", url, headers=_FORM, body=b"")
        if answer.is_page:
            raise _not_sensible(answer)
        served = http_date(answer.headers.get("Date", ""))
        return HostAnswer(host, None if served is None else served - self._now())

    async def close(self) -> None:
        """Close the connections, and end the library's thread."""
        await self._http.close()
        self._blocking.close()

    # ---- private

    async def _mint(self, kept: GoogleGrant) -> Minted:
        url, settings = self._token_url(kept), self._settings
        return await self._blocking.run(
            lambda line: mint(kept, url, settings.scope, settings.subject, line, self._check)
        )

    def _token_url(self, kept: GoogleGrant) -> str:
        """Return where tokens are given; what the admin named goes before what the file names."""
        return self._settings.token_url or kept.credential.get("token_uri") or TOKEN_URL

    def _check(self, answer: HttpAnswer) -> None:
        """Accept what may be Google's word; an outage is none."""
        wait = retry_after(answer.headers, self._now())
        if answer.status == 429 or (answer.status == 503 and wait is not None):  # noqa: PLR2004 - RFC 6585, RFC 9110
            raise Throttled("Google's sign-in asks for a pause", wait or 0.0)
        is_down = answer.is_page or answer.status == 408 or answer.status >= 500  # noqa: PLR2004 - RFC 9110 sections 15.5.9, 15.6
        value = None if is_down else answer.json()
        if not isinstance(value, dict) or sign_in_error(value) in PASSING:
            raise _not_sensible(answer)

    def _granted(self, kept: GoogleGrant, value: Mapping[str, Any]) -> Renewal:
        """Return a first token, once all that is needed was granted."""
        scopes = tuple(str(value.get("scope", "")).split())
        if missing := self.missing(frozenset(scopes or ("none",))):
            raise SignInRefused(
                f"the box for Gmail was left unticked on the consent page ({', '.join(missing)});"
                " sign in again and tick it; nothing was kept"
            )
        refresh = value.get("refresh_token")
        if not isinstance(refresh, str) or not refresh:
            raise SignInRefused("Google gave no lasting grant (refresh token); sign in again")
        lifetime = value.get("expires_in")
        minted = Minted(
            str(value["access_token"]),
            float(lifetime) if isinstance(lifetime, int | float) else 0.0,
            scopes,
        )
        return self._renewed(attrs.evolve(kept, refresh_token=refresh), minted)

    def _renewed(self, kept: GoogleGrant, minted: Minted) -> Renewal:
        after = attrs.evolve(
            kept,
            token=minted.token,
            expires_at=self._now() + minted.lifetime,
            scopes=minted.scopes or kept.scopes,
            refresh_token=minted.refresh_token or kept.refresh_token,
        )
        return Renewal(minted.token, minted.lifetime, frozenset(after.scopes), after.pack())


def _not_sensible(answer: HttpAnswer) -> Unreachable:
    return Unreachable(f"Google's sign-in did not answer sensibly (status {answer.status})")


def open_identity(settings: Mapping[str, str]) -> GoogleIdentity:
    """Return the sign-in that an account's settings name.

    Raises:
        ValueError: they do not go together.
    """
    return GoogleIdentity(read_settings(settings), time.time)  # noqa: TID251 - providers may not import bridge.clock


if TYPE_CHECKING:
    _identity: type[IdentityProvider] = GoogleIdentity
