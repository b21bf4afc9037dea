"""Finds out whether a message brings something to print, while its octets pass by; pure.

By content: a PDF must begin as one, whatever its name and type say. What lies in winmail.dat or in a saved
message, and whether an image that a text shows in itself is more than a logo, is not seen in passing: then
only whoever reads the whole message can tell.
"""

import binascii
import enum
import quopri
import re

import attrs

from bridge.imprint.rawheaders import BOUNDARY
from bridge.kinds import PAGES, TEXTS, begins_as_message, is_tnef, recognise

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
        "_is_inline",
        "_kind",
        "_lines",
        "_parts",
        "_rest",
        "_state",
        "found",
        "is_unsure",
    )

    def __init__(self) -> None:
        """Begin a message."""
        self.found = False
        self.is_unsure = False
        self._state = _State.HEADER
        self._rest = bytearray()
        self._boundaries: set[bytes] = set()
        self._encoding = b""
        self._kind = ""
        self._is_inline = False
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
        """Tell whether there is something to print; call once, after the last octets.

        Where nothing was found, `is_unsure` tells whether there may be something all the same.
        """
        if self._state is _State.HEAD and not self.found:
            self._look_at_head()
        self.is_unsure = self.is_unsure and not self.found
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
        if header.is_message:
            del self._rest[: end + 2]
            return self._begin(_State.HEADER)
        del self._rest[:end]  # the empty line stays: a boundary may follow it at once
        if header.kind.startswith(b"multipart/"):
            room = BOUNDARIES - len(self._boundaries)
            self._boundaries.update(header.boundaries[: max(0, room)])
            return self._begin(_State.PASSED_OVER)
        self._encoding, self._is_inline = header.encoding, header.is_inline
        self._kind = header.kind.decode("ascii", "replace")
        return self._begin(_State.PASSED_OVER if header.is_text else _State.HEAD)

    def _begin(self, state: _State) -> bool:
        self._state = state
        self._parts += 1
        return self._parts <= PARTS

    def _look_at_head(self) -> None:
        self._state = _State.PASSED_OVER
        encoded, _, _ = bytes(self._rest[2:HEAD_OCTETS]).partition(b"\r\n--")
        head = _decoded(encoded, self._encoding)
        if is_tnef(head) or begins_as_message(head):  # a PDF may begin a little later in it
            self.is_unsure = True
            return
        kind = recognise(head, self._kind, "")
        is_sure = kind.name == "tiff" or not self._is_inline
        self.found = kind.name in PAGES and is_sure
        self.is_unsure = self.is_unsure or (kind.name in PAGES and not is_sure)

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
    is_text: bool  # the message's own
    is_inline: bool  # a text may show it in itself

    @classmethod
    def read(cls, octets: bytes) -> "_Header":
        fields: dict[bytes, bytes] = {}
        for name, value in _FIELD.findall(octets):
            fields.setdefault(name.lower(), value)
        written = fields.get(b"type", b"")
        kind = _first_word(written)
        named = BOUNDARY.finditer(written)
        is_attachment = _first_word(fields.get(b"disposition", b"")) == b"attachment"
        is_unnamed = kind.count(b"/") != 1  # a text: RFC 2045 section 5.2
        return cls(
            kind,
            tuple((one[1] or one[2]).rstrip() for one in named),
            fields.get(b"transfer-encoding", b"").strip().lower(),
            (is_unnamed or kind.decode("ascii", "replace") in TEXTS) and not is_attachment,
            b"id" in fields and not is_attachment,
        )

    @property
    def is_message(self) -> bool:
        """Tell whether a message lies here as it is; one that was encoded is a file."""
        return (
            self.kind in {b"message/rfc822", b"message/global"} and self.encoding != b"base64"
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
