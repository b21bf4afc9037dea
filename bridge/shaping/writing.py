"""Writes a message for a device: text as 7bit, quoted-printable or base64, files as base64, one flat row of parts."""

import binascii
import re
import unicodedata
from collections.abc import Iterator, Sequence

from bridge.kinds import KINDS
from bridge.shaping.letters import codec_of, spelled
from bridge.shaping.lines import wrapped
from bridge.shaping.reading import Attachment
from bridge.shaping.tokens import absent_from
from bridge.shaping.wish import Charset, Wish

NAME_CHARACTERS = 60
_UNNAMED = re.compile(r"[^A-Za-z0-9._ +-]+")

Piece = bytes | memoryview


def single(header: bytes, text: str, wish: Wish) -> list[Piece]:
    """Return a message of one text/plain part."""
    return [header, b"MIME-Version: 1.0\r\n", _text_part(text, wish)]


def bare(header: bytes, attachment: Attachment, wish: Wish) -> list[Piece]:
    """Return a message that is a file and nothing else."""
    return [header, b"MIME-Version: 1.0\r\n", *_file_part(attachment, 1, wish)]


def mixed(
    header: bytes, text: str, attachments: Sequence[Attachment], wish: Wish
) -> list[Piece]:
    """Return a multipart/mixed of the text, where there is any, and the attachments."""
    parts: list[list[Piece]] = [[_text_part(text, wish)]] if text else []
    parts += [list(_file_part(one, number, wish)) for number, one in enumerate(attachments, 1)]
    texts = [piece for part in parts for piece in part if isinstance(piece, bytes)]
    boundary = absent_from(texts, b"=_part_%s")
    pieces: list[Piece] = [
        header
        + b'MIME-Version: 1.0\r\nContent-Type: multipart/mixed;\r\n boundary="'
        + boundary
        + b'"\r\n\r\n'
    ]
    for part in parts:
        pieces += [b"--" + boundary + b"\r\n", *part]
    return [*pieces, b"--" + boundary + b"--\r\n"]


def _text_part(text: str, wish: Wish) -> bytes:
    codec, encoding, content = _encoded(text, wish)
    head = f"Content-Type: text/plain; charset={codec}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
    return head.encode("ascii") + content


def _encoded(text: str, wish: Wish) -> tuple[str, str, bytes]:
    """Return charset, encoding and octets of a text, which ends in a line end."""
    known = spelled(text, wish.charset)
    if wish.charset is Charset.ASCII:
        known = wrapped(known, wish.line_limit)
    known = known.rstrip("\n") + "\n"
    if known.isascii() and max(map(len, known.split("\n"))) <= wish.line_limit:
        return "us-ascii", "7bit", known.replace("\n", "\r\n").encode("ascii")
    codec = codec_of(wish.charset)
    octets = known.encode(codec)
    quoted = binascii.b2a_qp(octets, quotetabs=False, istext=True)
    if len(quoted) > len(octets) * 2:  # mostly not Latin: base64 is shorter
        crlf = known.replace("\n", "\r\n").encode(codec)
        return codec, "base64", b"".join(_base64_lines(crlf))
    return codec, "quoted-printable", re.sub(rb"\r?\n", b"\r\n", quoted)


def _base64_lines(octets: bytes) -> Iterator[bytes]:
    for start in range(0, len(octets), 57):  # 57 octets are a line of 76 letters
        yield binascii.b2a_base64(octets[start : start + 57], newline=False) + b"\r\n"


def _file_part(attachment: Attachment, number: int, wish: Wish) -> Iterator[Piece]:
    name = _name(attachment, number)
    placed = f'Content-Disposition: attachment;\r\n filename="{name}"\r\n'.encode("ascii")
    if attachment.kind.name == "text":
        yield placed + _text_part(attachment.content().decode("utf-8", "replace"), wish)
        return
    head = f'Content-Type: {attachment.kind.media_type};\r\n name="{name}"\r\nContent-Transfer-Encoding: base64\r\n'
    yield head.encode("ascii") + placed + b"\r\n"
    yield from attachment.body.base64()


def _name(attachment: Attachment, number: int) -> str:
    """Return a short ASCII name that ends as the content's kind does: machines go by it."""
    parts = unicodedata.normalize("NFKD", spelled(attachment.name, Charset.ASCII))
    plain = _UNNAMED.sub("_", parts.rpartition("/")[2].rpartition("\\")[2]).strip("_. ")
    stem, dot, extension = plain.rpartition(".")
    usual = KINDS[attachment.kind.name].extensions
    if attachment.kind.name == "other" or (dot and extension.lower() in usual):
        stem, end = (stem, f".{extension}") if dot else (plain, "")
    else:
        stem, end = plain, f".{usual[0]}"
    return (stem or f"file{number}")[: NAME_CHARACTERS - len(end[:8])] + end[:8]
