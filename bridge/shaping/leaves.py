"""Reads a message with the standard library's email package, and hands out its parts as values."""

import re
from collections.abc import Iterator
from email.errors import MessageError
from email.message import Message
from email.parser import BytesParser

import attrs

from bridge.shaping.bodies import Body
from bridge.shaping.caps import LEVELS, check_fields, check_text
from bridge.shaping.cargo import Unloaded, unload
from bridge.shaping.errors import Unshapeable
from bridge.shaping.headers.fields import Field, first
from bridge.shaping.headers.parameters import parameters
from bridge.shaping.headers.words import read
from bridge.shaping.uuencode import ENCODINGS

_BROKEN = (MessageError, ValueError, LookupError, TypeError, AttributeError, RecursionError)
"""What the package is known to raise on hostile headers; it promises only to report defects."""

NAME_CHARACTERS = 100

COMMENT_LEVELS = 5
"""How deep comments may lie in comments (RFC 5322 section 3.2.2)."""

_EMPTY = Body((), "")
_CONTAINERS = ("multipart/", "message/")
_TYPE = re.compile(r"[^/]+/[^/]+")
_COMMENT = re.compile(rb"\((?:[^()\\]|\\.)*+\)", re.DOTALL)


@attrs.frozen
class Part:
    """A part: a container with `children`, or a leaf with a `body`.

    `media_type` is in small letters; `name` is decoded; `header` is the part's own, or that of the
    message within for message/rfc822.
    """

    media_type: str
    disposition: str
    name: str
    content_id: str
    parameters: dict[str, str]
    header: tuple[Field, ...]
    children: tuple["Part", ...] = ()
    body: Body = attrs.field(default=_EMPTY, repr=False)

    def leaves(self) -> Iterator["Part"]:
        """Yield the parts without children below this one, or itself."""
        if not self.children:
            yield self
        for child in self.children:
            yield from child.leaves()


def normal(message: bytes) -> bytes:
    """Return the message with CRLF at the end of each line and no NUL; the same object where it is so."""
    feeds = message.count(b"\n")
    if not feeds == message.count(b"\r\n") == message.count(b"\r"):
        message = message.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")
    return message.replace(b"\0", b"") if b"\0" in message else message


def parse(message: bytes, max_parts: int) -> Part:
    """Return the message as a tree of parts; `message` is normal.

    Raises:
        Unshapeable: it has more, larger or deeper parts than a message's may be, or cannot be read.
    """
    unloaded = unload(message)
    check_text(unloaded.text)
    try:
        parsed = BytesParser().parsebytes(unloaded.text)
    except _BROKEN as error:
        raise Unshapeable("It is no mail that can be read: its header is broken.") from error
    count = sum(1 for _ in _walk(parsed, 1))
    if count > max_parts:
        raise Unshapeable(f"It has too many parts: {count}, where {max_parts} are the most.")
    return _part(parsed, unloaded)


def _walk(message: Message, level: int) -> Iterator[Message]:
    if level > LEVELS:
        raise Unshapeable(f"It has parts within parts, more than {LEVELS} levels deep.")
    yield message
    for child in _children(message):
        yield from _walk(child, level + 1)


def _children(message: Message) -> list[Message]:
    if not message.is_multipart():  # of a leaf, the package would decode the text
        return []
    return [child for child in message.get_payload() if isinstance(child, Message)]


def _part(message: Message, unloaded: Unloaded) -> Part:
    children = tuple(_part(child, unloaded) for child in _children(message))
    header = tuple(_field(name, value) for name, value in message.raw_items())
    check_fields(field.value for field in header)
    declared, placed = _value(header, "content-type"), _value(header, "content-disposition")
    about = parameters(declared)
    disposition = _token(placed)
    name = (parameters(placed).get("filename") or about.get("name", ""))[:NAME_CHARACTERS]
    media_type = _token(declared)
    if children and not media_type.startswith(_CONTAINERS):
        media_type = message.get_content_type()
    elif not children:
        media_type = _of_leaf(media_type, is_file=bool(name) or disposition == "attachment")
    body = _EMPTY if children else _body(message, header, unloaded)
    if media_type == "message/rfc822" and _encoding(header) == "base64" and children:
        # RFC 2046 section 5.2.1 forbids it; some that send files do it all the same, and what was read is no message
        body, children = Body(children[0].body.pieces, "base64"), ()
    return Part(
        media_type=media_type,
        disposition=disposition,
        name=name,
        content_id=read(_value(header, "content-id")).strip("<> "),
        parameters=about,
        header=header,
        children=children,
        body=body,
    )


def _body(message: Message, header: tuple[Field, ...], unloaded: Unloaded) -> Body:
    del message["content-transfer-encoding"]  # or the package decodes, and copies
    payload = message.get_payload(decode=True)
    text = payload if isinstance(payload, bytes) else b""
    return Body(unloaded.put_back(text), _encoding(header))


def _encoding(header: tuple[Field, ...]) -> str:
    encoding = _token(_value(header, "content-transfer-encoding"))
    if encoding in ENCODINGS:
        return "uuencode"
    return encoding if encoding in {"base64", "quoted-printable"} else ""


def _value(header: tuple[Field, ...], key: str) -> bytes:
    field = first(header, key)
    return field.value if field else b""


def _of_leaf(declared: str, *, is_file: bool) -> str:
    """Return the type of a part without parts in it; RFC 2045 section 5.2 has what is no type be plain text."""
    if declared.startswith("multipart/"):  # it has no boundary, or that is nowhere
        return "text/plain"
    if _TYPE.fullmatch(declared):
        return declared
    return "application/octet-stream" if is_file and declared != "text" else "text/plain"


def _token(value: bytes) -> str:
    """Return what stands before the parameters, in small letters, without blanks, quotes and comments."""
    for _ in range(COMMENT_LEVELS):
        value, found = _COMMENT.subn(b" ", value)
        if not found:
            break
    token = value.partition(b";")[0].partition(b"(")[0]
    return re.sub(rb"[\s\"]", b"", token).decode("ascii", "replace").lower()


def _field(name: str, value: object) -> Field:
    raw = value.encode("ascii", "surrogateescape") if isinstance(value, str) else b""
    return Field(name, b" " + re.sub(rb"\r?\n|\r", b"\r\n", raw).strip(b"\r\n "))
