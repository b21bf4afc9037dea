"""The one door to shaping: a message goes in, what a device gets comes out."""

from collections.abc import Sequence

from bridge.shaping.errors import Unshapeable
from bridge.shaping.headers.downward import down_convert
from bridge.shaping.headers.fields import first, split
from bridge.shaping.leaves import normal
from bridge.shaping.papers import as_text, printed, unsent
from bridge.shaping.reading import Reading, read
from bridge.shaping.sizes import is_taken
from bridge.shaping.wish import Crypto, Deliver, Wish
from bridge.shaping.writing import Piece

_PROTECTED = (
    b"multipart/signed", b"multipart/encrypted", b"application/pkcs7-mime", b"application/x-pkcs7-mime",
)  # fmt: skip


def shape(message: bytes, wish: Wish) -> Sequence[bytes | memoryview]:
    """Return the pieces of the message that a device gets, in order; views of `message` cost no memory.

    Raises:
        Unshapeable: the message cannot be brought into the shape that is wished for, or is larger than
            the device takes.
        Skipped: it is larger than the device takes, and is to be left out without a word.
    """
    pieces = _shaped(message, wish)
    if is_taken(sum(map(len, pieces)), wish):
        return pieces
    return down_convert(message)


def _shaped(message: bytes, wish: Wish) -> Sequence[Piece]:
    match wish.deliver:
        case Deliver.ORIGINAL | Deliver.COMMAND:
            return down_convert(message)
        case _ if wish.crypto is Crypto.PASS and _is_protected(message):
            return down_convert(normal(message), without=unsent(wish))
        case Deliver.PRINT:
            return printed(read(message, wish), wish)
        case Deliver.IFAX:
            return _faxed(read(message, wish), wish)
        case Deliver.TEXT:
            return as_text(read(message, wish), wish)


def _faxed(reading: Reading, wish: Wish) -> Sequence[Piece]:
    try:
        from bridge.shaping.fax.ifax import ifax  # noqa: PLC0415 - its libraries are an extra
    except ModuleNotFoundError as missing:
        raise Unshapeable(
            f"{missing.name} is not installed: install popbridge[ifax]."
        ) from None
    return ifax(reading, wish)


def _is_protected(message: bytes) -> bool:
    """Tell whether S/MIME or PGP protects the message as a whole."""
    fields, _ = split(message)
    declared = first(fields, "content-type")
    return declared is not None and declared.value.strip().lower().startswith(_PROTECTED)
