"""Says what a bad answer of Google's means, by its reason and never by its status alone."""

import json
from typing import Any

import pytest

from providers.caller import AskedInVain, TokenRefused
from providers.contract import (
    AccessRefused,
    MessageGone,
    ProviderError,
    Throttled,
    Unreachable,
)
from providers.google.failures import (
    DAILY_SECONDS,
    LOST,
    SIGN_IN,
    NameTaken,
    NoSuchThing,
    explain,
    explain_code,
    judge,
    reasons_of,
    sign_in_error,
)
from providers.transport import HttpAnswer
from tests.fakes.faults import Answer, html
from tests.fakes.gmail import refusal

NOW = 1_800_000_000.0


def heard(answer: Answer) -> HttpAnswer:
    assert isinstance(answer.body, bytes)
    return HttpAnswer(answer.status, answer.headers, answer.body)


def judged(answer: Answer) -> ProviderError | None:
    return judge(heard(answer), NOW)


@pytest.mark.parametrize("answer", [Answer(200, b"{}"), Answer(204)])
def test_a_good_answer_is_no_error(answer: Answer) -> None:
    assert judged(answer) is None


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (403, "rateLimitExceeded"),
        (403, "userRateLimitExceeded"),
        (403, "quotaExceeded"),
        (429, "rateLimitExceeded"),
        (429, "userRateLimitExceeded"),
        (429, "somethingNew"),
        (400, "rateLimitExceeded"),
    ],
)
@pytest.mark.parametrize(("asked", "wait"), [(None, 0.0), ("7", 7.0)])
def test_a_rate_limit_is_one_whatever_the_status(
    status: int, reason: str, asked: str | None, wait: float
) -> None:
    error = judged(refusal(status, reason, retry_after=asked))
    assert isinstance(error, Throttled)
    assert error.retry_after == wait


def test_a_quota_of_the_day_is_asked_for_again_in_an_hour() -> None:
    error = judged(refusal(403, "dailyLimitExceeded"))
    assert isinstance(error, Throttled)
    assert error.retry_after == DAILY_SECONDS


@pytest.mark.parametrize(
    ("status", "reason", "said"),
    [
        (403, "domainPolicy", "administrator of the domain"),
        (403, "insufficientPermissions", "every box ticked"),
        (403, "accessNotConfigured", "Gmail API is not enabled"),
        (403, "forbidden", "Google forbids it"),
        (403, "delegationDenied", "--subject"),
        (400, "failedPrecondition", "Gmail is not switched on"),
        (403, "failedPrecondition", "Gmail is not switched on"),
        (403, "somethingNew", "Google forbids it"),
    ],
)
def test_what_only_a_person_can_mend_says_what_to_do(
    status: int, reason: str, said: str
) -> None:
    error = judged(refusal(status, reason))
    assert isinstance(error, AccessRefused)
    assert said in str(error)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        ({"details": [{"reason": "SERVICE_DISABLED"}]}, "Gmail API is not enabled"),
        (
            {
                "details": [{"reason": "ACCESS_TOKEN_SCOPE_INSUFFICIENT"}],
                "errors": [{"reason": "forbidden"}],
            },
            "every box ticked",
        ),
        ({"status": "FAILED_PRECONDITION"}, "Gmail is not switched on"),
    ],
)
def test_the_most_telling_reason_is_the_one_that_counts(
    error: dict[str, Any], said: str
) -> None:
    for _ in range(5):
        found = judged(Answer.of_json({"error": {"code": 403, **error}}, 403))
        assert isinstance(found, AccessRefused)
        assert said in str(found)


def test_a_refused_token_is_worth_another_one() -> None:
    assert isinstance(judged(refusal(401, "authError")), TokenRefused)


@pytest.mark.parametrize(
    "answer",
    [
        refusal(404, "notFound"),
        Answer.of_json({"error": {"code": 404, "status": "NOT_FOUND"}}, 404),
    ],
)
def test_a_message_that_is_not_found_is_gone(answer: Answer) -> None:
    assert isinstance(judged(answer), MessageGone)


def test_a_404_that_gmail_did_not_say_is_no_lost_message() -> None:
    error = judged(Answer.of_json({"message": "no route"}, 404))
    assert isinstance(error, AskedInVain)


def test_an_id_that_makes_no_sense_is_asked_for_once() -> None:
    error = judged(refusal(400, "invalidArgument", "Invalid id value"))
    assert isinstance(error, NoSuchThing)
    assert error.tries == 1


def test_a_name_that_is_taken_is_asked_for_once() -> None:
    error = judged(refusal(409, "aborted"))
    assert isinstance(error, NameTaken)
    assert not isinstance(error, NoSuchThing)
    assert str(error) == "Gmail answers 409 (aborted)"


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_trouble_at_google_passes(status: int) -> None:
    error = judged(refusal(status, "backendError"))
    assert isinstance(error, Unreachable)
    assert not isinstance(error, AskedInVain)


def test_a_503_that_names_a_wait_is_waited_for() -> None:
    error = judged(refusal(503, "backendError", retry_after="12"))
    assert isinstance(error, Throttled)
    assert error.retry_after == 12


@pytest.mark.parametrize("status", [400, 401, 403, 404, 407, 429, 502, 503])
@pytest.mark.parametrize("kind", ["page", "text", "empty"])
def test_what_is_not_googles_own_word_decides_nothing(status: int, kind: str) -> None:
    answers = {
        "page": html(status),
        "text": Answer(status, b"Forbidden", {"Content-Type": "text/plain"}),
        "empty": Answer(status),
    }
    error = judged(answers[kind])
    assert isinstance(error, Unreachable)
    assert "proxy" in str(error)


@pytest.mark.parametrize(
    "value",
    [
        [],
        7,
        {},
        {"error": "x"},
        {"error": {"errors": {}}},
        {"error": {"errors": ["x", {"reason": 7}, {"reason": ""}]}},
    ],
)
def test_an_error_of_an_unknown_form_has_no_reasons(value: Any) -> None:  # noqa: ANN401 - any JSON
    answer = HttpAnswer(500, {}, json.dumps(value).encode())
    assert reasons_of(answer) == ()
    assert isinstance(judge(answer, NOW), Unreachable)


def test_a_reason_is_cut_before_it_floods_a_log() -> None:
    error = judged(refusal(500, "x" * 10_000))
    assert len(str(error)) < 200


# ---- the sign-in


@pytest.mark.parametrize(
    ("value", "error"),
    [
        ({"error": "invalid_grant", "error_description": "Token revoked."}, "invalid_grant"),
        ({"error": "invalid_grant", "error_subtype": "invalid_rapt"}, "invalid_rapt"),
        ({"error": "invalid_grant", "error_subtype": "rapt_required"}, "invalid_rapt"),
        ({"error": "invalid_grant", "error_subtype": "news"}, "invalid_grant"),
        ({"error": "invalid_grant", "error_subtype": ["news"]}, "invalid_grant"),
        ({"error": "invalid_grant", "error_description": "Invalid JWT: times"}, "invalid_jwt"),
        (
            {"error": "invalid_grant", "error_description": "Invalid email or User ID"},
            "invalid_subject",
        ),
        ({"error": "deleted_client"}, "deleted_client"),
        ({"error": 7}, "unknown_error"),
        ({"error": ""}, "unknown_error"),
        ({}, "unknown_error"),
        (None, "unknown_error"),
        ("text", "unknown_error"),
    ],
)
def test_the_finest_error_of_a_sign_in_is_found(value: Any, error: str) -> None:  # noqa: ANN401 - any JSON
    assert sign_in_error(value) == error


@pytest.mark.parametrize("error", sorted(SIGN_IN))
def test_every_error_of_a_sign_in_is_explained_and_named(error: str) -> None:
    assert explain(error).endswith(f" ({error})")
    assert SIGN_IN[error] in explain(error)


def test_an_error_that_nobody_knows_is_still_named() -> None:
    assert explain("brand_new") == "Google refuses the sign-in (brand_new)"


def test_a_dead_grant_names_the_password_and_the_seven_days() -> None:
    text = explain("invalid_grant")
    assert "password" in text
    assert "7 days" in text
    assert "enrol the account again" in text


def test_a_code_that_is_not_taken_is_no_dead_grant() -> None:
    assert "older than ten minutes" in explain_code("invalid_grant")
    assert explain_code("invalid_client") == explain("invalid_client")


def test_a_wrong_clock_costs_no_grant() -> None:
    assert "invalid_jwt" not in LOST
    assert SIGN_IN.keys() >= LOST
