"""Finds out whether a message brings something to print, while its octets pass by; pure.

By content: a PDF must begin as one, whatever its name and type say. An image that a text shows in
itself (it has a Content-ID, and is not called an attachment) is a logo as a rule, and does not count.
"""

import binascii
import enum
import quopri
import re

import attrs

from bridge.imprint.rawheaders import BOUNDARY

HEADER_OCTETS = 262144
"""The longest header that is read, of the message or of a part, whose part is passed over where it is longer:
Exchange Online takes 256 KiB (learn.microsoft.com, "Exchange Online limits"), and shaping no more."""

HEADERS_OCTETS = 4 << 20
"""How much of all headers is read: some 100 ms, and more than PARTS parts have. A message with more is made to exhaust a machine."""

HEAD_OCTETS = 8192
"""How much of a part is looked at, encoded as it is."""

BOUNDARY_OCTETS = 200
"""The longest line that may be a boundary: 70 characters, hyphens and blanks (RFC 2046 section 5.1.1)."""

LINES = 50_000
"""How many lines that begin as a boundary does are looked at: some 30 ms."""

PARTS = 1000
BOUNDARIES = 100
"""How many are looked at; a message with more is made to exhaust a machine."""

_FIELD = re.compile(
    rb"^content-(type|transfer-encoding|disposition|id)[ \t]*+:((?:[^\r\n]++|\r\n[ \t])*+)",
    re.IGNORECASE | re.MULTILINE,
)
"""Read here and not by the standard library, whose reader of parameters fails on charsets of RFC 2231 that make no sense."""

_STARTS = (
    *(b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),  # TIFF
    *(b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a", b"BM"),
    *(b"%!PS", b"\x1b%-12345X", b"\x1bE"),  # PostScript, PJL, PCL
)


class _State(enum.Enum):
    HEADER = enum.auto()  # of the message or a part
    HEAD = enum.auto()  # the beginning of what is no container
    PASSED_OVER = enum.auto()  # until the next boundary


class AttachmentFinder:
    """Looks at octets with CRLF line ends; any chunking finds the same."""

    __slots__ = (
        "_boundaries",
        "_encoding",
        "_headers",
        "_lines",
        "_parts",
        "_rest",
        "_state",
        "found",
    )

    def __init__(self) -> None:
        """Begin a message."""
        self.found = False
        self._state = _State.HEADER
        self._rest = bytearray()
        self._boundaries: set[bytes] = set()
        self._encoding = b""
        self._parts = self._headers = self._lines = 0

    @property
    def kept(self) -> int:
        """Return how many octets it keeps until it knows more."""
        return len(self._rest)

    def feed(self, chunk: bytes) -> None:
        """Look at the next octets."""
        if self.found or self._is_given_up:
            return
        self._rest += chunk
        while not self.found and self._step():
            pass

    def finish(self) -> bool:
        """Tell whether there is something to print; call once, after the last octets."""
        if self._state is _State.HEAD and not self.found:
            self._look_at_head()
        return self.found

    @property
    def _is_given_up(self) -> bool:
        """Tell whether it is made to exhaust a machine."""
        return self._parts > PARTS or self._lines > LINES or self._headers > HEADERS_OCTETS

    def _step(self) -> bool:
        """Go on as far as is known; return whether there may be more to do."""
        match self._state:
            case _State.HEADER:
                return self._read_header()
            case _State.HEAD:
                if len(self._rest) < HEAD_OCTETS and b"\r\n--" not in self._rest:
                    return False
                self._look_at_head()
                return True
            case _State.PASSED_OVER:
                return self._pass_over()

    def _read_header(self) -> bool:
        end = 0 if self._rest.startswith(b"\r\n") else self._rest.find(b"\r\n\r\n") + 2
        if end == 1:
            if len(self._rest) > HEADER_OCTETS:
                self._state = _State.PASSED_OVER
                return True
            return False
        self._headers += end
        if self._headers > HEADERS_OCTETS:
            return False
        header = _Header.read(bytes(self._rest[:end]))
        if header.kind == b"message/rfc822":
            del self._rest[: end + 2]
            return self._begin(_State.HEADER)
        del self._rest[:end]  # the empty line stays: a boundary may follow it at once
        if header.kind.startswith(b"multipart/"):
            room = BOUNDARIES - len(self._boundaries)
            self._boundaries.update(header.boundaries[: max(0, room)])
            return self._begin(_State.PASSED_OVER)
        self._encoding = header.encoding
        return self._begin(_State.PASSED_OVER if header.is_shown else _State.HEAD)

    def _begin(self, state: _State) -> bool:
        self._state = state
        self._parts += 1
        return self._parts <= PARTS

    def _look_at_head(self) -> None:
        self._state = _State.PASSED_OVER
        encoded, _, _ = bytes(self._rest[2:HEAD_OCTETS]).partition(b"\r\n--")
        head = _decoded(encoded, self._encoding)
        # Readers take the beginning of a PDF anywhere in the first 1024 octets (ISO 32000-1, annex H.3.4.1).
        self.found = head.startswith(_STARTS) or b"%PDF-" in head[:1024]

    def _pass_over(self) -> bool:
        at = self._rest.find(b"\r\n--")
        if at < 0:
            del self._rest[:-3]
            return False
        end = self._rest.find(b"\r\n", at + 4, at + 4 + BOUNDARY_OCTETS)
        if end < 0:
            is_long = len(self._rest) > at + 4 + BOUNDARY_OCTETS
            del self._rest[: at + 4 if is_long else at]
            return is_long
        self._lines += 1
        line = bytes(self._rest[at + 4 : end]).rstrip()
        if line in self._boundaries:
            del self._rest[: end + 2]
            self._state = _State.HEADER
        else:
            del self._rest[:end]
        return self._lines <= LINES


@attrs.frozen
class _Header:
    """What a header tells of its part; in small letters but for what looks like its boundary."""

    kind: bytes = attrs.field(repr=False)
    boundaries: tuple[bytes, ...] = attrs.field(repr=False)
    encoding: bytes = attrs.field(repr=False)
    is_shown: bool  # a text, or an image that a text shows in itself

    @classmethod
    def read(cls, octets: bytes) -> "_Header":
        fields: dict[bytes, bytes] = {}
        for name, value in _FIELD.findall(octets):
            fields.setdefault(name.lower(), value)
        written = fields.get(b"type", b"")
        kind = _first_word(written)
        named = BOUNDARY.finditer(written)
        is_attachment = _first_word(fields.get(b"disposition", b"")) == b"attachment"
        is_text = kind.startswith(b"text/") or kind.count(b"/") != 1  # RFC 2045 section 5.2
        is_inline = kind.startswith(b"image/") and b"id" in fields and not is_attachment
        return cls(
            kind,
            tuple((one[1] or one[2]).rstrip() for one in named),
            fields.get(b"transfer-encoding", b"").strip().lower(),
            is_text or is_inline,
        )


def _first_word(value: bytes) -> bytes:
    return value.partition(b";")[0].strip().lower()


def _decoded(encoded: bytes, encoding: bytes) -> bytes:
    if encoding == b"base64":
        digits = b"".join(encoded.split())
        try:
            return binascii.a2b_base64(digits[: len(digits) // 4 * 4])
        except binascii.Error:
            return b""
    return quopri.decodestring(encoded) if encoding == b"quoted-printable" else encoded
