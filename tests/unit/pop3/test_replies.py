import re
from itertools import count, islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.names import MessageNumber, Octets, UniqueId
from bridge.pop3 import replies
from bridge.pop3.replies import ResponseCode

UNIQUE_ID = st.text(
    st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=70
)


def test_a_positive_status_line_has_words() -> None:
    """RFC 1939 section 3; a bare +OK broke clients."""
    assert replies.ok("2 320") == b"+OK 2 320\r\n"


def test_a_negative_status_line_has_words() -> None:
    """Another server once said +ERR, which poplib takes for success."""
    assert replies.err("No such message") == b"-ERR No such message\r\n"


@pytest.mark.parametrize("code", ResponseCode)
def test_a_response_code_stands_in_brackets_before_the_words(code: ResponseCode) -> None:
    """RFC 2449 section 8."""
    assert replies.err("why", code) == f"-ERR [{code.value}] why\r\n".encode()


def test_the_response_codes_are_those_of_the_standards() -> None:
    """RFC 2449 section 8.1 and RFC 3206 section 4."""
    assert {code.value for code in ResponseCode} == {
        "AUTH",
        "IN-USE",
        "LOGIN-DELAY",
        "SYS/TEMP",
        "SYS/PERM",
    }


def test_an_empty_challenge_keeps_its_blank() -> None:
    """RFC 5034 section 4."""
    assert replies.challenge(b"") == b"+ \r\n"
    assert replies.challenge(b"VXNlcm5hbWU6") == b"+ VXNlcm5hbWU6\r\n"


def test_the_greeting_shows_a_timestamp_only_for_apop() -> None:
    """RFC 1939 section 7; a client that sees one tries APOP and nothing else."""
    assert replies.greeting("popbridge ready", None) == b"+OK popbridge ready\r\n"
    assert replies.greeting("ready", "<1.2@lan>") == b"+OK ready <1.2@lan>\r\n"


def test_a_multi_line_reply_ends_with_a_dot() -> None:
    """RFC 1939 section 3."""
    assert (
        replies.multi_line(b"+OK List\r\n", ["TOP", "UIDL"])
        == b"+OK List\r\nTOP\r\nUIDL\r\n.\r\n"
    )
    assert replies.multi_line(b"+OK List\r\n", []) == b"+OK List\r\n.\r\n"


def test_scan_and_unique_id_listings_are_number_blank_value() -> None:
    """RFC 1939 sections 5 and 7."""
    sizes = [(MessageNumber(1), Octets(120)), (MessageNumber(3), Octets(2**33))]
    assert list(replies.scan_lines(sizes)) == [b"1 120\r\n", b"3 8589934592\r\n"]
    names = [(MessageNumber(2), UniqueId("whqtswO00WBw418f9t5JxYwZ"))]
    assert list(replies.unique_id_lines(names)) == [b"2 whqtswO00WBw418f9t5JxYwZ\r\n"]


@given(st.integers(1, 2**31), UNIQUE_ID)
def test_a_unique_id_line_is_never_taken_for_the_end(number: int, unique_id: str) -> None:
    (line,) = replies.unique_id_lines([(MessageNumber(number), UniqueId(unique_id))])
    assert re.fullmatch(rb"[0-9]+ [\x21-\x7e]{1,70}\r\n", line)


@pytest.mark.parametrize(
    ("lines", "pieces"),
    [
        (0, 1),
        (1, 2),
        (replies.LINES_PER_CHUNK, 2),
        (replies.LINES_PER_CHUNK + 1, 3),
        (2 * replies.LINES_PER_CHUNK + 1, 4),
    ],
)
def test_a_long_reply_comes_in_pieces_that_add_up(lines: int, pieces: int) -> None:
    given_out = list(replies.chunks(b"+OK head\r\n", (b"%d\r\n" % n for n in range(lines))))
    whole = b"+OK head\r\n" + b"".join(b"%d\r\n" % n for n in range(lines)) + b".\r\n"
    assert b"".join(given_out) == whole
    assert len(given_out) == pieces
    assert all(piece.endswith(b"\r\n") for piece in given_out)


def test_a_long_reply_is_made_as_it_is_taken() -> None:
    endless = (b"%d\r\n" % number for number in count(1))
    first, second = islice(replies.chunks(b"+OK\r\n", endless), 2)
    assert first.count(b"\n") == replies.LINES_PER_CHUNK + 1
    assert second.startswith(b"%d\r\n" % (replies.LINES_PER_CHUNK + 1))


@pytest.mark.parametrize("say", [replies.ok, replies.err])
def test_a_text_that_is_not_ascii_never_reaches_the_wire(say: object) -> None:
    assert callable(say)
    with pytest.raises(UnicodeEncodeError):
        say("caf\xe9")
