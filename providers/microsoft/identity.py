"""Signs an account in at Entra, through MSAL: by device code, by browser, or as the app itself.

MSAL is made anew for each call. It remembers refusals and outages for a minute in memory, and would
answer from there what may long be mended; what is worth keeping, its token cache, is in the grant.
"""

import json
import logging
import time
import warnings
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from datetime import time as dawn
from typing import TYPE_CHECKING, Any

import attrs
import msal

from providers.blocking import Blocking, Line
from providers.contract import GrantLost, HostAnswer, ProviderError, Throttled, Unreachable
from providers.identity import (
    AddressInvitation,
    CodeInvitation,
    Grant,
    IdentityProvider,
    Invitation,
    Renewal,
    SetupInvitation,
    SignInRefused,
)
from providers.microsoft import refusals
from providers.microsoft.certificate import end_of, make_key_pair
from providers.microsoft.clouds import Settings, read_settings
from providers.microsoft.confinement import instructions
from providers.microsoft.grant import GraphGrant
from providers.microsoft.msalhttp import MsalHttp
from providers.pasted import returned_to
from providers.transport import SIGN_IN, HttpClient, Patience

REDIRECT = "http://localhost"
"""Where the browser ends: nothing listens there, the admin brings the address back."""

FRESH_SECONDS = 600.0
"""A kept token with less left is renewed: MSAL itself takes one with five minutes for expired."""

LONGEST_SECONDS = 28 * 3600.0
"""No access token lives longer (learn.microsoft.com/entra/identity-platform/access-tokens)."""

CAPABILITIES = ["CP1"]
"""Claims challenges are handled, so tokens live for up to 28 hours and outlast an outage of Entra
(learn.microsoft.com/entra/identity-platform/claims-challenge)."""

CONFIDENTIAL = "client_credential"

logging.getLogger("msal").setLevel(
    logging.CRITICAL
)  # it spells answers and codes; we tell failures


class EntraIdentity:
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

    def prepare(self, secret: str) -> Grant:
        """Return the app's own credential: its secret, or a new key pair, or nothing.

        Raises:
            ValueError: a secret was given where none is used.
        """
        secret = secret.strip()
        if secret and self._settings.auth == "device":
            raise ValueError("a device code needs no client secret; leave it out")
        if self._settings.auth == "app" and not secret:
            pair = make_key_pair("popbridge", self._now())
            return GraphGrant(key=pair.key, certificate=pair.certificate).pack()
        return GraphGrant(secret=secret).pack()

    async def invite(self, grant: Grant) -> Invitation:
        """Begin a sign-in.

        Raises:
            SignInRefused, Unreachable, Throttled: as the contract says.
        """
        kept = GraphGrant.unpack(grant)
        match self._settings.auth:
            case "device":
                flow = await self._run(
                    lambda line: self._app(kept, line).initiate_device_flow(self._scopes)
                )
                return _code_invitation(flow)
            case "browser":
                flow = await self._run(lambda line: self._begin_in_browser(kept, line))
                return AddressInvitation(str(flow["auth_uri"]), json.dumps(flow))
            case _:
                return SetupInvitation(
                    instructions(self._settings, has_certificate=bool(kept.certificate)),
                    kept.certificate,
                )

    async def redeem(
        self, grant: Grant, invitation: Invitation, answer: str = ""
    ) -> Renewal | None:
        """Return what the sign-in gave, or None where nobody has signed in yet.

        Raises:
            SignInRefused, Unreachable, Throttled: as the contract says.
        """
        kept = GraphGrant.unpack(grant).without_tokens()
        cache = msal.SerializableTokenCache()
        if isinstance(invitation, SetupInvitation):
            result = await self._run(lambda line: self._for_app(kept, line, None))
        else:
            flow = json.loads(invitation.memory)
            exchange = self._exchange(flow, invitation, answer)
            result = await self._run(lambda line: exchange(self._app(kept, line, cache)))
        if result.get("error") == refusals.PENDING:
            return None
        if result.get("error") == refusals.SLOW_DOWN:
            raise Throttled("Entra asks to be asked less often", refusals.SLOW_DOWN_SECONDS)
        if "access_token" not in result:
            raise SignInRefused(refusals.explain(result), request_id=refusals.trace_of(result))
        return self._granted(kept, cache, result)

    def _begin_in_browser(self, kept: GraphGrant, line: Line) -> dict[str, Any]:
        with warnings.catch_warnings():
            # MSAL would have the answer posted to a server; here it is the admin who carries it.
            warnings.simplefilter("ignore", UserWarning)
            flow = self._app(kept, line).initiate_auth_code_flow(
                self._scopes, redirect_uri=REDIRECT, prompt="select_account"
            )
        return dict(flow)

    def _exchange(
        self,
        flow: dict[str, Any],
        invitation: CodeInvitation | AddressInvitation,
        answer: str,
    ) -> Callable[[Any], dict[str, Any]]:
        """Return what asks MSAL for the tokens of a consent."""
        if isinstance(invitation, CodeInvitation):
            # True at once: one question, so that the waiting is ours and can be cancelled.
            return lambda app: dict(
                app.acquire_token_by_device_flow(flow, exit_condition=lambda _flow: True)
            )
        returned = returned_to(REDIRECT, answer, str(flow.get("state", "")))
        return lambda app: dict(app.acquire_token_by_auth_code_flow(flow, returned))

    async def renew(
        self, grant: Grant, *, force: bool = False, claims: str | None = None
    ) -> Renewal:
        """Return the kept access token while it lives, else a new one.

        Raises:
            GrantLost, Unreachable, Throttled: as the contract says.
        """
        kept = GraphGrant.unpack(grant)
        left = kept.expires_at - self._now()
        if kept.token and left > FRESH_SECONDS and not force and claims is None:
            return Renewal(kept.token, left, frozenset(kept.scopes), grant)
        cache = msal.SerializableTokenCache()
        try:
            result = await self._run(lambda line: self._silent(kept, cache, line, claims))
        except (
            SignInRefused
        ) as error:  # not the token service's word: it may be another tomorrow
            raise Unreachable(str(error), request_id=error.request_id) from error
        if "access_token" in result:
            return self._renewed(kept, cache, result)
        why, trace = refusals.explain(result), refusals.trace_of(result)
        if refusals.is_final(result):
            raise GrantLost(why, request_id=trace)
        raise Unreachable(f"Entra gave no token: {why}", request_id=trace)

    def missing(self, scopes: frozenset[str]) -> frozenset[str]:
        """Return the permissions that are needed and were not given; an app's token names none.

        An app that is confined by Exchange's own roles has no Graph role in its token, and rightly.
        """
        if self._settings.auth == "app" or not scopes:
            return frozenset()
        given = {scope.rpartition("/")[2].lower() for scope in scopes}
        needed = self._permission
        wider = {needed.lower(), needed.removesuffix(".Shared").lower() + ".shared"}
        if needed == "Mail.Read":
            wider |= {"mail.readwrite", "mail.readwrite.shared"}
        return frozenset() if given & wider else frozenset({needed})

    def ends(self, grant: Grant) -> float | None:
        """Return when the certificate, or the secret as far as the admin said, ends."""
        kept = GraphGrant.unpack(grant)
        if kept.certificate:
            return end_of(kept.certificate)
        if kept.secret and self._settings.secret_ends:
            day = date.fromisoformat(self._settings.secret_ends)
            return datetime.combine(day, dawn(), UTC).timestamp()
        return None

    async def reach(self) -> HostAnswer:
        """Return the answer of Entra's description of the tenant, which needs no token."""
        return await self._http.reach(
            f"{self._authority}/v2.0/.well-known/openid-configuration"
        )

    async def close(self) -> None:
        """Close the connections, and end the library's thread."""
        await self._http.close()
        self._blocking.close()

    # ---- private

    @property
    def _authority(self) -> str:
        return f"{self._settings.authority}/{self._settings.tenant}"

    @property
    def _permission(self) -> str:
        """Return the one permission that the account needs (learn.microsoft.com/graph/permissions-reference)."""
        narrow = "Mail.Read" if self._settings.access == "read" else "Mail.ReadWrite"
        return f"{narrow}.Shared" if self._settings.mailbox else narrow

    @property
    def _scopes(self) -> list[str]:
        if self._settings.auth == "app":
            return [f"{self._settings.graph_url}/.default"]
        return [f"{self._settings.graph_url}/{self._permission}"]

    async def _run(self, work: Callable[[Line], dict[str, Any]]) -> dict[str, Any]:
        """Run MSAL in a thread, and tell its failures in the contract's errors."""
        try:
            return await self._blocking.run(work)
        except ProviderError:
            raise
        except ValueError as error:
            raise _told(error, self._settings) from error
        except (RuntimeError, TypeError, AttributeError, KeyError, OverflowError) as error:
            # MSAL trusts its answers, and its own errors are RuntimeErrors too.
            raise Unreachable(
                f"Entra did not answer sensibly ({type(error).__name__})"
            ) from error

    def _app(self, kept: GraphGrant, line: Line, cache: msal.TokenCache | None = None) -> Any:  # noqa: ANN401 - msal has no types
        common = {
            "authority": self._authority,
            "instance_discovery": False,  # the authority is the owner's word
            "http_client": MsalHttp(line, self._now),
            "token_cache": cache,
            "client_capabilities": CAPABILITIES,
        }
        credential = _credential(kept)
        if credential is None:
            return msal.PublicClientApplication(self._settings.client_id, **common)
        return msal.ConfidentialClientApplication(
            self._settings.client_id, **{CONFIDENTIAL: credential}, **common
        )

    def _for_app(self, kept: GraphGrant, line: Line, claims: str | None) -> dict[str, Any]:
        app = self._app(kept, line, msal.TokenCache())
        result = app.acquire_token_for_client(self._scopes, claims_challenge=claims)
        return dict(result)

    def _silent(
        self,
        kept: GraphGrant,
        cache: msal.SerializableTokenCache,
        line: Line,
        claims: str | None,
    ) -> dict[str, Any]:
        if self._settings.auth == "app":
            return self._for_app(kept, line, claims)
        cache.deserialize(kept.cache)
        app = self._app(kept, line, cache)
        accounts = app.get_accounts()
        if not accounts:
            return {"error": "invalid_grant"}
        result = app.acquire_token_silent_with_error(
            self._scopes, accounts[0], force_refresh=True, claims_challenge=claims
        )
        return dict(result or {"error": "invalid_grant"})

    def _granted(
        self, kept: GraphGrant, cache: msal.SerializableTokenCache, result: Mapping[str, Any]
    ) -> Renewal:
        """Return a first token, once all that is needed was granted."""
        renewal = self._renewed(kept, cache, result)
        if missing := self.missing(renewal.scopes):
            raise SignInRefused(
                f"the permission {', '.join(missing)} was not granted; add it to the app in Entra,"
                " API permissions, Microsoft Graph, Delegated, and sign in again"
            )
        if self._settings.auth != "app" and not json.loads(cache.serialize()).get(
            "RefreshToken"
        ):
            raise SignInRefused("Entra gave no lasting grant (offline_access); sign in again")
        return renewal

    def _renewed(
        self, kept: GraphGrant, cache: msal.SerializableTokenCache, result: Mapping[str, Any]
    ) -> Renewal:
        token, lifetime = result["access_token"], result.get("expires_in", 0)
        if not isinstance(token, str) or not isinstance(lifetime, int | float):
            raise Unreachable("Entra's answer holds no access token")
        lifetime = min(float(lifetime), LONGEST_SECONDS)
        scopes = tuple(str(result.get("scope", "")).split())
        after = attrs.evolve(
            kept,
            cache="" if self._settings.auth == "app" else cache.serialize(),
            token=token,
            expires_at=self._now() + lifetime,
            scopes=scopes,
        )
        return Renewal(token, lifetime, frozenset(scopes), after.pack())


def open_identity(settings: Mapping[str, str]) -> EntraIdentity:
    """Return the sign-in that an account's settings name.

    Raises:
        ValueError: they do not go together.
    """
    return EntraIdentity(read_settings(settings), time.time)  # noqa: TID251 - providers may not import bridge.clock


def _credential(kept: GraphGrant) -> str | dict[str, str] | None:
    if kept.key:
        return {"private_key": kept.key, "public_certificate": kept.certificate}
    return kept.secret or None


def _code_invitation(flow: Mapping[str, Any]) -> CodeInvitation:
    if "user_code" not in flow:
        raise SignInRefused(refusals.explain(flow), request_id=refusals.trace_of(flow))
    return CodeInvitation(
        str(flow["user_code"]),
        str(flow["verification_uri"]),
        float(flow.get("expires_in", 900)),
        float(flow.get("interval", 5)),
        json.dumps(dict(flow)),
    )


def _told(error: ValueError, settings: Settings) -> ProviderError:
    """Return what MSAL means by a ValueError, which it raises for much."""
    if "OIDC Discovery" in str(error) or "authority" in str(error).lower():
        return SignInRefused(
            f"Entra knows no tenant {settings.tenant}; check --tenant, --cloud and --authority"
        )
    return SignInRefused(f"the sign-in cannot be used ({type(error).__name__}); begin again")


if TYPE_CHECKING:
    _identity: type[IdentityProvider] = EntraIdentity
