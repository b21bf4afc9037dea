"""Properties of messages and files as TNEF carries them ([MS-OXTNEF] section 2.1.3.4), within bounds.

A length that leads beyond the end ends the reading: what stands before it counts, and the reader says so.
"""

import enum

import attrs

from bridge.shaping.letters import decoded

MOST_PROPERTIES = 10_000
"""Properties of a message or a file; Outlook writes some hundred."""


class Tag(enum.IntEnum):
    """Properties that hold something to read ([MS-OXPROPS])."""

    SUBJECT = 0x0037
    SENDER_NAME = 0x0C1A
    SENDER_ADDRESS = 0x0C1F
    BODY = 0x1000
    RTF = 0x1009
    HTML = 0x1013
    DISPLAY_NAME = 0x3001
    FILE_DATA = 0x3701
    SHORT_NAME = 0x3704
    LONG_NAME = 0x3707
    MEDIA_TYPE = 0x370E
    CONTENT_ID = 0x3712
    CODE_PAGE = 0x3FDE
    HIDDEN = 0x7FFE


class Type(enum.IntEnum):
    """Types of values of any length ([MS-OXCDATA] section 2.11.1)."""

    OBJECT = 0x000D
    STRING8 = 0x001E
    UNICODE = 0x001F
    BINARY = 0x0102


_FIXED = {
    0x01: 4, 0x02: 4, 0x03: 4, 0x04: 4, 0x05: 8, 0x06: 8, 0x07: 8, 0x0A: 4, 0x0B: 4, 0x14: 8, 0x40: 8, 0x48: 16,
}  # fmt: skip
"""Octets of a value by its type, padding to four included."""

_LENGTHY = frozenset(int(one) for one in Type)
_SEVERAL = 0x1000  # set in the type of a property of several values
_NAMED = 0x8000  # ids from here on have a name
_NAMED_BY_TEXT = 1
_GUID_OCTETS = 16
_CHARSETS = {65001: "utf-8", 20127: "us-ascii", 28591: "iso-8859-1", 1200: "utf-16-le"}

Value = tuple[int, memoryview]
"""A type and the octets of a value."""

_NOTHING: Value = (0, memoryview(b""))


@attrs.define
class Octets:
    """Hands out octets in their order, uncopied; behind a length that leads beyond the end there are none."""

    _left: memoryview = attrs.field(repr=False)
    is_beyond: bool = False

    def __bool__(self) -> bool:
        """Tell whether any octet is left."""
        return bool(self._left)

    def take(self, octets: int) -> memoryview:
        """Return the next octets, or none where there are fewer."""
        if octets > len(self._left):
            self.is_beyond = True
            octets, self._left = 0, self._left[:0]
        taken, self._left = self._left[:octets], self._left[octets:]
        return taken

    def number(self) -> int:
        """Return the next number of 32 bits, 0 where there is none."""
        return int.from_bytes(self.take(4), "little")

    def padded(self, octets: int) -> memoryview:
        """Return the next octets, and pass the padding to four behind them, where there is any."""
        taken = self.take(octets)
        self._left = self._left[-octets % 4 :]
        return taken


@attrs.define
class Properties:
    """Values by their tags; texts of eight bits are in `charset`."""

    charset: str = "cp1252"
    _values: dict[int, Value] = attrs.field(factory=dict, repr=False)

    def read(self, octets: Octets) -> None:
        """Take all properties up to the end, or to the first that cannot be understood."""
        count = octets.number()
        if count > MOST_PROPERTIES:
            octets.is_beyond = True
            return
        for _ in range(count):
            tag = octets.number()
            kind, identity = tag & 0xFFFF, tag >> 16
            if identity >= _NAMED:
                _pass_name(octets)
            value = _value(octets, kind)
            if octets.is_beyond:
                return
            self._values[identity] = kind & ~_SEVERAL, value

    def value(self, tag: Tag) -> Value:
        """Return type and octets of a value; no octets where it is missing."""
        return self._values.get(tag, _NOTHING)

    def text(self, *tags: Tag) -> str:
        """Return the first text of these that is there, or ""."""
        return next(filter(None, map(self._text, tags)), "")

    def _text(self, tag: Tag) -> str:
        kind, octets = self.value(tag)
        match kind:
            case Type.UNICODE:
                return ended(bytes(octets).decode("utf-16-le", "replace"))
            case Type.STRING8:
                return ended(decoded(bytes(octets), self.charset))
            case _:
                return ""

    def number(self, tag: Tag) -> int:
        """Return a number or a yes, 0 where there is none."""
        return int.from_bytes(self.value(tag)[1][:4], "little")


def ended(text: str) -> str:
    """Return the text before the NUL that ends it."""
    return text.partition("\0")[0]


def charset_of(code_page: int) -> str:
    """Return the charset of a Windows code page."""
    return _CHARSETS.get(code_page, f"cp{code_page}")


def _pass_name(octets: Octets) -> None:
    octets.take(_GUID_OCTETS)
    named_by = octets.number()
    number = octets.number()
    if named_by == _NAMED_BY_TEXT:
        octets.padded(number)


def _value(octets: Octets, kind: int) -> memoryview:
    """Return the first value of a property, and pass the others."""
    one = kind & ~_SEVERAL
    if one in _FIXED:
        length = _FIXED[one]
        count = octets.number() if kind & _SEVERAL else 1
        return octets.take(length * count)[:length]
    if one not in _LENGTHY:
        octets.is_beyond = True  # nobody knows how long it is
        return _NOTHING[1]
    values = _NOTHING[1]
    for index in range(octets.number()):
        value = octets.padded(octets.number())
        values = values if index else value
        if octets.is_beyond:
            break
    return values
