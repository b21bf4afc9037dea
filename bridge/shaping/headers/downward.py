"""Shows a message with raw 8-bit octets in its headers to those who did not ask for UTF-8.

RFC 6856 section 5 has a server do so or refuse; what bodies hold stays as it is, octet for octet, and so
does a message whose headers are ASCII.
"""

import re
from collections.abc import Collection, Sequence

from bridge.imprint.rawheaders import BOUNDARY
from bridge.shaping.caps import HEADER_OCTETS
from bridge.shaping.errors import Unshapeable
from bridge.shaping.headers.fields import Field, first, split, write
from bridge.shaping.wish import LINE_LIMIT, Charset

HEADERS = 20_000
"""Headers of parts that are looked at; each costs a look at the octets that a header may have."""

_DASHED = re.compile(rb"\n--([^\r\n]{1,200})\r\n")


def down_convert(
    message: bytes, *, without: Collection[str] = frozenset()
) -> Sequence[bytes | memoryview]:
    """Return the pieces of the message with headers in ASCII, those of its parts included.

    Its own header loses the fields of the keys `without`. The message's lines end in CRLF. Linear; what is not changed is a view of `message`.

    Raises:
        Unshapeable: a header is larger than a message's may be, or there are too many.
    """
    view = memoryview(message)
    pieces: list[bytes | memoryview] = []
    boundaries: set[bytes] = set()
    done = start = headers = 0
    while start >= 0:
        headers += 1
        if headers > HEADERS:
            raise Unshapeable(f"It has too many parts: more than {HEADERS}.")
        section = message[start : start + HEADER_OCTETS + 4]
        fields, length = split(section)
        shown = length if start else _shown_length(section)
        kept = [field for field in fields if start or field.key not in without]
        if len(kept) < len(fields) or not section[:shown].isascii():
            pieces += [view[done:start], ascii_header(kept)]
            done = start + length
        start = _next(message, start + length, fields, boundaries)
    return (*pieces, view[done:])


def ascii_header(fields: Sequence[Field]) -> bytes:
    """Return the header in ASCII, the blank line at its end included; fields that are ASCII stay as they are."""
    written = [write(field, Charset.UTF8, LINE_LIMIT, keep_words=True) for field in fields]
    return b"".join(written) + b"\r\n"


def _shown_length(section: bytes) -> int:
    """Return where the message's header ends for those who look for the empty line alone."""
    if section.startswith(b"\r\n"):
        return 0
    end = section.find(b"\r\n\r\n")
    return end if end >= 0 else len(section)


def _next(message: bytes, start: int, fields: Sequence[Field], boundaries: set[bytes]) -> int:
    """Return where the next header begins, or -1: that of a message within, or behind a boundary."""
    declared = first(fields, "content-type")
    kind = declared.value.strip().lower() if declared else b""
    if kind.startswith((b"message/rfc822", b"message/global")):
        return start if start < len(message) else -1
    if (
        declared
        and kind.startswith(b"multipart/")
        and (found := BOUNDARY.search(declared.value))
    ):
        boundaries.add(found[1] or found[2])
    if not boundaries:
        return -1
    for found in _DASHED.finditer(message, max(0, start - 2)):
        if found[1].rstrip() in boundaries:
            return found.end()
    return -1
