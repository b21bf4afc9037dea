"""What a shaping process says, framed so that an end, a refusal and a crash are told apart; pure.

Every frame is a kind (one octet), the length of its payload (4 octets, the highest first) and the
payload. What ends without END, UNSHAPEABLE, SKIPPED or FAULT has crashed, however whole it looks.
"""

import enum
import struct
from collections.abc import Iterable, Iterator
from typing import Final


class Kind(enum.Enum):
    """What a frame says."""

    READY = b"R"  # the limits hold and the message may come; and why system calls are not filtered, empty where they are
    PIECE = b"P"  # octets of what was made of it
    END = b"E"  # that was all of it
    UNSHAPEABLE = b"U"  # no shape can be made of it, and why, in UTF-8
    SKIPPED = b"S"  # the owner wishes it left out, and why
    FAULT = b"F"  # the program failed, and where; nothing of the message is in that


PIECE_OCTETS: Final = 65536
"""The longest payload: what a pipe holds at most on Linux (pipe(7))."""

_HEAD = struct.Struct(">cI")

HEAD_OCTETS: Final = _HEAD.size


def framed(kind: Kind, payload: bytes | memoryview = b"") -> Iterator[bytes | memoryview]:
    """Yield a frame as pieces to be written; a longer payload becomes several frames of its kind."""
    view = memoryview(payload)
    for start in range(0, max(1, len(view)), PIECE_OCTETS):
        part = view[start : start + PIECE_OCTETS]
        yield _HEAD.pack(kind.value, len(part))
        yield part


def framed_pieces(pieces: Iterable[bytes | memoryview]) -> Iterator[bytes | memoryview]:
    """Yield the frames of all that was made of a message, and of its end."""
    for piece in pieces:
        if piece:
            yield from framed(Kind.PIECE, piece)
    yield from framed(Kind.END)


def parse_head(head: bytes) -> tuple[Kind, int]:
    """Return a frame's kind and the length of its payload.

    Raises:
        ValueError: it is no frame's, or the payload is longer than any.
    """
    kind, length = _HEAD.unpack(head)
    if length > PIECE_OCTETS:
        raise ValueError(f"a frame of {length} octets")
    return Kind(kind), length
