"""Has google-auth mint tokens in a thread, and takes care of what it makes of bad answers."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from providers.blocking import Line
from providers.contract import Unreachable
from providers.google.credential import GoogleGrant
from providers.google.tokens import Minted, mint
from providers.transport import HttpAnswer

URL = "https://oauth2.example/token"
SCOPE = "https://www.googleapis.com/auth/gmail.modify"
KEPT = GoogleGrant({"client_id": "id", "client_secret": "s3cret"}, refresh_token="r3fresh")


class ScriptedLine(Line):
    """Answers from a script, without a loop."""

    def __init__(self, *answers: HttpAnswer) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, str, bytes]] = []

    def ask(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> HttpAnswer:
        assert headers["Content-Type"] == "application/x-www-form-urlencoded"
        self.asked.append((method, url, body or b""))
        return self.answers.pop(0)


def said(value: Any, status: int = 200) -> HttpAnswer:  # noqa: ANN401 - any JSON
    return HttpAnswer(status, {}, json.dumps(value).encode())


def anything(_: HttpAnswer) -> None:
    """Take every answer for Google's own."""


def minted(line: Line, check: Callable[[HttpAnswer], None] = anything) -> Minted:
    return mint(KEPT, URL, SCOPE, "", line, check)


def test_a_refresh_token_is_sent_once_and_without_a_scope() -> None:
    """A scope that was not granted would be refused; what was is told in the answer."""
    line = ScriptedLine(said({"access_token": "t", "expires_in": 3599, "scope": f"{SCOPE} x"}))
    found = minted(line)
    assert (found.token, found.scopes, found.error) == ("t", (SCOPE, "x"), "")
    assert 3590 < found.lifetime <= 3599
    ((method, url, body),) = line.asked
    assert (method, url) == ("POST", URL)
    assert b"refresh_token=r3fresh" in body
    assert b"scope" not in body


def test_scopes_that_are_not_told_are_not_known() -> None:
    assert minted(ScriptedLine(said({"access_token": "t", "expires_in": 1}))).scopes == ()


def test_a_refresh_token_that_was_exchanged_for_another_is_handed_on() -> None:
    value = {"access_token": "t", "expires_in": 9, "refresh_token": "n3w", "scope": 7}
    found = minted(ScriptedLine(said(value)))
    assert (found.refresh_token, found.scopes) == ("n3w", ())
    assert "n3w" not in repr(found)


def test_a_token_without_a_lifetime_lives_no_longer_than_its_use() -> None:
    assert minted(ScriptedLine(said({"access_token": "t"}))).lifetime == 0


def test_an_error_is_handed_on_by_its_name() -> None:
    value = {"error": "invalid_grant", "error_subtype": "invalid_rapt"}
    found = minted(ScriptedLine(said(value, 400)))
    assert (found.token, found.error) == ("", "invalid_rapt")


@pytest.mark.parametrize("value", [{}, {"token": "t0ken"}])
def test_an_answer_without_a_token_is_an_unknown_error(value: Any) -> None:  # noqa: ANN401 - any JSON
    assert minted(ScriptedLine(said(value))).error == "unknown_error"


@pytest.mark.parametrize(
    "value",
    [
        ["t0ken"],
        "t0ken",
        {"access_token": "t0ken", "expires_in": "s0on"},
        {"access_token": "t0ken", "expires_in": ["s0on"]},
    ],
)
def test_what_the_library_stumbles_over_is_told_without_a_secret(value: Any) -> None:  # noqa: ANN401 - any JSON
    with pytest.raises(Unreachable, match="Google gave no token") as caught:
        minted(ScriptedLine(said(value)))
    assert "t0ken" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_an_outage_ends_the_call_before_the_library_tries_again() -> None:
    def refuse(answer: HttpAnswer) -> None:
        raise Unreachable(f"status {answer.status}")

    line = ScriptedLine(said({}, 503), said({}, 503))
    with pytest.raises(Unreachable, match="status 503"):
        minted(line, refuse)
    assert len(line.asked) == 1


def test_nothing_secret_shows_in_what_is_minted() -> None:
    assert "t0ken" not in repr(Minted("t0ken", 1.0, ()))
