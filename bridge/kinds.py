"""What an attachment is, by its content; its name and its declared type only where content says nothing.

A device decodes what its type says, and prints a page of noise, or stops, where that is wrong.
"""

import re
import struct
from typing import Literal

import attrs

from bridge.charsets import has_wide_mark, is_wide

HEAD_OCTETS = 8192
"""How much of a content is looked at."""

PIXELS = 1_000_000_000
"""More in an image than A0 at 600 dpi holds (19866 x 28087); what claims more is made to exhaust a machine."""


@attrs.frozen
class Kind:
    """A kind of content: its name in a wish, its media type, its usual ends of a name, and what a person says."""

    name: str
    media_type: str
    extensions: tuple[str, ...]
    spoken: str


KINDS = {
    kind.name: kind
    for kind in (
        Kind("pdf", "application/pdf", ("pdf",), "PDF"),
        Kind("tiff", "image/tiff", ("tif", "tiff"), "TIFF image"),
        Kind("jpeg", "image/jpeg", ("jpg", "jpeg", "jpe"), "JPEG image"),
        Kind("png", "image/png", ("png",), "PNG image"),
        Kind("gif", "image/gif", ("gif",), "GIF image"),
        Kind("bmp", "image/bmp", ("bmp", "dib"), "BMP image"),
        Kind("webp", "image/webp", ("webp",), "WebP image"),
        Kind("heif", "image/heif", ("heic", "heif", "avif"), "HEIF image"),
        Kind("text", "text/plain", ("txt", "text", "log", "csv", "asc", "md", "ics", "html", "htm", "zpl"), "text"),
        Kind("rtf", "application/rtf", ("rtf",), "RTF document"),
        Kind("postscript", "application/postscript", ("ps", "eps"), "PostScript"),
        Kind("pcl", "application/vnd.hp-pcl", ("pcl", "prn"), "PCL print job"),
        Kind("xps", "application/oxps", ("xps", "oxps"), "XPS document"),
        Kind("office", "application/octet-stream", ("docx", "xlsx", "pptx", "doc", "xls", "ppt", "odt", "ods", "odp"), "office document"),
        Kind("zip", "application/zip", ("zip",), "ZIP archive"),
        Kind("other", "application/octet-stream", (), "file of an unknown kind"),
    )
}  # fmt: skip

PAGES = frozenset(["pdf", "tiff", "jpeg", "png", "gif", "bmp", "postscript", "pcl"])
"""Kinds that are pages, or draw them: what counts as something to print."""

TEXTS = frozenset(
    ["text/plain", "text/html", "text/enriched", "text/x-amp-html", "text/watch-html"]
)
"""Types of a message's own text, unless it is called an attachment."""

TNEF_START = b"\x78\x9f\x3e\x22"  # [MS-OXTNEF] section 2.1.3.1
_FIELD = re.compile(rb"(?:From |[A-Za-z][A-Za-z0-9-]{0,75}[ \t]*:)")

_STARTS = (
    (b"II*\0", "tiff"), (b"MM\0*", "tiff"), (b"II+\0", "tiff"), (b"MM\0+", "tiff"),
    (b"\xff\xd8\xff", "jpeg"), (b"\x89PNG\r\n\x1a\n", "png"), (b"GIF87a", "gif"), (b"GIF89a", "gif"),
    (b"{\\rtf", "rtf"), (b"%!PS", "postscript"), (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "office"),
    (b"\x1b%-12345X", "pcl"), (b"\x1bE", "pcl"),
)  # fmt: skip
_IN_ZIP = (
    (re.compile(rb"FixedDocSeq\.fdseq|Documents/1/", re.IGNORECASE), "xps"),
    (
        re.compile(rb"word/|xl/|ppt/|\[Content_Types\]\.xml|mimetypeapplication/vnd\.oasis"),
        "office",
    ),
)
_LABEL = re.compile(
    rb"(\xef\xbb\xbf)?\s*(CT~~CD,~CC\^~CT~\s*)?\^XA"
)  # the second is Zebra's driver's
"""ZPL II, the text that label printers draw: a format begins with ^XA (ZPL II programming guide, ^XA)."""

_TIFF_WIDTH, _TIFF_HEIGHT = 256, 257  # ImageWidth, ImageLength; tags stand in their order
_TIFF_TAGS = 16  # that are looked at
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # SOF markers of JPEG
_TYPES = {kind.media_type: kind.name for kind in KINDS.values()} | {
    "image/jpg": "jpeg", "image/pjpeg": "jpeg", "image/tif": "tiff", "image/x-tiff": "tiff",
    "application/x-pdf": "pdf", "application/vnd.ms-xpsdocument": "xps", "text/csv": "text", "text/rtf": "rtf",
    "application/zpl": "text", "application/x-zpl": "text",
}  # fmt: skip


def recognise(head: bytes, media_type: str, name: str, charset: str = "") -> Kind:
    """Return the kind of a content that begins with `head`.

    What a known beginning belies is not believed: a PDF must begin as one. Text has no beginning but where
    it is a label (ZPL); it is what is declared or named so, and holds no NUL but where it is UTF-16 by its
    mark or its `charset`.
    """
    found = _by_content(head)
    if found:
        return KINDS[found]
    is_wide_text = is_wide(charset) or has_wide_mark(head)
    if is_wide_text or not (b"\0" in head or b"\x1b" in head):
        is_text = _is_called_text(media_type, name) or _LABEL.match(head)
        return KINDS["text" if is_text else "other"]
    return KINDS["other"]


def is_tnef(head: bytes) -> bool:
    """Tell whether a content that begins with `head` is TNEF, whatever it is called."""
    return head.startswith(TNEF_START)


def begins_as_message(head: bytes) -> bool:
    """Tell whether a header field begins a content, as it does a message that was saved."""
    return _FIELD.match(head) is not None


def claims_too_much(head: bytes) -> bool:
    """Tell whether an image says that it has more pixels than any page; what is unsaid is not held against it."""
    width, height = _dimensions(head)
    return width * height > PIXELS


def _by_content(head: bytes) -> str:
    for start, name in _STARTS:
        if head.startswith(start):
            return name
    if b"%PDF-" in head[:1024]:  # ISO 32000-1 annex H.3.4.1 lets readers take it there
        return "pdf"
    if head.startswith(b"PK\x03\x04"):
        return next((name for pattern, name in _IN_ZIP if pattern.search(head)), "zip")
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    if head[4:8] == b"ftyp" and head[8:12] in {b"heic", b"heix", b"mif1", b"msf1", b"avif"}:
        return "heif"
    if head[:2] == b"BM" and head[6:10] == b"\0\0\0\0":
        return "bmp"
    return ""


def _is_called_text(media_type: str, name: str) -> bool:
    extension = name.lower().rpartition(".")[2]
    declared = _TYPES.get(media_type) == "text" or media_type.startswith("text/")
    return declared or (
        extension in KINDS["text"].extensions and media_type == "application/octet-stream"
    )


def _dimensions(head: bytes) -> tuple[int, int]:
    if head.startswith(b"\x89PNG") and len(head) >= 24:  # noqa: PLR2004 - up to the end of IHDR's sizes
        width, height = struct.unpack_from(">II", head, 16)
        return width, height
    if head.startswith(b"GIF8") and len(head) >= 10:  # noqa: PLR2004 - up to the end of its sizes
        width, height = struct.unpack_from("<HH", head, 6)
        return width, height
    if head.startswith(b"BM") and len(head) >= 26:  # noqa: PLR2004 - up to the end of its sizes
        width, height = struct.unpack_from("<ii", head, 18)
        return abs(width), abs(height)
    if head.startswith(b"\xff\xd8"):
        return _jpeg_dimensions(head)
    if head.startswith((b"II*\0", b"MM\0*")):
        return _tiff_dimensions(head)
    return 0, 0


def _jpeg_dimensions(head: bytes) -> tuple[int, int]:
    """Walk the segments to the start of the frame (ITU-T T.81 section B.2.2)."""
    position = 2
    while position + 9 <= len(head) and head[position] == 0xFF:  # noqa: PLR2004 - begins each marker
        marker = head[position + 1]
        if marker in _FRAMES:
            height, width = struct.unpack_from(">HH", head, position + 5)
            return width, height
        position += 2 + struct.unpack_from(">H", head, position + 2)[0]
    return 0, 0


def _tiff_dimensions(head: bytes) -> tuple[int, int]:
    """Read the first directory where it lies at the beginning (TIFF 6.0 section 2)."""
    order: Literal["little", "big"] = "little" if head.startswith(b"II") else "big"
    start = int.from_bytes(head[4:8], order) + 2
    found = {_TIFF_WIDTH: 0, _TIFF_HEIGHT: 0}
    for at in range(start, min(start + 12 * _TIFF_TAGS, len(head) - 11), 12):
        tag = int.from_bytes(head[at : at + 2], order)
        short = head[at + 2 : at + 4] in {b"\3\0", b"\0\3"}
        if tag in found:
            found[tag] = int.from_bytes(head[at + 8 : at + (10 if short else 12)], order)
    return found[_TIFF_WIDTH], found[_TIFF_HEIGHT]
