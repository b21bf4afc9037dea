"""What is remembered of a message when its octets are gone: its likeness, its envelope, when it arrived.

Pure. Two copies of one print job have the same likeness: the same Message-ID (RFC 5322 section 3.6.4)
and the same body; their headers differ by the way they came. A message without a Message-ID has no
likeness, and so is nothing's second copy.
"""

import hashlib
import math
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message
from email.parser import BytesHeaderParser
from email.utils import parsedate_to_datetime

import attrs

from providers.contract import Envelope

HEADER_OCTETS = 65536
"""How much of a header is read; Exchange Online takes 256 KiB, of which the first lines are traces."""

TEXT_CHARACTERS = 200
"""How much of a sender or a subject is remembered: enough to know a message by."""


@attrs.frozen
class Imprint:
    """What a message leaves behind; `arrived` is in seconds since the epoch."""

    likeness: bytes | None = None
    arrived: float | None = None
    envelope: Envelope = attrs.field(factory=Envelope)


class ImprintTaker:
    """Takes the imprint of a message whose octets, with CRLF line ends, pass by; any chunking gives the same."""

    __slots__ = ("_body", "_header", "_in_body")

    def __init__(self) -> None:
        self._header = bytearray()
        self._body = hashlib.sha256()
        self._in_body = False

    def feed(self, chunk: bytes) -> None:
        """Take note of the next octets."""
        if self._in_body:
            self._body.update(chunk)
            return
        searched = max(0, len(self._header) - 3)
        self._header += chunk
        blank = self._header.find(b"\r\n\r\n", searched)
        if blank < 0 and len(self._header) <= HEADER_OCTETS:
            return
        end = min(blank + 4, HEADER_OCTETS) if blank >= 0 else HEADER_OCTETS
        self._in_body = True
        self._body.update(self._header[end:])
        del self._header[end:]

    def finish(self) -> Imprint:
        """Return the imprint; call once, after the last octets."""
        header = BytesHeaderParser().parsebytes(bytes(self._header))
        told = Envelope(*(_text(header, name) for name in ("From", "Subject", "Date")))
        name = str(header.get("Message-ID", "")).strip()
        likeness = None
        if name:
            key = hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest()
            likeness = hashlib.sha256(key + self._body.digest()).digest()
        return Imprint(likeness, _arrived(header), told)


def _text(header: Message, name: str) -> str:
    """Return a field as a person reads it, one line, cut; an odd one as it was written."""
    written = str(header.get(name, ""))[: 8 * TEXT_CHARACTERS]
    try:
        text = str(make_header(decode_header(written)))
    except (ValueError, LookupError, MessageError):
        text = written
    shown = "".join(one if one.isprintable() else " " for one in text)
    return " ".join(shown.split())[:TEXT_CHARACTERS]


def _arrived(header: Message) -> float | None:
    """Return when the last server took the message (RFC 5321 section 4.4), or else its Date."""
    received = str(header.get("Received", "")).rpartition(";")[2]
    for written in (received, str(header.get("Date", ""))):
        try:
            moment = parsedate_to_datetime(written).timestamp()
        except (ValueError, TypeError, IndexError, OverflowError, OSError):
            continue
        if math.isfinite(moment):
            return moment
    return None
