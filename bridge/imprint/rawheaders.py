"""Finds out whether the headers of a message are ASCII, while its octets pass by; pure.

A part's header counts as the message's own. In doubt octets count as a header's: what is taken for
raw here and is not comes out of down-conversion as it went in (bridge.shaping.headers.downward).
"""

import enum
import re

HEADER_OCTETS = 65536
"""How much of a header is kept until its end comes; a longer one is read piece by piece."""

BOUNDARY_OCTETS = 200
"""The longest line that may be a boundary: 70 characters, hyphens and blanks (RFC 2046 section 5.1.1)."""

BOUNDARIES = 1000
HEADERS = 10_000
LINES = 50_000
"""How many boundaries are looked for, headers read, and lines that begin as a boundary does looked at: some
100 ms. Of a message with more, made to exhaust a machine, all further octets count as a header's."""

_BEGIN = b"\r\n--"
BOUNDARY = re.compile(rb"(?i)boundary\s{0,9}=\s{0,9}(?:\"([^\"]{1,200})\"|([^\s;\"]{1,200}))")
"""What looks like a boundary in a header; in one of two groups. Down-conversion goes by the same, or would miss what is found here."""

_MESSAGE = re.compile(rb"(?im)^content-type[ \t]*:\s*message/(?:rfc822|global)")


class RawHeaders(enum.IntEnum):
    """What there is in a message's headers beside ASCII."""

    NONE = 0
    UTF8 = 1  # RFC 6532
    OTHER = 2  # octets of no named charset, which no standard allows


class RawHeaderFinder:
    """Looks at octets with CRLF line ends; any chunking finds the same."""

    __slots__ = (
        "_boundaries", "_has_begun", "_headers", "_holds_message", "_in_header", "_is_careful", "_lines", "_named",
        "_rest", "found",
    )  # fmt: skip

    def __init__(self) -> None:
        """Begin a message."""
        self.found = RawHeaders.NONE
        self._rest = bytearray()
        self._boundaries: set[bytes] = set()
        self._lines = self._headers = self._named = 0
        self._in_header = True
        self._has_begun = False  # the header, so that an empty line is not its first
        self._holds_message = False  # the part of this header
        self._is_careful = True

    def feed(self, chunk: bytes) -> None:
        """Look at the next octets."""
        if self.found is RawHeaders.OTHER or self._is_over:
            return
        if not self._in_header and len(self._rest) < len(_BEGIN) and b"-" not in chunk:
            # Most of a print job is base64, in which no boundary can begin: this is many times quicker.
            self._rest[:] = (self._rest + chunk[-3:])[-3:]
            return
        self._rest += chunk
        while self._is_careful and (
            self._read_header() if self._in_header else self._pass_over()
        ):
            pass
        if not self._is_careful:
            self._look_at(bytes(self._rest))
            self._rest.clear()

    def finish(self) -> RawHeaders:
        """Return what was found; call once, after the last octets."""
        if self._in_header:
            self._look_at(bytes(self._rest))
        return self.found

    @property
    def _is_over(self) -> bool:
        """Tell whether no header can follow."""
        return self._is_careful and not (self._in_header or self._boundaries)

    def _look_at(self, header: bytes) -> None:
        if header.isascii():
            return
        try:
            header.decode("utf-8")
        except UnicodeDecodeError:
            self.found = RawHeaders.OTHER
        else:
            self.found = max(self.found, RawHeaders.UTF8)

    def _read_header(self) -> bool:
        """Read a header as far as it is here; return whether there may be more to do."""
        is_empty = not self._has_begun and self._rest.startswith(b"\r\n")
        end = 0 if is_empty else self._rest.find(b"\r\n\r\n") + 2
        if end == 1:
            if len(self._rest) > HEADER_OCTETS:
                # A character that lies on both sides of the cut is found all the same.
                end = self._rest.rfind(b"\r\n", 0, -3) + 2
                end = end if end > 1 else len(self._rest) - 3
                self._take(end)
                self._has_begun = True
            return False
        self._take(end)
        if self._holds_message:  # elsewhere the empty line stays: a boundary may follow it
            del self._rest[:2]
        self._in_header = self._holds_message
        self._has_begun = self._holds_message = False
        return not self._is_over

    def _take(self, octets: int) -> None:
        """Look at a header, or a piece of one, at the beginning of what is here."""
        header = bytes(self._rest[:octets])
        del self._rest[:octets]
        self._look_at(header)
        small = header.lower()
        for found in BOUNDARY.finditer(header if b"boundary" in small else b""):
            self._named += 1
            if self._named > BOUNDARIES:
                break
            self._boundaries.add(found[1] or found[2])
        self._headers += 1 + octets // 1024  # a long one costs what many do
        self._is_careful = self._named <= BOUNDARIES and self._headers <= HEADERS
        self._holds_message |= b"message/" in small and _MESSAGE.search(header) is not None

    def _pass_over(self) -> bool:
        """Go on to the next header; return whether there may be more to do."""
        at = self._rest.find(_BEGIN)
        if at < 0:
            del self._rest[:-3]
            return False
        end = self._rest.find(b"\r\n", at + 4, at + 6 + BOUNDARY_OCTETS)
        if end < 0:
            is_long = len(self._rest) > at + 6 + BOUNDARY_OCTETS
            del self._rest[: at + 4 if is_long else at]
            return is_long
        self._lines += 1
        self._is_careful = self._lines <= LINES
        if bytes(self._rest[at + 4 : end]).rstrip() in self._boundaries:
            del self._rest[: end + 2]
            self._in_header = True
        else:
            del self._rest[:end]
        return True
