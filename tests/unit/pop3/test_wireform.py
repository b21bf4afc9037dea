import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.pop3.wireform import TopCutter, WireForm
from tests.unit.pop3.chunking import octets_and_cuts, octets_of

TEXT = octets_of(b"\r\n", b"\r", b"\n", b".", b"\r\n.", b"\r\n\r\n", b"Subject: x", b"y")


def wire_form(*pieces: bytes) -> tuple[bytes, int]:
    form = WireForm()
    wire = b"".join(form.feed(piece) for piece in pieces) + form.finish()
    return wire, form.octets


def unstuffed(wire: bytes) -> bytes:
    """Take the stuffing out line by line, as a client does (RFC 1939 section 3)."""
    lines = wire.split(b"\r\n")
    return b"\r\n".join(line.removeprefix(b".") for line in lines)


def normalised(text: bytes) -> bytes:
    """Say the slow way what a message is to become."""
    lines: list[bytes] = []
    rest = text
    while rest:
        ends = [at for at in (rest.find(b"\r"), rest.find(b"\n")) if at >= 0]
        if not ends:
            lines.append(rest)
            break
        end = min(ends)
        lines.append(rest[:end])
        rest = rest[end + (2 if rest[end : end + 2] == b"\r\n" else 1) :]
    if b"" not in lines:
        lines.append(b"")
    return b"".join(line + b"\r\n" for line in lines)


def top(wire: bytes, body_lines: int) -> bytes:
    """Cut the slow way: with everything at hand."""
    lines = wire.split(b"\r\n")[:-1]
    header = lines.index(b"") + 1
    return b"".join(line + b"\r\n" for line in lines[: header + body_lines])


@pytest.mark.parametrize(
    ("text", "wire", "octets"),
    [
        (b"", b"\r\n", 2),
        (b"\n", b"\r\n", 2),
        (b"\r", b"\r\n", 2),
        (b"a: b", b"a: b\r\n\r\n", 8),
        (b"a: b\n", b"a: b\r\n\r\n", 8),
        (b"a: b\r", b"a: b\r\n\r\n", 8),
        (b"a: b\n\n", b"a: b\r\n\r\n", 8),
        (b"a: b\r\r", b"a: b\r\n\r\n", 8),
        (b"a: b\n\nc", b"a: b\r\n\r\nc\r\n", 11),
        (b"a: b\n\rc\r", b"a: b\r\n\r\nc\r\n", 11),
        (b"\nbody", b"\r\nbody\r\n", 8),
        (b".\n.\n\n..\n.x.\n", b"..\r\n..\r\n\r\n...\r\n..x.\r\n", 17),
        (b"a\n\n.", b"a\r\n\r\n..\r\n", 8),
        (b"a\r\r\nb\n\n", b"a\r\n\r\nb\r\n\r\n", 10),
        (b"a\0\xff\n\n", b"a\0\xff\r\n\r\n", 7),
    ],
)
def test_a_message_becomes_its_wire_form(text: bytes, wire: bytes, octets: int) -> None:
    assert wire_form(text) == (wire, octets)


@given(octets_and_cuts(TEXT))
def test_any_chunking_gives_the_same_wire_form(case: tuple[bytes, list[bytes]]) -> None:
    text, pieces = case
    assert wire_form(*pieces) == wire_form(text)
    assert wire_form(*(text[at : at + 1] for at in range(len(text)))) == wire_form(text)


@given(TEXT)
def test_unstuffing_gives_the_normalised_message_back(text: bytes) -> None:
    wire, _ = wire_form(text)
    assert unstuffed(wire) == normalised(text)


@given(TEXT)
def test_the_octets_are_those_of_the_unstuffed_message(text: bytes) -> None:
    """RFC 1939 section 11: what LIST announces."""
    wire, octets = wire_form(text)
    assert octets == len(unstuffed(wire))


@given(TEXT)
def test_a_message_that_went_through_once_goes_through_unchanged(text: bytes) -> None:
    wire, octets = wire_form(text)
    assert wire_form(unstuffed(wire)) == (wire, octets)


@given(TEXT)
def test_every_line_ends_with_crlf_and_nothing_else_does(text: bytes) -> None:
    wire, _ = wire_form(text)
    assert wire.endswith(b"\r\n")
    pairs = wire.count(b"\r\n")
    assert wire.count(b"\r") == wire.count(b"\n") == pairs


@given(TEXT)
def test_no_line_is_the_termination_octet_and_a_blank_line_is_there(text: bytes) -> None:
    """RFC 1939 section 3; a header without a blank line behind it confuses devices."""
    lines = wire_form(text)[0].split(b"\r\n")
    assert b"." not in lines
    assert b"" in lines[:-1]


def test_nothing_is_held_back_but_one_carriage_return() -> None:
    form = WireForm()
    assert form.feed(b"a: b\r") == b"a: b"
    assert form.feed(b"") == b""
    assert form.feed(b"\n") == b"\r\n"
    assert form.feed(b"\r") == b""
    assert form.feed(b"\r") == b"\r\n"
    assert form.feed(b"x") == b"\r\nx"
    assert form.finish() == b"\r\n"


def test_the_octets_count_up_as_the_message_comes() -> None:
    form = WireForm()
    form.feed(b"a: b\n\n.")
    assert form.octets == 9
    form.finish()
    assert form.octets == 11


@given(TEXT, st.integers(0, 9) | st.just(99999999))
def test_top_cuts_like_the_slow_way_whatever_the_size_of_the_pieces(
    text: bytes, body_lines: int
) -> None:
    wire, _ = wire_form(text)
    for size in (1, 2, 3, 5, len(wire)):
        cutter = TopCutter(body_lines)
        pieces = [wire[at : at + size] for at in range(0, len(wire), size)]
        assert b"".join(cutter.feed(piece) for piece in pieces) == top(wire, body_lines)


@given(octets_and_cuts(TEXT.map(lambda text: wire_form(text)[0])), st.integers(0, 9))
def test_top_cuts_the_same_in_any_pieces(
    case: tuple[bytes, list[bytes]], body_lines: int
) -> None:
    wire, pieces = case
    cutter = TopCutter(body_lines)
    assert b"".join(map(cutter.feed, pieces)) == top(wire, body_lines)


@pytest.mark.parametrize("body_lines", [0, 1, 2])
def test_top_says_as_soon_as_it_has_enough(body_lines: int) -> None:
    """What lies behind need not be opened."""
    cutter = TopCutter(body_lines)
    assert cutter.feed(b"a: b\r\n\r") == b"a: b\r\n\r"
    assert not cutter.done
    assert cutter.feed(b"\n1\r\n2\r\n3\r\n") == b"\n1\r\n2\r\n"[: 1 + 3 * body_lines]
    assert cutter.done
    assert cutter.feed(b"4\r\n") == b""


def test_top_beyond_the_end_never_has_enough() -> None:
    cutter = TopCutter(3)
    assert cutter.feed(b"a: b\r\n\r\n1\r\n2\r\n") == b"a: b\r\n\r\n1\r\n2\r\n"
    assert not cutter.done
