"""Reads the settings of a Google account, and says what they mean for scopes."""

from collections.abc import Mapping
from types import MappingProxyType

import attrs

from providers.google.quota import UNITS_PER_MINUTE

GMAIL_URL = "https://gmail.googleapis.com"

SCOPES: Mapping[str, str] = MappingProxyType(
    {
        "read": "https://www.googleapis.com/auth/gmail.readonly",
        "change": "https://www.googleapis.com/auth/gmail.modify",
        "purge": "https://mail.google.com/",
    }
)
"""The narrowest scope for each access; deletion for good needs the broad one (Gmail discovery document)."""

AUTHS = ("browser", "service-account")
"""Ways to sign in: a person's consent, or a service account that acts for a person."""


@attrs.frozen
class Settings:
    """What an account of Google is made of, checked; addresses without a slash at their end."""

    auth: str
    subject: str
    access: str
    gmail_url: str
    token_url: str
    units_per_minute: int
    ca: str

    @property
    def scope(self) -> str:
        """Return the one scope that the account needs."""
        return SCOPES[self.access]


def read_settings(settings: Mapping[str, str]) -> Settings:
    """Return what the settings of an account mean.

    Raises:
        ValueError: they do not go together; the text says what to give.
    """
    auth, access = settings.get("auth", "browser"), settings.get("access", "change")
    if auth not in AUTHS:
        raise ValueError(
            f"Google has no --auth {auth} for Gmail; leave it out, or give --service-account"
        )
    if access not in SCOPES:
        raise ValueError(f"{access!r} is no access; choose {', '.join(SCOPES)}")
    subject = settings.get("subject", "")
    if (auth == "service-account") != bool(subject):
        raise ValueError(
            "a service account, and nothing but one, needs --subject: whose mailbox"
        )
    units = settings.get("units_per_minute", str(UNITS_PER_MINUTE))
    if not units.isascii() or not units.isdigit() or int(units) < 1:
        raise ValueError("--units-per-minute is a number of at least 1")
    return Settings(
        auth=auth,
        subject=subject,
        access=access,
        gmail_url=_address(settings.get("gmail_url") or GMAIL_URL, "--gmail-url"),
        token_url=_address(settings.get("token_url", ""), "--token-url"),
        units_per_minute=int(units),
        ca=settings.get("ca", ""),
    )


def _address(text: str, option: str) -> str:
    scheme, _, rest = text.partition("://")
    if text and (scheme != "https" or not rest.strip("/") or set("?#@ ") & set(rest)):
        raise ValueError(f"{option} must be an address that begins with https://")
    return text.rstrip("/")
