"""Google's sign-in on loopback: consents by a browser a test plays, and tokens for them.

A mistake that Google answers with a page for people is a `SignInPage`; what Google takes in silence
and a careful client does not do is kept in `violations`.
"""

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Collection, Iterable
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import trustme

from bridge.clock import Clock
from tests.canary import CANARY
from tests.fakes.faults import Answer
from tests.fakes.gmail_discovery import known_scopes
from tests.fakes.google_signin_dated import Dated
from tests.fakes.google_signin_grants import (
    CODE_SECONDS,
    TESTING_SECONDS,
    Code,
    Consent,
    Grants,
    new_code_text,
)
from tests.fakes.google_signin_keys import (
    AUDIENCE,
    AssertionRefused,
    ServiceAccount,
    check,
    new_account,
)
from tests.fakes.service import Asked

AUTH_PATH = "/o/oauth2/v2/auth"
TOKEN_PATH = "/token"
MODIFY = "https://www.googleapis.com/auth/gmail.modify"
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"

IDENTITY_SCOPES = frozenset(
    {"openid", "email", "profile", "https://www.googleapis.com/auth/userinfo.email"}
)

_REDIRECT = re.compile(r"http://(?:127\.0\.0\.1|\[::1\]|localhost)(?::\d+)?(?:/.*)?")

Form = dict[str, str]


class SignInPage(Exception):
    """The browser ends on Google's own page with an error, and never comes back; the text is its code."""


class Refused(Exception):
    """The token service answers with an error."""

    def __init__(self, status: int, error: str, description: str, **more: str) -> None:
        super().__init__(error)
        self.status = status
        self.body = {"error": error, "error_description": description, **more}


class FakeGoogleSignin(Dated):
    """Google's sign-in with one client and one user; `users` are all people of its Workspace domain.

    `expires_in` is the life of access tokens in seconds; a project `in_testing` ends consents after seven
    days, which its answers say; `client_error` ("deleted_client", "invalid_client") is what became of the
    client.
    """

    def __init__(self, ca: trustme.CA, clock: Clock | None = None) -> None:
        super().__init__(ca, clock)
        self.user = "printer@example.com"
        self.users = {self.user}
        self.client_id = "481516234200-printing.apps.googleusercontent.com"
        self.client_secret = f"GOCSPX-{CANARY}{secrets.token_urlsafe(21)}"
        self.client_error: str | None = None
        self.expires_in = 3599
        self.in_testing = False
        self.accounts: dict[str, ServiceAccount] = {}
        self.grants = Grants()
        self._consented: set[tuple[str, frozenset[str]]] = set()

    # ---- what a test says

    def client_file(self) -> dict[str, Any]:
        """Return the JSON that the Cloud Console offers for a Desktop client."""
        return {
            "installed": {
                "client_id": self.client_id,
                "project_id": "printing-481516",
                "auth_uri": f"{self.url}{AUTH_PATH}",
                "token_uri": f"{self.url}{TOKEN_PATH}",
                "client_secret": self.client_secret,
                "redirect_uris": ["http://localhost"],
            }
        }

    def service_account_file(
        self, email: str, delegated: Iterable[str] = (MODIFY,)
    ) -> dict[str, Any]:
        """Return the key file of a new service account, which may use those scopes for all `users`."""
        account, file = new_account(email, frozenset(delegated), f"{self.url}{TOKEN_PATH}")
        self.accounts[email] = account
        return file

    def delegate(self, email: str, *scopes: str) -> None:
        """Let a service account use exactly these scopes from now on."""
        self.accounts[email].delegated = frozenset(scopes)

    def authorize(
        self,
        address: str,
        *,
        user: str | None = None,
        decline: bool = False,
        untick: Collection[str] = (),
    ) -> str:
        """Play the admin's browser: return the address it ends at after the consent page.

        Raises:
            SignInPage: it ends on a page of Google's.
        """
        asked = dict(parse_qsl(urlsplit(address).query, keep_blank_values=True))
        self._check_page(asked)
        self._note_page(address, asked)
        back = {"state": asked["state"]} if "state" in asked else {}
        if decline:
            return _redirect(asked["redirect_uri"], {"error": "access_denied", **back})
        scopes = frozenset(asked["scope"].split()) - frozenset(untick)
        code = Code(
            new_code_text(),
            asked["client_id"],
            user or self.user,
            scopes,
            asked["redirect_uri"],
            asked.get("code_challenge"),
            self._is_offline(asked, user or self.user, scopes),
            self.clock.now() + CODE_SECONDS,
        )
        self.grants.new_code(code)
        told = {"code": code.text, "scope": " ".join(sorted(scopes))}
        issuer = {"iss": "https://accounts.google.com"}
        return _redirect(asked["redirect_uri"], back | issuer | told)

    def revoke(self, user: str | None = None) -> None:
        """End every consent of a user (None: of all), as a password change does, and the tokens made of it."""
        self.grants.end(user, "revoked")
        self.expire_tokens(user)

    def require_reauthentication(self, user: str | None = None) -> None:
        """Let the domain's session control ask for another sign-in (`invalid_rapt`)."""
        self.grants.end(user, "rapt")

    def expire_tokens(self, user: str | None = None) -> None:
        """End every access token of a user (None: of all) now."""
        for token, one in list(self.grants.access.items()):
            if user in {None, one.user}:
                del self.grants.access[token]

    def bearer(self, *scopes: str, user: str | None = None) -> str:
        """Return an access token for these scopes, as if somebody had signed in."""
        who = user or self.user
        return self.grants.new_access(
            who, frozenset(scopes), self.clock.now() + self.expires_in
        )

    # ---- what FakeGmail asks

    def scopes_of(self, bearer: str) -> frozenset[str] | None:
        """Return what a token may do; None for one that is unknown or expired."""
        found = self.grants.live(bearer, self.clock.now())
        return None if found is None else found.scopes

    def subject_of(self, bearer: str) -> str | None:
        """Return whose mail a token is for."""
        found = self.grants.live(bearer, self.clock.now())
        return None if found is None else found.user

    # ---- serving

    def check_request(self, asked: Asked) -> list[str]:
        if asked.path != TOKEN_PATH:
            return [] if asked.path == AUTH_PATH else ["Google's sign-in has no such address"]
        faults = ["the token service takes no query"] if asked.query else []
        if asked.method == "GET" and not asked.body:
            return faults  # somebody looks whether the host is there
        if asked.method != "POST":
            faults.append("the token service takes POST only")
        kind = asked.headers.get("Content-Type", "").partition(";")[0].strip()
        if kind != "application/x-www-form-urlencoded":
            faults.append(f"the form is said to be {kind or 'nothing'}")
        return faults

    async def answer(self, asked: Asked) -> Answer:
        try:
            if asked.path == AUTH_PATH:
                ends = self.authorize(f"{self.url}{asked.raw_path}")
                return Answer(302, headers={"Location": ends})
            if (asked.path, asked.method) != (TOKEN_PATH, "POST"):
                return Answer.of_json({"error": "Not Found"}, 404)
            form = dict(parse_qsl(asked.body.decode(), keep_blank_values=True))
            return _token_answer(200, self._grant(form))
        except SignInPage as page:
            text = f"<html><body>Error 400: {page}</body></html>".encode()
            return Answer(400, text, {"Content-Type": "text/html; charset=utf-8"})
        except AssertionRefused as error:
            said = {"error": error.error, "error_description": error.description}
            return _token_answer(error.status, said)
        except Refused as error:
            return _token_answer(error.status, error.body)

    # ---- private

    def _check_page(self, asked: Form) -> None:
        """Refuse what Google's page refuses."""
        if asked.get("client_id") != self.client_id or self.client_error is not None:
            raise SignInPage(self.client_error or "invalid_client")
        if not _REDIRECT.fullmatch(asked.get("redirect_uri", "")):
            raise SignInPage("redirect_uri_mismatch")
        if asked.get("response_type") != "code":
            raise SignInPage("invalid_request")
        scopes = set(asked.get("scope", "").split())
        if not scopes or scopes - known_scopes() - IDENTITY_SCOPES:
            raise SignInPage("invalid_scope")
        method = asked.get("code_challenge_method")
        if "code_challenge" in asked and method not in {None, "plain", "S256"}:
            raise SignInPage("invalid_request")

    def _note_page(self, address: str, asked: Form) -> None:
        """Keep what Google would take, and what leaves the bridge without a lasting or safe consent."""
        wanted = {
            "access_type": "offline",
            "prompt": "consent",
            "code_challenge_method": "S256",
        }
        faults = [f"{k} is not {v}" for k, v in wanted.items() if asked.get(k) != v]
        parts = urlsplit(address)
        if f"{parts.scheme}://{parts.netloc}{parts.path}" != f"{self.url}{AUTH_PATH}":
            faults.append("the address is not the consent page's")
        if not re.fullmatch(r"[A-Za-z0-9_-]{43}", asked.get("code_challenge", "")):
            faults.append("no code challenge (RFC 7636 section 4.2)")
        if len(asked.get("state", "")) < 16:
            faults.append("no state that cannot be guessed")
        if urlsplit(asked["redirect_uri"]).hostname != "127.0.0.1":
            faults.append("the redirect is not to 127.0.0.1 (RFC 8252 section 8.3)")
        if "client_secret" in asked:
            faults.append("the client's secret in an address")
        self.violations += [f"{type(self).__name__}: {AUTH_PATH}: {one}" for one in faults]

    def _is_offline(self, asked: Form, user: str, scopes: frozenset[str]) -> bool:
        """Tell whether a refresh token comes: where offline access is asked, the first time or anew."""
        is_first = (user, scopes) not in self._consented
        self._consented.add((user, scopes))
        is_anew = "consent" in asked.get("prompt", "").split()
        return asked.get("access_type") == "offline" and (is_first or is_anew)

    def _grant(self, form: Form) -> dict[str, Any]:
        kinds: dict[str, Callable[[Form], dict[str, Any]]] = {
            "authorization_code": self._by_code,
            "refresh_token": self._by_refresh,
            JWT_BEARER: self._by_assertion,
        }
        kind = kinds.get(form.get("grant_type", ""))
        if kind is None:
            name = form.get("grant_type", "")
            raise Refused(400, "unsupported_grant_type", f"Invalid grant_type: {name}")
        return kind(form)

    def _by_code(self, form: Form) -> dict[str, Any]:
        self._check_client(form)
        code = self.grants.codes.get(form.get("code", ""))
        if code is None:
            raise Refused(400, "invalid_grant", "Malformed auth code.")
        if code.is_used or code.client_id != form["client_id"] or self.clock.now() >= code.ends:
            raise Refused(400, "invalid_grant", "Bad Request")
        if form.get("redirect_uri") != code.redirect_uri:
            raise Refused(400, "redirect_uri_mismatch", "Bad Request")
        _check_verifier(code, form.get("code_verifier"))
        code.is_used = True
        said = self._access(code.user, code.scopes)
        if code.is_offline:
            consent = self.grants.new_consent(code.client_id, code.user, code.scopes)
            said["refresh_token"] = consent.token
            said |= {"refresh_token_expires_in": TESTING_SECONDS} if self.in_testing else {}
        return said

    def _by_refresh(self, form: Form) -> dict[str, Any]:
        self._check_client(form)
        consent = self.grants.consents.get(form.get("refresh_token", ""))
        if consent is None or consent.client_id != form["client_id"]:
            raise Refused(400, "invalid_grant", "Bad Request")
        _check_alive(consent)
        asked = frozenset(form.get("scope", "").split())
        if asked - consent.scopes:
            raise Refused(400, "invalid_scope", "Bad Request")
        return self._access(consent.user, asked or consent.scopes)

    def _by_assertion(self, form: Form) -> dict[str, Any]:
        audiences = {f"{self.url}{TOKEN_PATH}", AUDIENCE}
        asked = check(
            form.get("assertion", ""), self.accounts, self.users, audiences, self.now()
        )
        said = self._access(asked.user, asked.scopes)
        del said["scope"]  # Google does not repeat it here
        return said

    def _check_client(self, form: Form) -> None:
        if self.client_error is not None:
            is_deleted = self.client_error == "deleted_client"
            what = "deleted" if is_deleted else "not found"
            raise Refused(401, self.client_error, f"The OAuth client was {what}.")
        if form.get("client_id") != self.client_id:
            raise Refused(401, "invalid_client", "The OAuth client was not found.")
        if not hmac.compare_digest(form.get("client_secret", ""), self.client_secret):
            raise Refused(401, "invalid_client", "The provided client secret is invalid.")

    def _access(self, user: str, scopes: frozenset[str]) -> dict[str, Any]:
        token = self.grants.new_access(user, scopes, self.clock.now() + self.expires_in)
        return {
            "access_token": token,
            "expires_in": self.expires_in,
            "scope": " ".join(sorted(scopes)),
            "token_type": "Bearer",
        }


def _check_verifier(code: Code, verifier: str | None) -> None:
    """Compare as RFC 7636 section 4.6 says."""
    if code.challenge is None:
        return
    if not verifier:
        raise Refused(400, "invalid_grant", "Missing code verifier.")
    digest = hashlib.sha256(verifier.encode()).digest()
    expected = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    if not hmac.compare_digest(expected, code.challenge):
        raise Refused(400, "invalid_grant", "Invalid code verifier.")


def _check_alive(consent: Consent) -> None:
    if consent.dead == "rapt":
        raise Refused(
            400,
            "invalid_grant",
            "reauth related error (invalid_rapt)",
            error_uri="https://support.google.com/a/answer/9368756",
            error_subtype="invalid_rapt",
        )
    if consent.dead is not None:
        raise Refused(400, "invalid_grant", "Token has been expired or revoked.")


def _redirect(address: str, told: Form) -> str:
    return f"{address}?{urlencode(told, safe='/:', quote_via=quote)}"


def _token_answer(status: int, value: dict[str, Any]) -> Answer:
    return Answer.of_json(value, status, Cache_Control="no-store, max-age=0")
