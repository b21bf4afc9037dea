"""The manners of a caller, over real sockets: what it sends again, how often, and what it tells.

How many requests are on their way is in test_caller_lanes.py, how long it waits in test_caller_pauses.py.
"""

import asyncio
from collections.abc import Iterator
from email.utils import formatdate

import pytest
import stamina

from bridge.clock import SystemClock
from providers.caller import TRIES, AskedInVain, Caller, Request, TookTooLong
from providers.contract import (
    AccessRefused,
    CursorExpired,
    GrantLost,
    MessageGone,
    ProviderError,
    Throttled,
    Unreachable,
)
from tests.fakes.faults import Answer, Fault, Refuse, Reset, Truncate, html
from tests.fakes.identity import FakeTokens
from tests.fakes.plain import JSON, PlainService

MAIL = b"Subject: x\r\n\r\n" + b"text\r\n" * 20_000


@pytest.fixture(autouse=True)
def no_waiting() -> Iterator[None]:
    """Try as often as always, but wait for nothing in between."""
    with stamina.set_testing(testing=True, attempts=99, cap=True):
        yield


def get(service: PlainService, path: str = "/x") -> Request:
    return Request("GET", service.url + path)


# ---- one request


async def test_a_request_goes_out_with_a_token_and_its_good_answer_comes_back(
    service: PlainService, caller: Caller
) -> None:
    request = Request("PATCH", f"{service.url}/a?b=c", {"Prefer": "p"}, b'{"isRead": true}')
    answer = await caller.ask(request)
    assert (answer.status, answer.body) == (200, JSON)
    [asked] = service.asked
    assert (asked.method, asked.raw_path, asked.body) == ("PATCH", "/a?b=c", request.body)
    assert asked.headers["Authorization"] == "Bearer secret-token-0"
    assert asked.headers["Prefer"] == "p"


async def test_a_streamed_answer_comes_as_it_arrives(
    service: PlainService, caller: Caller
) -> None:
    service.truth = Answer(200, MAIL)
    async with caller.stream(get(service)) as answer:
        assert answer.head.status == 200
        assert b"".join([piece async for piece in answer.pieces]) == MAIL
    assert service.asked[0].headers["Authorization"] == "Bearer secret-token-0"


def test_a_request_does_not_show_its_body() -> None:
    assert "secret" not in repr(Request("POST", "https://x/", body=b"secret"))


# ---- tries


@pytest.mark.parametrize(
    "fault",
    [
        Answer(429),
        Answer(503),
        Answer(429, b"", {"Retry-After": "0"}),
        Answer(429, b"", {"Retry-After": "0.01"}),
        Answer(503, b"", {"Retry-After": formatdate(0, usegmt=True)}),
        Answer(500),
        Answer(504),
        html(502),
    ],
)
@pytest.mark.parametrize("is_streamed", [False, True])
async def test_what_may_pass_is_tried_four_times_and_no_more(
    service: PlainService, caller: Caller, fault: Fault, *, is_streamed: bool
) -> None:
    async def send() -> bytes:
        if not is_streamed:
            return (await caller.ask(get(service))).body
        async with caller.stream(get(service)) as answer:
            return b"".join([piece async for piece in answer.pieces])

    service.script("", *[fault] * (TRIES - 1))
    assert await send() == JSON
    assert len(service.asked) == TRIES == 4
    service.always("", fault)
    with pytest.raises((Throttled, Unreachable)):
        await send()
    assert len(service.asked) == 2 * TRIES


async def test_a_connection_that_is_cut_is_tried_again_within_bounds(
    service: PlainService, caller: Caller
) -> None:
    """The library by itself sends a GET twice where its connection was cut before the answer."""
    service.always("", Refuse())
    with pytest.raises(Unreachable):
        await caller.ask(get(service))
    assert TRIES <= len(service.asked) <= 2 * TRIES


@pytest.mark.parametrize("fault", [Reset(1), Truncate(1)])
async def test_an_answer_that_broke_off_is_asked_for_again(
    service: PlainService, caller: Caller, fault: Fault
) -> None:
    service.script("", fault, fault)
    assert (await caller.ask(get(service))).body == JSON
    assert len(service.asked) == 3


@pytest.mark.parametrize(
    ("status", "kind"), [(403, AccessRefused), (404, MessageGone), (410, CursorExpired)]
)
async def test_a_no_is_taken_for_an_answer(
    service: PlainService, caller: Caller, status: int, kind: type[ProviderError]
) -> None:
    service.truth = Answer(status)
    with pytest.raises(kind):
        await caller.ask(get(service))
    assert len(service.asked) == 1


@pytest.mark.parametrize(
    ("wait", "least", "most"),
    [
        ("31", 31.0, 31.0),
        ("3600", 3600.0, 3600.0),
        ("99999999", 86400.0, 86400.0),
        ("date", 590.0, 600.0),
    ],
)
async def test_a_long_pause_is_told_at_once_and_not_waited_for(
    service: PlainService, caller: Caller, wait: str, least: float, most: float
) -> None:
    until = formatdate(SystemClock().now() + 600, usegmt=True)
    service.truth = Answer(429, b"", {"Retry-After": until if wait == "date" else wait})
    async with asyncio.timeout(5):
        with pytest.raises(Throttled) as told:
            await caller.ask(get(service))
    assert least <= told.value.retry_after <= most
    assert len(service.asked) == 1


async def test_who_can_ask_for_less_is_told_at_once_that_it_took_too_long(
    service: PlainService, caller: Caller
) -> None:
    service.truth = Answer(504)
    with pytest.raises(TookTooLong):
        await caller.ask(Request("GET", service.url, can_shrink=True))
    assert len(service.asked) == 1
    with pytest.raises(TookTooLong):
        await caller.ask(Request("GET", service.url))
    assert len(service.asked) == 1 + TRIES


@pytest.mark.parametrize(("worth", "tries"), [(1, 1), (2, 2), (TRIES, TRIES), (9, TRIES)])
async def test_what_is_asked_in_vain_is_tried_as_often_as_it_is_worth(
    service: PlainService, caller: Caller, worth: int, tries: int
) -> None:
    service.truth = Answer(409, b"", {"worth": str(worth), "request-id": "r-4"})
    with pytest.raises(AskedInVain) as told:
        await caller.ask(get(service))
    assert len(service.asked) == tries
    assert (str(told.value), told.value.request_id) == ("in vain", "r-4")


async def test_tries_before_it_was_in_vain_count_too(
    service: PlainService, caller: Caller
) -> None:
    service.script("", Answer(500), Answer(429))
    service.truth = Answer(409, b"", {"worth": "2"})
    with pytest.raises(AskedInVain):
        await caller.ask(get(service))
    assert len(service.asked) == 3


async def test_who_can_ask_for_less_is_as_patient_as_others_with_everything_else(
    service: PlainService, caller: Caller
) -> None:
    service.script("", Answer(500), Answer(429))
    assert (await caller.ask(Request("GET", service.url, can_shrink=True))).body == JSON
    assert len(service.asked) == 3


# ---- tokens


@pytest.mark.parametrize("claims", [None, '{"access_token": {"nbf": 1}}'])
async def test_a_refused_token_is_replaced_once(
    service: PlainService, caller: Caller, tokens: FakeTokens, claims: str | None
) -> None:
    service.script("", Answer(401, b"", {} if claims is None else {"claims": claims}))
    assert (await caller.ask(get(service))).body == JSON
    assert tokens.replaced == [("secret-token-0", claims)]
    sent = [asked.headers["Authorization"] for asked in service.asked]
    assert sent == ["Bearer secret-token-0", "Bearer secret-token-1"]


async def test_two_refused_tokens_in_a_row_are_a_refused_access(
    service: PlainService, caller: Caller, tokens: FakeTokens
) -> None:
    service.truth = Answer(401, b"", {"request-id": "r-7"})
    with pytest.raises(AccessRefused, match="even a new access token is refused") as told:
        await caller.ask(get(service))
    assert told.value.request_id == "r-7"
    assert len(service.asked) == 2
    assert len(tokens.replaced) == 1


async def test_a_replaced_token_does_not_cost_a_try_and_tries_are_still_bounded(
    service: PlainService, caller: Caller, tokens: FakeTokens
) -> None:
    service.script("", Answer(401), *[Answer(500)] * 9)
    with pytest.raises(Unreachable):
        await caller.ask(get(service))
    assert len(service.asked) == 1 + TRIES
    assert len(tokens.replaced) == 1


async def test_a_token_is_replaced_once_whatever_goes_wrong_in_between(
    service: PlainService, caller: Caller, tokens: FakeTokens
) -> None:
    service.script("", *[Answer(401), Answer(500)] * 4)
    with pytest.raises(AccessRefused):
        await caller.ask(get(service))
    assert (len(service.asked), len(tokens.replaced)) == (3, 1)


@pytest.mark.parametrize("error", [GrantLost("it is dead"), RuntimeError("a fault of ours")])
async def test_without_a_token_nothing_is_sent(
    service: PlainService, caller: Caller, tokens: FakeTokens, error: Exception
) -> None:
    tokens.failures.append(error)
    with pytest.raises(type(error)):
        await caller.ask(get(service))
    assert (service.asked, tokens.asked) == ([], 1)


async def test_a_sign_in_that_is_away_is_asked_once_and_the_service_not_at_all(
    service: PlainService, caller: Caller, tokens: FakeTokens
) -> None:
    tokens.failures.append(Unreachable("sign-in is away"))
    with pytest.raises(Unreachable, match="sign-in"):
        await caller.ask(get(service))
    assert (tokens.asked, service.asked) == (1, [])


async def test_a_token_that_cannot_be_replaced_is_not_sent_again(
    service: PlainService, caller: Caller, tokens: FakeTokens
) -> None:
    service.truth = Answer(401)
    service.on_asked = lambda: tokens.failures.append(GrantLost("it is dead"))
    with pytest.raises(GrantLost):
        await caller.ask(get(service))
    assert len(service.asked) == 1


# ---- what is told


async def test_every_failure_is_told_with_what_the_services_support_asks_for(
    service: PlainService, caller: Caller, caplog: pytest.LogCaptureFixture
) -> None:
    service.script(
        "",
        Answer(500, b"", {"request-id": "r-1"}),
        Answer(401, b"", {"request-id": "r-2"}),
        Answer(403, b"", {"request-id": "r-3"}),
    )
    with pytest.raises(AccessRefused):
        await caller.ask(Request("PATCH", f"{service.url}/secret-path", body=b"secret-body"))
    told = [vars(record)["event_fields"] for record in caplog.records]
    assert [(one["request_id"], one["why"], one["method"]) for one in told] == [
        ("r-1", "status 500", "PATCH"),
        ("r-2", "it is expired", "PATCH"),
        ("r-3", "no", "PATCH"),
    ]
    assert {record.getMessage() for record in caplog.records} == {"request-failed"}
    assert "secret" not in repr([vars(record) for record in caplog.records])
