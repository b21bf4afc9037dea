"""Entra on loopback: device codes, authorization codes, refreshes, and apps that sign in as themselves.

A test plays the person in the browser: `authorize` for the address that was printed, `approve` for the
code. What Entra takes in silence and a careful client does not do is kept in `violations`.
"""

import json
import re
from collections.abc import Collection, Iterable
from typing import Any, Literal
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import trustme

from bridge.clock import Clock
from tests.fakes.entra_refusals import EntraPage, EntraRefusal
from tests.fakes.entra_state import (
    CODE_SECONDS,
    GRAPH,
    AccessToken,
    Code,
    DeviceFlow,
    EntraClient,
    EntraUser,
    Given,
    new_user_code,
)
from tests.fakes.entra_tokens import NO_TENANT, client_info, client_of, grant, wanted
from tests.fakes.faults import Answer
from tests.fakes.google_signin_dated import Dated
from tests.fakes.service import Asked

__all__ = ["EntraClient", "EntraPage", "EntraUser", "FakeEntra"]

_PATH = re.compile(r"/([^/]+)/(v2\.0/\.well-known/openid-configuration|oauth2/v2\.0/\w+)")
_LOGIN = "/devicelogin"
_FIELDS = frozenset(
    {
        *("client_id", "client_secret", "client_assertion", "client_assertion_type"),
        *("grant_type", "scope", "claims", "client_info", "client-request-id"),
        *("code", "redirect_uri", "code_verifier", "refresh_token", "device_code"),
    }
)

_TOLD = {
    "error": frozenset(
        {"error", "error_description"}
    ),  # RFC 6749 section 5.2, as Entra keeps it
    "token": frozenset({"access_token", "token_type", "expires_in"}),  # section 5.1
    "devicecode": frozenset({"device_code", "user_code", "verification_uri", "expires_in"}),
}
"""What answers of the token service have at least."""

Form = dict[str, str]
Json = dict[str, Any]


class FakeEntra(Dated):
    """Entra with one tenant, one app and one person; add to `clients` and `users`.

    `resources` are the addresses that permissions may begin with, the first for those without one. Times are
    in seconds. `rotates` gives a new refresh token at each use, `spends_refresh` ends the old one then, which Entra
    does not do (entra/identity-platform/refresh-tokens). `refresh_in` tells when to renew early.
    Device codes are approved as they are given out where the admin `is_prompt`.
    `slow_downs` is how many of the next questions about a device code are answered by slow_down.
    `device_policy` is what the tenant thinks of device codes: "blocked" shows the person a page of refusal
    and leaves the device waiting, "refused" tells the device too. Permissions in `needs_admin` no person can
    consent to.
    """

    def __init__(self, ca: trustme.CA, clock: Clock | None = None) -> None:
        super().__init__(ca, clock)
        self.tenant_id = "5d471751-9675-428d-917b-70f44f9630b0"
        self.tenant_domain = "example.com"
        self.client_id = "0b3f9a52-6a0c-4c44-9b1c-5b0d6f6a2f11"
        self.clients = {self.client_id: EntraClient(self.client_id)}
        self.user = "printer@example.com"
        self.users = {self.user: EntraUser(self.user, "a8f1b7de-51c1-4a6e-9f0a-6a1c4d2e7b30")}
        self.resources = [GRAPH]
        self.lifetime = 4599
        self.cae_lifetime = 86399
        self.refresh_in: int | None = None
        self.rotates = True
        self.spends_refresh = False
        self.slow_downs = 0
        self.device_policy: Literal["allowed", "blocked", "refused"] = "allowed"
        self.device_lifetime = 900
        self.device_interval = 5
        self.is_prompt = False
        self.needs_admin: set[str] = set()
        self.given = Given()

    # ---- what a test says

    @property
    def client(self) -> EntraClient:
        return self.clients[self.client_id]

    @property
    def app_certificates(self) -> list[str]:
        """Return the certificates of the app, in PEM; append one to upload it."""
        return self.client.certificates

    def authorize(
        self,
        address: str,
        *,
        user: str | None = None,
        decline: bool = False,
        drop: Collection[str] = (),
    ) -> str:
        """Play the admin's browser: return the address it ends at after the consent page.

        `drop` are permissions that are not granted.

        Raises:
            EntraPage: it ends on a page of Entra's.
        """
        asked = dict(parse_qsl(urlsplit(address).query, keep_blank_values=True))
        audience, scopes, is_offline = self._check_page(address, asked)
        self._note_page(asked)
        back = {"state": asked.get("state", "")}
        if decline:
            said = "AADSTS65004: User declined to consent to access the app."
            told = {"error": "access_denied", "error_subcode": "cancel"}
            return _redirect(asked["redirect_uri"], {**told, "error_description": said, **back})
        who = user or self.user
        code = Code(
            asked["client_id"],
            who,
            audience,
            self._consented(scopes, drop),
            asked["redirect_uri"],
            asked.get("code_challenge", ""),
            asked.get("nonce", ""),
            self.now() + CODE_SECONDS,
            is_offline,
        )
        told = {"code": self.given.add_code(code), "client_info": client_info(self, who)}
        session = {"session_state": "007a8d1e-8f0e-4f0b-b0a5-2b9f3d3f6a9c"}
        return _redirect(asked["redirect_uri"], {**told, **back, **session})

    def approve(
        self, user_code: str, *, user: str | None = None, drop: Collection[str] = ()
    ) -> None:
        """Play the admin who types a device's code and agrees.

        Raises:
            EntraPage: the tenant forbids it.
            KeyError: there is no such code.
        """
        flow = self.given.device(user_code)
        if self.device_policy != "allowed":
            flow.state = "refused" if self.device_policy == "refused" else flow.state
            raise EntraPage(53003)
        flow.scopes = self._consented(flow.scopes, drop)
        flow.user, flow.state = user or self.user, "approved"

    def decline(self, user_code: str) -> None:
        """Play the admin who types a device's code and does not agree."""
        self.given.device(user_code).state = "declined"

    def expire_device(self, user_code: str) -> None:
        """Let a device's code end now."""
        self.given.device(user_code).ends = 0.0

    def kill_grants(
        self, code: int = 50173, *, suberror: str = "", user: str | None = None
    ) -> None:
        """End the consents so far, of a person or of all, with this AADSTS code, until `revive_grants`."""
        for token in self.given.refresh.values():
            if user in {None, token.consent.user}:
                token.consent.dead, token.consent.suberror = code, suberror

    def revive_grants(self) -> None:
        """Take `kill_grants` back: a policy was mended."""
        for token in self.given.refresh.values():
            token.consent.dead = None

    def revoke_access(self, token: str | None = None) -> None:
        """Revoke an access token, or all; resources hear of it only for clients that handle claims."""
        for text, one in self.given.access.items():
            one.is_revoked = one.is_revoked or token in {None, text}

    def expire_access(self, token: str | None = None) -> None:
        """End an access token, or all, now."""
        for text, one in self.given.access.items():
            one.ends = 0.0 if token in {None, text} else one.ends

    def bearer(
        self,
        *scopes: str,
        user: str | None = None,
        roles: Iterable[str] | None = None,
        is_cae: bool = False,
    ) -> str:
        """Return an access token as if somebody had signed in, the app itself where there are `roles`."""
        token = AccessToken(
            self.client_id,
            None if roles is not None else user or self.user,
            frozenset(scopes),
            frozenset(roles or ()),
            self.resources[-1],
            self.now() + self.lifetime,
            is_cae,
        )
        return self.given.add_access(token)

    def forms(self, grant_type: str = "") -> list[Form]:
        """Return the forms that the token service was sent, of one kind of grant or of all."""
        sent = [_form(one.body) for one in self.requests(r"^POST .*/token$")]
        return [one for one in sent if grant_type in one.get("grant_type", "")]

    # ---- what FakeGraph asks

    def access_of(self, bearer: str) -> AccessToken | None:
        """Return what a token allows; None for one that is unknown or has ended."""
        found = self.given.access.get(bearer)
        return None if found is None or self.now() >= found.ends else found

    # ---- serving

    def check_request(self, asked: Asked) -> list[str]:
        if asked.method == "GET":
            return []
        if asked.method != "POST" or not asked.path.endswith(("/token", "/devicecode")):
            return [f"Entra has no {asked.method} {asked.path}"]
        faults = ["the token service takes no query"] if asked.query else []
        kind = asked.headers.get("Content-Type", "").partition(";")[0].strip()
        if kind != "application/x-www-form-urlencoded":
            faults.append(f"the form is said to be {kind or 'nothing'}")
        unknown = sorted(_form(asked.body).keys() - _FIELDS)
        return faults + [f"Entra knows no field {name}" for name in unknown]

    def check_answer(self, asked: Asked, answer: Answer) -> list[str]:
        is_silent = answer == Answer() or answer.status >= 500
        if is_silent or asked.method != "POST" or not isinstance(answer.body, bytes):
            return []
        try:
            said = json.loads(answer.body)
        except ValueError:
            return ["the answer of the token service is not JSON"]
        needed = _TOLD["error" if answer.status >= 400 else asked.path.rpartition("/")[2]]
        return [f"the answer has no {name}" for name in sorted(needed - said.keys())]

    async def answer(self, asked: Asked) -> Answer:
        if asked.path == _LOGIN:
            return self._login_page(asked)
        found = _PATH.fullmatch(asked.path)
        if found is None:
            return Answer(404)
        tenant, what = found[1], found[2].rpartition("/")[2]
        try:
            return self._answer(tenant, what, asked)
        except EntraRefusal as refused:
            return refused.answer(self.now())
        except EntraPage as page:  # for people
            return _page(f"Sorry, but we are having trouble signing you in. {page}", 400)

    def _answer(self, tenant: str, what: str, asked: Asked) -> Answer:
        if (asked.method, what) == ("GET", "authorize"):
            ends = self.authorize(f"{self.url}{asked.raw_path}")
            return Answer(302, headers={"Location": ends})
        if not self._has_tenant(tenant):
            raise EntraRefusal(90002, tenant)
        match asked.method, what:
            case "GET", "openid-configuration":
                return Answer.of_json(self._metadata(tenant))
            case "POST", "devicecode":
                return Answer.of_json(self._begin_device(_form(asked.body)))
            case "POST", "token":
                tokens = grant(self, tenant, _form(asked.body))
                return Answer.of_json(tokens, Cache_Control="no-store, no-cache")
            case _:
                return Answer(404)

    # ---- private

    def _has_tenant(self, name: str) -> bool:
        return name in {self.tenant_id, self.tenant_domain, *NO_TENANT}

    def _metadata(self, tenant: str) -> Json:
        base = f"{self.url}/{tenant}/oauth2/v2.0"
        issuer = "{tenantid}" if tenant in NO_TENANT else self.tenant_id
        return {
            "issuer": f"{self.url}/{issuer}/v2.0",
            "authorization_endpoint": f"{base}/authorize",
            "token_endpoint": f"{base}/token",
            "device_authorization_endpoint": f"{base}/devicecode",
            "jwks_uri": f"{self.url}/{tenant}/discovery/v2.0/keys",
            "response_types_supported": ["code"],
            "tenant_region_scope": "EU",
            "cloud_instance_name": "microsoftonline.com",
        }

    def _begin_device(self, form: Form) -> Json:
        client = client_of(self, form)
        audience, scopes, is_offline = wanted(self, form.get("scope", ""))
        ends = self.now() + self.device_lifetime
        flow = DeviceFlow(new_user_code(), client.client_id, audience, scopes, ends, is_offline)
        address = f"{self.url}{_LOGIN}"
        device_code = self.given.add_device(flow)
        if self.is_prompt:
            self.approve(flow.user_code)
        return {
            "user_code": flow.user_code,
            "device_code": device_code,
            "verification_uri": address,
            "expires_in": self.device_lifetime,
            "interval": self.device_interval,
            "message": f"To sign in, use a web browser to open the page {address} and enter the"
            f" code {flow.user_code} to authenticate.",
        }

    def _check_page(self, address: str, asked: Form) -> tuple[str, frozenset[str], bool]:
        """Refuse what Entra's page refuses; return what is asked for."""
        parts = urlsplit(address)
        found = _PATH.fullmatch(parts.path)
        if f"{parts.scheme}://{parts.netloc}" != self.url or found is None:
            raise EntraPage(90014)
        if not self._has_tenant(found[1]):
            raise EntraPage(90002)
        client = self.clients.get(asked.get("client_id", ""))
        if client is None:
            raise EntraPage(700016)
        if asked.get("redirect_uri") not in client.public_redirects | client.web_redirects:
            raise EntraPage(50011)
        if asked.get("response_type") != "code":
            raise EntraPage(700054)
        try:
            return wanted(self, asked.get("scope", ""))
        except EntraRefusal as refused:
            raise EntraPage(refused.code) from refused

    def _note_page(self, asked: Form) -> None:
        """Keep what Entra would take, and what leaves the bridge without a lasting or safe consent."""
        faults = []
        if asked.get("code_challenge_method") != "S256":
            faults.append("code_challenge_method is not S256")
        if not re.fullmatch(r"[A-Za-z0-9_-]{43}", asked.get("code_challenge", "")):
            faults.append("no code challenge (RFC 7636 section 4.2)")
        if len(asked.get("state", "")) < 16:
            faults.append("no state that cannot be guessed")
        if "offline_access" not in asked.get("scope", "").split():
            faults.append("a consent that does not last: no offline_access")
        if "client_secret" in asked:
            faults.append("the app's secret in an address")
        self.violations += [f"{type(self).__name__}: authorize: {one}" for one in faults]

    def _consented(self, scopes: frozenset[str], drop: Collection[str]) -> frozenset[str]:
        if scopes & self.needs_admin:
            raise EntraPage(90094)
        return scopes - frozenset(drop)

    def _login_page(self, asked: Asked) -> Answer:
        """Show the page where a person types a device's code, and take it."""
        code = asked.query.get("code")
        if code is None:
            form = "<form>Code: <input name=code autofocus><button>Next</button></form>"
            return _page(f"Enter the code to allow access. {form}")
        try:
            self.approve(code)
        except KeyError:
            return _page("That code didn't work. Check the code and try again.", 400)
        except EntraPage as page:
            return _page(f"You cannot access this right now. {page}", 400)
        return _page("You have signed in. You may now close this window.")


def _form(body: bytes) -> Form:
    return dict(parse_qsl(body.decode(), keep_blank_values=True))


def _redirect(address: str, told: Form) -> str:
    """Return where the browser ends: an address without a path gets one."""
    bare = address if urlsplit(address).path else f"{address}/"
    return f"{bare}?{urlencode(told, quote_via=quote)}"


def _page(text: str, status: int = 200) -> Answer:
    body = f"<!DOCTYPE html><html><body>{text}</body></html>".encode()
    return Answer(status, body, {"Content-Type": "text/html; charset=utf-8"})
