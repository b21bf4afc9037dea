"""Two copies of a print job have one likeness; whatever a message holds, its imprint is taken."""

from encodings.aliases import aliases
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.imprint.attachments import HEADER_OCTETS
from bridge.imprint.imprint import SENDERS, TEXT_CHARACTERS, Imprint, ImprintTaker
from providers.contract import Attestation, Attests, Envelope, HeaderFields
from providers.google.attesting import attest as attested_by_gmail
from providers.microsoft.attesting import attest as attested_by_exchange

MAIL = (
    b"Received: from b by a; Tue, 2 Jan 2024 00:00:00 +0000\r\n"
    b"Received: from c by b; Mon, 1 Jan 2024 00:00:00 +0000\r\n"
    b"From: =?utf-8?q?J=C3=BCrgen?= <j@example.com>\r\n"
    b"Subject: one\r\n two\r\n"
    b"Date: Mon, 1 Jan 2024 00:00:00 +0000\r\n"
    b"Message-ID:\r\n <1@example.com>\r\n"
    b"\r\nbody\r\n\r\nmore\r\n"
)
JANUARY_2 = 1_704_153_600.0


def taken(octets: bytes, cuts: list[int] | None = None) -> Imprint:
    taker = ImprintTaker()
    ends = sorted({0, len(octets), *(min(cut, len(octets)) for cut in cuts or [])})
    for start, end in pairwise(ends):
        taker.feed(octets[start:end])
    return taker.finish()


def test_an_imprint_tells_who_what_and_when() -> None:
    imprint = taken(MAIL)
    assert imprint.envelope == Envelope(
        "Jürgen <j@example.com>", "one two", "Mon, 1 Jan 2024 00:00:00 +0000"
    )
    assert imprint.arrived == JANUARY_2
    assert imprint.likeness is not None


@given(st.lists(st.integers(0, len(MAIL))))
def test_any_chunking_gives_the_same_imprint(cuts: list[int]) -> None:
    assert taken(MAIL, cuts) == taken(MAIL)


@given(st.binary(max_size=2000), st.lists(st.integers(0, 2000)))
def test_whatever_a_message_holds_its_imprint_is_taken(octets: bytes, cuts: list[int]) -> None:
    assert taken(octets, cuts) == taken(octets)


@given(st.binary(max_size=300))
def test_whatever_a_field_holds_it_is_told_as_a_printable_line(text: bytes) -> None:
    imprint = taken(b"From: " + text + b"\r\nDate: " + text + b"\r\n\r\n")
    assert all(one.isprintable() for one in imprint.envelope.sender)
    assert len(imprint.envelope.sender) <= TEXT_CHARACTERS


CODECS = sorted({*aliases, *aliases.values(), "undefined", "idna", "no such", "a\0b"})
NAMES = [
    "From",
    "Subject",
    "Date",
    "Message-ID",
    "Received",
    "Auto-Submitted",
    "Precedence",
    "Return-Path",
    "Content-Type: a/b; name",
    "Authentication-Results",
    "X-MS-Exchange-Organization-AuthAs: Internal\r\nFrom",
]
PIECES = [
    "=?{}?Q?=ff?=",
    "=?{}?B?/w==?=",
    "*={}''%ff",
    "*0*={}'en'x",
    "=",
    "(",
    ")",
    '"',
    "\\",
    "<",
    ">",
    "@",
    "[",
    ",",
    ":",
    ";",
    "\r\n ",
    "\x00",
    "ÿ",
    "mx.google.com",
    "dmarc=pass",
    "by a.outlook.com",
    "12:00 +9999",
]
VALUES = st.lists(st.sampled_from([*PIECES, "*" + "9" * 5000]), max_size=8).map("".join)
FIELDS = st.lists(
    st.tuples(st.sampled_from(NAMES), VALUES, st.sampled_from(CODECS)).map(
        lambda one: f"{one[0]}: {one[1].replace('{}', one[2])}\r\n"
    ),
    max_size=6,
).map("".join)


@given(FIELDS, st.sampled_from([None, attested_by_gmail, attested_by_exchange]))
def test_charsets_and_parameters_of_any_kind_are_borne(
    header: str, attests: Attests | None
) -> None:
    taker = ImprintTaker(attests)
    taker.feed(header.encode("latin-1") + b"\r\nbody\r\n")
    assert isinstance(taker.finish(), Imprint)


def test_only_message_id_and_body_make_a_likeness() -> None:
    likeness = taken(MAIL).likeness
    assert taken(MAIL.replace(b"from b", b"from elsewhere")).likeness == likeness
    assert taken(MAIL.replace(b"<1@", b"<2@")).likeness != likeness
    assert taken(MAIL + b".").likeness != likeness


def test_the_same_octets_alone_have_the_same_mark() -> None:
    mark = taken(MAIL).mark
    assert taken(MAIL).mark == mark
    assert taken(MAIL.replace(b"from b", b"from elsewhere")).mark != mark
    assert taken(MAIL + b".").mark != mark
    assert (
        taken(b"Subject: x\r\n\r\nbody\r\n").mark != taken(b"Subject: y\r\n\r\nbody\r\n").mark
    )


@pytest.mark.parametrize("name", [b"", b"Message-ID: \r\n", b"X-Message-ID: <1@x>\r\n"])
def test_without_a_message_id_there_is_no_likeness(name: bytes) -> None:
    assert taken(name + b"Subject: x\r\n\r\nbody\r\n").likeness is None


def test_a_message_id_in_the_body_is_none() -> None:
    assert taken(b"Subject: x\r\n\r\nMessage-ID: <1@x>\r\n").likeness is None


@pytest.mark.parametrize(
    ("header", "arrived"),
    [
        (b"Date: Tue, 2 Jan 2024 00:00:00 +0000\r\n", JANUARY_2),
        (b"Received: nonsense\r\nDate: Tue, 2 Jan 2024 00:00:00 +0000\r\n", JANUARY_2),
        (b"Date: no day\r\n", None),
        (b"Date: Tue, 99 Jan 99999 00:00:00 +0000\r\n", None),
        (b"", None),
    ],
)
def test_when_a_message_arrived_is_told_where_its_header_tells(
    header: bytes, arrived: float | None
) -> None:
    assert taken(header + b"\r\nx").arrived == arrived


def test_what_the_service_recorded_is_read_from_the_fields_in_their_order() -> None:
    seen: list[tuple[str, str]] = []

    def attests(fields: HeaderFields) -> Attestation:
        seen.extend(fields)
        return Attestation(("example.com",), "dmarc=pass")

    taker = ImprintTaker(attests)
    taker.feed(b"B: 1\r\n 2\r\nA: \xff\r\nB: 3\r\n\r\nC: body\r\n")
    assert taker.finish().attestation == Attestation(("example.com",), "dmarc=pass")
    assert [name for name, _ in seen] == ["B", "A", "B"]
    assert taken(MAIL).attestation is None


@given(st.lists(st.integers(0, 100)))
def test_what_can_be_printed_is_told(cuts: list[int]) -> None:
    assert taken(b"Content-Type: application/pdf\r\n\r\n%PDF-1.7\r\n", cuts).is_printable
    assert not taken(MAIL, cuts).is_printable


def test_a_header_without_end_is_read_to_its_limit_only() -> None:
    taker = ImprintTaker()
    for _ in range(100):
        taker.feed(b"X-Long: " + b"x" * 8000 + b"\r\n")
    taker.feed(b"Message-ID: <late@example.com>\r\n\r\nbody\r\n")
    imprint = taker.finish()
    assert imprint.likeness is None
    assert imprint.is_cut
    assert HEADER_OCTETS < 100 * 8000


@pytest.mark.parametrize("excess", [0, 1])
def test_a_header_as_long_as_exchange_takes_is_read_to_its_end(excess: int) -> None:
    begin, end = b"X-Pad: ", b"\r\nFrom: a@b.example\r\n\r\n"
    pad = b"x" * (HEADER_OCTETS + excess - len(begin + end))
    for cuts in ([], [1000], list(range(0, HEADER_OCTETS + 10, 70_000))):
        imprint = taken(begin + pad + end + b"body\r\n", cuts)
        assert imprint.is_cut is bool(excess)
        assert excess or imprint.senders == ("a@b.example",)
    assert not taken(b"\r\n" + b"x" * (2 * HEADER_OCTETS)).is_cut


def test_more_senders_than_are_read_are_told_of() -> None:
    many = ", ".join(["a@b.example"] * SENDERS)
    assert not taken(f"From: {many}\r\n\r\n".encode()).is_cut
    imprint = taken(f"From: {many}, c@d.example\r\n\r\n".encode())
    assert imprint.is_cut
    assert len(imprint.senders) == SENDERS
    assert taken(b"From: " + b"(" * 5000 + b"\r\n\r\n").is_cut


@pytest.mark.parametrize(
    "before",
    [
        b"",
        b"From me Mon Jan  1 00:00:00 2024\r\n",
        b"X-Old : 1\r\n",
        b"no field\r\n",
        b"\xff: 1\r\n",
    ],
)
@pytest.mark.parametrize("name", [b"From:", b"From :", b"FROM \t: "])
def test_a_sender_is_seen_whatever_lines_are_before_it(before: bytes, name: bytes) -> None:
    """RFC 5322 section 4.5 has blanks before the colon; readers pass over what is no field."""
    header = before + name + b" a@b.example\r\n\r\nFrom: c@d.example\r\n"
    assert taken(header).senders == ("a@b.example",)
    assert taken(b"\r\n" + header).senders == ()


@pytest.mark.parametrize("charset", ["utf-8", "cp1252"])
def test_raw_headers_are_read_as_they_were_meant(charset: str) -> None:
    """RFC 6532, and those who have never heard of it, in one header too."""
    raw = "From: Jörg <J@Bücher.example>\r\nSubject: Größe € eins\r\n\r\nx"
    other = "X-Other: ü\r\n".encode("latin-1")
    for before in (b"", other):
        imprint = taken(before + raw.encode(charset))
        assert imprint.envelope.subject == "Größe € eins"
        assert imprint.envelope.sender == "Jörg <J@Bücher.example>"
        assert imprint.senders == ("j@xn--bcher-kva.example",)


@pytest.mark.parametrize("domain", ["ü" * 300, "ü" * 100, "ü..example"])
def test_a_domain_that_cannot_be_spelled_stays_as_it_was_written(domain: str) -> None:
    assert taken(f"From: a@{domain}\r\n\r\n".encode()).senders == (f"a@{domain}",)


@pytest.mark.parametrize(
    "word", ["=?\xe9?Q?a?=", "=?x?Q?a?=", "=?utf-8?B?%%%?=", "=?utf-8?Q?=zz?=", "=?a?Q?=00?="]
)
def test_an_encoded_word_that_makes_no_sense_is_kept_as_it_was_written(word: str) -> None:
    taken(f"Subject: {word}\r\nFrom: {word}\r\n\r\nx".encode("latin-1"))
