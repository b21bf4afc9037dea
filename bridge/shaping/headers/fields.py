"""Header fields: taken apart, and written in ASCII on short lines.

RFC 6857 and RFC 6858 say how a message with raw UTF-8 in its header is shown to those who did not ask
for it: text as encoded-words, an address that ASCII cannot spell replaced.
"""

import re
from collections.abc import Iterable

import attrs

from bridge.shaping.caps import check_fields, check_header
from bridge.shaping.headers.mailaddresses import written_list
from bridge.shaping.headers.parameters import ascii_parameters
from bridge.shaping.headers.words import has_words, is_spelled, read, written
from bridge.shaping.wish import Charset

FOLD_OCTETS = 76
"""Where lines are folded (RFC 2047 section 2 for lines with encoded-words)."""

_NAME = re.compile(rb"[!-9;-~]{1,75}")
_CLEAN = re.compile(rb"[\t -~]*(?:\r\n[\t ]+[!-~][\t -~]*)*")
_WORD_CHARSET = re.compile(rb"=\?([^?*]{1,40})")
_ADDRESSES = frozenset(
    [
        "from",
        "sender",
        "to",
        "cc",
        "bcc",
        "reply-to",
        "resent-from",
        "resent-sender",
        "resent-to",
        "resent-cc",
        "resent-reply-to",
        "return-path",
        "disposition-notification-to",
        "return-receipt-to",
        "x-confirm-reading-to",
        "delivered-to",
        "errors-to",
    ]
)
_IDENTIFIERS = frozenset(
    ["message-id", "in-reply-to", "references", "resent-message-id", "content-id"]
)

_WITH_PARAMETERS = frozenset(["content-type", "content-disposition"])


@attrs.frozen
class Field:
    """A header field; `value` is raw, folds as CRLF and blanks, without the CRLF at the end."""

    name: str
    value: bytes = attrs.field(repr=False)

    @property
    def key(self) -> str:
        """The name as names are compared."""
        return self.name.lower()

    @property
    def text(self) -> str:
        """The value as a person reads it."""
        return read(self.value)


def split(text: bytes) -> tuple[list[Field], int]:
    """Return the header fields at the beginning of a message, and where its body begins.

    Lines that are no field are left out. Where the line between header and body is missing, the header
    ends before the first line that is neither a field nor a fold.

    Raises:
        Unshapeable: the header or one of its fields is larger than a message's may be.
    """
    check_header(text)
    fields: list[Field] = []
    lines: list[bytes] = []
    start = 0
    while start < len(text):
        end = text.find(b"\r\n", start)
        end = len(text) if end < 0 else end
        line = text[start:end]
        if not line:
            start = end + 2
            break
        if line[:1] in b" \t" and lines:
            lines.append(line)
        elif _begins(line) or (not fields and not lines and line.startswith(b"From ")):
            fields += _field(lines)
            lines = [line]
        else:
            break
        start = end + 2
    fields += _field(lines)
    check_fields(field.value for field in fields)
    return fields, min(start, len(text))


def first(fields: Iterable[Field], key: str) -> Field | None:
    """Return the first field that is called `key`, in small letters."""
    return next((field for field in fields if field.key == key), None)


def write(field: Field, charset: Charset, limit: int, *, keep_words: bool = False) -> bytes:
    """Return the field in ASCII, CRLF included, no line longer than `limit` octets; b"" where nothing is left.

    What is so already stays as it is, octet for octet; with `keep_words` encoded-words of other
    charsets do as well.
    """
    name = field.name.encode("ascii", "replace")
    whole = name + b":" + field.value
    if _is_clean(whole, field.value, charset, limit, keep_words=keep_words):
        return whole + b"\r\n"
    if field.key in _WITH_PARAMETERS:
        spelled = ascii_parameters(field.value)
        whole = name + b":" + spelled
        if _is_clean(whole, spelled, charset, limit, keep_words=True):
            return whole + b"\r\n"
    if field.key in _IDENTIFIERS:
        words = _identifiers(field.value, limit)
    elif field.key in _ADDRESSES:
        words = written_list(field.value, charset, len(name) + 2, limit - 1)
    else:
        words = written(field.text, charset, len(name) + 2)
    return _folded(field.name, words, limit) if words else b""


def _is_clean(
    whole: bytes, value: bytes, charset: Charset, limit: int, *, keep_words: bool
) -> bool:
    if not _CLEAN.fullmatch(value) or max(map(len, whole.split(b"\r\n"))) > limit:
        return False
    if keep_words or not has_words(value):
        return True
    known = {b"us-ascii", charset.value.encode().replace(b"latin1", b"iso-8859-1")}
    named = {name.lower() for name in _WORD_CHARSET.findall(value)}
    return named <= known and is_spelled(value, charset)


def _begins(line: bytes) -> bool:
    """Tell whether a field begins with this line."""
    colon = line.find(b":")
    return colon > 0 and _NAME.fullmatch(line[:colon].rstrip(b" \t")) is not None


def _field(lines: list[bytes]) -> list[Field]:
    if not lines or not _begins(lines[0]):
        return []
    name, _, rest = lines[0].partition(b":")
    return [Field(name.rstrip(b" \t").decode("ascii"), b"\r\n".join([rest, *lines[1:]]))]


def _identifiers(value: bytes, limit: int) -> list[str]:
    """Return those that fit on a line; half an identifier would be another's."""
    found = re.findall(r"<[!-;=?-~]+>", value.decode("ascii", "replace"))
    return [word for word in found if len(word) < limit]


def _folded(name: str, words: list[str], limit: int) -> bytes:
    """Return the field, folded before words; a word that no line can hold is cut.

    A first line of nothing but the name is no good fold, so the first word goes beyond FOLD_OCTETS
    there rather than begin the next line, unless it is an encoded-word.
    """
    lines = [f"{name}:"]
    for word in words:
        may_be_long = lines[-1] == f"{name}:" and not word.startswith("=?")
        room = limit if may_be_long else FOLD_OCTETS
        if len(lines[-1]) + 1 + len(word) <= room:
            lines[-1] += f" {word}"
        else:
            lines.append(f" {word}")
        while len(lines[-1]) > limit:
            lines[-1:] = [lines[-1][:limit], f" {lines[-1][limit:]}"]
    return "\r\n".join(lines).encode("ascii") + b"\r\n"
