import base64
import json
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from providers.caller import AskedInVain, TokenRefused, TookTooLong
from providers.contract import (
    AccessRefused,
    CursorExpired,
    MessageGone,
    MessageUnreadable,
    ProviderError,
    Throttled,
    Unreachable,
)
from providers.microsoft.failures import (
    BANDWIDTH_SECONDS,
    claims_challenge,
    codes_of,
    error_codes,
    judge,
    verdict,
)
from providers.transport import HttpAnswer

NOW = 1_700_000_000.0

anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=8),
    lambda one: (
        st.lists(one, max_size=3)
        | st.dictionaries(
            st.text(max_size=8)
            | st.sampled_from(["error", "code", "innerError", "innererror", "message"]),
            one,
            max_size=4,
        )
    ),
)


def answer(status: int, code: str = "", **headers: str) -> HttpAnswer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    body = json.dumps({"error": {"code": code, "message": "private words"}}).encode()
    return HttpAnswer(status, CIMultiDict({"Content-Type": "application/json", **named}), body)


def page(status: int, **headers: str) -> HttpAnswer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return HttpAnswer(status, CIMultiDict({"Content-Type": "text/html", **named}), b"<html>no")


def judged(one: HttpAnswer) -> ProviderError:
    error = judge(one, NOW)
    assert error is not None
    return error


# ---- by code

CODES = [
    (400, "ErrorInvalidIdMalformed", MessageGone),
    (400, "InefficientFilter", AskedInVain),
    (401, "InvalidAuthenticationToken", TokenRefused),
    (403, "ErrorAccessDenied", AccessRefused),
    (403, "Authorization_RequestDenied", AccessRefused),
    (403, "ErrorCannotDeleteObject", MessageGone),
    (403, "", AccessRefused),
    (403, "SomethingNew", AccessRefused),
    (404, "ErrorItemNotFound", MessageGone),
    (404, "ErrorFolderNotFound", MessageGone),
    (404, "ErrorInvalidMailboxItemId", MessageGone),
    (404, "MailboxNotEnabledForRESTAPI", AccessRefused),
    (404, "ResourceNotFound", AccessRefused),
    (404, "Request_ResourceNotFound", AccessRefused),
    (404, "ErrorInvalidUser", AccessRefused),
    (404, "ErrorNonExistentMailbox", AccessRefused),
    (404, "", AskedInVain),
    (404, "SomethingNew", AskedInVain),
    (409, "ErrorIrresolvableConflict", AskedInVain),
    (410, "SyncStateNotFound", CursorExpired),
    (410, "resyncRequired", CursorExpired),
    (410, "", CursorExpired),
    (400, "SyncStateNotFound", CursorExpired),
    (404, "syncStateNotFound", CursorExpired),
    (400, "SyncStateInvalid", CursorExpired),
    (429, "ApplicationThrottled", Throttled),
    (429, "ErrorTooManyObjectsOpened", Throttled),
    (429, "TooManyRequests", Throttled),
    (500, "ErrorMimeContentConversionFailed", MessageUnreadable),
    (500, "ErrorContentConversionFailed", MessageUnreadable),
    (500, "ErrorMessageSizeExceeded", MessageUnreadable),
    (500, "ErrorCorruptData", MessageUnreadable),
    (500, "ErrorInternalServerError", AskedInVain),
    (500, "", AskedInVain),
    (503, "serviceNotAvailable", Unreachable),
    (503, "ErrorMailboxStoreUnavailable", Unreachable),
    (503, "ErrorServerBusy", Unreachable),
    (504, "ErrorMailboxStoreUnavailable", TookTooLong),
    (504, "", TookTooLong),
    (509, "", Throttled),
    (405, "ErrorInvalidRequest", AskedInVain),
    (302, "", AskedInVain),
]


@pytest.mark.parametrize(("status", "code", "kind"), CODES)
def test_an_error_code_means_what_graph_means_by_it(
    status: int, code: str, kind: type[ProviderError]
) -> None:
    assert type(judged(answer(status, code))) is kind


@pytest.mark.parametrize(("status", "code", "kind"), CODES)
def test_codes_have_no_letter_case(status: int, code: str, kind: type[ProviderError]) -> None:
    """Documents say syncStateNotFound where the wire says SyncStateNotFound."""
    assert type(judged(answer(status, code.upper()))) is kind
    assert type(judged(answer(status, code.lower()))) is kind


@pytest.mark.parametrize("spelling", ["innerError", "innererror"])
def test_a_code_inside_counts_as_one_outside(spelling: str) -> None:
    inner = {"code": "ErrorItemNotFound", "date": "x"}
    body = {"error": {"code": "UnknownError", spelling: inner}}
    one = HttpAnswer(404, {}, json.dumps(body).encode())
    assert isinstance(judged(one), MessageGone)
    assert error_codes(one) == ("UnknownError", "ErrorItemNotFound")


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_a_good_answer_is_no_error(status: int) -> None:
    assert judge(HttpAnswer(status, {}, b""), NOW) is None


def test_the_text_of_an_error_decides_nothing_and_is_not_repeated() -> None:
    body = {"error": {"code": "Other", "message": "ErrorItemNotFound"}}
    error = judged(HttpAnswer(500, {}, json.dumps(body).encode()))
    assert type(error) is AskedInVain
    assert str(error) == "Graph answers 500 (Other)"


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("MailboxNotEnabledForRESTAPI", "licence"),
        ("ErrorInvalidUser", "--mailbox"),
        ("ResourceNotFound", "--mailbox"),
        ("ErrorAccessDenied", "delegate"),
        ("", "licensed"),
    ],
)
def test_a_refusal_says_what_to_mend(code: str, words: str) -> None:
    assert words in str(judged(answer(403, code)))


@pytest.mark.parametrize(("status", "code", "kind"), CODES)
def test_every_error_names_the_request(
    status: int, code: str, kind: type[ProviderError]
) -> None:
    error = judged(answer(status, code, request_id="r-42"))
    assert type(error) is kind
    assert error.request_id == "r-42"


# ---- by status: the table of retries


@pytest.mark.parametrize("status", [429, 503, 509])
def test_the_service_may_name_the_wait_in_seconds(status: int) -> None:
    error = judged(answer(status, Retry_After="17"))
    assert isinstance(error, Throttled)
    assert error.retry_after == 17.0


@pytest.mark.parametrize("status", [429, 503, 509])
def test_the_service_may_name_the_wait_as_a_date(status: int) -> None:
    """Held against its own clock, which here is an hour ahead of ours."""
    served = NOW + 3600
    error = judged(
        answer(
            status,
            Retry_After=formatdate(served + 90, usegmt=True),
            Date=formatdate(served, usegmt=True),
        )
    )
    assert isinstance(error, Throttled)
    assert error.retry_after == 90.0


@pytest.mark.parametrize("unread", ["", "soon", "-1", "1e9"])
def test_a_throttle_without_a_wait_that_can_be_read_leaves_it_to_us(unread: str) -> None:
    error = judged(answer(429, "ApplicationThrottled", Retry_After=unread))
    assert isinstance(error, Throttled)
    assert error.retry_after == 0.0


def test_an_outage_without_a_wait_is_an_outage() -> None:
    assert type(judged(answer(503))) is Unreachable


@pytest.mark.parametrize(
    ("status", "tries"), [(400, 1), (404, 1), (405, 1), (409, 2), (500, 2)]
)
def test_what_another_try_would_not_change_is_not_tried_again(status: int, tries: int) -> None:
    error = judged(answer(status, "SomethingNew"))
    assert isinstance(error, AskedInVain)
    assert error.tries == tries


def test_the_bandwidth_limit_has_a_long_wait_of_its_own() -> None:
    error = judged(answer(509))
    assert isinstance(error, Throttled)
    assert error.retry_after == BANDWIDTH_SECONDS == 600.0


# ---- pages for people


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 500, 502, 503])
def test_a_page_for_people_is_nobodys_word_about_a_message(status: int) -> None:
    error = judged(page(status, request_id="r-1"))
    assert type(error) is Unreachable
    assert "proxy" in str(error)
    assert error.request_id == "r-1"


def test_a_page_that_names_a_wait_is_waited_for() -> None:
    for status in (429, 503):
        error = judged(page(status, Retry_After="8"))
        assert isinstance(error, Throttled)
        assert error.retry_after == 8.0


def test_a_gateways_page_about_its_time_asks_for_a_smaller_question() -> None:
    assert isinstance(judged(page(504)), TookTooLong)


@pytest.mark.parametrize(
    "body", [b"", b"not json", b"\xff\xfe", b"[1]", b'"x"', b"null", b"[" * 100_000]
)
def test_an_answer_without_codes_is_judged_by_its_status(body: bytes) -> None:
    assert type(judged(HttpAnswer(403, {}, body))) is AccessRefused
    assert type(judged(HttpAnswer(404, {}, body))) is AskedInVain


# ---- whatever comes


@given(anything)
def test_whatever_json_comes_codes_are_texts(value: object) -> None:
    found = codes_of(value)
    assert all(isinstance(one, str) and 0 < len(one) <= 100 for one in found)
    assert len(found) <= 8


def test_codes_are_read_only_so_deep() -> None:
    value: dict[str, object] = {"code": "x"}
    for _ in range(2000):
        value = {"code": "x", "innerError": value}
    assert codes_of({"error": value}) == ("x",) * 8


def test_levels_without_a_code_end_too() -> None:
    value: dict[str, object] = {"code": "deep"}
    for _ in range(2000):
        value = {"innerError": value}
    assert codes_of({"error": value}) == ("deep",)


@given(st.integers(300, 599), anything, st.text(max_size=20), st.text(max_size=20))
def test_whatever_comes_a_bad_answer_is_an_error_of_the_contract(
    status: int, body: object, wait: str, challenge: str
) -> None:
    headers = CIMultiDict({"Retry-After": wait, "WWW-Authenticate": challenge})
    error = judge(HttpAnswer(status, headers, json.dumps(body).encode()), NOW)
    assert isinstance(error, ProviderError)


@given(st.integers(300, 599), st.lists(st.text(max_size=30)))
def test_whatever_the_codes_a_part_has_a_verdict(status: int, codes: list[str]) -> None:
    assert isinstance(verdict(status, tuple(codes), {}, NOW), ProviderError)


# ---- claims challenges


def challenge(claims: bytes, *, is_url_safe: bool = False, is_padded: bool = True) -> str:
    encode = base64.urlsafe_b64encode if is_url_safe else base64.b64encode
    text = encode(claims).decode()
    text = text if is_padded else text.rstrip("=")
    return (
        'Bearer realm="", authorization_uri="https://login.microsoftonline.com/common",'
        f' error="insufficient_claims", claims="{text}"'
    )


CLAIMS = '{"access_token":{"nbf":{"essential":true,"value":"1604106651"}},"ä":"»?>~~~???"}'


@pytest.mark.parametrize("is_url_safe", [True, False])
@pytest.mark.parametrize("is_padded", [True, False])
def test_a_challenge_is_decoded(*, is_url_safe: bool, is_padded: bool) -> None:
    for claims in (CLAIMS, CLAIMS + " ", CLAIMS + "  "):  # each length of padding
        assert {"+", "/"} <= {*base64.b64encode(claims.encode()).decode()}
        text = challenge(claims.encode(), is_url_safe=is_url_safe, is_padded=is_padded)
        error = judged(answer(401, "InvalidAuthenticationToken", WWW_Authenticate=text))
        assert isinstance(error, TokenRefused)
        assert error.claims == claims


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Bearer",
        'Bearer error="invalid_token"',
        'Bearer claims=""',
        'Bearer claims="****"',
        'Bearer claims="ä"',
        challenge(b"\xff\xfe"),
        challenge(b"not json"),
        challenge(b"[]"),
        challenge(b'"text"'),
        challenge(b"null"),
        challenge(b'{"access_token": null}'),
        challenge(b'{"access_token": [1]}'),
    ],
)
def test_a_challenge_that_cannot_be_met_is_as_if_there_was_none(text: str) -> None:
    """MSAL would raise over it, and that would look like the end of the grant."""
    error = judged(answer(401, "InvalidAuthenticationToken", WWW_Authenticate=text))
    assert isinstance(error, TokenRefused)
    assert error.claims is None


def test_no_challenge_is_repeated_in_an_errors_text() -> None:
    text = challenge(CLAIMS.encode())
    assert "eyJ" not in str(judged(answer(401, WWW_Authenticate=text)))


@given(st.text() | st.binary(max_size=40).map(challenge) | anything.map(json.dumps))
def test_whatever_the_challenge_it_is_decoded_or_ignored(text: str) -> None:
    found = claims_challenge({"WWW-Authenticate": text})
    assert found is None or isinstance(json.loads(found), dict)


@given(anything)
def test_a_challenge_is_an_object_that_can_be_added_to(claims: object) -> None:
    found = claims_challenge({"WWW-Authenticate": challenge(json.dumps(claims).encode())})
    is_good = isinstance(claims, dict) and isinstance(claims.get("access_token", {}), dict)
    assert (found is not None) == is_good
