"""What Entra keeps: apps, people, and what was given to whom."""

import secrets
from typing import Literal, TypeAlias

import attrs

from tests.canary import CANARY

GRAPH = "https://graph.microsoft.com"

PROTOCOL_SCOPES = frozenset({"openid", "profile", "offline_access", "email"})

PERMISSIONS = frozenset(
    {
        *("Mail.Read", "Mail.ReadWrite", "Mail.Read.Shared", "Mail.ReadWrite.Shared"),
        *("Mail.ReadBasic", "Mail.Send", "User.Read"),
    }
)
"""Delegated permissions that Graph has, as far as this fake goes (graph/permissions-reference)."""

CODE_SECONDS = 600
REFRESH_SECONDS = 90 * 86400  # entra/identity-platform/refresh-tokens

DeviceState: TypeAlias = Literal["pending", "approved", "declined", "refused", "redeemed"]


@attrs.define
class EntraClient:
    """One app registration.

    `secrets` are values with the moment each ends, None for never; `certificates` are PEM. An address in
    `public_redirects` is one of the platform "Mobile and desktop", in `web_redirects` of "Web". `roles` are
    application permissions in Entra, `exchange_roles` those that Exchange itself gives for one mailbox.
    """

    client_id: str
    allows_public_flows: bool = True
    secrets: dict[str, float | None] = attrs.field(factory=dict)
    certificates: list[str] = attrs.field(factory=list)
    public_redirects: set[str] = attrs.field(factory=lambda: {"http://localhost"})
    web_redirects: set[str] = attrs.field(factory=set)
    roles: set[str] = attrs.field(factory=set)
    exchange_roles: dict[str, str] = attrs.field(factory=dict)


@attrs.define
class EntraUser:
    """One person of the tenant."""

    address: str
    object_id: str
    name: str = "A Printer"


@attrs.define
class AccessToken:
    """One access token; `user` is None where the app signed in as itself."""

    client_id: str
    user: str | None
    scopes: frozenset[str]
    roles: frozenset[str]
    audience: str
    ends: float
    is_cae: bool = False
    is_revoked: bool = False


@attrs.define
class Consent:
    """What a person agreed to; `dead` is the AADSTS code that ended it."""

    client_id: str
    user: str
    audience: str
    scopes: frozenset[str]
    is_confidential: bool
    dead: int | None = None
    suberror: str = ""


@attrs.define
class RefreshToken:
    """One refresh token; older ones of the same consent stay good."""

    consent: Consent
    ends: float


@attrs.define
class Code:
    """One authorization code."""

    client_id: str
    user: str
    audience: str
    scopes: frozenset[str]
    redirect_uri: str
    challenge: str
    nonce: str
    ends: float
    is_offline: bool
    is_used: bool = False


@attrs.define
class DeviceFlow:
    """One sign-in by device code."""

    user_code: str
    client_id: str
    audience: str
    scopes: frozenset[str]
    ends: float
    is_offline: bool
    state: DeviceState = "pending"
    user: str = ""
    polls: int = 0


@attrs.define
class Given:
    """Everything that was given out, by its text."""

    access: dict[str, AccessToken] = attrs.field(factory=dict)
    refresh: dict[str, RefreshToken] = attrs.field(factory=dict)
    codes: dict[str, Code] = attrs.field(factory=dict)
    devices: dict[str, DeviceFlow] = attrs.field(factory=dict)

    def add_access(self, token: AccessToken) -> str:
        text = (
            f"eyJ0eXAiOiJKV1Qi.{CANARY}{secrets.token_urlsafe(120)}.{secrets.token_urlsafe(40)}"
        )
        self.access[text] = token
        return text

    def add_refresh(self, token: RefreshToken) -> str:
        text = f"1.AV8A{CANARY}{secrets.token_urlsafe(150)}"
        self.refresh[text] = token
        return text

    def add_code(self, code: Code) -> str:
        text = f"1.AV8A-{CANARY}{secrets.token_urlsafe(90)}"
        self.codes[text] = code
        return text

    def add_device(self, flow: DeviceFlow) -> str:
        text = f"{flow.user_code[0]}AQABIQEAAAD{CANARY}{secrets.token_urlsafe(90)}"
        self.devices[text] = flow
        return text

    def device(self, user_code: str) -> DeviceFlow:
        """Return the sign-in whose code a person typed.

        Raises:
            KeyError: there is none.
        """
        for flow in self.devices.values():
            if flow.user_code == user_code.strip().upper():
                return flow
        raise KeyError(user_code)


def new_user_code() -> str:
    """Return nine letters and digits that people do not mistake for each other."""
    return "".join(secrets.choice("ABCDEFGHJKLMNPQRSTUVWXYZ23456789") for _ in range(9))
