"""Letters text on sheets, 80 characters a row and 63 rows a sheet, in one shipped font.

DejaVu Sans Mono has the letters of Latin, Greek and Cyrillic and most signs; for what it
lacks stands the letter without its accents, or a box, so that a reader sees that something is missing.
Letters that are written from right to left are boxes too: drawn the other way round and unjoined
they would be read as something else.
"""

import functools
import io
import itertools
import pkgutil
import unicodedata
from collections.abc import Iterable, Iterator

from PIL import Image, ImageDraw, ImageFont

from bridge.shaping.fax.paper import A4_ROWS, COLUMNS, Sheet

CHARACTERS = 80  # a row: what mail is wrapped for
_ADVANCE = 20  # columns a character: 1600 of 1728, the rest is margin
_POINTS = 33  # the size at which a character of this font advances by 20
_LEADING = 34  # rows a line: 5.8 lines an inch
_MARGIN = (COLUMNS - CHARACTERS * _ADVANCE) // 2
LINES = (A4_ROWS - 2 * _MARGIN) // _LEADING
_BOX = "\N{WHITE SQUARE}"
_TAB = 8
_UNSEEN = frozenset(
    ["Cc", "Cf", "Cs", "Co", "Cn", "Mn", "Me"]
)  # marks are in the letter, or left out
_LEFTWARD = frozenset(["R", "AL"])


def lettered(text: str) -> Iterator[Sheet]:
    """Yield the sheets of a text, long lines wrapped between words; a form feed begins a sheet."""
    for part in text.split("\f"):
        lines = itertools.chain.from_iterable(wrapped(line) for line in part.splitlines())
        while block := list(itertools.islice(lines, LINES)):
            yield Sheet(_sheet(block))


def wrapped(line: str) -> Iterator[str]:
    """Yield the rows of a line: at most 80 cells wide each, broken at blanks where there are any."""
    rest = _plain(line)
    while len(rest) > CHARACTERS or _cells(rest) > CHARACTERS:
        fits = _fitting(rest)
        blank = rest.rfind(" ", 1, fits + 1)
        end = blank if blank > 0 else fits
        yield rest[:end]
        rest = rest[end:].lstrip(" ")
    yield rest


def _plain(line: str) -> str:
    composed = unicodedata.normalize("NFC", line).expandtabs(_TAB)
    return "".join(map(_drawn, composed)).rstrip()


@functools.lru_cache(maxsize=4096)
def _drawn(char: str) -> str:
    """Return what is drawn for a character: nothing where it is one that is not seen by itself."""
    if unicodedata.category(char) in _UNSEEN:
        return ""
    if unicodedata.bidirectional(char) not in _LEFTWARD:
        for form in (char, unicodedata.normalize("NFD", char)[0]):
            if _shows(form):
                return form
    return _BOX * _width(char)


def _fitting(text: str) -> int:
    """Return how many characters fit into a row; at least one."""
    cells = 0
    for number, char in enumerate(text):
        cells += _width(char)
        if cells > CHARACTERS:
            return max(1, number)
    return len(text)


def _cells(text: str) -> int:
    return sum(map(_width, text))


def _width(char: str) -> int:
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def _sheet(lines: Iterable[str]) -> Image.Image:
    pixels = Image.new("1", (COLUMNS, A4_ROWS), 0)
    pen = ImageDraw.Draw(pixels)
    pen.fontmode = "1"  # no greys: strokes as the font's makers hinted them
    for row, line in enumerate(lines):
        pen.text((_MARGIN, _MARGIN + row * _LEADING), line, fill=255, font=font())
    return pixels


@functools.cache
def font() -> ImageFont.FreeTypeFont:
    """Return the font that is shipped; its file is read once."""
    data = pkgutil.get_data(__name__, "DejaVuSansMono.ttf")
    return ImageFont.truetype(
        io.BytesIO(data or b""), _POINTS, layout_engine=ImageFont.Layout.BASIC
    )


def _shows(char: str) -> bool:
    """Tell whether the font has this character; what it has not, it draws as it draws U+FFFF."""
    return char.isspace() or bytes(font().getmask(char)) != bytes(font().getmask("\uffff"))
