"""What is remembered of a message when its octets are gone: its likeness, its envelope, when it arrived.

Pure. Two copies of one print job have the same likeness: the same Message-ID (RFC 5322 section 3.6.4)
and the same body; their headers differ by the way they came. A message without a Message-ID has no
likeness, and so is nothing's second copy.
"""

import hashlib
import math
import re
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message
from email.parser import HeaderParser
from email.utils import getaddresses, parsedate_to_datetime

import attrs

from bridge.imprint.attachments import HEADER_OCTETS, AttachmentFinder
from bridge.imprint.rawheaders import RawHeaderFinder, RawHeaders
from providers.contract import Attestation, Attests, Envelope

TEXT_CHARACTERS = 200
"""How much of a sender or a subject is remembered: enough to know a message by."""

SENDERS = 20
"""How many addresses of From are looked at; one is customary (RFC 5322 section 3.6.2)."""

DOMAIN_CHARACTERS = 255
"""The longest domain (RFC 5321 section 4.5.3.1.2)."""


@attrs.frozen
class Imprint:
    """What a message leaves behind; `arrived` is in seconds since the epoch.

    `mark` is a digest of header and body: the message is known by it in another folder, whatever its id is there.

    `senders` are the addresses of From in small letters; `automatic` says what kind of program wrote
    it, and is empty where a person may have. `attestation` is what the service that took the message has
    recorded of the sender, None where it records nothing. `is_printable` where it brings something to print;
    `is_unsure` where it does not at first sight, and only who reads the whole of it can tell.
    `raw_headers` tells whether its headers can be sent to those who did not ask for UTF-8. `is_cut` where
    there is more in its header than is read, so that what the others tell may not be all.
    """

    likeness: bytes | None = None
    mark: bytes = b""
    arrived: float | None = None
    envelope: Envelope = attrs.field(factory=Envelope)
    senders: tuple[str, ...] = ()
    automatic: str = ""
    attestation: Attestation | None = None
    is_printable: bool = False
    is_unsure: bool = False
    raw_headers: RawHeaders = RawHeaders.NONE
    is_cut: bool = False


class ImprintTaker:
    """Takes the imprint of a message whose octets, with CRLF line ends, pass by; any chunking gives the same."""

    __slots__ = ("_attachments", "_attests", "_body", "_header", "_in_body", "_is_cut", "_raw")

    def __init__(self, attests: Attests | None = None) -> None:
        """Begin a message; `attests` reads what its service has recorded of the sender."""
        self._attests = attests
        self._attachments = AttachmentFinder()
        self._raw = RawHeaderFinder()
        self._header = bytearray()
        self._body = hashlib.sha256()
        self._in_body = self._is_cut = False

    def feed(self, chunk: bytes) -> None:
        """Take note of the next octets."""
        self._attachments.feed(chunk)
        self._raw.feed(chunk)
        if self._in_body:
            self._body.update(chunk)
            return
        searched = max(0, len(self._header) - 3)
        self._header += chunk
        blank = self._header.find(b"\r\n\r\n", searched)
        if blank < 0 and len(self._header) <= HEADER_OCTETS:
            return
        end = min(blank + 4, HEADER_OCTETS) if blank >= 0 else HEADER_OCTETS
        is_empty = self._header.startswith(b"\r\n")
        self._is_cut = not is_empty and (blank < 0 or blank + 4 > HEADER_OCTETS)
        self._in_body = True
        self._body.update(self._header[end:])
        del self._header[end:]

    def finish(self) -> Imprint:
        """Return the imprint; call once, after the last octets."""
        header = HeaderParser().parsestr(_decoded(_fields(bytes(self._header))))
        told = Envelope(*(_text(header, name) for name in ("From", "Subject", "Date")))
        name = str(header.get("Message-ID", "")).strip()
        likeness = None
        if name:
            key = hashlib.sha256(name.encode()).digest()
            likeness = hashlib.sha256(key + self._body.digest()).digest()
        senders = _senders(header)
        return Imprint(
            likeness,
            hashlib.sha256(
                hashlib.sha256(self._header).digest() + self._body.digest()
            ).digest(),
            _arrived(header),
            told,
            senders[:SENDERS],
            _automatic(header),
            self._attested(header),
            self._attachments.finish(),
            self._attachments.is_unsure,
            self._raw.finish(),
            self._is_cut or len(senders) > SENDERS,
        )

    def _attested(self, header: Message) -> Attestation | None:
        if self._attests is None:
            return None
        return self._attests([(name, str(value)) for name, value in header.items()])


_BLANK_BEFORE_COLON = re.compile(rb"^([!-9;-~]++)[ \t]++:", re.MULTILINE)
_NO_FIELD = re.compile(rb"^(?![ \t\r]|[!-9;-~]++:)[^\n]*+\n?", re.MULTILINE)


def _fields(header: bytes) -> bytes:
    """Return a header in which the library's reader finds every field.

    It ends at the first line that is none (an mbox's "From ", or `From : x` as in RFC 5322 section 4.5),
    and would not see the sender that a device shows.
    """
    return _NO_FIELD.sub(b"", _BLANK_BEFORE_COLON.sub(rb"\1:", header))


def _decoded(header: bytes) -> str:
    """Return a header as text: raw UTF-8 (RFC 6532), or what people send who know no such thing."""
    return "\n".join(map(_line, header.split(b"\n")))


def _line(line: bytes) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        return line.decode("cp1252", "replace")


def _text(header: Message, name: str) -> str:
    """Return a field as a person reads it, one line, cut; an odd one as it was written."""
    written = str(header.get(name, ""))[: 8 * TEXT_CHARACTERS]
    try:
        text = str(make_header(decode_header(written)))
    except (ValueError, LookupError, MessageError):
        text = written
    shown = "".join(one if one.isprintable() else " " for one in text)
    return " ".join(shown.split())[:TEXT_CHARACTERS]


def _senders(header: Message) -> tuple[str, ...]:
    """Return the addresses of every From, one more than are looked at at most, in small letters; one that cannot be read is empty."""
    written = [str(field) for field in header.get_all("From", [])]
    if not written:
        return ()
    try:
        found = [_spelled(address.lower()) for _, address in getaddresses(written)]
    except (ValueError, IndexError, RecursionError):
        return ("",) * (SENDERS + 1)  # comments within comments, by the thousand
    return tuple(found[: SENDERS + 1])


def _spelled(address: str) -> str:
    """Return an address with its domain as DNS spells it (RFC 5890 section 2.3.2.1), as patterns do."""
    local, at, domain = address.rpartition("@")
    if domain.isascii() or len(domain) > DOMAIN_CHARACTERS:
        return address
    try:
        return f"{local}{at}{domain.encode('idna').decode('ascii')}"
    except UnicodeError:
        return address


_REPORTS = frozenset(
    {
        "multipart/report",  # RFC 3462: delivery and disposition reports
        "message/delivery-status",
        "message/disposition-notification",
        "message/global-delivery-status",  # RFC 6533
        "message/global-disposition-notification",
        "message/tracking-status",  # RFC 3886
    }
)

_OF_PROGRAMS = {
    "list-id": "of a mailing list",  # RFC 2919 section 3
    "list-unsubscribe": "of a mailing list",  # RFC 2369 section 3.2
    "x-failed-recipients": "a delivery report",  # Gmail, Exim
    "x-autoreply": "an automatic reply",
    "x-autorespond": "an automatic reply",
}
"""Fields that no person's mail program writes."""

_DAEMONS = frozenset(
    {"mailer-daemon", "postmaster"}
)  # RFC 2142 section 5, RFC 5321 section 4.5.1


def _automatic(header: Message) -> str:
    """Return what kind of program wrote the message, by what it says of itself."""
    if any(_first_word(value) != "no" for value in header.get_all("Auto-Submitted", [])):
        return "an automatic reply"  # RFC 3834 section 5
    if header.get_content_type() in _REPORTS:
        return "a delivery report"
    if _first_word(header.get("Return-Path", "")) == "<>":
        return "without a return path"  # RFC 5321 section 4.5.5
    named = (kind for name, kind in _OF_PROGRAMS.items() if name in header)
    kind = next(named, "")
    precedence = _first_word(header.get("Precedence", ""))
    if not kind and precedence in ("bulk", "junk", "list", "auto_reply"):
        return "bulk mail"  # RFC 3834 section 3.1.8
    if not kind and str(header.get("X-Auto-Response-Suppress", "")).strip().lower() == "all":
        return "a program's that wants no answer"  # MS-OXCMAIL section 2.1.3.2.21; people's is shorter
    if not kind and any(one.partition("@")[0] in _DAEMONS for one in _senders(header)):
        return "of a mail server"
    return kind


_TOKEN = re.compile(r"\\.|[()]|[^\s;,()\\]+")


def _first_word(value: object) -> str:
    """Return the first word of a field in small letters, comments passed over (RFC 5322 section 3.2.2)."""
    depth = 0
    for token in _TOKEN.finditer(str(value)[:998]):  # RFC 5322 section 2.1.1
        if token[0] == "(":
            depth += 1
        elif token[0] == ")":
            depth -= 1
        elif depth <= 0:
            return token[0].lower()
    return ""


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
