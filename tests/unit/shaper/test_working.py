"""What a shaping process does with its order and its message; the process itself: test_processes.py."""

import io

import pytest

from bridge.shaper import working
from bridge.shaper.frames import HEAD_OCTETS, Kind, parse_head
from bridge.shaper.rlimits import Limits
from bridge.shaper.working import Order, read_order, work
from bridge.shaping.errors import Skipped, Unshapeable
from bridge.shaping.wish import Deliver, Wish

LIMITS = Limits(cpu_seconds=5, memory_octets=1 << 29)
MESSAGE = b"Subject: x\r\n\r\ntext\r\n"


def said(message: bytes, octets: int | None = None) -> list[tuple[Kind, bytes]]:
    target = io.BytesIO()
    order = Order(Wish(), len(message) if octets is None else octets, LIMITS)
    work(order, io.BytesIO(message), target)
    target.seek(0)
    found = []
    while head := target.read(HEAD_OCTETS):
        kind, length = parse_head(head)
        found.append((kind, target.read(length)))
    return found


def test_an_order_is_read_as_it_was_given_and_the_message_left_behind_it() -> None:
    order = Order(Wish(Deliver.COMMAND), 7, LIMITS)
    source = io.BytesIO(order.line() + b"message")
    assert read_order(source) == order
    assert source.read() == b"message"


def test_a_message_that_is_left_as_it_is_is_said_whole() -> None:
    assert said(MESSAGE) == [(Kind.READY, b""), (Kind.PIECE, MESSAGE), (Kind.END, b"")]


def test_of_half_a_message_nothing_is_made() -> None:
    assert said(MESSAGE, octets=len(MESSAGE) + 1) == [(Kind.READY, b"")]


@pytest.mark.parametrize(
    ("error", "kind", "why"),
    [
        (Unshapeable("too deep"), Kind.UNSHAPEABLE, b"too deep"),
        (Skipped("too large"), Kind.SKIPPED, b"too large"),
        (MemoryError(), Kind.UNSHAPEABLE, b"more memory"),
        (KeyError("a subject"), Kind.FAULT, b"KeyError in test_working.py:"),
        (RecursionError("a subject"), Kind.FAULT, b"RecursionError in test_working.py:"),
    ],
)
def test_a_failure_is_told_by_its_kind_and_without_a_word_of_the_message(
    monkeypatch: pytest.MonkeyPatch, error: Exception, kind: Kind, why: bytes
) -> None:
    def fails(_message: bytes, _wish: Wish) -> list[bytes]:
        raise error

    monkeypatch.setattr(working, "shape", fails)
    ready, (found, told) = said(MESSAGE)
    assert ready == (Kind.READY, b"")
    assert found is kind
    assert why in told
    assert b"a subject" not in told
