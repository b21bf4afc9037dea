"""The fake of Gmail as a service: who may ask, how much, and how it refuses."""

import asyncio
import json
from collections.abc import AsyncIterator
from email.utils import parsedate_to_datetime
from typing import Any, cast

import aiohttp
import google.auth.credentials
import pytest
from googleapiclient import discovery, errors

from tests.contract.gmail_desk import LETTER, Desk, Reply, opened
from tests.fakes.faults import Gzip, Hang, Refuse, Reset, Truncate
from tests.fakes.gmail import LABELS, MODIFY, READONLY, refusal
from tests.fakes.gmail_units import COSTS


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with opened() as made:
        yield made


# ---- who may ask


async def test_without_a_token_and_with_a_dead_one_there_is_a_401(desk: Desk) -> None:
    missing, unknown = await desk.get("profile", token=""), await desk.get("profile", token="x")
    desk.clock.advance(3599)
    expired = await desk.get("profile")
    assert [one.status for one in (missing, unknown, expired)] == [401] * 3
    assert [one.reason for one in (missing, unknown, expired)] == [
        "required",
        "authError",
        "authError",
    ]
    assert missing.headers["WWW-Authenticate"].startswith("Bearer realm=")
    assert desk.gmail.violations == []


async def test_a_token_without_the_methods_scope_is_refused_and_a_violation(desk: Desk) -> None:
    one, token = desk.box.put(LETTER), desk.bearer(MODIFY)
    reply = await desk.ask("DELETE", f"messages/{one}", token=token)
    assert (reply.status, reply.reason) == (403, "insufficientPermissions")
    assert len(desk.gmail.violations) == 1
    assert one in desk.box.messages


async def test_a_test_may_say_that_scopes_are_missing_on_purpose(desk: Desk) -> None:
    desk.gmail.contract.scopes_may_lack = True
    assert (await desk.get("messages", token=desk.bearer(LABELS))).status == 403
    assert desk.gmail.violations == []


async def test_each_user_has_a_mailbox_and_sees_no_others(desk: Desk) -> None:
    desk.gmail.add_mailbox("fax@example.com").put(LETTER)
    other = desk.gmail.signin.bearer(READONLY, user="fax@example.com")
    assert len((await desk.get("messages", token=other)).value["messages"]) == 1
    assert await desk.listed() == []
    url = f"{desk.gmail.url}/gmail/v1/users/fax@example.com/profile"
    statuses = []
    for token in (other, desk.token):
        headers = {"Authorization": f"Bearer {token}"}
        async with desk.session.get(url, headers=headers) as got:
            statuses.append(got.status)
    assert statuses == [200, 403]


async def test_a_user_without_gmail_is_told_so(desk: Desk) -> None:
    token = desk.gmail.signin.bearer(MODIFY, user="nobody@example.com")
    reply = await desk.get("profile", token=token)
    assert (reply.status, reply.reason) == (400, "failedPrecondition")


# ---- how much


async def test_units_are_counted_by_method(desk: Desk) -> None:
    one = desk.box.put(LETTER)
    await desk.listed()
    for _ in "12":
        await desk.get(f"messages/{one}?format=raw")
    await desk.ask("POST", f"messages/{one}/trash")
    assert desk.gmail.units.total == 5 + 2 * 20 + 20
    assert desk.gmail.units.by_method == {
        "messages.list": 5,
        "messages.get": 40,
        "messages.trash": 20,
    }
    assert desk.gmail.units.calls["messages.get"] == 2


def test_the_costs_are_those_of_2026_05() -> None:
    """The reference is developers.google.com/workspace/gmail/api/reference/quota."""
    assert (COSTS["getProfile"], COSTS["labels.list"], COSTS["history.list"]) == (1, 1, 2)
    assert (COSTS["messages.list"], COSTS["messages.modify"], COSTS["messages.delete"]) == (
        5,
        5,
        10,
    )
    assert (COSTS["messages.batchModify"], COSTS["messages.batchDelete"]) == (50, 50)


async def test_who_spends_too_much_waits_for_the_minute_to_pass(desk: Desk) -> None:
    desk.gmail.units_per_minute = 10
    assert [(await desk.get("messages")).status for _ in "123"] == [200, 200, 403]
    desk.clock.advance(59)
    reply = await desk.get("messages")
    assert (reply.status, reply.reason) == (403, "rateLimitExceeded")
    desk.clock.advance(1)
    assert (await desk.get("messages")).status == 200
    assert (desk.gmail.units.total, desk.gmail.units.most_in_a_minute) == (15, 10)
    assert desk.gmail.violations == []


async def test_a_quota_is_each_users_own(desk: Desk) -> None:
    desk.gmail.units_per_minute = 5
    desk.gmail.add_mailbox("fax@example.com")
    other = desk.gmail.signin.bearer(READONLY, user="fax@example.com")
    assert (await desk.get("messages")).status == 200
    assert (await desk.get("messages", token=other)).status == 200


async def test_over_quota_may_also_be_said_with_429(desk: Desk) -> None:
    desk.gmail.units_per_minute = 0
    desk.gmail.over_quota = refusal(429, "userRateLimitExceeded", retry_after="7")
    reply = await desk.get("profile")
    assert (reply.status, reply.reason) == (429, "userRateLimitExceeded")
    assert reply.headers["Retry-After"] == "7"


async def test_the_latest_of_too_many_at_once_is_refused(desk: Desk) -> None:
    desk.gmail.latency, desk.gmail.limit = 0.05, 2
    async with asyncio.TaskGroup() as group:
        asked = [group.create_task(desk.get("profile")) for _ in range(3)]
    replies = [one.result() for one in asked]
    assert sorted(one.status for one in replies) == [200, 200, 429]
    refused = next(one for one in replies if one.status == 429)
    assert refused.value["error"]["message"] == "Too many concurrent requests for user"
    assert desk.gmail.units.total == 2
    assert desk.gmail.violations == []


# ---- how it refuses


@pytest.mark.parametrize(
    ("status", "reason", "name", "domain"),
    [
        (403, "rateLimitExceeded", "PERMISSION_DENIED", "usageLimits"),
        (403, "userRateLimitExceeded", "PERMISSION_DENIED", "usageLimits"),
        (403, "domainPolicy", "PERMISSION_DENIED", "global"),
        (403, "accessNotConfigured", "PERMISSION_DENIED", "usageLimits"),
        (403, "insufficientPermissions", "PERMISSION_DENIED", "global"),
        (400, "failedPrecondition", "FAILED_PRECONDITION", "global"),
        (429, "rateLimitExceeded", "RESOURCE_EXHAUSTED", "usageLimits"),
        (404, "notFound", "NOT_FOUND", "global"),
        (503, "backendError", "UNAVAILABLE", "global"),
    ],
)
async def test_a_refusal_is_worded_as_gmail_does(
    desk: Desk, status: int, reason: str, name: str, domain: str
) -> None:
    desk.gmail.script("GET", refusal(status, reason))
    reply = await desk.get("profile")
    error = reply.value["error"]
    assert (reply.status, error["code"], error["status"]) == (status, status, name)
    assert error["errors"] == [
        {"domain": domain, "reason": reason, "message": error["message"]}
    ]
    assert desk.gmail.violations == []


async def test_an_unknown_address_gets_the_front_ends_page_and_is_a_violation(
    desk: Desk,
) -> None:
    reply = await desk.get("mailboxes")
    assert reply.status == 404
    assert reply.headers["Content-Type"].startswith("text/html")
    assert len(desk.gmail.violations) == 1


@pytest.mark.parametrize(
    "path",
    ["messages/18c0000000010003", "threads", "messages/18c0000000010003?format=raw&alt=media"],
)
async def test_what_the_fake_cannot_do_is_a_violation(desk: Desk, path: str) -> None:
    await desk.get(path)
    assert len(desk.gmail.violations) == 1


@pytest.mark.parametrize("query", ["maxResults=many", "lableIds=INBOX", "maxResults=501"])
async def test_parameters_that_gmail_does_not_have_are_refused(desk: Desk, query: str) -> None:
    reply = await desk.get(f"messages?{query}")
    assert (reply.status, reply.reason) == (400, "invalidArgument")
    assert len(desk.gmail.violations) == 1


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("messages/batchModify", {"ids": ["18c0000000010003"] * 1001, "addLabelIds": ["SPAM"]}),
        ("messages/batchDelete", {"ids": "18c0000000010003"}),
        ("messages/18c0000000010003/modify", {"addLabelIds": ["STARRED"] * 101}),
    ],
)
async def test_too_much_at_once_and_the_wrong_kind_are_refused(
    desk: Desk, path: str, body: dict[str, list[str]]
) -> None:
    assert desk.box.put(LETTER) == "18c0000000010003"
    reply = await desk.ask("POST", path, body)
    assert (reply.status, reply.reason) == (400, "invalidArgument")
    assert len(desk.gmail.violations) == 1


async def test_a_body_that_is_no_object_is_refused(desk: Desk) -> None:
    one = desk.box.put(LETTER)
    assert (await desk.ask("POST", f"messages/{one}/modify", ["INBOX"])).status == 400
    reply = await _posted(desk, f"messages/{one}/modify", b"{")
    assert reply.status == 400


@pytest.mark.parametrize("fields", ["", "id,", "a(b", "a)", "/b", "a()", "name"])
async def test_fields_that_cannot_be_read_or_found_are_refused(desk: Desk, fields: str) -> None:
    reply = await desk.get(f"profile?fields={fields}")
    assert (reply.status, reply.reason) == (400, "invalidParameter")


# ---- faults and time


async def test_faults_of_the_line_are_no_violations(desk: Desk) -> None:
    one = desk.box.put(LETTER * 5000)
    path = f"messages/{one}?format=raw"
    refused_twice = (Refuse(), Refuse())  # aiohttp asks once more where nothing came back
    desk.gmail.script("GET", Truncate(), *refused_twice, Reset(5), Gzip())
    for _ in "123":
        with pytest.raises(aiohttp.ClientError):
            await desk.get(path)
    assert (await desk.get(path)).octets == LETTER * 5000
    desk.gmail.script("GET", Hang())
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await desk.get(path)
    assert desk.gmail.violations == []


async def test_something_can_happen_just_before_a_request_takes_effect(desk: Desk) -> None:
    one = desk.box.put(LETTER)
    desk.gmail.meanwhile("GET .*format=raw", lambda: desk.box.remove(one))
    assert await desk.listed() == [one]
    assert (await desk.get(f"messages/{one}?format=raw")).status == 404
    assert await desk.listed() == []


async def test_every_answer_is_dated_with_the_services_own_clock(desk: Desk) -> None:
    desk.gmail.clock_offset = 600
    desk.gmail.script("GET", refusal(503, "backendError"))
    for status in (503, 200):
        reply = await desk.get("profile")
        date = parsedate_to_datetime(reply.headers["Date"]).timestamp()
        assert (reply.status, date) == (status, int(desk.clock.now()) + 600)


# ---- Google's own library


async def test_the_requests_of_googles_library_are_no_violations(desk: Desk) -> None:
    """The library builds and reads; what carries its requests here is one that returns errors too."""
    ids = [desk.box.put(LETTER) for _ in range(3)]
    users = _library(desk).users()
    messages = users.messages()
    assert (
        len((await _sent(desk, messages.list(userId="me", labelIds=["INBOX"])))["messages"])
        == 3
    )
    raw = messages.get(userId="me", id=ids[0], format="raw", fields="raw")
    assert set(await _sent(desk, raw)) == {"raw"}
    batch = {"ids": ids, "removeLabelIds": ["INBOX"], "addLabelIds": ["TRASH"]}
    assert not await _sent(desk, messages.batchModify(userId="me", body=batch))
    await _sent(desk, messages.untrash(userId="me", id=ids[0]))
    history = users.history().list(
        userId="me", startHistoryId="1", historyTypes=["messageAdded"]
    )
    with pytest.raises(errors.HttpError):
        await _sent(desk, history)
    assert not await _sent(desk, messages.delete(userId="me", id=ids[0]))
    assert desk.gmail.violations == []


def _library(desk: Desk) -> Any:  # noqa: ANN401 - the library has no types
    anyone = cast("Any", google.auth.credentials.AnonymousCredentials)()
    return discovery.build(
        "gmail", "v1", credentials=anyone, client_options={"api_endpoint": desk.gmail.url}
    )


async def _sent(desk: Desk, request: Any) -> Any:  # noqa: ANN401 - the library has no types
    headers = {**request.headers, "Authorization": f"Bearer {desk.token}"}
    headers.pop("accept-encoding", None)
    async with desk.session.request(
        request.method, request.uri, data=request.body, headers=headers
    ) as got:
        body = await got.read()
        answered = cast("Any", _Answered)(got.status, got.reason)
        return request.postproc(answered, body)


class _Answered(dict[str, str]):
    """What the library reads of an answer's head."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__({"content-type": "application/json", "status": str(status)})
        self.status, self.reason = status, reason


async def _posted(desk: Desk, path: str, body: bytes) -> Reply:
    url = f"{desk.gmail.url}/gmail/v1/users/me/{path}"
    headers = {"Authorization": f"Bearer {desk.token}", "Content-Type": "application/json"}
    async with desk.session.post(url, headers=headers, data=body) as got:
        return Reply(got.status, got.headers, await got.read())


def test_a_refusal_can_be_read_by_its_text() -> None:
    body = refusal(429, "rateLimitExceeded", "Too many").body
    assert isinstance(body, bytes)
    assert json.loads(body)["error"]["message"] == "Too many"
