import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.contract import Unreachable
from providers.microsoft.batch import MAX_REQUESTS, Part, PartAnswer, pack, unpack

IMMUTABLE = {"Prefer": 'IdType="ImmutableId"', "client-request-id": "c-1"}

anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=8),
    lambda one: (
        st.lists(one, max_size=4)
        | st.dictionaries(
            st.text(max_size=8)
            | st.sampled_from(["responses", "id", "status", "headers", "body", "0", "1"]),
            one,
            max_size=5,
        )
    ),
)


def packed(*parts: Part) -> list[dict[str, object]]:
    requests = json.loads(pack(parts, IMMUTABLE))["requests"]
    assert isinstance(requests, list)
    return requests


# ---- what is sent


def test_every_part_carries_the_preference_of_immutable_ids() -> None:
    """The header of the batch does not pass down (learn.microsoft.com/graph/outlook-immutable-id)."""
    requests = packed(Part("GET", "/me/messages/A"), Part("PATCH", "/me/messages/B", {"a": 1}))
    for request in requests:
        headers = request["headers"]
        assert isinstance(headers, dict)
        assert IMMUTABLE.items() <= headers.items()


def test_a_part_with_a_body_names_its_kind() -> None:
    (request,) = packed(Part("POST", "/me/messages/A/move", {"destinationId": "D"}))
    assert request == {
        "id": "0",
        "method": "POST",
        "url": "/me/messages/A/move",
        "headers": {**IMMUTABLE, "Content-Type": "application/json"},
        "body": {"destinationId": "D"},
    }


def test_a_part_without_a_body_sends_none() -> None:
    (request,) = packed(Part("POST", "/me/messages/A/permanentDelete"))
    assert "body" not in request
    assert request["headers"] == IMMUTABLE


def test_a_body_of_nothing_is_still_a_body() -> None:
    (request,) = packed(Part("POST", "/me/messages/A/move", {}))
    assert request["body"] == {}


def test_no_two_parts_have_the_same_id() -> None:
    requests = packed(*[Part("GET", f"/me/messages/{n}") for n in range(MAX_REQUESTS)])
    assert len({str(request["id"]) for request in requests}) == MAX_REQUESTS == 20


def test_a_batch_takes_twenty_parts_and_no_more() -> None:
    with pytest.raises(ValueError, match="20"):
        pack([Part("GET", "/me")] * 21, IMMUTABLE)


# ---- what comes back


@given(st.lists(st.integers(200, 599), max_size=MAX_REQUESTS), st.randoms())
def test_answers_are_given_in_the_order_of_the_parts(
    statuses: list[int], rnd: random.Random
) -> None:
    parts = [Part("GET", f"/{number}") for number in range(len(statuses))]
    requests = json.loads(pack(parts, {}))["requests"]
    answers = [
        {"id": request["id"], "status": status, "body": {"about": request["url"]}}
        for request, status in zip(requests, statuses, strict=True)
    ]
    rnd.shuffle(answers)
    read = unpack({"responses": answers}, len(parts))
    assert [one.status for one in read] == statuses
    assert [one.body["about"] for one in read] == [part.path for part in parts]


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        "x",
        {},
        {"responses": None},
        {"responses": {}},
        {"responses": []},
        {"responses": [{"id": "0", "status": 200}]},
        {"responses": [{"id": "0", "status": 200}, {"id": "2", "status": 200}]},
        {"responses": [{"id": "0", "status": 200}, {"id": "0", "status": 200}]},
        {"responses": [{"id": "0", "status": 200}, {"id": "1"}]},
        {"responses": [{"id": "0", "status": 200}, {"id": "1", "status": "200"}]},
        {"responses": [{"id": "0", "status": 200}, {"id": "1", "status": None}]},
        {"responses": [{"id": "0", "status": 200}, ["1", 200]]},
        {"error": {"code": "BadRequest"}},
    ],
)
def test_of_a_batch_that_leaves_a_part_out_nothing_is_known(value: object) -> None:
    with pytest.raises(Unreachable):
        unpack(value, 2)


@given(anything | st.builds(lambda one: {"responses": one}, anything), st.integers(0, 3))
def test_whatever_json_comes_a_batch_is_read_or_refused(value: object, count: int) -> None:
    try:
        answers = unpack(value, count)
    except Unreachable:
        return
    assert len(answers) == count
    assert all(isinstance(code, str) for one in answers for code in one.codes)


@given(anything, anything)
def test_whatever_a_part_holds_its_status_is_read(headers: object, body: object) -> None:
    (one,) = unpack(
        {"responses": [{"id": "0", "status": 429, "headers": headers, "body": body}]}, 1
    )
    assert one.status == 429
    assert all(isinstance(text, str) for pair in one.headers.items() for text in pair)


@pytest.mark.parametrize("name", ["Retry-After", "retry-after", "RETRY-AFTER"])
@pytest.mark.parametrize("value", ["7", 7])
def test_the_pause_that_a_part_asks_for_is_found(name: str, value: object) -> None:
    (one,) = unpack({"responses": [{"id": "0", "status": 429, "headers": {name: value}}]}, 1)
    assert one.headers["Retry-After"] == "7"


def test_the_names_that_verdicts_need_are_found_whatever_their_letters() -> None:
    headers = {"Request-Id": "r-1", "DATE": "Tue, 14 Nov 2023 22:13:20 GMT", "X-Y": "z"}
    (one,) = unpack({"responses": [{"id": "0", "status": 500, "headers": headers}]}, 1)
    assert one.headers == {
        "request-id": "r-1",
        "Date": "Tue, 14 Nov 2023 22:13:20 GMT",
        "X-Y": "z",
    }


@pytest.mark.parametrize(
    ("status", "is_success"),
    [(199, False), (200, True), (201, True), (204, True), (299, True), (300, False)],
)
def test_success_is_2xx(status: int, is_success: bool) -> None:  # noqa: FBT001 - a parameter of the table
    assert PartAnswer(status, {}, None).is_success is is_success


def test_the_codes_of_a_part_are_those_of_its_body() -> None:
    body = {"error": {"code": "Outer", "innerError": {"code": "ErrorItemNotFound"}}}
    assert PartAnswer(404, {}, body).codes == ("Outer", "ErrorItemNotFound")
    assert PartAnswer(404, {}, "PGh0bWw+").codes == ()
