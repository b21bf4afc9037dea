"""What a shaping process says is cut into frames and found again, and what is none is refused."""

import pytest

from bridge.shaper.frames import (
    HEAD_OCTETS,
    PIECE_OCTETS,
    Kind,
    framed,
    framed_pieces,
    parse_head,
)


def taken_apart(octets: bytes) -> list[tuple[Kind, bytes]]:
    found = []
    while octets:
        kind, length = parse_head(octets[:HEAD_OCTETS])
        found.append((kind, octets[HEAD_OCTETS : HEAD_OCTETS + length]))
        octets = octets[HEAD_OCTETS + length :]
    return found


def test_pieces_of_any_length_come_out_as_they_went_in_and_then_an_end() -> None:
    pieces = [b"", b"x", memoryview(b"y" * (2 * PIECE_OCTETS + 1))]
    found = taken_apart(b"".join(framed_pieces(pieces)))
    assert found.pop() == (Kind.END, b"")
    assert {kind for kind, _ in found} == {Kind.PIECE}
    assert b"".join(payload for _, payload in found) == b"x" + b"y" * (2 * PIECE_OCTETS + 1)
    assert max(len(payload) for _, payload in found) == PIECE_OCTETS


@pytest.mark.parametrize("kind", Kind)
def test_a_frame_without_a_payload_is_a_frame(kind: Kind) -> None:
    assert taken_apart(b"".join(framed(kind))) == [(kind, b"")]


@pytest.mark.parametrize("head", [b"X\0\0\0\0", b"P\0\1\0\1", b"P\xff\xff\xff\xff"])
def test_what_is_no_frame_is_refused(head: bytes) -> None:
    with pytest.raises(ValueError, match=r"frame|valid"):
        parse_head(head)
