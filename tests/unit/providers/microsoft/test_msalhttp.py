import json
from collections.abc import Mapping
from email.utils import formatdate
from urllib.parse import parse_qsl, urlsplit

import msal
import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from providers.blocking import Line
from providers.contract import Throttled, Unreachable
from providers.microsoft.msalhttp import MsalHttp
from providers.transport import HttpAnswer

NOW = 1_700_000_000.0
TOKEN_URL = "https://login.example/t/oauth2/v2.0/token"

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda one: (
        st.lists(one, max_size=3) | st.dictionaries(st.text(max_size=8), one, max_size=3)
    ),
)


class Desk(Line):
    """A line that is answered from a list, and remembers what was asked."""

    def __init__(self, *answers: HttpAnswer) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, str, dict[str, str], bytes | None]] = []

    def ask(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> HttpAnswer:
        self.asked.append((method, url, dict(headers), body))
        return self.answers.pop(0)


def answer(status: int, value: object, **headers: str) -> HttpAnswer:
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return HttpAnswer(
        status,
        CIMultiDict({"Content-Type": "application/json", **named}),
        json.dumps(value).encode(),
    )


def through(*answers: HttpAnswer) -> tuple[Desk, MsalHttp]:
    desk = Desk(*answers)
    return desk, MsalHttp(desk, lambda: NOW)


# ---- what is sent


def test_a_question_goes_out_as_msal_put_it() -> None:
    desk, http = through(answer(200, {}))
    http.get(
        "https://login.example/t/x", params={"a": "1 & 2"}, headers={"X-A": "b"}, timeout=3
    )
    assert desk.asked == [("GET", "https://login.example/t/x?a=1+%26+2", {"X-A": "b"}, None)]


def test_parameters_are_added_to_those_of_the_address() -> None:
    desk, http = through(answer(200, {}), answer(200, {}))
    http.get("https://login.example/t/x?p=policy", params={"a": "1"})
    http.post("https://login.example/t/x?p=policy", params={"a": "1"})
    assert [urlsplit(asked[1]).query for asked in desk.asked] == ["p=policy&a=1"] * 2


def test_a_form_is_sent_as_one() -> None:
    desk, http = through(answer(200, {}))
    http.post(
        TOKEN_URL, data={"grant_type": "x", "scope": "a b", "secret": "ä&="}, headers={"A": "b"}
    )
    ((method, url, headers, body),) = desk.asked
    assert (method, url) == ("POST", TOKEN_URL)
    assert headers == {"Content-Type": "application/x-www-form-urlencoded", "A": "b"}
    assert dict(parse_qsl((body or b"").decode())) == {
        "grant_type": "x",
        "scope": "a b",
        "secret": "ä&=",
    }


def test_a_field_without_a_value_is_left_out_as_requests_does() -> None:
    desk, http = through(answer(200, {}))
    http.post(TOKEN_URL, data={"a": "1", "claims": None})
    assert desk.asked[0][3] == b"a=1"


def test_a_form_of_nothing_has_an_empty_body() -> None:
    desk, http = through(answer(200, {}))
    http.post(TOKEN_URL)
    assert desk.asked[0][3] == b""


# ---- what comes back


@pytest.mark.parametrize("status", [200, 400, 401, 403, 404])
def test_entras_own_answers_reach_msal(status: int) -> None:
    """A refusal is MSAL's to read: its error and numbers say what to do."""
    value = {"error": "invalid_grant", "error_codes": [50173], "ä": "😀"}
    _, http = through(answer(status, value, X_Y="z"))
    got = http.post(TOKEN_URL)
    assert got.status_code == status
    assert json.loads(got.text) == value
    assert got.headers["x-y"] == "z"
    got.raise_for_status()  # MSAL reads the error itself


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32-le"])
def test_json_in_another_unicode_is_readable_for_msal(encoding: str) -> None:
    _, http = through(HttpAnswer(200, {}, '{"a": "ä"}'.encode(encoding)))
    assert json.loads(http.get(TOKEN_URL).text) == {"a": "ä"}


@pytest.mark.parametrize("status", [429, 503])
def test_a_pause_that_entra_asks_for_ends_the_call(status: int) -> None:
    wait = formatdate(NOW + 40, usegmt=True)
    for text, seconds in (("9", 9.0), (wait, 40.0)):
        _, http = through(answer(status, {"error": "x"}, Retry_After=text))
        with pytest.raises(Throttled) as caught:
            http.post(TOKEN_URL)
        assert caught.value.retry_after == seconds


def test_a_throttle_without_a_wait_is_one_all_the_same() -> None:
    _, http = through(answer(429, {"error": "x"}))
    with pytest.raises(Throttled) as caught:
        http.get(TOKEN_URL)
    assert caught.value.retry_after == 0.0


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_an_outage_ends_the_call_before_msal_can_remember_it(status: int) -> None:
    for outage in (answer(status, {"error": "server_error"}), HttpAnswer(status, {}, b"")):
        _, http = through(outage)
        with pytest.raises(Unreachable, match=str(status)):
            http.post(TOKEN_URL)


@pytest.mark.parametrize("status", [200, 400, 403, 404])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"no json",
        b"[]",
        b'"text"',
        b"null",
        b"7",
        b"[" * 100_000,
        b"\xff\xfe\xfd",
    ],
)
def test_what_is_no_answer_of_entras_does_not_reach_msal(status: int, body: bytes) -> None:
    """MSAL would make it a cause of its own, and that would look like the end of the grant."""
    _, http = through(HttpAnswer(status, {}, body))
    with pytest.raises(Unreachable):
        http.get(TOKEN_URL)


def test_a_page_is_an_outage_whatever_it_holds() -> None:
    _, http = through(
        HttpAnswer(400, {"Content-Type": "text/html"}, b'{"error": "invalid_grant"}')
    )
    with pytest.raises(Unreachable):
        http.post(TOKEN_URL)


@given(st.integers(200, 599), anything)
def test_whatever_json_comes_msal_gets_an_object_or_the_call_ends(
    status: int, value: object
) -> None:
    _, http = through(answer(status, value))
    try:
        got = http.post(TOKEN_URL)
    except (Unreachable, Throttled):
        return
    assert json.loads(got.text) == value
    assert isinstance(value, dict)


def test_no_secret_is_in_the_text_of_an_outage() -> None:
    _, http = through(answer(500, {"access_token": "hidden"}))
    with pytest.raises(Unreachable) as caught:
        http.post(TOKEN_URL, data={"client_secret": "hidden"})
    assert "hidden" not in str(caught.value)


def test_closing_closes_nothing() -> None:
    """The client is not MSAL's: it is asked again afterwards."""
    desk, http = through(answer(200, {}))
    http.close()
    http.get(TOKEN_URL)
    assert len(desk.asked) == 1


# ---- MSAL itself


def test_msal_is_content_with_what_it_gets() -> None:
    described = {
        "authorization_endpoint": "https://login.example/t/oauth2/v2.0/authorize",
        "token_endpoint": TOKEN_URL,
        "device_authorization_endpoint": "https://login.example/t/oauth2/v2.0/devicecode",
        "issuer": "https://login.example/t/v2.0",
    }
    begun = {
        "device_code": "d",
        "user_code": "ABC",
        "verification_uri": "https://x.example",
        "expires_in": 900,
        "interval": 5,
    }
    refusal = {
        "error": "invalid_grant",
        "error_codes": [70016],
        "error_description": "AADSTS70016",
    }
    desk, http = through(answer(200, described), answer(200, begun), answer(400, refusal))
    app = msal.PublicClientApplication(
        "0b3f9a52-6a0c-4c44-9b1c-5b0d6f6a2f11",
        authority="https://login.example/t",
        instance_discovery=False,
        http_client=http,
    )
    flow = app.initiate_device_flow(["https://graph.example/Mail.Read"])
    assert flow["user_code"] == "ABC"
    result = app.acquire_token_by_device_flow(flow, exit_condition=lambda _flow: True)
    assert result["error_codes"] == [70016]
    assert [asked[0] for asked in desk.asked] == ["GET", "POST", "POST"]
    assert dict(parse_qsl((desk.asked[2][3] or b"").decode()))["device_code"] == "d"
