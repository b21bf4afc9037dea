import base64
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.pop3.sasl import (
    MECHANISMS,
    BadExchange,
    Credentials,
    Exchange,
    LoginExchange,
    NotPermitted,
    PlainExchange,
)

PART = st.binary(max_size=20).filter(lambda octets: b"\0" not in octets)


def in_base64(octets: bytes) -> bytes:
    return base64.b64encode(octets)


def text(octets: bytes) -> str:
    return octets.decode("utf-8", "surrogateescape")


def test_the_mechanisms_are_plain_and_login() -> None:
    assert list(MECHANISMS) == ["PLAIN", "LOGIN"]


def test_plain_asks_with_an_empty_challenge() -> None:
    assert PlainExchange().first_challenge() == b""


@pytest.mark.parametrize("authorization", [b"", b"mrose"])
def test_plain_gives_name_and_password(authorization: bytes) -> None:
    """RFC 4616 section 2."""
    response = in_base64(authorization + b"\0mrose\0tan sta\xe4f")
    assert PlainExchange().respond(response) == Credentials("mrose", text(b"tan sta\xe4f"))


@pytest.mark.parametrize(
    "octets",
    [b"", b"mrose", b"mrose\0secret", b"\0a\0b\0c"],
)
def test_plain_refuses_what_has_other_parts(octets: bytes) -> None:
    with pytest.raises(BadExchange):
        PlainExchange().respond(in_base64(octets))


@pytest.mark.parametrize("octets", [b"\0\0secret", b"other\0mrose\0secret"])
def test_plain_lets_nobody_act_for_somebody_else(octets: bytes) -> None:
    """RFC 4616 section 2: the authorization identity."""
    with pytest.raises(NotPermitted):
        PlainExchange().respond(in_base64(octets))


def test_login_asks_for_the_name_and_then_for_the_password() -> None:
    exchange = LoginExchange()
    assert base64.b64decode(exchange.first_challenge()) == b"Username:"
    challenge = exchange.respond(in_base64(b" mrose "))
    assert isinstance(challenge, bytes)
    assert base64.b64decode(challenge) == b"Password:"
    assert exchange.respond(in_base64(b" secret ")) == Credentials("mrose", " secret ")


@pytest.mark.parametrize("response", [b"", b"=", b"ICA="])
def test_login_refuses_an_empty_name(response: bytes) -> None:
    with pytest.raises(BadExchange):
        LoginExchange().respond(response)


def test_login_takes_an_empty_password_for_what_it_is() -> None:
    exchange = LoginExchange()
    exchange.respond(in_base64(b"mrose"))
    assert exchange.respond(b"=") == Credentials("mrose", "")


@pytest.mark.parametrize("mechanism", MECHANISMS.values())
@pytest.mark.parametrize(
    "response",
    [b"abc", b"a b=", b"==", b"=a", b"YQ==YQ==", b"Y\0E=", b"\xff\xff\xff\xff", b"YQ"],
)
def test_what_is_not_base64_is_refused(mechanism: type[Exchange], response: bytes) -> None:
    with pytest.raises(BadExchange, match="base64"):
        mechanism().respond(response)


@given(PART.filter(bool), PART)
def test_plain_loses_no_octet(name: bytes, password: bytes) -> None:
    response = in_base64(b"\0" + name + b"\0" + password)
    assert PlainExchange().respond(response) == Credentials(text(name), text(password))


@given(st.binary(max_size=40))
def test_no_response_raises_anything_but_a_refusal(response: bytes) -> None:
    for mechanism in MECHANISMS.values():
        for sent in (response, in_base64(response)):
            with suppress(BadExchange, NotPermitted):
                assert isinstance(mechanism().respond(sent), bytes | Credentials)


def test_no_password_shows_in_credentials_that_are_printed() -> None:
    assert "hush" not in repr(Credentials("mrose", "hush"))
