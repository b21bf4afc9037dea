"""Service accounts: the key file that a Workspace admin downloads, and who may act for whom with it."""

import base64
import json
import secrets
from typing import Any

import attrs
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

Json = dict[str, Any]

AUDIENCE = "https://oauth2.googleapis.com/token"
"""What Google's own library names as `aud`, whatever host it sends to."""

SKEW_SECONDS = 300.0
LONGEST_SECONDS = 3600

BAD_SIGNATURE = "Invalid JWT Signature."
BAD_TIMES = (
    "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe."
    " Check your iat and exp values in the JWT claim."
)
NOT_DELEGATED = (
    "Client is unauthorized to retrieve access tokens using this method, or client not authorized"
    " for any of the scopes requested."
)


class AssertionRefused(Exception):
    """Google does not take this assertion; carries the status, its error and its description."""

    def __init__(self, status: int, error: str, description: str) -> None:
        super().__init__(error, description)
        self.status, self.error, self.description = status, error, description


@attrs.define
class ServiceAccount:
    """One service account; `delegated` are the scopes it may use for any user of the domain."""

    email: str
    key: rsa.RSAPublicKey = attrs.field(repr=False)
    key_id: str
    delegated: frozenset[str]


@attrs.frozen
class Asserted:
    """What a valid assertion asks for."""

    user: str
    scopes: frozenset[str]


def new_account(
    email: str, delegated: frozenset[str], token_uri: str
) -> tuple[ServiceAccount, Json]:
    """Return a service account with a fresh key, and the file that has it."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    account = ServiceAccount(email, key.public_key(), secrets.token_hex(20), delegated)
    file = {
        "type": "service_account",
        "project_id": "printing-481516",
        "private_key_id": account.key_id,
        "private_key": pem.decode(),
        "client_email": email,
        "client_id": "108415162342000000001",
        "auth_uri": "https://accounts.google.com/o/oauth2/auth",
        "token_uri": token_uri,
        "universe_domain": "googleapis.com",
    }
    return account, file


def check(
    assertion: str,
    accounts: dict[str, ServiceAccount],
    users: set[str],
    audiences: set[str],
    now: float,
) -> Asserted:
    """Return what an assertion (a JWT, RFC 7523) asks for.

    Raises:
        AssertionRefused: it is not signed so, not for here, not of now, or not allowed.
    """
    claims, account = _verified(assertion, accounts)
    if claims.get("aud") not in audiences:
        raise AssertionRefused(400, "invalid_grant", "Invalid JWT: Failed audience check.")
    _check_times(claims, now)
    scopes = frozenset(str(claims.get("scope", "")).split())
    if not scopes:
        raise AssertionRefused(
            400, "invalid_scope", "Invalid OAuth scope or ID token audience provided."
        )
    user = str(claims.get("sub") or account.email)
    if user != account.email:
        _check_delegation(account, user, users, scopes)
    return Asserted(user, scopes)


def _verified(
    assertion: str, accounts: dict[str, ServiceAccount]
) -> tuple[Json, ServiceAccount]:
    try:
        head, body, signature = assertion.split(".")
        header, claims = _object(head), _object(body)
        signed = _octets(signature)
    except (TypeError, ValueError):
        raise AssertionRefused(400, "invalid_grant", "Invalid JWT: Failed to parse.") from None
    account = accounts.get(str(claims.get("iss")))
    if account is None:
        raise AssertionRefused(400, "invalid_grant", "Invalid grant: account not found")
    if header.get("alg") != "RS256" or header.get("kid", account.key_id) != account.key_id:
        raise AssertionRefused(400, "invalid_grant", BAD_SIGNATURE)
    try:
        account.key.verify(
            signed, f"{head}.{body}".encode(), padding.PKCS1v15(), hashes.SHA256()
        )
    except InvalidSignature:
        raise AssertionRefused(400, "invalid_grant", BAD_SIGNATURE) from None
    return claims, account


def _check_times(claims: Json, now: float) -> None:
    issued, ends = claims.get("iat"), claims.get("exp")
    is_good = (
        isinstance(issued, int)
        and isinstance(ends, int)
        and issued <= now + SKEW_SECONDS
        and now - SKEW_SECONDS < ends
        and 0 < ends - issued <= LONGEST_SECONDS
    )
    if not is_good:
        raise AssertionRefused(400, "invalid_grant", BAD_TIMES)


def _check_delegation(
    account: ServiceAccount, user: str, users: set[str], scopes: frozenset[str]
) -> None:
    domains = {one.partition("@")[2] for one in users}
    if not scopes <= account.delegated or user.partition("@")[2] not in domains:
        raise AssertionRefused(401, "unauthorized_client", NOT_DELEGATED)
    if user not in users:
        raise AssertionRefused(400, "invalid_grant", "Invalid email or User ID")


def _object(text: str) -> Json:
    return dict(json.loads(_octets(text)))


def _octets(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
