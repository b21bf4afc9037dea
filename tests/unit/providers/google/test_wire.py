"""Turns Gmail's JSON into contract values: folders, cursors, lists, labels."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.contract import Cursor, CursorExpired, FolderName, Unreachable
from providers.google.wire import (
    ByLabelId,
    ByLabelName,
    BySearch,
    FolderRef,
    folder_ref,
    is_in,
    label_to_give,
    make_cursor,
    read_cursor,
    read_label_ids,
    read_labels,
    read_list,
    read_text,
    remote_message,
    spelled,
)

INBOX = FolderName("")
PRINTED = FolderName("Printed")


# ---- folders


@pytest.mark.parametrize(
    ("name", "reference"),
    [
        ("", ByLabelId("INBOX")),
        ("inbox", ByLabelId("INBOX")),
        ("Category_Updates", ByLabelId("CATEGORY_UPDATES")),
        ("id:Label_12", ByLabelId("Label_12")),
        ("id: Label_12 ", ByLabelId("Label_12")),
        ("query:in:inbox has:attachment", BySearch("in:inbox has:attachment")),
        ("query:" + "a" * 300, BySearch("a" * 300)),
        ("Printing/Office", ByLabelName("Printing/Office")),
        (" Print jobs ", ByLabelName("Print jobs")),
        ("Rechnungen: Büro", ByLabelName("Rechnungen: Büro")),
        ("a" * 225, ByLabelName("a" * 225)),
    ],
)
def test_a_folder_is_a_label_by_name_or_id_or_a_search(name: str, reference: FolderRef) -> None:
    assert folder_ref(FolderName(name)) == reference


@pytest.mark.parametrize(
    "name", [" ", "id:", "query:", "query:  ", "Print\njobs", "a\x00b", "id:\x7f", "a" * 226]
)
def test_what_can_name_no_folder_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"write it like|at most 225"):
        folder_ref(FolderName(name))


@pytest.mark.parametrize(
    ("target", "reference"),
    [
        ("Printed", ByLabelName("Printed")),
        ("trash", ByLabelId("TRASH")),
        ("id:Label_3", ByLabelId("Label_3")),
        ("sent", None),
        ("id:DRAFT", None),
        ("Chat", None),
        ("query:in:inbox", None),
        ("a" * 226, None),
        ("\x07", None),
    ],
)
def test_only_a_label_that_anybody_may_give_can_be_given(
    target: str, reference: FolderRef | None
) -> None:
    """SENT and DRAFT are Gmail's alone (developers.google.com/workspace/gmail/api/guides/labels)."""
    assert label_to_give(target) == reference


# ---- cursors


def test_a_cursor_holds_the_label_and_the_history_of_its_folder() -> None:
    assert read_cursor(make_cursor(PRINTED, "Label_1", "77"), PRINTED) == ("Label_1", "77")


@given(st.text(), st.text(), st.integers(min_value=0).map(str))
def test_what_is_put_into_a_cursor_comes_out_of_it(
    folder: str, label_id: str, history_id: str
) -> None:
    cursor = make_cursor(FolderName(folder), label_id, history_id)
    assert read_cursor(cursor, FolderName(folder)) == (label_id, history_id)


def test_a_cursor_is_no_good_for_another_folder() -> None:
    with pytest.raises(CursorExpired, match="another folder"):
        read_cursor(make_cursor(PRINTED, "Label_1", "77"), INBOX)


def _spoilt(at: int, value: object) -> str:
    parts = json.loads(make_cursor(INBOX, "INBOX", "77"))
    parts[at] = value
    return json.dumps(parts)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "7",
        "null",
        "[]",
        "https://graph.microsoft.com/v1.0/me?$deltatoken=x",
        "[" * 100_000,
        _spoilt(0, "gmail-0"),
        _spoilt(2, None),
        _spoilt(3, 77),
        _spoilt(3, "seventy"),
        _spoilt(3, ""),
    ],
)
def test_a_cursor_of_another_provider_or_version_has_expired(text: str) -> None:
    with pytest.raises(CursorExpired):
        read_cursor(Cursor(text), INBOX)


# ---- lists


def test_ids_order_a_maildrop_as_they_grow_whatever_their_length() -> None:
    ids = ["f", "18c0000000010003", "18c0000000020006", "128c0000000010003"]
    found = sorted({*ids}, key=lambda one: remote_message(one).sort_key)
    assert found == ids


def test_a_page_of_a_list_names_ids_and_the_next_page() -> None:
    value = {"messages": [{"id": "a"}, {"id": "b"}], "nextPageToken": "t"}
    assert read_list(value) == (["a", "b"], "t")


def test_an_empty_list_has_no_such_key() -> None:
    assert read_list({}) == ([], "")


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        "x",
        {"messages": {}},
        {"messages": ["a"]},
        {"messages": [{}]},
        {"messages": [{"id": 7}]},
        {"messages": [{"id": ""}]},
        {"nextPageToken": 7},
    ],
)
def test_what_is_no_list_is_not_taken_for_an_empty_one(value: Any) -> None:  # noqa: ANN401 - any JSON
    with pytest.raises(Unreachable, match="Gmail's answer has no"):
        read_list(value)


# ---- labels


def test_labels_are_found_in_any_letter_case() -> None:
    value = {"labels": [{"id": "Label_1", "name": "Straße"}, {"id": "INBOX", "name": "INBOX"}]}
    assert read_labels(value) == {"strasse": "Label_1", "inbox": "INBOX"}


@pytest.mark.parametrize("value", [[], {"labels": [{"id": "x"}]}, {"labels": [{"name": "x"}]}])
def test_labels_without_a_name_or_an_id_are_no_answer(value: Any) -> None:  # noqa: ANN401 - any JSON
    with pytest.raises(Unreachable):
        read_labels(value)


def test_a_message_without_labels_has_no_such_key() -> None:
    assert read_label_ids({}) == frozenset()
    assert read_label_ids({"labelIds": ["INBOX", 7]}) == {"INBOX"}


@pytest.mark.parametrize("value", [None, [], {"labelIds": "INBOX"}])
def test_what_tells_no_labels_is_no_answer(value: Any) -> None:  # noqa: ANN401 - any JSON
    with pytest.raises(Unreachable):
        read_label_ids(value)


@pytest.mark.parametrize(
    ("label_id", "labels", "shows"),
    [
        ("INBOX", ["INBOX", "UNREAD"], True),
        ("INBOX", ["UNREAD"], False),
        ("INBOX", [], False),
        ("INBOX", ["INBOX", "TRASH"], False),
        ("INBOX", ["INBOX", "SPAM"], False),
        ("TRASH", ["INBOX", "TRASH"], True),
        ("SPAM", ["SPAM"], True),
        ("TRASH", ["SPAM", "TRASH"], False),
    ],
)
def test_a_message_in_trash_or_spam_shows_nowhere_else(
    label_id: str, labels: list[str], *, shows: bool
) -> None:
    assert is_in(label_id, labels) is shows


@pytest.mark.parametrize("value", [None, {}, {"historyId": 7}, {"historyId": ""}])
def test_a_text_that_must_be_there_is_missed(value: Any) -> None:  # noqa: ANN401 - any JSON
    with pytest.raises(Unreachable, match="historyId"):
        read_text(value, "historyId")


@pytest.mark.parametrize(
    ("names", "written"),
    [
        (["", "inbox", "INBOX", "id:INBOX"], "id:INBOX"),
        (["Print jobs", " print JOBS "], "print jobs"),
        (["id:Label_12", "id: Label_12"], "id:Label_12"),
        (["query:is:starred"], "query:is:starred"),
    ],
)
def test_names_of_one_folder_have_one_spelling(names: list[str], written: str) -> None:
    assert {spelled(folder_ref(FolderName(name))) for name in names} == {written}
