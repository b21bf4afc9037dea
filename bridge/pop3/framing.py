"""Cuts what a client sends into lines, within bounds that hold whatever arrives.

A line that is too long is reported once and its tail thrown away up to the next line end: the tail
is never taken for a command. LF alone ends a line too, since some devices send nothing else.
"""

import enum

import attrs

DISCARD_OCTETS_MAX = 65536
"""Octets of one over-long line that are read past before the connection is given up: long enough
for any honest mistake, short enough that a flood ends at once."""


class Overlong(enum.Enum):
    """A line that broke its limit."""

    LINE = enum.auto()  # its tail is being thrown away
    FLOOD = enum.auto()  # the tail does not end: give the connection up


@attrs.define
class LineBuffer:
    """Octets received and not yet taken as lines; holds at most one limit and one read of them.

    `command_octets` bounds a command line (RFC 2449 section 4), `sasl_octets` an AUTH command and
    the lines of a SASL exchange (RFC 5034 section 4); both count the line end.
    """

    command_octets: int
    sasl_octets: int
    _buffer: bytearray = attrs.field(factory=bytearray, init=False, repr=False)
    _discarded: int = attrs.field(default=-1, init=False)  # -1: not discarding

    def feed(self, data: bytes) -> None:
        """Take what the network brought."""
        self._buffer += data

    def clear(self) -> None:
        """Forget everything received (RFC 2595 section 4: nothing survives STLS)."""
        self._buffer.clear()
        self._discarded = -1

    def __len__(self) -> int:
        return len(self._buffer)

    def next_line(self, *, sasl: bool) -> bytes | Overlong | None:
        """Return the next line without its end, a broken limit, or None until more arrives."""
        if self._discarded >= 0 and not self._discard():
            return Overlong.FLOOD if self._discarded > DISCARD_OCTETS_MAX else None
        end = self._buffer.find(b"\n")
        length = end + 1 if end >= 0 else len(self._buffer)
        if length > self._limit(sasl=sasl):
            self._discarded = 0
            self._discard()
            return Overlong.LINE
        if end < 0:
            return None
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line.removesuffix(b"\r")

    def _limit(self, *, sasl: bool) -> int:
        if sasl or self._buffer[:5].upper() == b"AUTH ":
            return self.sasl_octets
        return self.command_octets

    def _discard(self) -> bool:
        """Throw away up to the line end; return whether it was found before the line became a flood."""
        end = self._buffer.find(b"\n")
        self._discarded += end if end >= 0 else len(self._buffer)
        if end < 0 or self._discarded > DISCARD_OCTETS_MAX:
            self._buffer.clear()
            return False
        del self._buffer[: end + 1]
        self._discarded = -1
        return True
