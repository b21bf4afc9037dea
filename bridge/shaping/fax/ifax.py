"""Makes of a reading what an internet fax prints: one TIFF, and before it a text where there is any to say.

A fax of simple mode reads `multipart/mixed {text/plain, image/tiff}` or a bare image/tiff, and may
act on the first part alone that it understands (RFC 3965; RFC 3249 s.3.2.1).
"""

from collections.abc import Iterator, Sequence

from bridge.kinds import KINDS
from bridge.shaping.bodies import Body
from bridge.shaping.errors import Unshapeable
from bridge.shaping.fax.envelope import sender, subject
from bridge.shaping.fax.pages import Enclosure, Faxed, faxed
from bridge.shaping.fax.paper import Limits
from bridge.shaping.headers.fields import Field, first
from bridge.shaping.headers.mailaddresses import mailboxes, spelled_address
from bridge.shaping.letters import spelled
from bridge.shaping.papers import EMPTY, header_for, with_left_out
from bridge.shaping.reading import Attachment, Reading
from bridge.shaping.wish import FaxText, Wish
from bridge.shaping.writing import Piece, bare, mixed

FILE_NAME = "fax.tif"  # of eight characters and three, for machines that know no more
_TEXT_NAME = "The text"
_HEADED = (("from", "From"), ("subject", "Subject"), ("date", "Date"))


def ifax(reading: Reading, wish: Wish) -> Sequence[Piece]:
    """Return the pieces of a message with one TIFF of `wish.tiff`, at most `wish.fax_pages` long.

    Raises:
        Unshapeable: there is nothing in it that can be printed.
    """
    text = reading.text.strip()
    if not (text or reading.attachments or reading.left_out):
        text = EMPTY  # a mail of nothing but a subject is a message too
    fax = _drawn(_enclosed(reading, text, wish), wish)
    if not fax.pages and text and not _is_page(reading, text, wish):
        enclosed = [
            _page(reading, text),
            *map(_file, reading.attachments),
        ]  # the text is all there is
        fax, text = _drawn(enclosed, wish), ""
    left_out = [*reading.left_out, *fax.left_out]
    if fax.tiff is None:
        raise Unshapeable("Nothing in it can be printed by a fax.", " ".join(left_out))
    kept = wish.fax_text is FaxText.KEEP and not _is_page(reading, text, wish)
    said = with_left_out(text if kept else "", left_out)
    header = header_for([_shown(field) for field in reading.header], wish)
    file = Attachment(FILE_NAME, KINDS["tiff"], Body((fax.tiff,), ""))
    return mixed(header, said, [file], wish) if said else bare(header, file, wish)


def _drawn(enclosed: Sequence[Enclosure], wish: Wish) -> Faxed:
    return faxed(enclosed, wish.tiff, Limits(pages=wish.fax_pages))


def _enclosed(reading: Reading, text: str, wish: Wish) -> list[Enclosure]:
    pages = [_page(reading, text)] if _is_page(reading, text, wish) else []
    return [*pages, *map(_file, reading.attachments)]


def _is_page(reading: Reading, text: str, wish: Wish) -> bool:
    """Tell whether the text is drawn: by wish, or since the device's letters cannot spell it."""
    if not text or wish.fax_text is FaxText.DROP:
        return False
    known = spelled(text, wish.charset)
    return (
        wish.fax_text is FaxText.PAGE
        or not reading.attachments
        or known.count("?") > text.count("?")
    )


def _file(attachment: Attachment) -> Enclosure:
    is_text = attachment.kind.name == "text"
    return Enclosure(
        attachment.name or f"A file ({attachment.kind.spoken})", attachment.content(), is_text
    )


def _page(reading: Reading, text: str) -> Enclosure:
    return Enclosure(
        _TEXT_NAME, "\n".join([*_head(reading), text]).encode("utf-8", "replace"), text=True
    )


def _head(reading: Reading) -> Iterator[str]:
    for key, label in _HEADED:
        if (field := first(reading.header, key)) is not None:
            yield f"{label}: {field.text}"
    yield ""


def _shown(field: Field) -> Field:
    """Return From and Subject as a fax prints them, another field as it is."""
    if field.key == "subject":
        return Field(field.name, f" {subject(field.text)}".encode("ascii"))
    if field.key == "from" and (senders := mailboxes(field.value)):
        address = spelled_address(senders[0].address)
        return Field(field.name, f" {sender(senders[0].display, address)}".encode("ascii"))
    return field
