"""What a transcript shows is made of what the grammar knows to be harmless."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.pop3.framing import Overlong
from bridge.pop3.table import State
from bridge.pop3.transcript import REPLY_LINES, Content, Tally, reply_lines, shown
from bridge.pop3.wireform import WireForm
from tests.unit.pop3.chunking import cuts, octets_of

A, T = State.AUTHORIZATION, State.TRANSACTION


def is_login(name: str) -> bool:
    return name.casefold() in {"printer", "a b", "odd\x1bname"}


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (b"USER printer", "USER printer"),
        (b"user  PRINTER ", "USER PRINTER"),
        (b"USER a b", "USER a b"),
        (b"USER hunter2", "USER (no device has this name)"),
        (b"USER odd\x1bname", "USER (no device has this name)"),
        (b"USER", "USER"),
        (b"USER a\0b", "USER (not shown)"),
        (b"PASS hunter2", "PASS (not shown)"),
        (b" pAsS  hunter2", "PASS (not shown)"),
        (b"PASS", "PASS (not shown)"),
        (b"PASS\thunter2", "(unparseable line, 12 octets)"),
        (b"PASShunter2", "(unparseable line, 11 octets)"),
        (b"APOP printer " + b"a" * 32, "APOP printer (digest not shown)"),
        (b"APOP hunter2 " + b"a" * 32, "APOP (no device has this name) (digest not shown)"),
        (b"APOP printer hunter2", "APOP (not shown)"),
        (b"AUTH", "AUTH"),
        (b"AUTH login", "AUTH LOGIN"),
        (b"AUTH CRAM-MD5", "AUTH CRAM-MD5"),
        (b"AUTH PLAIN AGEAYg==", "AUTH PLAIN (response not shown)"),
        (b"AUTH hunter2", "AUTH (unknown mechanism)"),
        (b"AUTH hunter2 hunter2", "AUTH (unknown mechanism) (response not shown)"),
        (b"AUTH PLAIN hunter2 hunter2", "AUTH (not shown)"),
        (b"hunter2", "(unparseable line, 7 octets)"),
        (b"", "(unparseable line, 0 octets)"),
        (b"\xff\xfe", "(unparseable line, 2 octets)"),
        (b"LAST", "LAST"),
        (b"LAST hunter2", "LAST (not shown)"),
        (b"GET /hunter2 HTTP/1.1", "GET (not shown)"),
        (b"STAT", "STAT"),
        (b"STAT hunter2", "STAT (not shown)"),
        (b"LIST", "LIST"),
        (b"LIST 07", "LIST 7"),
        (b"UIDL", "UIDL"),
        (b"UIDL 3", "UIDL 3"),
        (b"RETR hunter2", "RETR (not shown)"),
        (b"retr 1", "RETR 1"),
        (b"TOP 1 0", "TOP 1 0"),
        (b"DELE 2", "DELE 2"),
        (b"RSET", "RSET"),
        (b"NOOP", "NOOP"),
        (b"QUIT", "QUIT"),
        (b"CAPA", "CAPA"),
        (b"LANG EN", "LANG en"),
        (b"lang I-Default", "LANG i-default"),
        (b"STLS", "STLS"),
    ],
)
def test_a_line_is_shown_as_the_command_it_is(line: bytes, text: str) -> None:
    assert shown(line, A, is_login) == text
    assert shown(line, T, is_login) == text


def test_a_line_of_an_exchange_is_not_shown_whatever_it_looks_like() -> None:
    for line in (b"aHVudGVyMg==", b"USER printer", b"RETR 1", b"**", b""):
        assert shown(line, State.SASL, is_login) == "(SASL response, not shown)"
    assert shown(b"* ", State.SASL, is_login) == "*"


@pytest.mark.parametrize("overlong", Overlong)
def test_a_line_that_is_too_long_is_not_shown(overlong: Overlong) -> None:
    assert shown(overlong, A, is_login) == "(line too long, not shown)"


# ---- replies


def test_a_reply_is_shown_as_sent() -> None:
    assert reply_lines(b"+OK\r\n1 2\r\n.\r\n") == ["+OK", "1 2", "."]


def test_of_a_long_listing_the_first_lines_are_shown() -> None:
    lines = reply_lines(b"+OK\r\n" + b"1 2\r\n" * 5000 + b".\r\n")
    assert lines[:2] == ["+OK", "1 2"]
    assert lines[REPLY_LINES:] == [f"({5002 - REPLY_LINES:,} more lines)"]


# ---- content


@given(octets_of(b"\r\n", b".", b"\r", b"\n", b"secret").flatmap(
    lambda text: st.tuples(st.just(text), cuts(wire_form(text)))
))  # fmt: skip
def test_the_digest_is_that_of_the_message_however_it_is_cut(
    example: tuple[bytes, list[bytes]],
) -> None:
    text, pieces = example
    form = WireForm()
    form.feed(text)
    form.finish()
    tally = Tally()
    for piece in pieces:
        tally.feed(piece)
    plain = unstuffed(wire_form(text))
    told = Content(form.octets, plain.count(b"\n"), hashlib.sha256(plain).hexdigest())
    assert tally.finish() == told


def test_content_is_told_in_counts_and_a_digest() -> None:
    assert str(Content(1234, 30, "ab12" * 16)) == (
        "(1,234 octets in 30 lines, sha256 ab12ab12ab12ab12...)"
    )


def wire_form(text: bytes) -> bytes:
    form = WireForm()
    return form.feed(text) + form.finish()


def unstuffed(wire: bytes) -> bytes:
    return b"".join(line.removeprefix(b".") for line in wire.splitlines(keepends=True))
