"""Reads and writes the directories of a TIFF file: tags and strips, no pixels.

A hostile file ends as `BrokenTiff`: no offset is trusted, no chain is followed twice.
"""

import enum
import struct
from collections.abc import Sequence
from fractions import Fraction

import attrs

MAX_DIRECTORIES = (
    2000  # pages; far above every limit of pages, low enough to be walked in a blink
)
MAX_VALUES = 65536  # values of one tag: the strips of a long page with a strip a row


class BrokenTiff(Exception):
    """Bytes that are no TIFF file, or one whose directories lead nowhere; the text says what is wrong."""


class Tag(enum.IntEnum):
    """The tags of a fax page (TIFF 6.0; RFC 2306; RFC 3949), by their numbers in the file."""

    NEW_SUBFILE_TYPE = 254
    IMAGE_WIDTH = 256
    IMAGE_LENGTH = 257
    BITS_PER_SAMPLE = 258
    COMPRESSION = 259
    PHOTOMETRIC = 262
    FILL_ORDER = 266
    STRIP_OFFSETS = 273
    ORIENTATION = 274
    SAMPLES_PER_PIXEL = 277
    ROWS_PER_STRIP = 278
    STRIP_BYTE_COUNTS = 279
    X_RESOLUTION = 282
    Y_RESOLUTION = 283
    T4_OPTIONS = 292
    T6_OPTIONS = 293
    RESOLUTION_UNIT = 296
    PAGE_NUMBER = 297


class Coding(enum.IntEnum):
    """How a page's rows are coded: the values of Compression (TIFF 6.0 s.10, s.11)."""

    T4 = 3  # modified Huffman, a row at a time; or two-dimensional, by T4Options
    T6 = 4  # modified modified READ


Values = tuple[int | Fraction, ...]

_HEADER = 8  # byte order, 42, where the first directory lies
_INLINE = 4  # octets of values that lie in the directory itself
_SHORT, _LONG, _RATIONAL = 3, 4, 5
_SIZES = {1: 1, _SHORT: 2, _LONG: 4, _RATIONAL: 8}
_FORMATS = {1: "B", _SHORT: "H", _LONG: "I"}


@attrs.frozen
class Directory:
    """One page's tags: where it lies in the file, and the values of each tag whose type is known."""

    offset: int
    tags: dict[int, Values]

    def one(self, tag: Tag, default: int | Fraction | None = None) -> int | Fraction | None:
        """Return the first value of `tag`; `default` where the page does not say."""
        values = self.tags.get(tag, ())
        return values[0] if values else default


@attrs.frozen
class Tiff:
    """The directories of a TIFF file, in the order of its chain."""

    little_endian: bool
    directories: tuple[Directory, ...]


@attrs.frozen
class Strip:
    """A page as it is coded: all its rows in one strip, the first pixel in the lowest bit."""

    data: bytes = attrs.field(repr=False)
    columns: int
    rows: int
    across: int  # pixels an inch
    down: int
    coding: Coding


def read_tiff(data: bytes) -> Tiff:
    """Return the directories of a TIFF file (TIFF 6.0 s.2).

    Raises:
        BrokenTiff: it is none, or a directory lies outside the file, or the chain has no end.
    """
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(data[:4])
    if order is None or len(data) < _HEADER:
        raise BrokenTiff("it does not begin as a TIFF file does")
    (offset,) = struct.unpack_from(order + "I", data, 4)
    directories: list[Directory] = []
    seen: set[int] = set()
    while offset:
        if offset in seen or len(seen) >= MAX_DIRECTORIES:
            raise BrokenTiff("its chain of pages has no end")
        seen.add(offset)
        directory, offset = _directory(data, order, offset)
        directories.append(directory)
    if not directories:
        raise BrokenTiff("it has no page")
    return Tiff(order == "<", tuple(directories))


def write_tiff(pages: Sequence[Strip]) -> bytes:
    """Return a TIFF file of these pages: little-endian, page after page, each its directory, then its rows.

    It is laid out as profiles S and F want it (RFC 3949 s.3 and s.4): one strip a page, FillOrder 2,
    no row of a page before its directory, so that a machine can print while it reads.
    """
    pieces = [struct.pack("<2sHI", b"II", 42, _HEADER)]
    at = _HEADER
    for number, page in enumerate(pages):
        body = _page(page, at, number, len(pages))
        pieces.append(body)
        at += len(body)
    return b"".join(pieces)


def _page(page: Strip, at: int, number: int, count: int) -> bytes:
    fields = _fields(page, number, count)
    values_at = at + 2 + 12 * len(fields) + 4
    strip_at = values_at + 16  # two rationals
    end = strip_at + len(page.data)
    after = end + end % 2 if number + 1 < count else 0  # directories begin at even offsets
    outside = b""
    entries = []
    for tag, kind, *values in fields:
        if kind == _RATIONAL:
            value = struct.pack("<I", values_at + len(outside))
            outside += struct.pack("<II", values[0], 1)
        elif kind == _SHORT:
            value = struct.pack("<2H", *values, *(0,) * (2 - len(values)))
        else:
            value = struct.pack("<I", strip_at if tag == Tag.STRIP_OFFSETS else values[0])
        entries.append(struct.pack("<HHI", tag, kind, len(values)) + value)
    head = struct.pack("<H", len(entries)) + b"".join(entries) + struct.pack("<I", after)
    return head + outside + page.data + b"\0" * (end % 2)


def _fields(page: Strip, number: int, count: int) -> list[tuple[int, ...]]:
    if page.coding is Coding.T4:  # bit 2: rows end so that their end-of-line ends a byte
        options = (Tag.T4_OPTIONS, _LONG, 4)
    else:
        options = (Tag.T6_OPTIONS, _LONG, 0)
    return [
        (Tag.NEW_SUBFILE_TYPE, _LONG, 2),  # one page of several
        (Tag.IMAGE_WIDTH, _LONG, page.columns),
        (Tag.IMAGE_LENGTH, _LONG, page.rows),
        (Tag.BITS_PER_SAMPLE, _SHORT, 1),
        (Tag.COMPRESSION, _SHORT, page.coding),
        (Tag.PHOTOMETRIC, _SHORT, 0),  # 0 is white
        (
            Tag.FILL_ORDER,
            _SHORT,
            2,
        ),  # the first pixel in the lowest bit, as it comes over a line
        (Tag.STRIP_OFFSETS, _LONG, 0),
        (Tag.SAMPLES_PER_PIXEL, _SHORT, 1),
        (Tag.ROWS_PER_STRIP, _LONG, page.rows),
        (Tag.STRIP_BYTE_COUNTS, _LONG, len(page.data)),
        (Tag.X_RESOLUTION, _RATIONAL, page.across),
        (Tag.Y_RESOLUTION, _RATIONAL, page.down),
        options,
        (Tag.RESOLUTION_UNIT, _SHORT, 2),  # an inch
        (Tag.PAGE_NUMBER, _SHORT, number, count),
    ]


def _directory(data: bytes, order: str, offset: int) -> tuple[Directory, int]:
    try:
        (count,) = struct.unpack_from(order + "H", data, offset)
        tags: dict[int, Values] = {}
        for place in range(offset + 2, offset + 2 + 12 * count, 12):
            tag, kind, number = struct.unpack_from(order + "HHI", data, place)
            if kind in _FORMATS or kind == _RATIONAL:
                tags[tag] = _values(data, order, place + 8, kind, number)
        (after,) = struct.unpack_from(order + "I", data, offset + 2 + 12 * count)
    except struct.error:
        raise BrokenTiff("a page's directory lies outside the file") from None
    return Directory(offset, tags), after


def _values(data: bytes, order: str, place: int, kind: int, number: int) -> Values:
    if number > MAX_VALUES:
        raise BrokenTiff(f"a tag has {number} values")
    if number * _SIZES[kind] > _INLINE:
        (place,) = struct.unpack_from(order + "I", data, place)
    if kind == _RATIONAL:
        flat = struct.unpack_from(f"{order}{2 * number}I", data, place)
        pairs = zip(flat[::2], flat[1::2], strict=True)
        return tuple(Fraction(above, below) if below else Fraction(0) for above, below in pairs)
    return struct.unpack_from(f"{order}{number}{_FORMATS[kind]}", data, place)
