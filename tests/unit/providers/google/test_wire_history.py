"""Nets what happened since a cursor: for one label, in order, however little a record says."""

from typing import Any

import pytest

from providers.contract import Unreachable
from providers.google.wire import History

Json = dict[str, Any]


def added(one: str, *labels: str) -> Json:
    return {"messagesAdded": [{"message": {"id": one, "labelIds": list(labels)}}]}


def deleted(one: str, *labels: str) -> Json:
    return {"messagesDeleted": [{"message": {"id": one, "labelIds": list(labels)}}]}


def gained(one: str, *labels: str, now: tuple[str, ...] | None = None) -> Json:
    return {"labelsAdded": [_change(one, labels, now)]}


def lost(one: str, *labels: str, now: tuple[str, ...] | None = None) -> Json:
    return {"labelsRemoved": [_change(one, labels, now)]}


def _change(one: str, labels: tuple[str, ...], now: tuple[str, ...] | None) -> Json:
    carried = {} if now is None else {"labelIds": list(now)}
    return {"message": {"id": one, **carried}, "labelIds": list(labels)}


def history(*records: Json, label_id: str = "INBOX") -> History:
    taken = History(label_id)
    assert taken.take({"history": list(records), "historyId": "9"}) == ""
    return taken


def net(taken: History) -> tuple[list[str], list[str]]:
    return [one.remote_id for one in taken.added], list(taken.removed)


def test_where_nothing_happened_nothing_is_named() -> None:
    taken = History("INBOX")
    assert taken.take({"historyId": "9"}) == ""
    assert (net(taken), taken.is_busy, taken.is_vague) == (([], []), False, False)
    assert taken.history_id == "9"


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        ([added("a", "INBOX", "UNREAD")], (["a"], [])),
        ([added("a", "Label_1")], ([], ["a"])),
        ([added("a", "SPAM", "INBOX")], ([], ["a"])),
        ([deleted("a", "INBOX")], ([], ["a"])),
        ([added("a", "INBOX"), deleted("a", "INBOX")], ([], ["a"])),
        ([lost("a", "INBOX", now=("UNREAD",))], ([], ["a"])),
        ([gained("a", "INBOX", now=("INBOX",))], (["a"], [])),
        ([gained("a", "TRASH", now=("INBOX", "TRASH"))], ([], ["a"])),
        ([lost("a", "TRASH", now=("INBOX",))], (["a"], [])),
        ([lost("a", "TRASH", now=())], ([], ["a"])),
        ([lost("a", "INBOX", now=()), gained("a", "INBOX", now=("INBOX",))], (["a"], [])),
        (
            [added("a", "INBOX"), added("b", "INBOX"), lost("a", "INBOX", now=())],
            (["b"], ["a"]),
        ),
    ],
)
def test_the_labels_a_message_carries_after_the_last_event_decide(
    records: list[Json], expected: tuple[list[str], list[str]]
) -> None:
    taken = history(*records)
    assert net(taken) == expected
    assert (taken.is_busy, taken.is_vague) == (True, False)


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (gained("a", "INBOX"), (["a"], [])),
        (lost("a", "INBOX"), ([], ["a"])),
        (lost("a", "INBOX", "TRASH"), ([], ["a"])),
        (gained("a", "TRASH"), ([], ["a"])),
        (gained("a", "SPAM", "INBOX"), ([], ["a"])),
        (gained("a", "STARRED"), ([], [])),
        (lost("a", "UNREAD"), ([], [])),
    ],
)
def test_a_record_that_is_silent_about_labels_goes_by_what_happened(
    record: Json, expected: tuple[list[str], list[str]]
) -> None:
    taken = history(record)
    assert net(taken) == expected
    assert not taken.is_vague


@pytest.mark.parametrize(
    "record", [{"messagesAdded": [{"message": {"id": "a"}}]}, lost("a", "TRASH")]
)
def test_a_message_that_may_be_here_or_not_makes_the_history_vague(record: Json) -> None:
    """What Gmail leaves out is either unknown or empty; guessing would lose or invent a print job."""
    taken = history(record)
    assert taken.is_vague
    assert net(taken) == ([], [])


def test_the_trash_as_a_folder_sees_what_comes_into_it() -> None:
    assert net(history(gained("a", "TRASH"), label_id="TRASH")) == (["a"], [])
    assert net(history(lost("a", "TRASH"), label_id="TRASH")) == ([], ["a"])
    assert net(history(gained("a", "SPAM"), label_id="TRASH")) == ([], ["a"])


def test_a_record_of_no_known_kind_is_still_a_sign_of_life() -> None:
    taken = history({"id": "8", "messages": [{"id": "a"}]})
    assert (taken.is_busy, taken.is_vague, net(taken)) == (True, False, ([], []))


def test_pages_are_netted_together_and_the_next_look_begins_at_the_first() -> None:
    """What happens between two pages is in neither for certain; told twice it does no harm."""
    taken = History("INBOX")
    first = {"history": [added("a", "INBOX")], "historyId": "9", "nextPageToken": "t"}
    assert taken.take(first) == "t"
    assert taken.take({"history": [deleted("a")], "historyId": "12"}) == ""
    assert (net(taken), taken.history_id) == (([], ["a"]), "9")


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {},
        {"historyId": 9},
        {"historyId": "9", "history": {}},
        {"historyId": "9", "history": [7]},
        {"historyId": "9", "history": [{"messagesAdded": {}}]},
        {"historyId": "9", "history": [{"messagesAdded": [{}]}]},
        {"historyId": "9", "history": [{"messagesAdded": [{"message": {}}]}]},
        {"historyId": "9", "history": [{"labelsAdded": [{"message": {"id": 7}}]}]},
        {"historyId": "9", "nextPageToken": 1},
    ],
)
def test_what_is_no_history_is_not_taken_for_a_quiet_one(value: Any) -> None:  # noqa: ANN401 - any JSON
    with pytest.raises(Unreachable, match=r"Gmail's (answer has no|history names)"):
        History("INBOX").take(value)
