"""What GraphContract finds: every fault planted here is one, and none of what the bridge may do."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import attrs
import pytest

from tests.contract.cloud_desk import IMMUTABLE, Desk, Json, opened, part
from tests.fakes.faults import Answer, Hang, html
from tests.fakes.graph import refusal

INBOX = "/v1.0/me/mailFolders/inbox/messages"
A_MESSAGE = "/v1.0/me/messages/" + "A" * 150


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with opened(tmp_path) as started:
        yield started


@attrs.frozen
class Fault:
    """A request with one fault, and a word of what is to be found."""

    word: str
    path: str = INBOX
    method: str = "GET"
    body: object = None
    headers: dict[str, str | None] = attrs.field(factory=dict)


FAULTS = {
    "misspelt-query": Fault("no query $tpo", f"{INBOX}?$tpo=10"),
    "query-of-another-operation": Fault("no query $top", f"{INBOX}/delta?$top=10"),
    "query-twice": Fault("$top is there twice", f"{INBOX}?$top=10&$top=10"),
    "top-too-large": Fault("1001 is greater than the maximum", f"{INBOX}?$top=1001"),
    "unknown-member": Fault("$select names isRaed", f"{INBOX}?$select=id,isRaed"),
    "member-of-a-message": Fault(
        "$select names subject", "/v1.0/me/mailFolders/inbox?$select=subject"
    ),
    "order-by-unknown": Fault("$orderby names recieved", f"{INBOX}?$orderby=recieved"),
    "mutable-ids": Fault("no preference for immutable", headers={"Prefer": None}),
    "mutable-ids-beside-another": Fault(
        "no preference for immutable", headers={"Prefer": "odata.maxpagesize=50"}
    ),
    "unknown-preference": Fault(
        "unknown preference: odata.maxpagesise",
        headers={"Prefer": f"{IMMUTABLE}, odata.maxpagesise=50"},
    ),
    "no-request-id": Fault("no client-request-id", headers={"client_request_id": None}),
    "request-id-is-no-uuid": Fault(
        "no client-request-id", headers={"client_request_id": "request-1"}
    ),
    "no-token": Fault("SecurityValidationError", headers={"Authorization": None}),
    "beta": Fault("not below /v1.0", "/beta/me/messages"),
    "whole-mailbox": Fault("the contract has no GET", "/v1.0/me/messages"),
    "delete": Fault("the contract has no DELETE", A_MESSAGE, "DELETE"),
    "mime-below-a-folder": Fault(
        "the contract has no GET", f"{INBOX}/{'A' * 150}/$value"
    ),
    "skip-made-by-hand": Fault("not followed", f"{INBOX}?$top=10&$skip=10"),
    "skiptoken-made-by-hand": Fault("not followed", f"{INBOX}/delta?$skiptoken=abc"),
    "patch-of-the-subject": Fault("'subject' was unexpected", A_MESSAGE, "PATCH", {"subject": "x"}),
    "patch-of-wrong-type": Fault("is not of type 'boolean'", A_MESSAGE, "PATCH", {"isRead": "yes"}),
    "patch-of-nothing": Fault("{} should be non-empty", A_MESSAGE, "PATCH", {}),
    "move-without-destination": Fault(
        "'destinationId' is a required", f"{A_MESSAGE}/move", "POST", {"folder": "inbox"}
    ),
    "batch-of-nothing": Fault("should be non-empty", "/v1.0/$batch", "POST", {"requests": []}),
    "batch-with-whole-addresses": Fault(
        "does not match", "/v1.0/$batch", "POST",
        {"requests": [part("1", "GET", "https://graph.microsoft.com/v1.0/me/messages/x")]},
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
async def test_a_fault_of_a_request_is_found(desk: Desk, fault: Fault) -> None:
    await desk.ask(fault.method, fault.path, fault.body, **fault.headers)
    assert [one for one in desk.graph.violations if fault.word in one]


PART_FAULTS: dict[str, tuple[str, Json]] = {
    "mutable-ids": ("no preference for immutable", {"headers": {"Accept": "application/json"}}),
    "unknown-member": ("$select names flag", {"url": "/me/messages/AAA?$select=flag"}),
    "patch-of-the-subject": (
        "'subject' was unexpected",
        {"method": "PATCH", "body": {"subject": "x"}},
    ),
    "body-of-no-kind": (
        "a body without its Content-Type",
        {"method": "PATCH", "body": {"isRead": True}, "headers": {"Prefer": IMMUTABLE}},
    ),
    "mime": ("does not belong in a batch", {"url": "/me/messages/AAA/$value"}),
    "request-id-is-no-uuid": (
        "no client-request-id",
        {"headers": {"Prefer": IMMUTABLE, "client-request-id": "1"}},
    ),
    "unknown-path": ("the contract has no GET", {"url": "/me/events/AAA"}),
}


@pytest.mark.parametrize(("word", "change"), PART_FAULTS.values(), ids=PART_FAULTS)
async def test_a_fault_of_one_request_of_a_batch_is_found(
    desk: Desk, word: str, change: Json
) -> None:
    good = {"method": "GET", "url": "/me/messages/AAA?$select=isRead"}
    await desk.batch(good, {**good, **change})
    found = [one for one in desk.graph.violations if "request 1 of the batch" in one]
    assert [one for one in found if word in one]
    assert len(found) == len(desk.graph.violations)


async def test_a_batch_of_more_than_twenty_is_found_and_refused(desk: Desk) -> None:
    parts = [part(str(n), "GET", "/me/messages/AAA") for n in range(21)]
    reply = await desk.ask("POST", "/v1.0/$batch", {"requests": parts})
    assert (reply.status, reply.code) == (400, "MaximumValueExceeded")
    assert any("is too long" in one for one in desk.graph.violations)


async def test_a_link_that_was_changed_is_found(desk: Desk) -> None:
    for _ in range(3):
        desk.mailbox.put()
    first = await desk.get("/me/mailFolders/inbox/messages?$select=id&$top=2")
    await desk.get(first.next_link.replace("$top=2", "$top=3"))
    assert any("not followed to the letter" in one for one in desk.graph.violations)


async def test_a_delta_link_that_was_changed_is_found_but_one_of_elsewhere_is_not(
    desk: Desk,
) -> None:
    first = await desk.get("/me/mailFolders/inbox/messages/delta?$select=id")
    foreign = await desk.get("/me/mailFolders/inbox/messages/delta?$deltatoken=abc")
    assert (foreign.status, foreign.code) == (410, "SyncStateNotFound")
    assert desk.graph.violations == []
    await desk.get(f"{first.delta_link}&$select=id")
    assert any("not followed to the letter" in one for one in desk.graph.violations)


@pytest.mark.parametrize("path", ["/v1.0/", "/v1.0/$metadata"])
async def test_a_look_whether_the_host_is_there_needs_no_manners(desk: Desk, path: str) -> None:
    async with desk.session.get(f"{desk.graph.url}{path}") as got:
        assert got.status == 401
    assert desk.graph.violations == []


@pytest.mark.parametrize("user", ["/me", "/users/printer%40example.com"])
async def test_all_that_the_bridge_asks_keeps_the_contract(desk: Desk, user: str) -> None:
    message = desk.mailbox.put()
    folders, one = f"/v1.0{user}/mailFolders", f"/v1.0{user}/messages/{message.id}"
    asked = [
        ("GET", f"{folders}?$filter=displayName%20eq%20'Printing'&$select=id,displayName&$top=50", None),
        ("POST", folders, {"displayName": "Printing"}),
        ("GET", f"{folders}/inbox?$select=id", None),
        ("GET", f"{folders}/inbox/childFolders?includeHiddenFolders=true", None),
        ("POST", f"{folders}/inbox/childFolders", {"displayName": "Office"}),
        ("GET", f"{folders}/inbox/messages?$select=id,receivedDateTime&$top=200", None),
        ("GET", f"{folders}/inbox/messages?$orderby=receivedDateTime%20asc", None),
        ("GET", f"{folders}/inbox/messages?$filter=receivedDateTime%20ge%202026-01-01T00:00:00Z", None),
        ("GET", f"{folders}/inbox/messages/delta?$select=id,receivedDateTime", None),
        ("GET", f"{one}?$select=subject,from,sender,receivedDateTime", None),
        ("GET", one, None),
        ("GET", f"{one}/$value", None),
        ("PATCH", one, {"isRead": True, "categories": ["Printed"]}),
        ("POST", f"{one}/move", {"destinationId": "archive"}),
        ("POST", f"{one}/permanentDelete", None),
    ]  # fmt: skip
    statuses = [(await desk.ask(*one)).status for one in asked]
    assert statuses == [
        200,
        201,
        200,
        200,
        201,
        200,
        200,
        200,
        200,
        200,
        200,
        200,
        200,
        201,
        204,
    ]
    desk.cloud.assert_kept()


async def test_a_second_opinion_is_asked_where_it_is_at_hand(desk: Desk) -> None:
    if desk.graph.contract.second_opinion:
        pytest.skip(desk.graph.contract.second_opinion)
    wrong = {"value": [{"id": "AAA", "isRead": "yes"}]}
    desk.graph.script("GET", Answer.of_json(wrong))
    await desk.get("/me/mailFolders/inbox/messages?$select=isRead")
    assert any("vendor:" in one for one in desk.graph.violations)


@pytest.mark.parametrize(
    ("word", "answer"),
    {
        "is not of type 'array'": Answer.of_json({"value": "none"}),
        "'id' is a required property": Answer.of_json({"value": [{"isRead": True}]}),
        "a member subject, which was not asked for": Answer.of_json(
            {"value": [{"id": "AAA", "subject": "x"}]}
        ),
        "'error' is a required property": Answer.of_json({"message": "no"}, 500),
        "mimetype not found": Answer(200, b"<html>", {"Content-Type": "text/html"}),
        "does not match '^https://": Answer.of_json({"value": [], "@odata.nextLink": "next"}),
    }.items(),
)
async def test_a_fault_of_an_answer_is_found(desk: Desk, word: str, answer: Answer) -> None:
    desk.graph.script("GET", answer)
    await desk.get("/me/mailFolders/inbox/messages?$select=isRead")
    assert [one for one in desk.graph.violations if word in one], desk.graph.violations


async def test_a_fault_of_one_answer_of_a_batch_is_found(desk: Desk) -> None:
    desk.graph.script_batch("GET /me/messages/AAA", Answer.of_json({"id": 7}))
    await desk.batch({"method": "GET", "url": "/me/messages/AAA"})
    assert any("answer 0 of the batch" in one for one in desk.graph.violations)


async def test_the_mime_of_a_message_is_never_sent_whole(desk: Desk) -> None:
    desk.graph.script("GET", Answer(200, b"Subject: x\r\n\r\n", {"Content-Type": "text/plain"}))
    await desk.get(f"/me/messages/{desk.mailbox.put().id}/$value")
    assert any("sent in pieces" in one for one in desk.graph.violations)


@pytest.mark.parametrize(
    "answer", [html(), Answer(504), refusal(503, "serviceNotAvailable", Retry_After="2")]
)
async def test_what_may_come_in_graphs_place_is_no_fault_of_anybody(
    desk: Desk, answer: Answer
) -> None:
    desk.graph.script("GET", answer)
    assert (await desk.get("/me/mailFolders/inbox")).status == answer.status
    desk.cloud.assert_kept()


async def test_an_answer_that_is_never_sent_is_no_fault_of_anybody(desk: Desk) -> None:
    desk.graph.script("GET", Hang())
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await desk.get("/me/mailFolders/inbox")
    desk.cloud.assert_kept()


async def test_whoever_breaks_the_contract_is_told_of_all_of_it(desk: Desk) -> None:
    await desk.ask("GET", f"{INBOX}?$tpo=1", Prefer=None)
    with pytest.raises(AssertionError, match=r"(?s)\$tpo.*immutable|immutable.*\$tpo"):
        desk.cloud.assert_kept()


async def test_a_fake_that_breaks_is_a_violation_too(desk: Desk) -> None:
    desk.graph.meanwhile("inbox", lambda: 1 // 0)
    assert (await desk.get("/me/mailFolders/inbox")).status == 500
    assert any("the fake broke: ZeroDivisionError" in one for one in desk.graph.violations)


async def test_a_body_that_is_not_json_is_found_and_refused(desk: Desk) -> None:
    url = f"{desk.graph.url}{A_MESSAGE}"
    headers = {"Authorization": f"Bearer {desk.token}", "Content-Type": "application/json"}
    async with desk.session.patch(url, data=b"isRead=true", headers=headers) as got:
        assert got.status == 400
    assert any("RequestBody" in one for one in desk.graph.violations)
