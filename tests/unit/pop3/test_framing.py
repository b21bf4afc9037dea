import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.pop3.framing import DISCARD_OCTETS_MAX, LineBuffer, Overlong
from tests.unit.pop3.chunking import octets_and_cuts, octets_of

COMMAND, SASL = 24, 48


def taken(buffer: LineBuffer, *, sasl: bool = False) -> list[bytes | Overlong]:
    """Return all that the buffer has to give; a flood would be given for ever, so it is the last."""
    items: list[bytes | Overlong] = []
    while (item := buffer.next_line(sasl=sasl)) is not None:
        items.append(item)
        if item is Overlong.FLOOD:
            break
    return items


def lines_of(*pieces: bytes, sasl: bool = False) -> list[bytes | Overlong]:
    buffer = LineBuffer(COMMAND, SASL)
    items: list[bytes | Overlong] = []
    for piece in pieces:
        buffer.feed(piece)
        items += taken(buffer, sasl=sasl)
        if Overlong.FLOOD in items:
            break
    return items


def expected_lines(octets: bytes, *, sasl: bool) -> list[bytes | Overlong]:
    """Cut the slow way: with everything at hand."""
    items: list[bytes | Overlong] = []
    *whole, rest = octets.split(b"\n")
    for line in whole:
        limit = SASL if sasl or line[:5].upper() == b"AUTH " else COMMAND
        items.append(Overlong.LINE if len(line) + 1 > limit else line.removesuffix(b"\r"))
    limit = SASL if sasl or rest[:5].upper() == b"AUTH " else COMMAND
    return [*items, Overlong.LINE] if len(rest) > limit else items


def test_a_line_is_given_without_its_end() -> None:
    assert lines_of(b"NOOP\r\nSTAT\r\n") == [b"NOOP", b"STAT"]


def test_line_feed_alone_ends_a_line() -> None:
    assert lines_of(b"NOOP\nSTAT\n\n") == [b"NOOP", b"STAT", b""]


def test_carriage_return_alone_ends_no_line() -> None:
    assert lines_of(b"NOOP\rSTAT\r\r\n") == [b"NOOP\rSTAT\r"]


def test_half_a_line_waits_for_its_end() -> None:
    buffer = LineBuffer(COMMAND, SASL)
    buffer.feed(b"NO")
    assert buffer.next_line(sasl=False) is None
    assert len(buffer) == 2
    buffer.feed(b"OP\r\n")
    assert buffer.next_line(sasl=False) == b"NOOP"
    assert len(buffer) == 0


@pytest.mark.parametrize(
    ("line", "limit", "sasl"),
    [
        (b"x" * (COMMAND - 2) + b"\r\n", COMMAND, False),
        (b"AUTH " + b"x" * (SASL - 7) + b"\r\n", SASL, False),
        (b"auth " + b"x" * (SASL - 7) + b"\r\n", SASL, False),
        (b"x" * (SASL - 2) + b"\r\n", SASL, True),
        (b"AUTHOR " + b"x" * (COMMAND - 9) + b"\r\n", COMMAND, False),
    ],
)
def test_the_limit_counts_the_line_end(line: bytes, limit: int, *, sasl: bool) -> None:
    """RFC 2449 section 4; an AUTH command and a SASL line may be longer: RFC 5034 section 4."""
    assert len(line) == limit
    assert lines_of(line, sasl=sasl) == [line[:-2]]
    assert lines_of(b"".join([line[:-2], b"x", line[-2:]]), sasl=sasl) == [Overlong.LINE]


def test_the_tail_of_an_over_long_line_is_never_a_line() -> None:
    octets = b"x" * COMMAND + b"DELE 1\r\nSTAT\r\n"
    assert lines_of(octets) == [Overlong.LINE, b"STAT"]
    assert lines_of(octets[:COMMAND], octets[COMMAND:]) == [Overlong.LINE, b"STAT"]
    assert lines_of(octets[: COMMAND + 1], octets[COMMAND + 1 :]) == [Overlong.LINE, b"STAT"]


def test_an_over_long_line_is_reported_before_its_end_comes_and_only_once() -> None:
    buffer = LineBuffer(COMMAND, SASL)
    buffer.feed(b"x" * (COMMAND + 1))
    assert taken(buffer) == [Overlong.LINE]
    buffer.feed(b"x" * 100)
    assert taken(buffer) == []
    assert len(buffer) == 0


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\nNOOP\r\n"])
def test_a_line_that_runs_on_too_long_is_a_flood_for_good(end: bytes) -> None:
    buffer = LineBuffer(COMMAND, SASL)
    buffer.feed(b"x" * (DISCARD_OCTETS_MAX + 1) + end)
    assert taken(buffer) == [Overlong.LINE, Overlong.FLOOD]
    buffer.feed(b"\r\nNOOP\r\n")
    assert taken(buffer) == [Overlong.FLOOD]


def test_a_line_of_the_longest_length_that_is_read_past_is_no_flood() -> None:
    line = b"x" * DISCARD_OCTETS_MAX
    assert lines_of(line + b"\nNOOP\n") == [Overlong.LINE, b"NOOP"]
    assert lines_of(line, b"\nNOOP\n") == [Overlong.LINE, b"NOOP"]


def test_two_over_long_lines_are_counted_apart() -> None:
    half = b"x" * (DISCARD_OCTETS_MAX // 2 + 1) + b"\n"
    assert lines_of(half, half, b"NOOP\n") == [Overlong.LINE, Overlong.LINE, b"NOOP"]


def test_ten_megabytes_without_a_line_end_are_not_kept() -> None:
    buffer = LineBuffer(COMMAND, SASL)
    for _ in range(160):
        buffer.feed(b"x" * 65536)
        taken(buffer)
        assert len(buffer) == 0


def test_clear_forgets_half_a_line_and_the_tail_that_is_thrown_away() -> None:
    """RFC 2595 section 4: nothing survives STLS."""
    buffer = LineBuffer(COMMAND, SASL)
    buffer.feed(b"US")
    buffer.clear()
    buffer.feed(b"x" * 100)
    assert taken(buffer) == [Overlong.LINE]
    buffer.clear()
    buffer.feed(b"NOOP\r\n")
    assert taken(buffer) == [b"NOOP"]


@given(
    octets_and_cuts(octets_of(b"\r\n", b"\n", b"\r", b"AUTH ", b"x" * 20, b"NOOP\r\n")),
    st.booleans(),
)
def test_any_chunking_gives_the_same_lines(case: tuple[bytes, list[bytes]], sasl: bool) -> None:  # noqa: FBT001 - hypothesis passes it by name
    octets, pieces = case
    assert lines_of(octets, sasl=sasl) == expected_lines(octets, sasl=sasl)
    assert lines_of(*pieces, sasl=sasl) == expected_lines(octets, sasl=sasl)


@given(octets_and_cuts(octets_of(b"\n", b"x" * 9000, b"x" * 30000, b"NOOP\n", most=12)))
def test_any_chunking_finds_the_same_flood(case: tuple[bytes, list[bytes]]) -> None:
    octets, pieces = case
    assert lines_of(*pieces) == lines_of(octets)
