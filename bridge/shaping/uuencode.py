"""Opens uuencode (POSIX.1-2017, uuencode): what old mailers and scripts put into the text of a mail as a file.

A line begins with a character that says how many octets it holds. What is no such line ends the file.
"""

import binascii
import re
from collections.abc import Iterator
from typing import Final

import attrs

FILES: Final = 100
"""Files that are looked for in a text; a script sends one or a few."""

ENCODINGS: Final = frozenset(["x-uuencode", "uuencode", "x-uue", "uue"])
"""How a part says that it is encoded so: no standard names it."""

_BEGIN: Final = re.compile(rb"^begin [0-7]{3,4} ([^\r\n]{1,255})\r?\n", re.MULTILINE)


@attrs.frozen
class Packed:
    """A file in a text: where it stands there, what it is called, and what is in it."""

    start: int
    end: int
    name: str
    content: bytes = attrs.field(repr=False)


def packed(text: bytes) -> Iterator[Packed]:
    """Yield the files in a text, in order: each from its "begin" to its "end". Linear."""
    position = 0
    for _ in range(FILES):
        begun = _BEGIN.search(text, position)
        if begun is None:
            return
        content, position, is_whole = _content(text, begun.end())
        if is_whole:
            name = begun[1].decode("utf-8", "replace").strip()
            yield Packed(begun.start(), position, name, content)


def unpacked(octets: bytes) -> bytes:
    """Return what is in the first file in `octets`, also where it has no end; `octets` where there is none."""
    begun = _BEGIN.search(octets)
    return _content(octets, begun.end())[0] if begun else octets


def _content(text: bytes, start: int) -> tuple[bytes, int, bool]:
    """Return the octets of the lines from `start`, where they end, and whether they end as they should."""
    pieces: list[bytes] = []
    while start < len(text):
        end = text.find(b"\n", start)
        end = len(text) if end < 0 else end
        line = text[start:end].rstrip()
        if line == b"end":
            return b"".join(pieces), min(end + 1, len(text)), True
        octets = _line(line)
        if octets is None:
            break
        pieces.append(octets)
        start = end + 1
    return b"".join(pieces), min(start, len(text)), False


def _line(line: bytes) -> bytes | None:
    """Return the octets of a line, None where it is no line of uuencode."""
    if line and not 32 <= line[0] <= 96:  # noqa: PLR2004 - the letters are blank to "`"
        return None
    count = (line[0] - 32) & 63 if line else 0
    letters = (count + 2) // 3 * 4
    # One letter more is a sum; blanks at the end may have been lost.
    if len(line) > letters + 2:
        return None
    try:
        return binascii.a2b_uu(line[: letters + 1]) if count else b""
    except binascii.Error:
        return None
