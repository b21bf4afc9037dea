"""Says whether a machine makes something of a message, by the types and charsets it takes."""

from email.errors import MessageError
from email.message import Message
from email.parser import BytesParser

from bridge.simulators.habits import Content

PARTS = 1000
"""Parts that are looked at; a machine would have given up long before."""


def judged(octets: bytes, content: Content) -> tuple[str, str]:
    """Return what the machine makes of a message, in words, and why it refuses it; empty where it does not."""
    try:
        parts = _parts(BytesParser().parsebytes(octets))
    except (RecursionError, MessageError, ValueError, LookupError):
        return "", "it cannot be decoded"
    if len(parts) > PARTS:
        return "", f"it has more than {PARTS} parts"
    for part in parts:
        if why := _wrong(part, content):
            return "", why
    leaves = [part.get_content_type() for part in parts if not part.is_multipart()]
    return ", ".join(dict.fromkeys(leaves[:20])), ""


def _parts(message: Message) -> list[Message]:
    """Return a message and its parts from the outside in, no more than one above the limit."""
    found = [message]
    for part in found:
        if part.is_multipart():
            found += [one for one in part.get_payload() if isinstance(one, Message)]
        if len(found) > PARTS:
            return found[: PARTS + 1]
    return found


def _wrong(part: Message, content: Content) -> str:
    kind = part.get_content_type()
    if content.types and kind not in content.types:
        return f"{kind} is nothing it can use"
    charset = str(part.get_content_charset("us-ascii"))
    if kind == "text/plain" and content.charsets and not charset.startswith(content.charsets):
        return f"it knows no charset {charset}"
    return ""
