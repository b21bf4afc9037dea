"""What is secret of a Google account, as the text that is sealed into the register."""

import json
from collections.abc import Mapping
from typing import Any

import attrs

from providers.identity import Grant

TOKEN_URL = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
AUTH_URL = "https://accounts.google.com/o/oauth2/v2/auth"

_CLIENT_KEYS = ("client_id", "client_secret", "auth_uri", "token_uri")
_ACCOUNT_KEYS = (
    "type",
    "client_id",
    "client_email",
    "private_key",
    "private_key_id",
    "token_uri",
)


@attrs.frozen
class GoogleGrant:
    """The client or service account, what a consent gave, and the newest access token.

    `expires_at` is in seconds since the epoch.
    """

    credential: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    refresh_token: str = attrs.field(default="", repr=False)
    token: str = attrs.field(default="", repr=False)
    expires_at: float = 0.0
    scopes: tuple[str, ...] = ()

    def pack(self) -> Grant:
        """Return it as the text that `unpack` turns back."""
        return Grant(json.dumps({k: v for k, v in attrs.asdict(self).items() if v}))

    @classmethod
    def unpack(cls, grant: Grant) -> "GoogleGrant":
        """Return what `pack` made a text of; what a newer version added is left out."""
        known = {field.name for field in attrs.fields(cls)}
        values = {k: v for k, v in json.loads(grant).items() if k in known}
        return cls(**{**values, "scopes": tuple(values.get("scopes", ()))})

    @property
    def client_id(self) -> str:
        """Return the client's id; of a service account the number to enter in the Admin console."""
        return self.credential["client_id"]


def read_client(secret: str) -> dict[str, str]:
    """Return the client in the file that Google Cloud hands out for a Desktop app.

    Raises:
        ValueError: it is another file; the text says which is needed.
    """
    value = _object(secret, "--client-file")
    if "web" in value:
        raise ValueError("that client is a web application; make one of the type Desktop app")
    if value.get("type") == "service_account":
        raise ValueError("that is a service account's key; give it with --service-account")
    client = _chosen(value.get("installed"), _CLIENT_KEYS)
    if not client.get("client_id") or not client.get("client_secret"):
        raise ValueError("that file holds no client of the type Desktop app; download it again")
    return _with_safe_address(client)


def read_service_account(secret: str) -> dict[str, str]:
    """Return the service account in its key file.

    Raises:
        ValueError: it is another file, or its key cannot be read.
    """
    account = _chosen(_object(secret, "--service-account"), _ACCOUNT_KEYS)
    is_one = account.get("type") == "service_account"
    if not is_one or not account.get("client_email") or not account.get("client_id"):
        raise ValueError(
            "that file is no service account's key in JSON; make one in Google Cloud"
        )
    if not _is_rsa_key(account.get("private_key", "")):
        raise ValueError("the private key in that file cannot be read")
    return _with_safe_address(account)


def _object(secret: str, option: str) -> Mapping[str, Any]:
    if not secret:
        raise ValueError(f"the file of {option} is needed")
    try:
        value = json.loads(secret)
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, dict):
        return value
    raise ValueError(f"the file of {option} is not the JSON that Google Cloud hands out")


def _is_rsa_key(pem: str) -> bool:
    """Tell whether that is a key that Google's library can sign with."""
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 - needed here alone
    from cryptography.hazmat.primitives.asymmetric.rsa import (  # noqa: PLC0415 - as above
        RSAPrivateKey,
    )
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415 - as above
        load_pem_private_key,
    )

    try:
        return isinstance(load_pem_private_key(pem.encode(), password=None), RSAPrivateKey)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return False


def _with_safe_address(credential: dict[str, str]) -> dict[str, str]:
    """Return it, unless the address that it would be sent to has no TLS."""
    if not credential.get("token_uri", TOKEN_URL).startswith("https://"):
        raise ValueError("the file names a token address without TLS; download it again")
    return credential


def _chosen(value: object, keys: tuple[str, ...]) -> dict[str, str]:
    found = value if isinstance(value, dict) else {}
    return {key: found[key] for key in keys if isinstance(found.get(key), str)}
