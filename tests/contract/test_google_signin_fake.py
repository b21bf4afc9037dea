"""The fake of Google's sign-in, driven by hand and by Google's own library: consents and their tokens."""

import json
from collections.abc import AsyncIterator
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

import attrs
import google.auth.exceptions
import pytest
import trustme

from tests.contract.google_signin_desk import (
    BACK,
    MODIFY,
    MODIFY_ONLY,
    READONLY,
    Desk,
    Form,
    opened,
    told,
)
from tests.fakes.clock import FakeClock
from tests.fakes.faults import Answer
from tests.fakes.google_signin import FakeGoogleSignin, SignInPage


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with opened() as made:
        yield made


# ---- consent


async def test_a_consent_becomes_a_refresh_token_that_stays_the_same(desk: Desk) -> None:
    status, said = await desk.exchange(desk.signin.authorize(desk.page()))
    again = [await desk.refresh(said["refresh_token"]) for _ in range(2)]
    assert (status, said["token_type"], said["scope"]) == (200, "Bearer", MODIFY)
    assert [(code, one["scope"]) for code, one in again] == [(200, MODIFY)] * 2
    assert not any("refresh_token" in one for _, one in again)
    assert len({said["access_token"], *(one["access_token"] for _, one in again)}) == 3
    assert desk.signin.violations == []


async def test_the_browser_ends_at_the_redirect_with_the_state_and_what_was_granted(
    desk: Desk,
) -> None:
    ended = desk.signin.authorize(desk.page(scope=f"{MODIFY} openid"))
    assert ended.startswith(f"{BACK}?")
    assert told(ended)["state"] == "a-state-nobody-guesses"
    assert set(told(ended)["scope"].split()) == {MODIFY, "openid"}
    assert "code=4/0A" in ended


async def test_a_browser_that_really_goes_there_is_sent_on(desk: Desk) -> None:
    async with desk.session.get(desk.page(), allow_redirects=False) as got:
        assert got.status == 302
        ended = got.headers["Location"]
    assert (await desk.exchange(ended))[0] == 200


async def test_a_browser_that_may_not_go_there_ends_on_googles_page(desk: Desk) -> None:
    async with desk.session.get(desk.page(scope="x"), allow_redirects=False) as got:
        assert (got.status, "invalid_scope" in await got.text()) == (400, True)


async def test_without_a_challenge_no_verifier_is_looked_at(desk: Desk) -> None:
    ended = desk.signin.authorize(desk.page(code_challenge=None))
    assert (await desk.exchange(ended))[0] == 200
    assert len(desk.signin.violations) == 1


async def test_an_unknown_refresh_token_is_refused(desk: Desk) -> None:
    assert (await desk.refresh("1//0nothing"))[1]["error"] == "invalid_grant"


async def test_who_declines_comes_back_with_an_error_and_the_state(desk: Desk) -> None:
    ended = desk.signin.authorize(desk.page(), decline=True)
    assert told(ended) == {"error": "access_denied", "state": "a-state-nobody-guesses"}


async def test_an_unticked_scope_is_not_granted(desk: Desk) -> None:
    asked = desk.page(scope=f"{MODIFY} openid")
    _, said = await desk.exchange(desk.signin.authorize(asked, untick={MODIFY}))
    assert said["scope"] == "openid"
    assert desk.signin.scopes_of(said["access_token"]) == frozenset({"openid"})


async def test_a_token_is_for_the_user_who_consented(desk: Desk) -> None:
    ended = desk.signin.authorize(desk.page(), user="fax@example.com")
    _, said = await desk.exchange(ended)
    assert desk.signin.subject_of(said["access_token"]) == "fax@example.com"


@pytest.mark.parametrize(
    ("change", "page"),
    [
        ({"client_id": "another"}, "invalid_client"),
        ({"redirect_uri": "urn:ietf:wg:oauth:2.0:oob"}, "redirect_uri_mismatch"),
        ({"redirect_uri": "http://192.0.2.1/"}, "redirect_uri_mismatch"),
        ({"response_type": "token"}, "invalid_request"),
        ({"scope": "https://www.googleapis.com/auth/gmail.everything"}, "invalid_scope"),
        ({"scope": None}, "invalid_scope"),
        ({"code_challenge_method": "S512"}, "invalid_request"),
    ],
)
async def test_a_page_that_google_would_not_show_ends_there(
    desk: Desk, change: dict[str, str | None], page: str
) -> None:
    with pytest.raises(SignInPage, match=f"^{page}$"):
        desk.signin.authorize(desk.page(**change))


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"access_type": None}, "access_type is not offline"),
        ({"prompt": None}, "prompt is not consent"),
        ({"code_challenge_method": None}, "code_challenge_method is not S256"),
        ({"code_challenge": None}, "no code challenge"),
        ({"state": None}, "no state"),
        ({"state": "1"}, "no state"),
        ({"redirect_uri": "http://localhost:8765/"}, "not to 127.0.0.1"),
        ({"client_secret": "x"}, "secret in an address"),
    ],
)
async def test_what_google_takes_and_a_careful_client_does_not_do_is_a_violation(
    desk: Desk, change: dict[str, str | None], fault: str
) -> None:
    desk.signin.authorize(desk.page(**change))
    assert len(desk.signin.violations) == 1
    assert fault in desk.signin.violations[0]


async def test_another_consent_page_than_this_one_is_a_violation(desk: Desk) -> None:
    query = urlsplit(desk.page()).query
    desk.signin.authorize(f"https://accounts.example.com/o/oauth2/v2/auth?{query}")
    assert len(desk.signin.violations) == 1


async def test_without_a_prompt_the_second_consent_brings_no_refresh_token(desk: Desk) -> None:
    replies = [await desk.exchange(desk.signin.authorize(desk.page(prompt=None))) for _ in "12"]
    assert ["refresh_token" in one for _, one in replies] == [True, False]


async def test_a_project_in_testing_says_when_its_consent_ends(desk: Desk) -> None:
    desk.signin.in_testing = True
    _, said = await desk.exchange(desk.signin.authorize(desk.page()))
    assert said["refresh_token_expires_in"] == 604799


# ---- codes


async def test_a_code_is_good_once(desk: Desk) -> None:
    ended = desk.signin.authorize(desk.page())
    replies = [await desk.exchange(ended) for _ in range(2)]
    assert [status for status, _ in replies] == [200, 400]
    assert replies[1][1]["error"] == "invalid_grant"


@pytest.mark.parametrize(
    ("change", "status", "error"),
    [
        ({"code": "4/0Anothing"}, 400, "invalid_grant"),
        (
            {"code_verifier": "a-verifier-that-was-never-announced-to-anyone"},
            400,
            "invalid_grant",
        ),
        ({"code_verifier": ""}, 400, "invalid_grant"),
        ({"redirect_uri": "http://127.0.0.1:8766/"}, 400, "redirect_uri_mismatch"),
        ({"client_id": "another"}, 401, "invalid_client"),
        ({"client_secret": "another"}, 401, "invalid_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
    ],
)
async def test_a_code_is_exchanged_only_as_it_was_asked_for(
    desk: Desk, change: Form, status: int, error: str
) -> None:
    got, said = await desk.exchange(desk.signin.authorize(desk.page()), **change)
    assert (got, said["error"]) == (status, error)


async def test_a_code_ends_after_ten_minutes() -> None:
    clock = FakeClock()
    signin = FakeGoogleSignin(trustme.CA(), clock)
    client = {"client_id": signin.client_id, "client_secret": signin.client_secret}
    page = {"client_id": signin.client_id, "redirect_uri": BACK}
    page |= {"response_type": "code", "scope": MODIFY}
    code = told(signin.authorize(f"{signin.url}/o/oauth2/v2/auth?{urlencode(page)}"))["code"]
    clock.advance(600)
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK, **client}
    answer = await signin.answer(_posted(form))
    assert answer.status == 400


# ---- refreshing


async def test_googles_library_refreshes(desk: Desk) -> None:
    credentials = await desk.refreshed_by_google(await desk.consented(), [MODIFY])
    assert desk.signin.scopes_of(credentials.token) == MODIFY_ONLY
    assert credentials.granted_scopes == [MODIFY]
    assert desk.signin.violations == []


async def test_a_scope_that_was_not_granted_cannot_be_refreshed(desk: Desk) -> None:
    with pytest.raises(google.auth.exceptions.RefreshError, match="invalid_scope"):
        await desk.refreshed_by_google(await desk.consented(), [MODIFY, READONLY])


async def test_after_a_password_change_the_consent_and_its_tokens_are_dead(desk: Desk) -> None:
    consent = await desk.consented()
    token = (await desk.refresh(consent))[1]["access_token"]
    desk.signin.revoke()
    assert desk.signin.scopes_of(token) is None
    with pytest.raises(google.auth.exceptions.RefreshError) as caught:
        await desk.refreshed_by_google(consent, [MODIFY])
    assert caught.value.args[0] == "invalid_grant: Token has been expired or revoked."


async def test_only_the_user_who_changed_the_password_is_signed_out(desk: Desk) -> None:
    consent = await desk.consented()
    desk.signin.revoke("fax@example.com")
    assert (await desk.refresh(consent))[0] == 200


async def test_session_control_asks_for_another_sign_in(desk: Desk) -> None:
    consent = await desk.consented()
    desk.signin.require_reauthentication()
    status, said = await desk.refresh(consent)
    assert (status, said["error"], said["error_subtype"]) == (
        400,
        "invalid_grant",
        "invalid_rapt",
    )
    with pytest.raises(google.auth.exceptions.RefreshError, match="Reauthentication"):
        await desk.refreshed_by_google(consent, [MODIFY])


async def test_the_oldest_of_too_many_consents_dies_silently(desk: Desk) -> None:
    first = await desk.consented()
    for _ in range(99):
        desk.signin.grants.new_consent(desk.signin.client_id, desk.signin.user, frozenset())
    assert (await desk.refresh(first))[0] == 200
    second = await desk.consented()
    assert (await desk.refresh(first))[1]["error"] == "invalid_grant"
    assert (await desk.refresh(second))[0] == 200


@pytest.mark.parametrize("error", ["deleted_client", "invalid_client"])
async def test_a_client_that_is_gone_gets_nothing(desk: Desk, error: str) -> None:
    consent, page = await desk.consented(), desk.page()
    desk.signin.client_error = error
    status, said = await desk.refresh(consent)
    assert (status, said["error"]) == (401, error)
    with pytest.raises(SignInPage, match=error):
        desk.signin.authorize(page)


async def test_a_token_service_that_is_down_is_scripted(desk: Desk) -> None:
    consent = await desk.consented()
    desk.signin.script("POST /token", Answer.of_json({"error": "internal_failure"}, 503))
    assert [(await desk.refresh(consent))[0] for _ in range(2)] == [503, 200]


async def test_access_tokens_end() -> None:
    clock = FakeClock()
    signin = FakeGoogleSignin(trustme.CA(), clock)
    signin.expires_in = 60
    token = signin.bearer(MODIFY)
    clock.advance(59)
    assert signin.scopes_of(token) == MODIFY_ONLY
    clock.advance(1)
    assert (signin.scopes_of(token), signin.subject_of(token)) == (None, None)


async def test_access_tokens_can_be_ended_at_once(desk: Desk) -> None:
    mine, other = desk.signin.bearer(MODIFY), desk.signin.bearer(MODIFY, user="fax@example.com")
    desk.signin.expire_tokens(desk.signin.user)
    assert desk.signin.scopes_of(mine) is None
    assert desk.signin.scopes_of(other) == MODIFY_ONLY


# ---- the service itself


async def test_every_answer_is_dated_with_the_services_own_clock(desk: Desk) -> None:
    desk.signin.clock_offset = 86400 * 365
    desk.signin.script("POST", Answer.of_json({}, 503))
    for _ in "12":
        async with desk.session.post(
            f"{desk.signin.url}/token", data={"grant_type": ""}
        ) as got:
            date = parsedate_to_datetime(got.headers["Date"])
        ahead = date.timestamp() - desk.signin.clock.now()
        assert 86400 * 365 - 10 < ahead < 86400 * 365 + 10


async def test_a_wrong_way_to_ask_for_a_token_is_a_violation(desk: Desk) -> None:
    url = f"{desk.signin.url}/token"
    async with desk.session.post(url, json={"grant_type": "refresh_token"}) as got:
        assert got.status == 400
    async with desk.session.post(f"{url}?client_secret=x", data={"a": "b"}) as got:
        assert got.status == 400
    async with desk.session.put(url, data={"a": "b"}) as got:
        assert got.status == 404
    async with desk.session.post(f"{desk.signin.url}/device/code", data={"a": "b"}) as got:
        assert got.status == 404
    assert len(desk.signin.violations) == 4


async def test_looking_whether_the_host_is_there_is_none(desk: Desk) -> None:
    async with desk.session.get(f"{desk.signin.url}/token") as got:
        assert got.status == 404
    assert desk.signin.violations == []


async def test_the_client_file_leads_to_this_service(desk: Desk) -> None:
    file = json.loads(json.dumps(desk.signin.client_file()))["installed"]
    assert file["token_uri"] == f"{desk.signin.url}/token"
    assert desk.page().startswith(file["auth_uri"])


def _posted(form: Form) -> Any:  # noqa: ANN401 - the few attributes that are read
    body = urlencode(form).encode()
    return attrs.make_class("Posted", ["path", "method", "body"])("/token", "POST", body)
