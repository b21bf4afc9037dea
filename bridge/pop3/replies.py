"""Every octet this server says, in one place: status lines, response codes, multi-line replies.

Texts are short printable ASCII and never repeat what the client sent: some devices stumble over
brackets or eight-bit characters, and an echo is a way to forge a reply.
"""

import enum
from collections.abc import Iterable, Iterator
from itertools import islice

from bridge.names import MessageNumber, Octets, UniqueId

Pieces = Iterator[bytes]
"""A multi-line reply in pieces worth one write each."""

TERMINATION = b".\r\n"
"""Ends every multi-line reply (RFC 1939 section 3)."""

LINES_PER_CHUNK = 2000
"""Listing lines handed over at once: about 64 KiB of LIST, so one write serves most maildrops whole
while a huge one never lies in memory twice."""


class ResponseCode(enum.StrEnum):
    """What a device can learn from a refusal (RFC 2449 section 8, RFC 3206 section 4)."""

    AUTH = "AUTH"
    IN_USE = "IN-USE"
    LOGIN_DELAY = "LOGIN-DELAY"
    SYS_TEMP = "SYS/TEMP"
    SYS_PERM = "SYS/PERM"


def ok(text: str) -> bytes:
    """Return a positive status line; it always has a text, since a bare one broke clients."""
    return f"+OK {text}\r\n".encode("ascii")


def err(text: str, code: ResponseCode | None = None) -> bytes:
    """Return a negative status line, with a response code where one applies."""
    prefix = f"[{code}] " if code else ""
    return f"-ERR {prefix}{text}\r\n".encode("ascii")


def challenge(text: bytes) -> bytes:
    """Return a SASL challenge whose base64 is `text`; an empty one keeps its blank (RFC 5034)."""
    return b"+ " + text + b"\r\n"


def greeting(banner: str, timestamp: str | None) -> bytes:
    """Return the greeting; only a listener that does APOP shows a timestamp (RFC 1939 section 7)."""
    return ok(f"{banner} {timestamp}" if timestamp else banner)


def multi_line(head: bytes, lines: Iterable[str]) -> bytes:
    """Return a short multi-line reply behind its status line; the lines are ours, none starts with a dot."""
    return head + "".join(f"{line}\r\n" for line in lines).encode("ascii") + TERMINATION


def scan_lines(listed: Iterable[tuple[MessageNumber, Octets]]) -> Iterator[bytes]:
    """Yield scan listings (RFC 1939 section 5, LIST)."""
    return (b"%d %d\r\n" % item for item in listed)


def unique_id_lines(listed: Iterable[tuple[MessageNumber, UniqueId]]) -> Iterator[bytes]:
    """Yield unique-id listings (RFC 1939 section 7, UIDL)."""
    return (f"{number} {unique_id}\r\n".encode("ascii") for number, unique_id in listed)


def chunks(head: bytes, lines: Iterator[bytes]) -> Iterator[bytes]:
    """Yield a multi-line reply in pieces worth one write each."""
    while piece := b"".join(islice(lines, LINES_PER_CHUNK)):
        yield head + piece
        head = b""
    yield head + TERMINATION
