"""Of RTF is read what a person sees of it, or the HTML that is wrapped in it; whatever comes, in one pass."""

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.shaping.rtf import CODE_CHARACTERS, HEAD_TOKENS, LEVELS, is_rtf, read
from tests.unit.shaping import rtf_streams as streams


def text(body: bytes, head: bytes = rb"\ansi\ansicpg1252\deff0") -> str:
    document = read(rb"{\rtf1" + head + rb"\pard " + body + b"}")
    assert not document.is_html
    return document.text


def test_a_mail_in_rich_text_is_read() -> None:
    document = read(streams.RICH)
    assert document.text.strip() == streams.RICH_TEXT
    assert not document.is_html


def test_html_comes_out_as_it_was_before_it_was_wrapped() -> None:
    """[MS-OXRTFEX] section 2.1.3: tags as they are, nothing of what is for readers of RTF."""
    document = read(streams.WRAPPED)
    assert document.is_html
    assert document.text == streams.WRAPPED_HTML


def test_a_tag_is_had_also_where_what_is_for_readers_of_rtf_surrounds_it() -> None:
    hidden = rb"{\rtf1\fromhtml1 \htmlrtf a{\*\htmltag64 <p>}b\htmlrtf0 seen}"
    assert read(hidden).text == "<p>seen"


def test_html_is_looked_for_at_the_beginning_alone() -> None:
    late = rb"{\rtf1" + rb"\b" * HEAD_TOKENS + rb"\fromhtml1 {\*\htmltag64 <p>}seen}"
    assert not read(late).is_html
    assert read(late).text == "seen"


@pytest.mark.parametrize(
    ("body", "seen"),
    [
        (rb"a\par b\line c\tab d\cell e\row f", "a\nb\nc\td\te\nf"),
        (b"a\\\nb\\~c\\{d\\}e\\\\f\\-g\\_h\r\ni", "a\nb\u00a0c{d}e\\fg\u2011hi"),
        (rb"\lquote a\rquote\ldblquote b\rdblquote\endash\emdash\bullet", "\u2018a\u2019\u201cb\u201d\u2013\u2014\u2022"),
        (rb"\u8364?5 \u-3913?x", "€5 \uf0b7x"),
        (rb"\u-10179?\u-8704?", "\U0001f600"),
        (rb"\u-10179?x", "\ufffdx"),
        (rb"\uc2\u8364 EU5", "€5"),
        (rb"\uc0\u8364 5{\uc3\u8364 EUR}\u8364 5", "€5€€5"),
        (rb"\uc1\u8364\'80\u8364\lquote x", "€€x"),
        (rb"\uc3\u8364 a}", "€"),
        (rb"\u99999999 x\u \u65 ?", "A"),
        (rb"a{\*\bkmkstart x}{\*\unknown {y}}b{\info{\title t}}{\pict 00ff}{\header h}c", "abc"),
        (rb"a{\stylesheet{\s1 Normal;}}{\colortbl;\red0;}{\pntext -\tab}b", "a-\tb"),
        (rb"a\bin6 }}{{\b", "a"),
        (rb"a{\pict\bin3 }}}}b\bin-3 c\bin d", "abcd"),
        (rb"a{\v hidden}b\v hidden\v0 c{\v x\plain y}", "abcy"),
        (rb"{\object{\*\objdata 00}{\result r}}", "r"),
        (rb"a\'8", "a8"),
    ],
    ids=[
        "breaks", "symbols", "quotes", "unicode", "surrogates", "half", "two", "none", "counted", "brace", "beyond",
        "destinations", "tables", "octets", "octets-in-pictures", "hidden", "object", "half-hex",
    ],
)  # fmt: skip
def test_what_stands_for_text_is_text(body: bytes, seen: str) -> None:
    assert text(body) == seen


@pytest.mark.parametrize(
    ("head", "body", "seen"),
    [
        (rb"\ansi\ansicpg1251", rb"\'cf\'f0", "Пр"),
        (rb"\mac", rb"\'9f", "ü"),
        (rb"\ansi{\fonttbl{\f0\fcharset0 A;}{\f7\fcharset161 G;}}", rb"\f7\'e1\f0\'e1{\f7 \'e1}\'e1", "αáαá"),
        (rb"\deff3{\fonttbl{\f3\fcharset204 A;}}", rb"\'cf\plain\'f0", "Пр"),
        (rb"{\fonttbl{\f0\fcharset128 A;}}\f0", rb"\'83e\'83\'67", "テト"),
        (rb"{\fonttbl{\f0\fcharset0\cpg1253 A;}{\f1\fcharset1 B;}}\ansicpg1252\f0", rb"\'e1\f1\'e1", "αá"),
        (rb"{\fonttbl{\f0\fcharset999 {\*\falt x}A;}}\ansicpg1251\f0", rb"\'cf\f99\'cf", "ПП"),
        (rb"\ansicpg99999", rb"\'c3\'bc\'fc", "Ã¼ü"),
        (rb"\ansicpg65001", rb"\'c3\'bc", "ü"),
        (rb"\ansicpg1252", b"\xfc", "ü"),
    ],
    ids=["page", "mac", "fonts", "default", "two-octets", "of-font", "unknown", "no-page", "utf-8", "raw"],
)  # fmt: skip
def test_letters_are_in_the_charset_of_their_font(head: bytes, body: bytes, seen: str) -> None:
    assert text(body, head) == seen


def field(code: bytes, result: bytes) -> bytes:
    return rb"{\field{\*\fldinst{" + code + rb"}}{\fldrslt{\ul " + result + rb"}}}."


@pytest.mark.parametrize(
    ("body", "seen"),
    [
        (field(b'HYPERLINK "http://e.org/a" ', b"here"), "here <http://e.org/a>."),
        (field(b'HYPERLINK "http://e.org/a"', b"e.org/a"), "e.org/a."),
        (field(b'HYPERLINK "mailto:a@e.org"', b"write"), "write <a@e.org>."),
        (field(b'HYPERLINK "file:///c"', b"here"), "here."),
        (field(b"PAGE", b"7"), "7."),
        (field(b'HYPERLINK "http://e.org/a"', b"x").replace(b"fldrslt", b"b"), "x."),
        (rb"{\fldrslt x}", "x"),
        (
            field(b"{" + b"x" * CODE_CHARACTERS + b'}{HYPERLINK "http://e.org/a"}', b"here"),
            "here.",
        ),
    ],
    ids=["told", "shown", "mail", "local", "other", "no-result", "no-code", "long-code"],
)
def test_a_link_is_told_as_one_of_html_is(body: bytes, seen: str) -> None:
    assert text(body) == seen


def test_what_begins_so_is_rtf() -> None:
    assert is_rtf(streams.RICH)
    assert not is_rtf(b"hello")


# ---- what strangers send


def test_groups_that_lie_too_deep_are_counted() -> None:
    """Their ends are ends of groups all the same, and what is behind them is read."""
    deep = b"{" * 3 * LEVELS + rb"\v hidden" + b"}" * 3 * LEVELS
    assert text(rb"a{" + deep + rb"}b") == "ab"
    deepest = b"{" * 1_000_000 + b"seen"
    tracemalloc.start()
    try:
        assert text(deepest) == "seen"
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 * len(
        deepest
    )  # two copies of it; a word for each group would be eight more


def test_what_follows_the_end_is_not_read() -> None:
    assert read(rb"{\rtf1 a}b{\rtf1 c}").text == "a"


@pytest.mark.parametrize("octets", [b"", b"}", b"hello}", b"\\", b"{\\", b"{\\*", b"\0\xff"])
def test_what_is_no_rtf_is_read_all_the_same(octets: bytes) -> None:
    assert len(read(octets).text) <= len(octets)


PIECES = st.lists(
    st.sampled_from(
        [
            b"{", b"}", b"\\", b"{\\rtf1", rb"\fromhtml1", rb"\*", rb"{\*\htmltag64 <p>", rb"\htmlrtf ", rb"\htmlrtf0 ",
            rb"{\field{\*\fldinst{", b'HYPERLINK "http://e.org/', b'"', rb"{\fldrslt", rb"\u8364?", rb"\u-10179 ", rb"\uc3",
            rb"\bin2", rb"\'e4", rb"\'", rb"{\fonttbl{\f1\fcharset128", rb"\f1", rb"\ansicpg1200", rb"\cpg037", rb"\v", rb"\plain",
            rb"\par", rb"\tab", b"\r\n", b"text", rb"\upr", rb"{\pict", rb"\-", rb"\99999999999",
        ]
    )
    | st.binary(max_size=4)
)  # fmt: skip


@given(PIECES)
def test_whatever_comes_is_no_more_text_than_it_was(pieces: list[bytes]) -> None:
    document = read(b"".join(pieces))
    assert len(document.text) <= len(b"".join(pieces))
    document.text.encode("utf-8", "replace")
