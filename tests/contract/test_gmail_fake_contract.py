"""Each rule of the Gmail contract catches a planted violation, and nothing else does."""

import json
from collections.abc import AsyncIterator
from typing import Any

import attrs
import pytest
from multidict import CIMultiDict, CIMultiDictProxy, MultiDict, MultiDictProxy
from yarl import URL

from tests.fakes.faults import Answer
from tests.fakes.gmail_answers import refusal
from tests.fakes.gmail_contract import GmailContract
from tests.fakes.gmail_discovery import faults_in, methods, schema
from tests.fakes.service import Asked

FULL = "https://mail.google.com/"
MODIFY = "https://www.googleapis.com/auth/gmail.modify"
READONLY = "https://www.googleapis.com/auth/gmail.readonly"
TOKENS = {one: frozenset({one}) for one in (FULL, MODIFY, READONLY)}
ID = "18c0000000010003"


@pytest.fixture
def contract() -> GmailContract:
    return GmailContract(TOKENS.get)


def asked(
    verb: str, path: str, body: object = None, *, token: str = FULL, **headers: str
) -> Asked:
    """Return a request for a path below users/me."""
    raw_path = f"/gmail/v1/users/me/{path}"
    octets = b"" if body is None else json.dumps(body).encode()
    sent = {"Authorization": f"Bearer {token}", "Content-Length": str(len(octets))}
    sent |= {"Content-Type": "application/json"} if body is not None else {}
    sent |= {key.replace("_", "-"): one for key, one in headers.items()}
    url = URL(f"https://localhost{raw_path}", encoded=True)
    return Asked(
        verb,
        url.path,
        raw_path,
        MultiDictProxy(MultiDict(url.query)),
        CIMultiDictProxy(CIMultiDict(sent)),
        octets,
    )


@pytest.mark.parametrize(
    "request_",
    [
        asked("GET", "profile"),
        asked("GET", "messages?labelIds=INBOX&labelIds=UNREAD&maxResults=500&q=in:inbox"),
        asked("GET", f"messages/{ID}?format=raw&fields=raw,id&prettyPrint=false&alt=json"),
        asked("GET", "messages?fields=messages(id,threadId),nextPageToken"),
        asked(
            "GET", "history?startHistoryId=1&historyTypes=messageAdded&historyTypes=labelAdded"
        ),
        asked("POST", f"messages/{ID}/modify", {"addLabelIds": ["X"]}, token=MODIFY),
        asked("POST", f"messages/{ID}/trash", token=MODIFY),
        asked("POST", "messages/batchDelete", {"ids": [ID]}),
        asked("DELETE", f"messages/{ID}"),
        asked("GET", "profile", token="expired"),
        asked("GET", "profile", Authorization=""),
    ],
    ids=lambda one: f"{one.method} {one.raw_path}",
)
def test_a_request_as_it_should_be_is_taken(contract: GmailContract, request_: Asked) -> None:
    assert contract.check_request(request_) == []


@pytest.mark.parametrize(
    ("request_", "fault"),
    [
        (asked("GET", "mailboxes"), "no such method"),
        (asked("PUT", f"messages/{ID}"), "no such method"),
        (asked("GET", "messages/"), "no such method"),
        (asked("GET", "messages?lableIds=INBOX"), "no parameter lableIds"),
        (asked("GET", "profile?labelIds=INBOX"), "no parameter labelIds"),
        (asked("GET", "messages?maxResults=many"), "not a whole number"),
        (asked("GET", "messages?maxResults=-1"), "out of range"),
        (asked("GET", "messages?maxResults=501"), "500 is the most"),
        (asked("GET", "messages?maxResults=1&maxResults=2"), "is there 2 times"),
        (asked("GET", "messages?includeSpamTrash=yes"), "not true or false"),
        (asked("GET", f"messages/{ID}?format=mime"), "none of minimal, full, raw"),
        (asked("GET", "history?startHistoryId=abc"), "not the text of a whole number"),
        (asked("GET", "history?startHistoryId=18446744073709551616"), "out of range"),
        (asked("GET", "history?startHistoryId=1&historyTypes=messagesAdded"), "none of"),
        (asked("GET", "profile?access_token=x"), "a secret in the address"),
        (asked("GET", f"messages/{ID}?fields=row"), "names row"),
        (asked("GET", "messages?fields=messages(raw(x))"), "names x"),
        (asked("GET", "messages?fields=messages(id"), "cannot be read"),
        (asked("DELETE", f"messages/{ID}?fields=id"), "no answer to choose"),
        (asked("POST", f"messages/{ID}/trash", {"a": 1}), "takes no body"),
        (asked("POST", f"messages/{ID}/modify"), "said to be nothing"),
        (asked("POST", "messages/batchDelete", {}, Content_Type="text/plain"), "not JSON"),
        (asked("POST", "messages/batchDelete", [ID]), "is list, not object"),
        (asked("POST", "messages/batchDelete", {"id": [ID]}), "unknown key id"),
        (asked("POST", "messages/batchDelete", {"ids": ID}), "is str, not array"),
        (asked("POST", "messages/batchDelete", {"ids": [1]}), "ids[0] is int, not string"),
        (asked("POST", "messages/batchModify", {"ids": [ID] * 1001}), "1000 is the most"),
        (
            asked("POST", f"messages/{ID}/modify", {"addLabelIds": ["X"] * 101}),
            "100 is the most",
        ),
        (
            asked("POST", "labels", {"name": "A", "labelListVisibility": "labelShow"}),
            "lacks messageListVisibility",
        ),
        (asked("DELETE", f"messages/{ID}", token=MODIFY), "no scope of the token"),
        (asked("POST", f"messages/{ID}/trash", token=READONLY), "no scope of the token"),
    ],
    ids=lambda one: one if isinstance(one, str) else f"{one.method} {one.raw_path}"[:60],
)
def test_a_request_that_departs_is_caught(
    contract: GmailContract, request_: Asked, fault: str
) -> None:
    found = contract.check_request(request_)
    assert len(found) == 1
    assert fault in found[0]


def test_a_body_that_is_not_json_is_caught(contract: GmailContract) -> None:
    sent = attrs.evolve(asked("POST", "messages/batchDelete", {}), body=b"{")
    assert contract.check_request(sent) == ["the body is not JSON"]


def test_a_post_without_a_length_is_caught(contract: GmailContract) -> None:
    sent = asked("POST", f"messages/{ID}/trash")
    bare = attrs.evolve(sent, headers=CIMultiDictProxy(CIMultiDict()))
    assert contract.check_request(bare) == ["neither a length nor chunks: Google answers 411"]


def test_scopes_may_lack_where_a_test_is_about_that(contract: GmailContract) -> None:
    contract.scopes_may_lack = True
    assert contract.check_request(asked("DELETE", f"messages/{ID}", token=MODIFY)) == []


# ---- answers

LIST = asked("GET", "messages")
GET = asked("GET", f"messages/{ID}?format=raw")
DELETE = asked("DELETE", f"messages/{ID}")


@attrs.frozen
class Streamed:
    """A body in pieces that says what shape it has."""

    shape: dict[str, Any]

    async def __call__(self) -> AsyncIterator[bytes]:
        yield b""


def of_json(value: object, status: int = 200) -> Answer:
    return Answer.of_json(value, status)


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        (LIST, of_json({"resultSizeEstimate": 0})),
        (LIST, of_json({"messages": [{"id": ID, "threadId": ID}], "nextPageToken": "1"})),
        (GET, of_json({"raw": "YQ==", "historyId": "7", "internalDate": "-1"})),
        (GET, Answer(200, Streamed({"raw": ""}), {"Content-Type": "application/json"})),
        (DELETE, Answer(204, b"", {"Vary": "Origin"})),
        (GET, refusal(404, "notFound")),
        (GET, refusal(418, "aReasonOfItsOwn")),
        (GET, Answer()),
        (asked("GET", "mailboxes"), of_json({"a": 1})),
    ],
)
def test_an_answer_as_it_should_be_is_given(
    contract: GmailContract, sent: Asked, answer: Answer
) -> None:
    assert contract.check_answer(sent, answer) == []


@pytest.mark.parametrize(
    ("sent", "answer", "fault"),
    [
        (LIST, of_json({"message": []}), "unknown key message"),
        (LIST, of_json({"messages": [{"ID": ID}]}), "messages[0] has the unknown key ID"),
        (LIST, of_json({"messages": {}}), "is dict, not array"),
        (LIST, of_json({"resultSizeEstimate": "0"}), "is str, not a whole number"),
        (LIST, of_json({"resultSizeEstimate": True}), "is bool, not a whole number"),
        (LIST, of_json({"resultSizeEstimate": 2**32}), "out of range"),
        (LIST, of_json([]), "is list, not object"),
        (GET, of_json({"historyId": 7}), "is int, not string"),
        (GET, of_json({"historyId": "-7"}), "out of range"),
        (GET, of_json({"internalDate": "now"}), "not the text of a whole number"),
        (GET, of_json({"raw": "a+/="}), "not base64url"),
        (GET, Answer(200, Streamed({"row": ""}), {"Content-Type": "application/json"}), "row"),
        (GET, Answer(200, b"{}", {"Content-Type": "text/html"}), "not said to be JSON"),
        (GET, Answer(200, b"{", {"Content-Type": "application/json"}), "not JSON"),
        (DELETE, of_json({}), "an answer where there is none"),
        (GET, of_json({}, 302), "not Gmail's"),
        (GET, of_json({"message": "no"}, 404), "without an error"),
        (
            GET,
            of_json({"error": {"code": 403, "errors": [{"reason": "a"}]}}, 404),
            "another code",
        ),
        (GET, of_json({"error": {"code": 404, "errors": [{}]}}, 404), "no reason"),
        (GET, of_json({"error": {"code": 404}}, 404), "no reason"),
        (GET, Answer(500, b"oops", {"A": "b"}), "not JSON"),
    ],
)
def test_an_answer_that_departs_is_caught(
    contract: GmailContract, sent: Asked, answer: Answer, fault: str
) -> None:
    found = contract.check_answer(sent, answer)
    assert len(found) == 1
    assert fault in found[0]


def test_pieces_without_a_shape_are_caught(contract: GmailContract) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"{}"

    answer = Answer(200, pieces, {"Content-Type": "application/json"})
    found = contract.check_answer(GET, answer)
    assert found == ["an answer in pieces that does not say what shape it has"]


# ---- the document


def test_all_of_the_documents_methods_are_known() -> None:
    ids = {one.id for one in methods()}
    assert {"gmail.users.messages.get", "gmail.users.history.list"} <= ids
    assert len(ids) == len(methods()) > 70


def test_what_is_only_required_of_requests_may_be_missing_in_answers() -> None:
    label = {"id": "Label_1", "name": "A"}
    assert faults_in(label, schema("Label"), "it") == []
    assert len(faults_in(label, schema("Label"), "it", "gmail.users.labels.create")) == 2
