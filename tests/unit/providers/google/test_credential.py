"""Keeps what is secret of a Google account, and reads the files that Google Cloud hands out."""

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from providers.google.credential import GoogleGrant, read_client, read_service_account
from providers.identity import Grant

CLIENT = {
    "client_id": "481516.apps.googleusercontent.com",
    "client_secret": "GOCSPX-secret",
    "auth_uri": "https://accounts.google.com/o/oauth2/auth",
    "token_uri": "https://oauth2.googleapis.com/token",
}


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


@pytest.fixture(scope="module")
def account() -> dict[str, str]:
    return {
        "type": "service_account",
        "client_id": "108415162342000000001",
        "client_email": "printing@printing-481516.iam.gserviceaccount.com",
        "private_key": pem(rsa.generate_private_key(65537, 2048)),
        "private_key_id": "abc",
        "token_uri": "https://oauth2.googleapis.com/token",
    }


def test_a_desktop_client_is_read_and_nothing_else_of_its_file_kept() -> None:
    file = {"installed": {**CLIENT, "project_id": "p", "redirect_uris": ["http://localhost"]}}
    assert read_client(json.dumps(file)) == CLIENT


@pytest.mark.parametrize(
    ("secret", "said"),
    [
        ("", "--client-file is needed"),
        ("{", "not the JSON"),
        ("[]", "not the JSON"),
        ("[" * 100_000, "not the JSON"),
        ('{"web": {"client_id": "x"}}', "web application"),
        ('{"type": "service_account"}', "--service-account"),
        ("{}", "Desktop app"),
        ('{"installed": []}', "Desktop app"),
        ('{"installed": {"client_id": "x"}}', "Desktop app"),
        ('{"installed": {"client_id": "x", "client_secret": 7}}', "Desktop app"),
        (
            json.dumps({"installed": {**CLIENT, "token_uri": "http://evil.example/token"}}),
            "without TLS",
        ),
    ],
)
def test_another_file_than_a_desktop_clients_says_which_is_needed(
    secret: str, said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        read_client(secret)


def test_a_service_account_is_read(account: dict[str, str]) -> None:
    assert read_service_account(json.dumps({**account, "universe_domain": "x"})) == account


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"type": "authorized_user"}, "no service account"),
        ({"client_email": ""}, "no service account"),
        ({"client_id": None}, "no service account"),
        ({"private_key": ""}, "cannot be read"),
        ({"private_key": "-----BEGIN PRIVATE KEY-----\nAAAA\n"}, "cannot be read"),
        ({"private_key": pem(ec.generate_private_key(ec.SECP256R1()))}, "cannot be read"),
        ({"token_uri": "http://evil.example/token"}, "without TLS"),
    ],
)
def test_a_key_file_that_is_none_says_so(
    account: dict[str, str], change: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        read_service_account(json.dumps(account | change))


def test_a_missing_key_file_is_asked_for() -> None:
    with pytest.raises(ValueError, match="--service-account is needed"):
        read_service_account("")


def test_no_sentence_about_a_file_repeats_what_is_secret_in_it(account: dict[str, str]) -> None:
    spoilt = {**account, "private_key": "-----BEGIN PRIVATE KEY-----\ns3cr3t\n"}
    with pytest.raises(ValueError, match="cannot be read") as caught:
        read_service_account(json.dumps(spoilt))
    assert "s3cr3t" not in str(caught.value)
    assert caught.value.__context__ is None


def test_a_grant_is_packed_into_a_text_and_back() -> None:
    grant = GoogleGrant(CLIENT, "refresh", "access", 1_800_000_000.5, ("a", "b"))
    assert GoogleGrant.unpack(grant.pack()) == grant
    assert GoogleGrant.unpack(GoogleGrant(CLIENT).pack()) == GoogleGrant(CLIENT)
    assert GoogleGrant(CLIENT).client_id == CLIENT["client_id"]


def test_what_a_newer_version_added_to_a_grant_is_left_out() -> None:
    packed = json.dumps({**json.loads(GoogleGrant(CLIENT).pack()), "news": 1})
    assert GoogleGrant.unpack(Grant(packed)) == GoogleGrant(CLIENT)


def test_nothing_secret_shows_in_a_grant() -> None:
    shown = repr(GoogleGrant(CLIENT, "r3fresh", "acc3ss"))
    assert not any(one in shown for one in ("r3fresh", "acc3ss", CLIENT["client_secret"]))
