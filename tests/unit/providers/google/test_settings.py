"""Reads the settings of a Google account."""

import pytest

from providers.google.settings import SCOPES, read_settings


def test_an_account_needs_no_settings_at_all() -> None:
    settings = read_settings({})
    assert (settings.auth, settings.access) == ("browser", "change")
    assert settings.gmail_url == "https://gmail.googleapis.com"
    assert (settings.token_url, settings.ca) == ("", "")
    assert settings.units_per_minute == 6000


@pytest.mark.parametrize(
    ("access", "scope"),
    [
        ("read", "https://www.googleapis.com/auth/gmail.readonly"),
        ("change", "https://www.googleapis.com/auth/gmail.modify"),
        ("purge", "https://mail.google.com/"),
    ],
)
def test_each_access_has_the_narrowest_scope(access: str, scope: str) -> None:
    assert read_settings({"access": access}).scope == scope
    assert SCOPES[access] == scope


def test_addresses_lose_the_slash_at_their_end() -> None:
    settings = read_settings(
        {"gmail_url": "https://gmail.example/", "token_url": "https://t.example/token/"}
    )
    assert (settings.gmail_url, settings.token_url) == (
        "https://gmail.example",
        "https://t.example/token",
    )


def test_a_service_account_acts_for_somebody() -> None:
    settings = read_settings({"auth": "service-account", "subject": "fax@example.com"})
    assert settings.subject == "fax@example.com"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"auth": "device"}, "--auth device"),
        ({"access": "all"}, "choose read, change, purge"),
        ({"auth": "service-account"}, "--subject"),
        ({"subject": "fax@example.com"}, "--subject"),
        ({"gmail_url": "http://gmail.example"}, "--gmail-url"),
        ({"gmail_url": "gmail.example"}, "--gmail-url"),
        ({"gmail_url": "https://"}, "--gmail-url"),
        ({"gmail_url": "https://a@b"}, "--gmail-url"),
        ({"token_url": "http://t.example/token"}, "--token-url"),
        ({"token_url": "https://t.example/token?x=1"}, "--token-url"),
        ({"units_per_minute": "0"}, "at least 1"),
        ({"units_per_minute": "-5"}, "at least 1"),
        ({"units_per_minute": "many"}, "at least 1"),
        ({"units_per_minute": "٣"}, "at least 1"),
        ({"units_per_minute": ""}, "at least 1"),
    ],
)
def test_what_does_not_go_together_is_told_in_a_sentence(
    settings: dict[str, str], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        read_settings(settings)
