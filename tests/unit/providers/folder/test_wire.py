import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.contract import Cursor, RemoteId, RemoteMessage
from providers.folder import wire
from providers.folder.wire import EmlFacts, Readiness

octets = st.binary(min_size=1, max_size=40).filter(lambda name: not {0, 0x2F} & {*name})
names = octets.map(os.fsdecode)
sizes = st.integers(0, 2**63 - 1)
times = st.integers(-(2**63), 2**63 - 1)


# ---- names as safe text


@given(names)
def test_any_file_name_survives_quoting(name: str) -> None:
    assert wire.unquote_name(wire.quote_name(name)) == name


@given(names)
def test_a_quoted_name_is_printable_and_can_be_stored(name: str) -> None:
    text = wire.quote_name(name)
    assert text.isprintable()
    assert text.encode().decode() == text


@given(names, names)
def test_two_names_never_have_the_same_quoted_text(one: str, other: str) -> None:
    assert (wire.quote_name(one) == wire.quote_name(other)) == (one == other)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (b"job 1.eml", "job 1.eml"),
        ("Märchen.eml".encode(), "Märchen.eml"),
        (b"M\xe4rchen.eml", "M%E4rchen.eml"),
        (b"a\nb.eml", "a%0Ab.eml"),
        (b"100%.eml", "100%25.eml"),
        ("a\u202eb".encode(), "a%E2%80%AEb"),
    ],
)
def test_names_are_quoted_no_more_than_needed(name: bytes, text: str) -> None:
    assert wire.quote_name(os.fsdecode(name)) == text


# ---- Maildir


@pytest.mark.parametrize(
    "name",
    [
        "1700000001.M5P7.host",
        "1700000001.M5P7.host:2,",
        "1700000001.M5P7.host:2,FRS",
        "1700000001.M5P7.host:1,x",
        "1700000001.M5P7.host!2,S",
        "1700000001.M5P7.host;2,S",
    ],
)
def test_the_id_of_a_maildir_message_survives_its_flags(name: str) -> None:
    assert wire.maildir_id(name) == "1700000001.M5P7.host"


def test_an_exclamation_mark_alone_does_not_end_the_unique_part() -> None:
    assert wire.unique_part("1700000001.5!3;4.host") == "1700000001.5!3;4.host"


def test_a_hidden_file_is_no_maildir_message() -> None:
    assert not wire.is_maildir_name(".nfs0001")
    assert wire.is_maildir_name("1700000001.1.host")


@pytest.mark.parametrize(
    ("name", "delivered"),
    [
        ("1700000001.M5P7.host:2,S", (1_700_000_001, 5)),
        ("1700000001.M123456P7.host", (1_700_000_001, 123456)),
        ("1700000001.M1234567P7.host", (1_700_000_001, 0)),
        ("1700000001.7_2.host", (1_700_000_001, 0)),
        ("17000000.1.host", None),
        ("170000000100.1.host", None),
        ("job-1.eml", None),
        ("1700000001", None),
    ],
)
def test_the_time_of_delivery_is_read_where_it_is_plausible(
    name: str, delivered: tuple[int, int] | None
) -> None:
    assert wire.delivered_at(name) == delivered


def test_maildir_messages_are_ordered_by_delivery() -> None:
    named = [
        "999999999.M9P1.a",
        "1700000001.M5P1.a",
        "1700000001.M10P1.a",
        "1700000001.M10P1.b",
    ]
    keys = [wire.maildir_sort_key(name, 0) for name in named]
    assert sorted(keys) == keys


def test_a_maildir_name_without_a_date_is_ordered_by_its_time_of_change() -> None:
    between = wire.maildir_sort_key("message", 1_700_000_002_000_000_000)
    before = wire.maildir_sort_key("1700000001.1.host", 0)
    after = wire.maildir_sort_key("1700000003.1.host", 0)
    assert before < between < after
    assert wire.maildir_sort_key("message", -5) < before


def test_the_sort_key_of_a_maildir_message_survives_its_flags() -> None:
    plain = wire.maildir_sort_key("1700000001.M5P7.host", 0)
    assert wire.maildir_sort_key("1700000001.M5P7.host:2,S", 0) == plain


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("x.1.host", "x.1.host:2,S"),
        ("x.1.host:2,", "x.1.host:2,S"),
        ("x.1.host:2,FRT", "x.1.host:2,FRST"),
        ("x.1.host:2,Sab", "x.1.host:2,Sab"),
        ("x.1.host!2,F", "x.1.host!2,FS"),
        ("x.1.host:2,F,more", "x.1.host:2,FS,more"),
        ("x.1.host:1,old", "x.1.host:2,S"),
    ],
)
def test_marking_as_read_adds_s_in_order_and_keeps_the_rest(name: str, read: str) -> None:
    assert wire.with_seen_flag(name) == read


@given(names)
def test_marking_as_read_keeps_the_id_and_is_done_once(name: str) -> None:
    read = wire.with_seen_flag(name)
    assert wire.maildir_id(read) == wire.maildir_id(name)
    assert wire.with_seen_flag(read) == read


def test_a_numbered_maildir_name_keeps_the_flags() -> None:
    assert wire.numbered_maildir_name("x.1.host:2,S", 2) == "x.1.host-2:2,S"
    assert wire.numbered_maildir_name("x.1.host", 1) == "x.1.host-1"


# ---- .eml files


@pytest.mark.parametrize("name", ["a.eml", "A.EML", "job 1.Eml"])
def test_a_name_that_ends_in_eml_is_a_message(name: str) -> None:
    assert wire.is_eml_name(name)


@pytest.mark.parametrize("name", [".a.eml", ".eml", "a.eml.part", "a.txt", "eml"])
def test_other_names_are_no_messages(name: str) -> None:
    assert not wire.is_eml_name(name)


@given(names, sizes, times)
def test_an_eml_id_says_what_it_was_made_from(name: str, size: int, mtime_ns: int) -> None:
    facts = EmlFacts(f"x{name}.eml", size, mtime_ns)
    assert wire.eml_facts(wire.eml_id(facts)) == facts


@pytest.mark.parametrize(
    "foreign",
    [
        "",
        "1700000001.M5P7.host",
        "a.eml",
        "a.eml:1",
        "a.eml:x:y",
        "a.eml:-1:5",
        "../a.eml:1:5",
        "..%2Fa.eml:1:5",
        "%00.eml:1:5",
        "passwd:1:5",
        "\udce4.eml:1:5",
    ],
)
def test_a_foreign_id_says_nothing(foreign: str) -> None:
    assert wire.eml_facts(RemoteId(foreign)) is None


def test_eml_files_are_ordered_by_file_name() -> None:
    named = ["1.eml", "10.eml", "2.eml", "a 1.eml", "a.eml", "b.eml"]
    assert sorted(named, key=wire.eml_sort_key) == named


def test_a_numbered_eml_name_keeps_its_ending() -> None:
    assert wire.numbered_eml_name("job.EML", 3) == "job-3.EML"


@pytest.mark.parametrize(
    ("age", "verdict"),
    [
        (-61.0, Readiness.ASK),
        (-59.0, Readiness.WAIT),
        (0.0, Readiness.WAIT),
        (1.9, Readiness.WAIT),
        (2.0, Readiness.ASK),
        (599.0, Readiness.ASK),
        (600.0, Readiness.TAKE),
        (1e12, Readiness.TAKE),
    ],
)
def test_a_file_is_taken_when_it_was_left_alone(age: float, verdict: Readiness) -> None:
    assert wire.readiness(age, 2.0) is verdict


# ---- folders and cursors


@pytest.mark.parametrize(
    "name", ["Printed", "Gedruckte Faxe", "Gelöscht", "Archive.2024", "x" * 200]
)
def test_a_plain_name_can_name_a_folder(name: str) -> None:
    assert wire.check_folder_name(name) == name


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "not empty"),
        (".hidden", "begin with a dot"),
        ("..", "begin with a dot"),
        ("a..b", r"holds no \"\.\.\""),
        ("a/b", "do not nest"),
        ("/etc", "do not nest"),
        ("a\0b", "printable"),
        ("a\nb", "printable"),
        ("a\udce4b", "printable"),
        ("cur", "parts of a Maildir"),
        ("new", "parts of a Maildir"),
        ("tmp", "parts of a Maildir"),
        ("x" * 201, "at most 200 octets"),
        ("ä" * 101, "at most 200 octets"),
    ],
)
def test_a_name_that_leads_elsewhere_cannot_name_a_folder(name: str, why: str) -> None:
    with pytest.raises(ValueError, match=why) as caught:
        wire.check_folder_name(name)
    assert str(caught.value).isprintable()


ids = st.lists(names.map(wire.maildir_id), max_size=5)


@given(ids, ids)
def test_cursors_are_equal_when_the_listings_are(
    one: list[RemoteId], other: list[RemoteId]
) -> None:
    assert (wire.cursor_for(one) == wire.cursor_for(other)) == (one == other)


def test_a_cursor_is_short_whatever_the_listing() -> None:
    assert len(wire.cursor_for(RemoteId(str(number)) for number in range(5000))) < 64


@pytest.mark.parametrize(
    ("count", "sizes"),
    [(0, [0]), (1, [1]), (1000, [1000]), (1001, [1000, 1]), (3000, [1000, 1000, 1000])],
)
def test_a_page_names_a_thousand_messages_at_most(count: int, sizes: list[int]) -> None:
    messages = [RemoteMessage(RemoteId(str(number)), "") for number in range(count)]
    pages = list(wire.full_list(messages, Cursor("here")))
    assert [len(page.added) for page in pages] == sizes
    assert [message for page in pages for message in page.added] == messages


def test_only_the_last_page_of_a_full_list_has_the_cursor() -> None:
    messages = [RemoteMessage(RemoteId(str(number)), "") for number in range(1001)]
    first, last = wire.full_list(messages, Cursor("here"))
    assert (first.full, first.last, first.cursor) == (True, False, None)
    assert (last.full, last.last, last.cursor) == (True, True, "here")
