import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.microsoft import refusals
from providers.microsoft.refusals import EXPLANATIONS, explain, is_final, numbers, trace_of

anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=8),
    lambda one: (
        st.lists(one, max_size=3) | st.dictionaries(st.text(max_size=8), one, max_size=3)
    ),
)
results = st.dictionaries(
    st.sampled_from(
        ["error", "error_codes", "error_description", "trace_id", "correlation_id", "suberror"]
    ),
    anything,
)

WHAT_TO_DO = re.compile(
    r"\b(enrol|enable|assign|check|name|use|add|upload|begin|paste|sign in again|give|make|set|open"
    r"|choose|change|leave)\b|must grant|is .*\?$"
)


def refused(number: int, error: str = "invalid_grant") -> dict[str, object]:
    """Return a refusal as the token endpoint words it and MSAL hands it on."""
    return {
        "error": error,
        "error_description": f"AADSTS{number}: words of Entra's. Trace ID: t Correlation ID: c",
        "error_codes": [number],
        "timestamp": "2026-11-23 10:00:00Z",
        "trace_id": "b1c0aa51-0000-4000-8000-000000000001",
        "correlation_id": "b1c0aa51-0000-4000-8000-000000000002",
    }


# ---- one sentence for each number


@pytest.mark.parametrize("number", EXPLANATIONS)
def test_every_number_has_a_sentence_that_says_what_to_do(number: int) -> None:
    sentence = EXPLANATIONS[number]
    advice = sentence.partition("; ")[2] or sentence
    assert WHAT_TO_DO.search(advice), sentence
    assert sentence.isprintable()
    assert sentence.isascii()
    assert not sentence.endswith(".")


@pytest.mark.parametrize("number", EXPLANATIONS)
def test_a_refusal_is_told_in_our_words_with_its_number(number: int) -> None:
    told = explain(refused(number))
    assert told == f"{EXPLANATIONS[number]} (AADSTS{number})"


@pytest.mark.parametrize(
    "number",
    [50173, 700082, 70043, 70044, 50076, 50079, 53003, 65001, 50057, 7000215, 7000222, 53000, 50097],
)  # fmt: skip
def test_the_numbers_that_the_reference_names_are_known(number: int) -> None:
    assert number in EXPLANATIONS


@pytest.mark.parametrize("number", [53003, 53000, 50097])
def test_a_blocked_device_code_is_met_with_another_way_to_sign_in(number: int) -> None:
    assert "--auth" in EXPLANATIONS[number]


@pytest.mark.parametrize("number", [70019, 70020, 7000014, 70018, 54005])
def test_a_code_that_is_over_begins_anew(number: int) -> None:
    assert "begin again" in EXPLANATIONS[number]


def test_a_single_tenant_app_is_told_to_name_its_tenant() -> None:
    assert "--tenant" in EXPLANATIONS[50194]


def test_the_words_of_entra_are_not_repeated() -> None:
    result = refused(50173) | {"error_description": "AADSTS50173: user ada@example.com"}
    assert "ada@example.com" not in explain(result)
    assert "ada@example.com" not in explain(result | {"error_codes": [1], "error": "other"})


# ---- numbers


def test_the_number_in_the_text_helps_where_the_list_is_missing() -> None:
    result = refused(700082)
    del result["error_codes"]
    assert numbers(result) == [700082]
    assert explain(result) == f"{EXPLANATIONS[700082]} (AADSTS700082)"


def test_the_first_number_that_is_known_explains() -> None:
    result = refused(50076) | {"error_codes": [99999, 50076, 53003]}
    assert numbers(result) == [99999, 50076, 53003]
    assert explain(result).endswith("(AADSTS50076)")


def test_a_number_that_comes_twice_counts_once() -> None:
    assert numbers(refused(50173) | {"error_codes": [50173, 50173]}) == [50173]


@pytest.mark.parametrize("listed", [None, 50173, "50173", ["50173"], {"50173": 1}])
def test_a_list_of_numbers_that_is_none_is_left_out(listed: object) -> None:
    assert numbers({"error_codes": listed}) == []


# ---- by error


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("authorization_declined", "declined"),
        ("access_denied", "--auth browser"),
        ("expired_token", "--auth browser"),
        ("code_expired", "begin again"),
        ("bad_verification_code", "begin again"),
        ("invalid_client", "secret or certificate"),
        ("unauthorized_client", "--client-id"),
        ("interaction_required", "enrol the account again"),
        ("consent_required", "enrol the account again"),
        ("invalid_grant", "enrol the account again"),
        ("invalid_scope", "--cloud"),
    ],
)
def test_an_error_without_a_known_number_is_explained_by_its_name(
    error: str, words: str
) -> None:
    told = explain({"error": error})
    assert words in told
    assert told.endswith(f"({error})")
    assert explain(refused(99999, error)).endswith("(AADSTS99999)")
    assert words in explain(refused(99999, error))


def test_an_error_that_nobody_knows_is_at_least_named() -> None:
    assert (
        explain({"error": "brand_new"})
        == "Entra refuses, and does not say why in words of ours (brand_new)"
    )
    assert explain({}).endswith("(unknown_error)")


# ---- for ever or not


@pytest.mark.parametrize(
    "error",
    ["invalid_grant", "interaction_required", "consent_required", "login_required",
     "unauthorized_client", "invalid_client", "access_denied"],
)  # fmt: skip
def test_what_only_a_person_can_mend_is_final(error: str) -> None:
    assert is_final({"error": error})
    assert is_final(refused(50173, error))


@pytest.mark.parametrize(
    "error",
    ["temporarily_unavailable", "server_error", "invalid_request", "authorization_pending",
     "slow_down", "", None, 7],
)  # fmt: skip
def test_what_may_pass_is_not_final(error: object) -> None:
    assert not is_final({"error": error})
    assert not is_final({})


def test_a_wrong_clock_does_not_end_a_grant() -> None:
    assert not is_final(refused(700024, "invalid_client"))
    assert "clock" in explain(refused(700024, "invalid_client"))


def test_waiting_is_told_apart_from_refusal() -> None:
    """RFC 8628 section 3.5."""
    assert (refusals.PENDING, refusals.SLOW_DOWN) == ("authorization_pending", "slow_down")
    assert refusals.SLOW_DOWN_SECONDS == 5.0


# ---- the trace


def test_the_trace_is_what_support_asks_for() -> None:
    assert trace_of(refused(50173)) == "b1c0aa51-0000-4000-8000-000000000001"
    assert trace_of({"correlation_id": "c-1"}) == "c-1"
    assert trace_of({"trace_id": 7}) == ""
    assert trace_of({"trace_id": "a" * 100}) == ""
    assert trace_of({"trace_id": "a secret"}) == ""


# ---- whatever comes


@given(results)
def test_whatever_json_comes_a_refusal_is_one_sentence(result: dict[str, object]) -> None:
    assert explain(result)
    assert isinstance(trace_of(result), str)
    assert is_final(result) in (True, False)
    assert all(isinstance(one, int) for one in numbers(result))


@given(results)
def test_a_sentence_is_never_longer_than_a_line_of_the_log(result: dict[str, object]) -> None:
    long = json.loads(json.dumps(result)) | {"error": "x" * 5000}
    assert len(explain(long)) < 300
