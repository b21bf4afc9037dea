import pytest

from bridge.maildrop import Maildrop
from bridge.names import MessageNumber
from bridge.pop3 import transaction
from bridge.pop3.commands import Dele, List, Retr, Rset, Stat, Top, Uidl
from bridge.pop3.events import Send, SendMany, SendMessage
from bridge.pop3.quirks import STANDARD
from bridge.pop3.replies import LINES_PER_CHUNK
from bridge.pop3.voice import Voice
from tests.wire.local_session import Message, listing

ONE, TWO, THREE = MessageNumber(1), MessageNumber(2), MessageNumber(3)


@pytest.fixture(name="drop")
def two_messages() -> Maildrop:
    return Maildrop(listing([Message("a", b"", 120), Message("b", b"", 200)]))


def many(count: int) -> Maildrop:
    return Maildrop(listing([Message(f"u{n}", b"", n) for n in range(1, count + 1)]))


def said(command: transaction.TransactionCommand, drop: Maildrop) -> bytes:
    effect = transaction.obey(command, drop, Voice(STANDARD))
    assert isinstance(effect, Send)
    return effect.data


def test_stat_gives_count_and_octets_first(drop: Maildrop) -> None:
    """RFC 1939 section 5; poplib wants the two numbers and nothing before them."""
    assert said(Stat(), drop) == b"+OK 2 320\r\n"


def test_list_gives_number_and_octets(drop: Maildrop) -> None:
    assert said(List(None), drop) == b"+OK 2 messages (320 octets)\r\n1 120\r\n2 200\r\n.\r\n"
    assert said(List(TWO), drop) == b"+OK 2 200\r\n"


def test_uidl_gives_number_and_unique_id(drop: Maildrop) -> None:
    assert said(Uidl(None), drop) == b"+OK 2 messages\r\n1 a\r\n2 b\r\n.\r\n"
    assert said(Uidl(TWO), drop) == b"+OK 2 b\r\n"


def test_retr_names_the_octets_of_the_message(drop: Maildrop) -> None:
    """An old client stumbles unless a number follows the +OK of RETR."""
    assert transaction.obey(Retr(TWO), drop, Voice(STANDARD)) == SendMessage(
        drop.entry(TWO), b"+OK 200 octets\r\n", None
    )


@pytest.mark.parametrize("lines", [0, 1, 99999999])
def test_top_asks_for_that_many_lines(drop: Maildrop, lines: int) -> None:
    effect = transaction.obey(Top(ONE, lines), drop, Voice(STANDARD))
    assert isinstance(effect, SendMessage)
    assert effect.entry is drop.entry(ONE)
    assert effect.body_lines == lines


def test_dele_marks_and_rset_takes_back(drop: Maildrop) -> None:
    assert said(Dele(ONE), drop).startswith(b"+OK ")
    assert drop.marked() == (1,)
    assert said(Stat(), drop) == b"+OK 1 200\r\n"
    assert said(List(None), drop) == b"+OK 1 messages (200 octets)\r\n2 200\r\n.\r\n"
    assert said(Uidl(None), drop) == b"+OK 1 messages\r\n2 b\r\n.\r\n"
    assert said(Rset(), drop).startswith(b"+OK ")
    assert drop.marked() == ()
    assert said(Stat(), drop) == b"+OK 2 320\r\n"


@pytest.mark.parametrize("number", [ONE, THREE])
def test_a_marked_or_missing_message_is_refused(drop: Maildrop, number: MessageNumber) -> None:
    drop.mark(ONE)
    commands: list[transaction.TransactionCommand] = [
        List(number),
        Uidl(number),
        Retr(number),
        Top(number, 0),
        Dele(number),
    ]
    for command in commands:
        assert said(command, drop) == b"-ERR No such message\r\n"
    assert drop.marked() == (1,)


@pytest.mark.parametrize("command", [List(None), Uidl(None)])
def test_a_listing_that_fills_less_than_a_piece_is_one_reply(command: List | Uidl) -> None:
    reply = said(command, many(LINES_PER_CHUNK - 1))
    assert reply.count(b"\r\n") == LINES_PER_CHUNK + 1


@pytest.mark.parametrize("command", [List(None), Uidl(None)])
def test_a_long_listing_comes_in_pieces(command: List | Uidl) -> None:
    assert isinstance(
        transaction.obey(command, many(LINES_PER_CHUNK), Voice(STANDARD)), SendMany
    )
    effect = transaction.obey(command, many(2 * LINES_PER_CHUNK + 500), Voice(STANDARD))
    assert isinstance(effect, SendMany)
    pieces = list(effect.pieces)
    assert [piece.count(b"\n") for piece in pieces] == [2001, 2000, 500, 1]
    lines = b"".join(pieces).split(b"\r\n")
    assert lines[-2:] == [b".", b""]
    assert [int(line.split(b" ")[0]) for line in lines[1:-2]] == [*range(1, 4501)]
