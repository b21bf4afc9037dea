"""Turns message octets from anywhere into wire form: CRLF line ends, byte-stuffed, exactly counted.

Any chunking gives the same result, and nothing holds more than one chunk. The count is taken after
line ends are normalised and before byte-stuffing, which is what LIST must announce (RFC 1939
section 11) and what clients that read by count depend on.
"""

from collections.abc import AsyncIterator

from bridge.names import Octets

CRLF = b"\r\n"


class WireForm:
    """One message on its way into wire form.

    Bare CR and bare LF become CRLF. A header without a blank line behind it gets one, since
    devices look for it (RFC 5322 section 2.1). A last line without an end gets one.
    """

    __slots__ = ("_at_line_start", "_blank_line_seen", "_octets", "_pending_cr", "_tail")

    def __init__(self) -> None:
        self._octets = 0
        self._pending_cr = False
        self._at_line_start = True
        self._blank_line_seen = False
        self._tail = CRLF  # a message that starts with an empty line has an empty header

    @property
    def octets(self) -> Octets:
        """Return the octets so far, byte-stuffing not counted; final once `finish` was called."""
        return Octets(self._octets)

    def feed(self, chunk: bytes) -> bytes:
        """Return the wire form of as much as `chunk` completes."""
        if self._pending_cr:
            chunk = b"\r" + chunk
        # A CR at the end may be half of a CRLF: it waits for the next chunk.
        self._pending_cr = chunk.endswith(b"\r")
        if self._pending_cr:
            chunk = chunk[:-1]
        return self._emit(_normalised(chunk)) if chunk else b""

    def finish(self) -> bytes:
        """Return what is left, with a last line end and a blank line if they were missing."""
        rest = b""
        if self._pending_cr:
            self._pending_cr = False
            rest = self._emit(CRLF)
        if not self._at_line_start:
            rest += self._emit(CRLF)
        if not self._blank_line_seen:
            rest += self._emit(CRLF)
        return rest

    def _emit(self, text: bytes) -> bytes:
        """Count and byte-stuff normalised text."""
        self._octets += len(text)
        if not self._blank_line_seen:
            self._blank_line_seen = b"\r\n\r\n" in self._tail + text
            self._tail = (self._tail + text)[-3:]
        # Most of a print job is base64, which has no dots: finding none is many times quicker than
        # looking at every line end.
        stuffed = text.replace(b"\r\n.", b"\r\n..") if b"." in text else text
        if self._at_line_start and text.startswith(b"."):
            stuffed = b"." + stuffed
        self._at_line_start = text.endswith(b"\n")
        return stuffed


class Unstuffer:
    """Takes byte-stuffing out of a message in wire form; any chunking gives the same."""

    __slots__ = ("_tail",)

    def __init__(self) -> None:
        self._tail = CRLF

    def feed(self, piece: bytes) -> bytes:
        """Return the message's own octets."""
        joined = self._tail + piece
        own = joined.replace(b"\r\n.", CRLF)[len(self._tail) :] if b"." in piece else piece
        self._tail = joined[-2:]
        return own


def _normalised(text: bytes) -> bytes:
    """Return `text` with every line end as CRLF; a text that has only those is returned as it is."""
    pairs = text.count(CRLF)
    if text.count(b"\n") == pairs and text.count(b"\r") == pairs:
        return text
    return text.replace(CRLF, b"\n").replace(b"\r", b"\n").replace(b"\n", CRLF)


class TopCutter:
    """Cuts a message in wire form after its header, the blank line and `body_lines` lines.

    A count beyond the message's own lines sends all of it (RFC 1939 section 7), which is how
    fetchmail downloads.
    """

    __slots__ = ("_in_body", "_lines_left", "_tail", "done")

    def __init__(self, body_lines: int) -> None:
        self._lines_left = body_lines
        self._in_body = False
        self._tail = CRLF
        self.done = False

    def feed(self, piece: bytes) -> bytes:
        """Return what of `piece` belongs to the answer; sets `done` when nothing more will."""
        if self.done:
            return b""
        if self._in_body:
            return piece[: self._body_end(piece, 0)]
        joined = self._tail + piece
        blank = joined.find(b"\r\n\r\n")
        if blank < 0:
            self._tail = joined[-3:]
            return piece
        self._in_body = True
        return piece[: self._body_end(piece, blank + 4 - len(self._tail))]

    def _body_end(self, piece: bytes, start: int) -> int:
        """Return where the wanted lines end in `piece`, whose body begins at `start`."""
        lines = piece.count(b"\n", start)
        if lines < self._lines_left:
            self._lines_left -= lines
            return len(piece)
        end = start
        for _ in range(self._lines_left):
            end = piece.index(b"\n", end) + 1
        self.done = True
        return end


def without_nul(wire: bytes) -> bytes:
    """Return octets of the same number with a blank for each NUL."""
    return wire.replace(b"\0", b" ")


async def unstuffed(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield a message's own octets, where pieces of its wire form come one by one."""
    form = Unstuffer()
    async for piece in pieces:
        yield form.feed(piece)
