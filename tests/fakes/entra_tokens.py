"""Answers Entra's token service: one function for each kind of grant it takes."""

import base64
import hashlib
import hmac
import json
import secrets
from typing import TYPE_CHECKING, Any

from tests.canary import CANARY
from tests.fakes.entra_assertion import KIND, check_assertion
from tests.fakes.entra_refusals import EntraRefusal
from tests.fakes.entra_state import (
    PERMISSIONS,
    PROTOCOL_SCOPES,
    REFRESH_SECONDS,
    AccessToken,
    Code,
    Consent,
    EntraClient,
    RefreshToken,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.fakes.entra import FakeEntra

DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
NO_TENANT = frozenset({"common", "organizations", "consumers"})

Form = dict[str, str]
Json = dict[str, Any]


def grant(entra: "FakeEntra", tenant: str, form: Form) -> Json:
    """Return the tokens that a form asks for.

    Raises:
        EntraRefusal: as Entra would.
    """
    kinds: dict[str, Callable[[FakeEntra, str, Form], Json]] = {
        "authorization_code": _by_code,
        "refresh_token": _by_refresh,
        "client_credentials": _by_client,
        DEVICE_CODE: _by_device,
    }
    by_kind = kinds.get(form.get("grant_type", ""))
    if by_kind is None:
        raise EntraRefusal(70003)
    return by_kind(entra, tenant, form)


def client_of(entra: "FakeEntra", form: Form) -> EntraClient:
    """Return the app that a form names.

    Raises:
        EntraRefusal: there is none.
    """
    client = entra.clients.get(_needed(form, "client_id"))
    if client is None:
        raise EntraRefusal(700016, form["client_id"])
    return client


def wanted(entra: "FakeEntra", text: str) -> tuple[str, frozenset[str], bool]:
    """Return the audience, the permissions, and whether the consent is to last, of a `scope`.

    Raises:
        EntraRefusal: it cannot be asked for.
    """
    names = set(text.split())
    asked = sorted(names - PROTOCOL_SCOPES)
    if not asked:
        raise EntraRefusal(70011, text)
    resources = {one.rpartition("/")[0] or entra.resources[0] for one in asked}
    if len(resources) > 1:
        raise EntraRefusal(70011, text)
    audience = resources.pop()
    if audience not in entra.resources:
        raise EntraRefusal(500011, audience)
    permissions = frozenset(one.rpartition("/")[2] for one in asked)
    unknown = permissions - PERMISSIONS - {".default"}
    if unknown:
        raise EntraRefusal(70011, " ".join(sorted(unknown)))
    return audience, permissions, "offline_access" in names


# ---- kinds of grants


def _by_code(entra: "FakeEntra", tenant: str, form: Form) -> Json:
    client = client_of(entra, form)
    is_proven = _is_proven(entra, client, tenant, form)
    code = entra.given.codes.get(_needed(form, "code"))
    if code is None:
        raise EntraRefusal(9002313)
    _check_platform(is_proven, is_confidential=code.redirect_uri in client.web_redirects)
    if code.is_used:
        raise EntraRefusal(54005)
    if code.client_id != client.client_id or entra.now() >= code.ends:
        raise EntraRefusal(70008)
    if form.get("redirect_uri") != code.redirect_uri:
        raise EntraRefusal(500112)
    _check_verifier(code, form.get("code_verifier", ""))
    code.is_used = True
    consent = Consent(client.client_id, code.user, code.audience, code.scopes, is_proven)
    return _user_tokens(entra, consent, form, is_lasting=code.is_offline, nonce=code.nonce)


def _by_device(entra: "FakeEntra", tenant: str, form: Form) -> Json:
    client = client_of(entra, form)
    is_proven = _is_proven(entra, client, tenant, form)
    if not client.allows_public_flows and not is_proven:
        raise EntraRefusal(7000218)
    flow = entra.given.devices.get(_needed(form, "device_code"))
    if flow is None or flow.client_id != client.client_id:
        raise EntraRefusal(70000, "device_code", error="bad_verification_code")
    flow.polls += 1
    if entra.slow_downs > 0:
        entra.slow_downs -= 1
        raise EntraRefusal(70016, error="slow_down")
    if flow.state == "declined":
        raise EntraRefusal(70018)
    if flow.state == "refused":
        raise EntraRefusal(53003)
    if flow.state == "redeemed" or entra.now() >= flow.ends:
        raise EntraRefusal(70020)
    if flow.state == "pending":
        raise EntraRefusal(70016)
    flow.state = "redeemed"
    consent = Consent(client.client_id, flow.user, flow.audience, flow.scopes, is_proven)
    return _user_tokens(entra, consent, form, is_lasting=flow.is_offline)


def _by_refresh(entra: "FakeEntra", tenant: str, form: Form) -> Json:
    client = client_of(entra, form)
    is_proven = _is_proven(entra, client, tenant, form)
    token = entra.given.refresh.get(_needed(form, "refresh_token"))
    if token is None or token.consent.client_id != client.client_id:
        raise EntraRefusal(9002313)
    consent = token.consent
    _check_platform(is_proven, is_confidential=consent.is_confidential)
    if consent.dead is not None:
        raise EntraRefusal(consent.dead, suberror=consent.suberror)
    if entra.now() >= token.ends:
        raise EntraRefusal(700082)
    if "scope" in form:
        audience, permissions, _ = wanted(entra, form["scope"])
        if audience != consent.audience or permissions - consent.scopes - {".default"}:
            raise EntraRefusal(65001, suberror="consent_required")
    if entra.spends_refresh:
        token.ends = entra.now()
    return _user_tokens(entra, consent, form, is_lasting=entra.rotates)


def _by_client(entra: "FakeEntra", tenant: str, form: Form) -> Json:
    client = client_of(entra, form)
    if tenant in NO_TENANT:
        raise EntraRefusal(50059)
    if not _is_proven(entra, client, tenant, form):
        raise EntraRefusal(7000216)
    audience, permissions, _ = wanted(entra, _needed(form, "scope"))
    if permissions != {".default"}:
        raise EntraRefusal(1002012, form["scope"])
    is_cae = _knows_claims(form)
    life = entra.cae_lifetime if is_cae else entra.lifetime
    token = AccessToken(
        client.client_id,
        None,
        frozenset(),
        frozenset(client.roles),
        audience,
        entra.now() + life,
        is_cae,
    )
    said = {"token_type": "Bearer", "expires_in": life, "ext_expires_in": life}
    return {**said, "access_token": entra.given.add_access(token)}


# ---- checks


def _needed(form: Form, name: str) -> str:
    if not form.get(name):
        raise EntraRefusal(900144, name)
    return form[name]


def _is_proven(entra: "FakeEntra", client: EntraClient, tenant: str, form: Form) -> bool:
    """Tell whether the app proved who it is; a wrong proof is refused."""
    if "client_assertion" in form:
        if form.get("client_assertion_type") != KIND:
            raise EntraRefusal(900144, "client_assertion_type")
        audiences = {
            f"{entra.url}/{tenant}/oauth2/v2.0/token",
            f"{entra.url}/{entra.tenant_id}/oauth2/v2.0/token",
        }
        text, now = form["client_assertion"], entra.now()
        check_assertion(text, client.client_id, client.certificates, audiences, now)
        return True
    if "client_secret" not in form:
        return False
    for secret, ends in client.secrets.items():
        if hmac.compare_digest(secret, form["client_secret"]):
            if ends is not None and entra.now() >= ends:
                raise EntraRefusal(7000222)
            return True
    raise EntraRefusal(7000215)


def _check_platform(is_proven: bool, *, is_confidential: bool) -> None:  # noqa: FBT001 - the two are compared
    if is_confidential and not is_proven:
        raise EntraRefusal(7000218)
    if is_proven and not is_confidential:
        raise EntraRefusal(700025)


def _check_verifier(code: Code, verifier: str) -> None:
    """Compare as RFC 7636 section 4.6 says."""
    digest = hashlib.sha256(verifier.encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    if code.challenge and not hmac.compare_digest(challenge, code.challenge):
        raise EntraRefusal(501481)


def _knows_claims(form: Form) -> bool:
    """Tell whether the client says that it handles claims challenges (CP1)."""
    try:
        asked = json.loads(form.get("claims", "{}"))
        return "CP1" in asked["access_token"]["xms_cc"]["values"]
    except (ValueError, KeyError, TypeError):
        return False


# ---- what is given


def _user_tokens(
    entra: "FakeEntra", consent: Consent, form: Form, *, is_lasting: bool, nonce: str = ""
) -> Json:
    is_cae = _knows_claims(form)
    life = entra.cae_lifetime if is_cae else entra.lifetime
    token = AccessToken(
        consent.client_id,
        consent.user,
        consent.scopes,
        frozenset(),
        consent.audience,
        entra.now() + life,
        is_cae,
    )
    said: Json = {
        "token_type": "Bearer",
        "scope": _spelled(consent),
        "expires_in": life,
        "ext_expires_in": life,
        "access_token": entra.given.add_access(token),
        "id_token": _id_token(entra, consent, nonce),
    }
    if entra.refresh_in is not None:
        said["refresh_in"] = entra.refresh_in
    if is_lasting:
        lasting = RefreshToken(consent, entra.now() + REFRESH_SECONDS)
        said["refresh_token"] = entra.given.add_refresh(lasting)
    if form.get("client_info") == "1":
        said["client_info"] = client_info(entra, consent.user)
    return said


def _spelled(consent: Consent) -> str:
    """Return the scopes as Entra tells them: with their audience, and those of the protocol."""
    given = [f"{consent.audience}/{one}" for one in sorted(consent.scopes)]
    return " ".join(["openid", "profile", *given])


def client_info(entra: "FakeEntra", user: str) -> str:
    return _packed({"uid": entra.users[user].object_id, "utid": entra.tenant_id})


def _id_token(entra: "FakeEntra", consent: Consent, nonce: str) -> str:
    user, now = entra.users[consent.user], int(entra.now())
    claims = {
        "aud": consent.client_id,
        "iss": f"{entra.url}/{entra.tenant_id}/v2.0",
        "iat": now,
        "nbf": now,
        "exp": now + 3900,
        "name": user.name,
        "oid": user.object_id,
        "preferred_username": user.address,
        "sub": f"pairwise-{user.object_id}",
        "tid": entra.tenant_id,
        "ver": "2.0",
        **({"nonce": nonce} if nonce else {}),
    }
    head = {"typ": "JWT", "alg": "RS256", "kid": "fake"}
    return f"{_packed(head)}.{_packed(claims)}.{CANARY}{secrets.token_urlsafe(256)}"


def _packed(value: Json) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")
