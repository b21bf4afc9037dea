from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.identity import SignInRefused
from providers.pasted import returned_to

REDIRECT = "http://localhost"
STATE = "aState-1"
WHOLE = "http://localhost/?code=0.AX%2BC_d-e&state=aState-1&session_state=s#_=_"


def test_the_whole_address_is_read() -> None:
    found = returned_to(REDIRECT, WHOLE, STATE)
    assert found == {"code": "0.AX+C_d-e", "state": STATE, "session_state": "s"}


@pytest.mark.parametrize(
    "pasted",
    [
        f"  {WHOLE}\r\n",
        WHOLE.replace("code", "co\r\nde"),
        "\t".join(WHOLE),
        "code=0.AX%2BC_d-e&session_state=s&state=aState-1",
        "?code=0.AX%2BC_d-e&session_state=s&state=aState-1",
        "localhost/?code=0.AX%2BC_d-e&session_state=s&state=aState-1",
        "code=0.AX%2BC_d-e&session_state=s&state=aState-1#",
    ],
)
def test_what_a_terminal_or_a_mail_did_to_it_does_not_matter(pasted: str) -> None:
    assert returned_to(REDIRECT, pasted, STATE)["code"] == "0.AX+C_d-e"


def test_a_refusal_is_an_answer_too() -> None:
    """RFC 6749 section 4.1.2.1."""
    pasted = "http://localhost/?error=access_denied&error_description=no+way&state=aState-1"
    found = returned_to(REDIRECT, pasted, STATE)
    assert (found["error"], found["error_description"]) == ("access_denied", "no way")


@pytest.mark.parametrize(
    "pasted",
    [
        "",
        "\n",
        "http://localhost/",
        "http://localhost/?state=aState-1",
        "http://localhost/?code=&state=aState-1",
        "https://login.example/authorize?client_id=x&state=aState-1",
        "http://[?a=b",
        "code",
        "aState-1",
    ],
)
def test_another_address_is_refused_with_what_the_right_one_looks_like(pasted: str) -> None:
    with pytest.raises(SignInRefused, match=r"begins with http://localhost and holds code="):
        returned_to(REDIRECT, pasted, STATE)


@pytest.mark.parametrize("state", ["", "astate-1", "aState-12", "aState-", "ä", "%00"])
def test_the_address_of_another_sign_in_is_refused(state: str) -> None:
    """RFC 6749 section 10.12: else somebody's consent could be slipped under another's account."""
    with pytest.raises(SignInRefused, match="belongs to another sign-in"):
        returned_to(REDIRECT, f"http://localhost/?code=c&state={state}", STATE)


def test_an_address_without_a_state_is_refused() -> None:
    with pytest.raises(SignInRefused, match="belongs to another sign-in"):
        returned_to(REDIRECT, "http://localhost/?code=c", STATE)


def test_a_refusal_never_repeats_the_code() -> None:
    for pasted in ("http://localhost/?code=SECRET&state=x", "SECRET"):
        with pytest.raises(SignInRefused) as told:
            returned_to(REDIRECT, pasted, STATE)
        assert "SECRET" not in str(told.value)


@given(st.text(max_size=60))
def test_whatever_is_pasted_is_read_or_refused(text: str) -> None:
    for pasted in (text, f"http://{text}?code=c&{text}"):
        with suppress(SignInRefused):
            assert returned_to(REDIRECT, pasted, STATE)["state"] == STATE
