from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.contract import (
    Envelope,
    FolderName,
    RemoteId,
    RemoteMessage,
    Unreachable,
)
from providers.microsoft import wire
from providers.microsoft.wire import ById, ByPath, WellKnown

GRAPH = "https://graph.microsoft.com"
NEXT = "@odata.nextLink"
DELTA = "@odata.deltaLink"

scalars = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
)
names = st.text(max_size=8) | st.sampled_from(
    ["value", "id", "@removed", "receivedDateTime", NEXT, DELTA, "from", "sender", "subject"]
)
anything = st.recursive(
    scalars, lambda one: st.lists(one, max_size=4) | st.dictionaries(names, one, max_size=4)
)
ids = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=8)


def page_of(*items: object, **links: str) -> dict[str, object]:
    return {"value": list(items), **{f"@odata.{name}": link for name, link in links.items()}}


# ---- folder names


@pytest.mark.parametrize(
    ("name", "ref"),
    [
        ("", WellKnown("inbox")),
        ("inbox", WellKnown("inbox")),
        ("Inbox", WellKnown("inbox")),
        ("DELETEDITEMS", WellKnown("deleteditems")),
        ("/junkemail/", WellKnown("junkemail")),
        ("id:AAMkAGI=", ById("AAMkAGI=")),
        ("Printing", ByPath("msgfolderroot", ("Printing",))),
        ("Printing/Office", ByPath("msgfolderroot", ("Printing", "Office"))),
        (" Printing / Office ", ByPath("msgfolderroot", ("Printing", "Office"))),
        ("Inbox/Office 2", ByPath("inbox", ("Office 2",))),
        ("Printing/inbox", ByPath("msgfolderroot", ("Printing", "inbox"))),
        ("Müller's & Söhne", ByPath("msgfolderroot", ("Müller's & Söhne",))),
    ],
)
def test_a_folder_name_means_one_folder(name: str, ref: wire.FolderRef) -> None:
    assert wire.folder_ref(FolderName(name)) == ref


@pytest.mark.parametrize(
    "name",
    ["/", "a//b", " ", "a/ /b", "id:", "id:  ", "id:a\nb", "a\nb", "a\u202eb", "x" * 256],
)
def test_what_can_name_no_folder_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="id:"):
        wire.folder_ref(FolderName(name))


def test_a_display_name_may_have_255_characters() -> None:
    assert wire.folder_ref(FolderName("x" * 255)) == ByPath("msgfolderroot", ("x" * 255,))


@given(st.text())
def test_a_folder_name_is_understood_or_refused_and_nothing_else(name: str) -> None:
    try:
        ref = wire.folder_ref(FolderName(name))
    except ValueError:
        return
    if isinstance(ref, ByPath):
        assert ref.start in wire.WELL_KNOWN
        assert all(one.isprintable() and one == one.strip() != "" for one in ref.names)


@given(st.text(st.characters(codec="utf-8")))
def test_an_id_is_quoted_as_one_segment_of_a_path(text: str) -> None:
    quoted = wire.quoted(text)
    assert not {"/", "?", "#", "'", "+", "=", "@", " "} & {*quoted}
    assert unquote(quoted) == text


@pytest.mark.parametrize(
    ("text", "literal"),
    [
        ("Office", "'Office'"),
        ("O'Brien", "'O''Brien'"),
        ("''", "''''''"),
        ("' or 1 eq 1 or '", "''' or 1 eq 1 or '''"),
    ],
)
def test_a_quote_cannot_end_a_string_literal(text: str, literal: str) -> None:
    """OData 4.01 ABNF: SQUOTE-in-string is doubled."""
    assert wire.odata_text(text) == literal


# ---- pages


def test_a_page_names_its_messages_with_the_time_they_came() -> None:
    page = wire.read_page(
        page_of(
            {"id": "A", "receivedDateTime": "2026-01-02T03:04:05Z", "@odata.etag": "W/1"},
            {"id": "B", "receivedDateTime": "2026-01-01T00:00:00Z"},
        ),
        GRAPH,
    )
    assert page.messages == (
        RemoteMessage(RemoteId("A"), "2026-01-02T03:04:05Z"),
        RemoteMessage(RemoteId("B"), "2026-01-01T00:00:00Z"),
    )
    assert (page.removed, page.next_link, page.delta_link) == ((), "", "")


def test_the_links_of_a_page_are_kept_as_they_are() -> None:
    link = f"{GRAPH}/v1.0/me/mailFolders('AA')/messages?$skip=10&%24top=10"
    assert wire.read_page(page_of(nextLink=link), GRAPH).next_link == link
    assert wire.read_page(page_of(deltaLink=link), GRAPH).delta_link == link


def test_a_removed_message_is_told_apart_from_one_that_is_there() -> None:
    page = wire.read_page(
        page_of({"id": "A"}, {"id": "B", "@removed": {"reason": "deleted"}}), GRAPH
    )
    assert page.messages == (RemoteMessage(RemoteId("A"), ""),)
    assert page.removed == (RemoteId("B"),)


def test_a_message_that_comes_twice_counts_once() -> None:
    """Paging by $skip is no snapshot, and a delta may replay."""
    page = wire.read_page(
        page_of(
            {"id": "A", "receivedDateTime": "1"},
            {"id": "B"},
            {"id": "A", "receivedDateTime": "2"},
        ),
        GRAPH,
    )
    assert [(one.remote_id, one.sort_key) for one in page.messages] == [("A", "2"), ("B", "")]


@pytest.mark.parametrize("is_gone", [True, False])
def test_what_is_said_last_of_a_message_holds(*, is_gone: bool) -> None:
    there, gone = {"id": "A"}, {"id": "A", "@removed": {"reason": "changed"}}
    page = wire.read_page(page_of(*([there, gone] if is_gone else [gone, there])), GRAPH)
    assert page.removed == ((RemoteId("A"),) if is_gone else ())
    assert len(page.messages) == (0 if is_gone else 1)


def test_ids_that_differ_in_letter_case_are_two_messages() -> None:
    page = wire.read_page(page_of({"id": "AAmk"}, {"id": "AAMk"}), GRAPH)
    assert [one.remote_id for one in page.messages] == ["AAmk", "AAMk"]


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        "x",
        {},
        {"error": {"code": "x"}},
        {"value": None},
        {"value": {"id": "A"}},
        {"value": ["A"]},
        {"value": [{}]},
        {"value": [{"id": ""}]},
        {"value": [{"id": None}]},
        {"value": [{"id": "A"}, {"id": 7}]},
        {"value": [{"id": "\ud800"}]},
        {"value": [{"id": "a\nb"}]},
        {"value": [], NEXT: 7},
        {"value": [], DELTA: {}},
    ],
)
def test_an_answer_that_is_no_list_of_messages_empties_no_folder(value: object) -> None:
    with pytest.raises(Unreachable):
        wire.read_page(value, GRAPH)


@pytest.mark.parametrize("received", [None, 7, "\ud800", "a\nb", ["2026"]])
def test_a_time_that_is_none_leaves_the_message_without_one(received: object) -> None:
    page = wire.read_page(page_of({"id": "A", "receivedDateTime": received}), GRAPH)
    assert page.messages == (RemoteMessage(RemoteId("A"), ""),)


@given(anything)
def test_whatever_json_comes_a_page_is_read_or_refused(value: object) -> None:
    try:
        page = wire.read_page(value, GRAPH)
    except Unreachable:
        return
    assert isinstance(value, dict)
    named = [item["id"] for item in value["value"]]
    found = [one.remote_id for one in page.messages] + list(page.removed)
    assert len(found) == len(set(named))
    assert set(found) == set(named)


@given(st.lists(st.tuples(ids, st.booleans())))
def test_a_page_leaves_no_message_out(told: list[tuple[str, bool]]) -> None:
    items = [{"id": key, **({"@removed": {}} if gone else {})} for key, gone in told]
    page = wire.read_page(page_of(*items), GRAPH)
    assert {one.remote_id for one in page.messages} == {
        k for k, gone in dict(told).items() if not gone
    }
    assert {*page.removed} == {k for k, gone in dict(told).items() if gone}


# ---- one message


@pytest.mark.parametrize(
    ("value", "envelope"),
    [
        (
            {
                "from": {"emailAddress": {"name": "Ada", "address": "ada@example.com"}},
                "sender": {"emailAddress": {"name": "Bot", "address": "bot@example.com"}},
                "subject": "Plans",
                "receivedDateTime": "2026-01-02T03:04:05Z",
            },
            Envelope("Ada <ada@example.com>", "Plans", "2026-01-02T03:04:05Z"),
        ),
        ({"sender": {"emailAddress": {"address": "bot@x"}}}, Envelope("bot@x")),
        (
            {"from": None, "sender": {"emailAddress": {"name": "Bot"}}},
            Envelope("Bot"),
        ),
        ({"from": {"emailAddress": {"name": "a@x", "address": "a@x"}}}, Envelope("a@x")),
        ({"from": {"emailAddress": {"name": "", "address": "a@x"}}}, Envelope("a@x")),
        ({"from": {"emailAddress": "a@x"}, "subject": None}, Envelope()),
        ({"from": "a@x", "subject": ["s"], "receivedDateTime": 7}, Envelope()),
        ({}, Envelope()),
        (None, Envelope()),
        (["from"], Envelope()),
    ],
)
def test_an_envelope_tells_what_graph_told(value: object, envelope: Envelope) -> None:
    assert wire.read_envelope(value) == envelope


@given(anything)
def test_whatever_json_comes_an_envelope_holds_text(value: object) -> None:
    envelope = wire.read_envelope(value)
    assert all(isinstance(one, str) for one in (envelope.sender, envelope.subject))
    assert isinstance(envelope.date, str)


@pytest.mark.parametrize(
    "head",
    [
        b"Received: from x",
        b"\r\nDate: x",
        b"X-A: b",
        b"From ada@example.com",
        b"D",
        b"\xef\xbb\xbfDate: x",
        b"<ada@example.com> is no field",
        b"{curly}: x",
        b"X-Error: <html>",
    ],
)
def test_what_was_sent_as_mail_is_mail_however_it_begins(head: bytes) -> None:
    assert wire.looks_like_mail(head)


@pytest.mark.parametrize(
    "head",
    [
        b"<!DOCTYPE html>",
        b"\r\n<HTML lang='en'>",
        b" \t<head>",
        b"\xef\xbb\xbf<html>",
        b"<?xml version='1.0'?>",
        b'{"error": {"code": "x"}}',
        b'{\r\n  "error" : {"code": "x"}}',
    ],
)
def test_a_page_or_an_error_is_no_mail(head: bytes) -> None:
    assert not wire.looks_like_mail(head)


@pytest.mark.parametrize(
    ("names", "spelled"),
    [
        (["", "inbox", "Inbox", "/INBOX/"], "inbox"),
        (["Printing/Office", "/printing/ OFFICE/"], "msgfolderroot/printing/office"),
        (["Inbox/Office", "inbox/office"], "inbox/office"),
        (["id:AAMk"], "id:AAMk"),
    ],
)
def test_names_of_one_folder_have_one_spelling(names: list[str], spelled: str) -> None:
    assert {wire.spelled(wire.folder_ref(FolderName(name))) for name in names} == {spelled}
