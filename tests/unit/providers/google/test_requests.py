"""Builds Gmail's requests, held to Gmail's own description, without a network."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qsl, urlsplit

import pytest

from providers.google.labelling import DELETION, LabelChange
from providers.google.quota import UNITS
from providers.google.requests import Priced, Requests
from tests.fakes.gmail_discovery import find

URL = "https://gmail.example:8443"
MOVED = LabelChange(("Label_1",), ("INBOX",))


@pytest.fixture(scope="module")
def requests() -> Requests:
    return Requests(URL)


_ALL: dict[str, Callable[[Requests], Priced]] = {
    "getProfile": lambda r: r.profile(),
    "labels.list": lambda r: r.labels(),
    "labels.create": lambda r: r.create_label("Printed"),
    "messages.list": lambda r: r.messages("INBOX", "", ""),
    "history.list": lambda r: r.history("77", ""),
    "messages.get": lambda r: r.raw("18c"),
    "messages.modify": lambda r: r.change("18c", MOVED),
    "messages.delete": lambda r: r.change("18c", DELETION),
    "messages.batchModify": lambda r: r.change_all(["18c", "18d"], MOVED),
    "messages.batchDelete": lambda r: r.change_all(["18c", "18d"], DELETION),
}


def path_of(priced: Priced) -> str:
    parts = urlsplit(priced.request.url)
    assert f"{parts.scheme}://{parts.netloc}" == URL
    return parts.path


def query_of(priced: Priced) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(priced.request.url).query))


@pytest.mark.parametrize("method", _ALL)
def test_each_request_is_the_method_it_pays_for(requests: Requests, method: str) -> None:
    priced = _ALL[method](requests)
    found = find(priced.request.method, path_of(priced))
    assert found is not None
    assert found.id == f"gmail.users.{method}"
    assert priced.units == UNITS[method]
    assert query_of(priced).keys() <= {*found.parameters, "fields", "alt", "prettyPrint"}


def test_every_price_is_that_of_a_request(requests: Requests) -> None:
    assert UNITS.keys() == _ALL.keys()
    assert requests.carried("18c").units == UNITS["messages.get"]


def test_a_prepared_address_asks_as_the_library_would(requests: Requests) -> None:
    priced = requests.raw("18c0000000010003")
    assert path_of(priced) == "/gmail/v1/users/me/messages/18c0000000010003"
    wanted = {"format": "raw", "fields": "raw", "prettyPrint": "false", "alt": "json"}
    assert query_of(priced) == wanted


def test_an_id_cannot_lead_to_another_address(requests: Requests) -> None:
    assert path_of(requests.raw("../../x?y#z")).endswith("/messages/..%2F..%2Fx%3Fy%23z")


def test_a_list_is_of_a_label_or_of_a_search(requests: Requests) -> None:
    inbox = query_of(requests.messages("INBOX", "", ""))
    assert inbox["labelIds"] == "INBOX"
    assert inbox["maxResults"] == "500"
    assert "includeSpamTrash" not in inbox
    found = query_of(requests.messages("", "in:inbox has:attachment", "t"))
    assert (found["q"], found["pageToken"]) == ("in:inbox has:attachment", "t")
    assert "labelIds" not in found


@pytest.mark.parametrize("label_id", ["SPAM", "TRASH"])
def test_spam_and_trash_are_listed_when_they_are_the_folder(
    requests: Requests, label_id: str
) -> None:
    assert query_of(requests.messages(label_id, "", ""))["includeSpamTrash"] == "true"


def test_history_is_asked_for_without_a_label(requests: Requests) -> None:
    """It does not promise to tell that a message lost that very label."""
    asked = query_of(requests.history("77", "t"))
    assert (asked["startHistoryId"], asked["pageToken"]) == ("77", "t")
    assert "labelId" not in asked


def test_a_change_of_labels_names_only_what_changes(requests: Requests) -> None:
    one = requests.change("18c", LabelChange(remove=("UNREAD",))).request
    assert json.loads(one.body or b"") == {"removeLabelIds": ["UNREAD"]}
    assert one.headers["content-type"] == "application/json"
    many = requests.change_all(["a", "b"], MOVED).request
    assert json.loads(many.body or b"") == {
        "ids": ["a", "b"],
        "addLabelIds": ["Label_1"],
        "removeLabelIds": ["INBOX"],
    }


def test_a_body_does_not_show_in_a_log(requests: Requests) -> None:
    assert "Label_1" not in repr(requests.change("18c", MOVED))


def test_threads_that_begin_together_build_the_same_requests() -> None:
    made = [Requests(URL) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        built = list(pool.map(lambda one: one.labels().request.url, made))
    assert set(built) == {made[0].labels().request.url}
