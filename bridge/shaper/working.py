"""Shapes the one message that a shaping process is for; only this process ever holds a whole message."""

import json
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final

import attrs

from bridge.shaper.frames import Kind, framed, framed_pieces
from bridge.shaper.rlimits import Limits
from bridge.shaping import wishtext
from bridge.shaping.errors import Skipped, Unshapeable
from bridge.shaping.shape import shape
from bridge.shaping.wish import Wish

ORDER_OCTETS: Final = 65536
"""The longest order: far more than any wish."""

OUT_OF_MEMORY: Final = (
    "shaping it takes more memory than it may; shaping.memory_octets in config.toml allows more"
)


@attrs.frozen
class Order:
    """What is to be done: the wish, the message's octets, and the limits meanwhile."""

    wish: Wish
    octets: int
    limits: Limits

    def line(self) -> bytes:
        """Return the line that `read_order` turns back into this."""
        told = {
            "wish": wishtext.stored(self.wish),
            "octets": self.octets,
            "limits": attrs.asdict(self.limits),
        }
        return json.dumps(told).encode() + b"\n"


def read_order(source: BinaryIO) -> Order:
    """Return the order that stands before the message."""
    told = json.loads(source.readline(ORDER_OCTETS))
    return Order(wishtext.parse(told["wish"]), told["octets"], Limits(**told["limits"]))


def work(order: Order, source: BinaryIO, target: BinaryIO, lacking: str = "") -> None:
    """Say that the message may come, and then what became of it.

    With that goes why system calls are not filtered, empty where they are.
    Where it does not come whole, its sender is gone: nothing more is said.
    """
    _say(target, framed(Kind.READY, lacking.encode("utf-8", "replace")))
    try:
        message = source.read(order.octets)
    except MemoryError:
        _say(target, framed(Kind.UNSHAPEABLE, OUT_OF_MEMORY.encode()))
        return
    if len(message) == order.octets:
        kind, why = _shaped(message, order.wish, target)
        if kind is not Kind.END:
            _say(target, framed(kind, why.encode("utf-8", "replace")))


def _shaped(message: bytes, wish: Wish, target: BinaryIO) -> tuple[Kind, str]:
    """Say what was made of the message; return END, or what is to be said of it instead, and why.

    What may be in no log stands on a second line.
    """
    try:
        _say(target, framed_pieces(shape(message, wish)))
    except Skipped as error:
        return Kind.SKIPPED, str(error)
    except Unshapeable as error:
        return Kind.UNSHAPEABLE, f"{error.why}\n{error.details}"
    except MemoryError:
        return Kind.UNSHAPEABLE, OUT_OF_MEMORY
    except OSError:
        return Kind.FAULT, "it can neither be told nor written"
    except Exception as error:  # noqa: BLE001 - whatever a message brings about, its reader is told
        return Kind.FAULT, f"{type(error).__name__} {_place(error.__traceback__)}"
    return Kind.END, ""


def _place(traceback: TracebackType | None) -> str:
    """Return where an error was raised; its text may be the message's, and is not told."""
    place = ""
    while traceback is not None:
        place = f"in {Path(traceback.tb_frame.f_code.co_filename).name}:{traceback.tb_lineno}"
        traceback = traceback.tb_next
    return place


def _say(target: BinaryIO, frames: Iterable[bytes | memoryview]) -> None:
    target.writelines(frames)
    target.flush()
