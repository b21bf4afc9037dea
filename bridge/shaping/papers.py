"""Makes of a reading what devices get: a flat message to print, or one text."""

from collections.abc import Iterator, Sequence

from bridge.shaping.headers.fields import Field, write
from bridge.shaping.letters import missing
from bridge.shaping.reading import Attachment, Reading
from bridge.shaping.wish import Headers, Mdn, Wish
from bridge.shaping.writing import Piece, mixed, single

EMPTY = "This message has no text."

_READ = frozenset(
    [
        "from",
        "sender",
        "reply-to",
        "to",
        "cc",
        "date",
        "subject",
        "message-id",
        "in-reply-to",
        "references",
    ]
)
_RECEIPTS = frozenset(
    [
        "disposition-notification-to",
        "disposition-notification-options",
        "return-receipt-to",
        "x-confirm-reading-to",
    ]
)
_UNTRUE = frozenset(  # of the message as it was, not as it is sent
    [
        "mime-version",
        "bcc",
        "lines",
        "content-length",
        "status",
        "x-status",
        "dkim-signature",
        "domainkey-signature",
        "arc-seal",
        "arc-message-signature",
        "arc-authentication-results",
    ]
)


def printed(reading: Reading, wish: Wish) -> Sequence[Piece]:
    """Return the pieces of one flat message: the text, then the files."""
    header = header_for(reading.header, wish)
    text = with_left_out(reading.text, [*_lost(reading.text, wish), *reading.left_out])
    if reading.attachments:
        return mixed(header, text, reading.attachments, wish)
    return single(header, text or EMPTY, wish)


def as_text(reading: Reading, wish: Wish) -> Sequence[Piece]:
    """Return the pieces of a message of one text; files of text are part of it, others are named."""
    texts = [reading.text.strip("\n")]
    texts += [_file(one) for one in reading.attachments if one.kind.name == "text"]
    others = [one for one in reading.attachments if one.kind.name != "text"]
    told = [f"{one.name or 'A file'} is not shown ({one.kind.spoken})." for one in others]
    text = "\n\n".join(text for text in texts if text.strip())
    return single(
        header_for(reading.header, wish),
        with_left_out(text, [*_lost(text, wish), *told, *reading.left_out]) or EMPTY,
        wish,
    )


def header_for(fields: Sequence[Field], wish: Wish) -> bytes:
    """Return the header that a device gets, in ASCII, without the fields that describe content."""
    return b"".join(
        write(field, wish.charset, wish.line_limit)
        for field in fields
        if _is_sent(field.key, wish)
    )


def unsent(wish: Wish) -> frozenset[str]:
    """Return the keys of the fields that no device gets, however a message passes."""
    return _RECEIPTS if wish.mdn is Mdn.STRIP else frozenset()


def _is_sent(key: str, wish: Wish) -> bool:
    if key in _RECEIPTS:
        return key not in unsent(wish)
    if key in _UNTRUE or key.startswith("content-"):
        return False
    return wish.headers is Headers.ALL or key in _READ


def with_left_out(text: str, left_out: Sequence[str]) -> str:
    """Return the text, and below it in brackets what is neither in it nor attached."""
    told = "\n".join(f"[{sentence}]" for sentence in dict.fromkeys(left_out))
    return "\n\n".join(some for some in (text.strip("\n"), told) if some)


def _lost(text: str, wish: Wish) -> Iterator[str]:
    """Yield a sentence where letters of the text are none of the device's."""
    if count := missing(text, wish.charset):
        letters = "1 letter" if count == 1 else f"{count} letters"
        yield f'{letters} of this text could not be written with those of the device: look for "?".'


def _file(attachment: Attachment) -> str:
    content = attachment.content().decode("utf-8", "replace").strip("\n")
    return f"{attachment.name}:\n{content}" if attachment.name else content
