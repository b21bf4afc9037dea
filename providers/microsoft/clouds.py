"""Where each of Microsoft's clouds lives; tokens of one are nothing in another."""

import re
from collections.abc import Mapping
from datetime import date
from types import MappingProxyType
from urllib.parse import urlsplit

import attrs


@attrs.frozen
class Cloud:
    """One cloud: its sign-in host, its Graph, and whether Graph can delete permanently there."""

    authority: str
    graph_url: str
    has_purge: bool = False


CLOUDS: Mapping[str, Cloud] = MappingProxyType(
    {
        "global": Cloud(
            "https://login.microsoftonline.com", "https://graph.microsoft.com", has_purge=True
        ),
        "usgov": Cloud("https://login.microsoftonline.us", "https://graph.microsoft.us"),
        "dod": Cloud("https://login.microsoftonline.us", "https://dod-graph.microsoft.us"),
        "china": Cloud(
            "https://login.partner.microsoftonline.cn",
            "https://microsoftgraph.chinacloudapi.cn",
        ),
    }
)
"""learn.microsoft.com/graph/deployments; permanentDelete: graph/api/message-permanentdelete."""


_MAILBOX = re.compile(r"[A-Za-z0-9.!#$%&*+=?^_{|}~@-]{0,254}")
"""Addresses and object ids, without what a path or a filter would take for its own."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}")
"""Ids and domains: one segment of a path, one word of a command."""


@attrs.frozen
class Settings:
    """What an account of Microsoft is made of, checked; every address without a slash at its end."""

    client_id: str
    tenant: str
    auth: str
    mailbox: str
    access: str
    graph_url: str
    authority: str
    has_purge: bool
    ca: str
    secret_ends: str


AUTHS = ("device", "browser", "app")
"""Ways to sign in: device code, authorization code, and the app as itself."""

ACCESSES = ("read", "change", "purge")
"""What the bridge may do to the mailbox: only read it, change it, or also delete for good."""


def read_settings(settings: Mapping[str, str]) -> Settings:
    """Return what the settings of an account mean.

    Raises:
        ValueError: they do not go together; the text says what to give.
    """
    cloud = CLOUDS.get(settings.get("cloud", "global"))
    if cloud is None:
        raise ValueError(f"there is no such cloud; choose {', '.join(CLOUDS)}")
    auth = _one_of(settings, "auth", AUTHS, "device")
    tenant = settings.get("tenant", "organizations")
    if not _NAME.fullmatch(settings.get("client_id", "")):
        raise ValueError("name the app with --client-id: its Application (client) ID in Entra")
    if not _NAME.fullmatch(tenant):
        raise ValueError("--tenant is a domain like example.com, or the tenant's id")
    if auth == "app" and tenant in ("organizations", "common", "consumers"):
        raise ValueError("an app that signs in as itself needs its own --tenant")
    if auth == "app" and not settings.get("mailbox"):
        raise ValueError(
            "an app that signs in as itself has no mailbox of its own; name one with --mailbox"
        )
    if not _MAILBOX.fullmatch(settings.get("mailbox", "")):
        raise ValueError("--mailbox must be an address like scans@example.com, or an object id")
    _check_day(settings.get("secret_ends", ""))
    return Settings(
        client_id=settings["client_id"],
        tenant=tenant,
        auth=auth,
        mailbox=settings.get("mailbox", ""),
        access=_one_of(settings, "access", ACCESSES, "change"),
        graph_url=_address(settings.get("graph_url") or cloud.graph_url, "--graph-url"),
        authority=_address(settings.get("authority") or cloud.authority, "--authority"),
        has_purge=cloud.has_purge,
        ca=settings.get("ca", ""),
        secret_ends=settings.get("secret_ends", ""),
    )


def _check_day(text: str) -> None:
    try:
        date.fromisoformat(text or "2000-01-01")
    except ValueError:
        raise ValueError("--secret-ends is a day like 2027-05-31") from None


def _one_of(
    settings: Mapping[str, str], name: str, choices: tuple[str, ...], default: str
) -> str:
    value = settings.get(name, default)
    if value not in choices:
        raise ValueError(f"{value!r} is no {name}; choose {', '.join(choices)}")
    return value


def _address(text: str, option: str) -> str:
    if not text.isprintable() or " " in text or not _is_plain(text):
        raise ValueError(f"{option} must be an address like https://graph.microsoft.com")
    return text.rstrip("/")


def _is_plain(text: str) -> bool:
    """Tell whether an address is https, of a host, and without a user, a query or a fragment."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return False
    return (
        text.startswith("https://")
        and bool(parts.hostname)
        and port != 0
        and not set("@?#\\") & set(text)
    )
