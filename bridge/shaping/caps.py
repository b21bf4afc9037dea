"""Refuses, before anything reads it, a message that would cost more than a message may.

Pure and linear. The email package reads whatever it is given, and some of it in a time that grows
with the square of a message's size; what is let through here costs it about a second.
"""

import re
from collections.abc import Iterable

from bridge.shaping.errors import Unshapeable

HEADER_OCTETS = 262144
"""A whole header; Exchange Online takes as much (its message limits)."""

FIELD_OCTETS = 65536
"""One header field: two thousand recipients."""

CONTENT_TYPE_OCTETS = 4096
"""The package reads its parameters in quadratic time."""

TEXT_OCTETS = 33554432
"""What is left of a message without its long runs of base64: 32 MiB."""

LINES = 500_000
"""Lines of it: each is an object while it is read."""

DASHED_LINES = 20_000
"""Lines that begin as a boundary does (RFC 2046 section 5.1.1)."""

CONTAINERS = 100
"""Parts that may hold parts."""

LINE_CHECKS = 5_000_000
"""Each line is compared with the boundary of each container around it."""

LEVELS = 30
"""How deep parts may lie in parts."""

_CONTENT_TYPE = re.compile(rb"(?mi)^content-(?:type|transfer-encoding)[ \t]*:")
_FOLD = re.compile(rb"\n(?![ \t])")
_HOLDS_PARTS = re.compile(rb"(?i)(?:multipart|message)[ \t\r\n]*/")


def check_text(text: bytes) -> None:
    """Pass if `text`, a message without its long runs of base64, may be read.

    Raises:
        Unshapeable: it may not; the sentence says which limit it exceeds.
    """
    _within(len(text), TEXT_OCTETS, "octets that are not base64")
    lines = text.count(b"\n")
    _within(lines, LINES, "lines that are not base64")
    _within(text.count(b"\n--"), DASHED_LINES, "lines that look like boundaries")
    check_header(text)
    containers = 0
    for found in _CONTENT_TYPE.finditer(text):
        end = _FOLD.search(text, found.end(), found.end() + CONTENT_TYPE_OCTETS)
        if end is None and len(text) - found.end() >= CONTENT_TYPE_OCTETS:
            raise Unshapeable(
                f"It has a Content-Type of more than {CONTENT_TYPE_OCTETS} octets."
            )
        stop = end.start() if end else len(text)
        containers += len(_HOLDS_PARTS.findall(text, found.end(), stop))
    _within(containers, CONTAINERS, "parts that hold parts")
    _within(lines * (containers + 1), LINE_CHECKS, "lines for the parts it holds")


def check_header(text: bytes) -> None:
    """Pass if the header at the beginning of `text` is no larger than a header may be.

    Raises:
        Unshapeable: it is larger.
    """
    end = text.find(b"\r\n\r\n", 0, HEADER_OCTETS + 4)
    if end < 0 and len(text) > HEADER_OCTETS and not text.startswith(b"\r\n"):
        raise Unshapeable(f"Its header is larger than {HEADER_OCTETS // 1024} KiB.")


def check_fields(values: Iterable[bytes]) -> None:
    """Pass if none of the header fields is larger than a field may be.

    Raises:
        Unshapeable: one is larger.
    """
    if any(len(value) > FIELD_OCTETS for value in values):
        raise Unshapeable(f"It has a header field of more than {FIELD_OCTETS // 1024} KiB.")


def _within(count: int, most: int, what: str) -> None:
    if count > most:
        raise Unshapeable(f"It has too many {what}: {count}, where {most} are the most.")
