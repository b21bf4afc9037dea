"""Raw UTF-8 in headers is shown as ASCII to who did not ask for it; bodies stay as they are."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.shaping.headers.downward import down_convert
from bridge.shaping.headers.fields import Field, split, write
from bridge.shaping.headers.mailaddresses import UNREADABLE, mailboxes, spelled_address
from bridge.shaping.headers.parameters import ascii_parameters, parameters
from bridge.shaping.headers.words import read, written
from bridge.shaping.wish import Charset


def converted(text: str) -> str:
    return (
        b"".join(down_convert(text.replace("\n", "\r\n").encode()))
        .decode("utf-8")
        .replace("\r\n", "\n")
    )


def test_a_message_of_ascii_headers_is_one_view_of_itself() -> None:
    message = "Subject: =?iso-8859-1?q?=FC?=\r\n\r\nü\r\n".encode()
    assert b"".join(down_convert(message)) == message


def test_text_becomes_encoded_words_and_the_body_stays() -> None:
    assert converted("Subject: über alles\nX: y\n\nü\n") == (
        "Subject: =?utf-8?Q?=C3=BCber?= alles\nX: y\n\nü\n"
    )


def test_headers_of_parts_and_of_messages_within_are_converted_texts_are_not() -> None:
    """RFC 6857 section 3: the header fields of body parts too."""
    out = converted(
        "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: message/rfc822\n\nSubject: ä\n\nSubject: ä\n"
        "--c\nSubject: ä\n--b\nContent-Description: ä\n\nä\n--b--\n"
    )
    assert out == (
        "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: message/rfc822\n\nSubject: =?utf-8?Q?=C3=A4?=\n\n"
        "Subject: ä\n--c\nSubject: ä\n--b\nContent-Description: =?utf-8?Q?=C3=A4?=\n\nä\n--b--\n"
    )


def test_a_header_that_breaks_off_ends_there_for_those_who_look_for_an_empty_line() -> None:
    """RFC 5322 section 2.1: what follows a line that is no field is no header any more."""
    assert converted("Subject: a\nno field: ü\nX: ü\n\nü\n") == (
        "Subject: a\n\nno field: ü\nX: ü\n\nü\n"
    )


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (
            'application/pdf; charset=x; name="Büro \\"1\\".pdf"; x="a  b"',
            "application/pdf; charset=x;\n name=\"Buro _1_.pdf\";\n name*=utf-8''B%C3%BCro%20%221%22.pdf; x=\"a  b\"",
        ),
        ("a/b; name=ü", "a/b;\n name=\"u\";\n name*=utf-8''%C3%BC"),
        (
            "a/b; name=" + "ü" * 70 + ".tiff; x=y",
            'a/b;\n name="' + "u" * 55 + '.tiff";\n name*0*=utf-8\'\'' + "%C3%BC" * 10
            + "".join(f";\n name*{n}*=" + "%C3%BC" * 10 for n in range(1, 7)) + ";\n name*7*=.tiff; x=y",
        ),
        ("a/b (ü); name=x; name*0=ü", "a/b (??); name=x; name*0=??"),
        ("a/\x01b; name=ü", "a/b; =?utf-8?Q?name=3D=C3=BC?="),
    ],
)  # fmt: skip
def test_parameters_are_spelled_as_files_are_found_by_old_machines_and_new(
    value: str, wanted: str
) -> None:
    """RFC 2231 sections 3 and 4, RFC 6857 section 3; old machines go by the end of name=."""
    out = converted(f"Content-Type: {value}\n\n")
    assert out == f"Content-Type: {wanted}\n\n"


@given(st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=90))
def test_a_file_is_called_what_it_was_called(name: str) -> None:
    value = b' attachment; filename="' + re.sub(r'(["\\])', r"\\\1", name).encode() + b'"'
    wanted = parameters(value).get("filename")
    assert parameters(ascii_parameters(value)).get("filename") == wanted or "=?" in name


@pytest.mark.parametrize(
    ("address", "spelled"),
    [
        ("a@bücher.example", "a@xn--bcher-kva.example"),
        ("jörg@example.org", UNREADABLE),
        ("a@" + "ü" * 300, UNREADABLE),
        ("a@example.org", "a@example.org"),
    ],
)
def test_an_address_is_spelled_in_ascii_or_made_harmless(address: str, spelled: str) -> None:
    assert spelled_address(address) == spelled


def test_addresses_are_read_with_groups_quotes_and_comments() -> None:
    found = mailboxes(
        b'Team: "Doe, J." <j@x.org>, b@x.org (c, (d)) ; =?utf-8?q?=C3=BC?= <u@x.org>'
    )
    assert [(one.display, one.address) for one in found] == [
        ("Doe, J.", "j@x.org"),
        ("", "b@x.org"),
        ("ü", "u@x.org"),
    ]


@pytest.mark.parametrize(
    ("raw", "people"),
    [
        ("Doe, Jane <j@x.org>", [("Doe, Jane", "j@x.org")]),
        ("Müller, Hans <h@x.org>, b@x.org", [("Müller, Hans", "h@x.org"), ("", "b@x.org")]),
        ("=?utf-8?Q?M=C3=BCller?=, Hans <h@x.org>", [("Müller, Hans", "h@x.org")]),
        ("a@x.org, Doe, Jane, PhD <j@x.org>", [("", "a@x.org"), ("Doe, Jane, PhD", "j@x.org")]),
        ("root, admin", [("", "root"), ("", "admin")]),
        ("root, <j@x.org>", [("", "root"), ("", "j@x.org")]),
        ("Team: root, admin;, j@x.org", [("", "root"), ("", "admin"), ("", "j@x.org")]),
        ("Müller", [("Müller", "")]),
        (",, ,", []),
        ("a@x.org (who knows", [("", "a@x.org")]),
    ],
)
def test_a_comma_without_quotes_is_part_of_a_name(
    raw: str, people: list[tuple[str, str]]
) -> None:
    assert [(one.display, one.address) for one in mailboxes(raw.encode())] == people


def test_a_name_without_an_address_is_no_domain() -> None:
    out = write(Field("From", " Müller".encode()), Charset.ASCII, 998)
    assert out == f"From: Muller <{UNREADABLE}>\r\n".encode()


def test_a_display_name_with_specials_is_quoted() -> None:
    field = Field("From", ' "Büro, Süd" <a@x.org>, "Doe, J." <j@x.org>'.encode())
    assert (
        write(field, Charset.ASCII, 998)
        == b'From: "Buro, Sud" <a@x.org>, "Doe, J." <j@x.org>\r\n'
    )


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("=?iso-8859-1?Q?Angebot_=96_50=80_=1B%-12345X?=", "Angebot - 50EUR %-12345X"),
        ("=?us-ascii?B?G0UgYQ==?=", "E a"),
        ("=?us-ascii?Q?a=0D=0AX:_b?=", "a X: b"),
        ("=?us-ascii?Q?a=0?= =?us-ascii?Q?7b?=", None),
        ("=?us-ascii?Q?a b=07?=", "=?iso-8859-1?Q?=3D=3Fus-ascii=3FQ=3Fa?= b=07?="),
        ("=?iso-8859-1?Q?Gr=FC=DFe?= =?us-ascii?Q?a?=", None),
    ],
)
def test_an_encoded_word_stays_only_where_no_control_character_is_in_it(
    value: str, wanted: str | None
) -> None:
    """A machine that decodes the word may obey them; C1 octets in Latin-1 are what Windows means by them."""
    out = write(Field("Subject", f" {value}".encode()), Charset.LATIN1, 998)
    assert out == f"Subject: {wanted or value}\r\n".encode()


@given(
    st.text(max_size=200),
    st.sampled_from(["Subject", "From", "Message-ID", "X", "Content-Type"]),
    st.sampled_from(list(Charset)),
    st.sampled_from([76, 998]),
)
def test_any_field_is_written_in_ascii_on_short_lines(
    text: str, name: str, charset: Charset, limit: int
) -> None:
    out = write(
        Field(name, text.replace("\r", "").replace("\n", "").encode("utf-8", "replace")),
        charset,
        limit,
    )
    assert out.isascii()
    assert b"\0" not in out
    assert not out or split(out)[0][0].name == name
    assert max(map(len, out.split(b"\r\n"))) <= limit


@pytest.mark.parametrize("charset", list(Charset))
@pytest.mark.parametrize("limit", [76, 998])
@pytest.mark.parametrize("name", ["Subject", "From", "Disposition-Notification-To", "X" * 70])
def test_no_line_with_an_encoded_word_is_longer_than_76_octets(
    name: str, limit: int, charset: Charset
) -> None:
    """RFC 2047 section 2."""
    text = "Überraschung für alle Kolleginnen und Kollegen der Ärzte über uns hier " * 3
    value = f" {text}<a@x.org>" if name == "From" else f" {text}"
    out = write(Field(name, value.encode()), charset, limit)
    for line in out.split(b"\r\n"):
        if b"=?" in line:
            assert len(line) <= 76
            assert b"?" not in re.sub(rb"=\?[^?]+\?[BQ]\?[^? ]+\?=", b"", line)
    assert charset is Charset.ASCII or read(out).startswith(f"{name}: Überraschung für alle")


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("Reply-To", f"{'a' * 52}@support.example.com"),
        ("Message-ID", f"<{'A' * 50}@prod.outlook.example>"),
        ("From", f"{'a' * 70}@x"),
    ],
)
def test_an_address_or_identifier_is_not_cut(name: str, word: str) -> None:
    out = write(Field(name, f" {word} (é)".encode()), Charset.ASCII, 76)
    assert out == f"{name}:\r\n {word}\r\n".encode()


def test_an_address_that_no_line_can_hold_is_made_harmless() -> None:
    out = write(Field("Reply-To", f" {'a' * 90}@x.org".encode()), Charset.ASCII, 76)
    assert out == f"Reply-To: {UNREADABLE}\r\n".encode()


@given(st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=120))
def test_encoded_words_read_as_what_was_written(text: str) -> None:
    assert (
        read(" ".join(written(text, Charset.UTF8)).encode()) == read(text.encode())
        or "=?" in text
    )
