"""Sheets of paper as a fax counts them: columns, rows, and how much of either a message may use."""

from collections.abc import Iterator

import attrs
from PIL import Image

from bridge.shaping.fax.tiffprofiles import Profile

ACROSS = 204  # pixels an inch: what T.4 calls 8 a millimetre
DOWN = 196  # "fine", 7.7 rows a millimetre: every profile S reader prints it
LONGEST = 14 * DOWN  # rows of a legal page; what is longer goes on several sheets
A4_ROWS = 2292  # 297 mm
COLUMNS = 1728  # of A4 and letter paper at 204 an inch (T.4 s.2.3)
_B4, _A3 = 2048, 2432
_SLACK_INCHES = 0.25  # letter is 0.03 inch wider than 1728 columns, and scanners round


class Unprintable(Exception):
    """An attachment of which no page can be made; the text says why, behind the name: "is damaged"."""


@attrs.frozen
class Sheet:
    """A page of black and white pixels: mode "1", what is set is ink, and how densely they lie."""

    pixels: Image.Image
    across: int = ACROSS
    down: int = DOWN


@attrs.frozen
class Limits:
    """How much one message may ask of the machine that makes its pages, and of the one that prints."""

    pages: int = 50
    pixels: int = (
        40_000_000  # of one picture: A4 at 600 dpi is 35 million, in memory 4 octets each
    )


@attrs.frozen
class Place:
    """Where on sheets something of a certain size comes to lie, in columns and rows."""

    columns: int  # of the sheet
    width: int  # of what lies on it, in the middle
    rows: int

    def slices(self) -> Iterator[tuple[int, int]]:
        """Yield the first row and the number of rows of each sheet that it takes."""
        high = A4_ROWS * self.columns // COLUMNS  # B4 and A3 have the form of A4
        if self.rows <= LONGEST * self.columns // COLUMNS:
            yield 0, self.rows
            return
        for top in range(0, self.rows, high):
            yield top, min(high, self.rows - top)

    @property
    def left(self) -> int:
        """How many columns are free left of it."""
        return (self.columns - self.width) // 2


def place(across: float, down: float, profile: Profile) -> Place:
    """Return where something of this many inches comes to lie: as large as it is, or as fits in width."""
    columns = sheet_columns(across, profile)
    scale = min(1.0, columns / ACROSS / across)
    width = min(columns, max(1, round(across * scale * ACROSS)))
    return Place(columns, width, max(1, round(down * scale * DOWN)))


def sheet_columns(across: float, profile: Profile) -> int:
    """Return how many columns the paper has that something of this many inches goes on.

    Profile S knows A4 alone; F has B4 and A3, for what is wider.
    """
    if profile is Profile.S or across <= COLUMNS / ACROSS + _SLACK_INCHES:
        return COLUMNS
    return _B4 if across <= _B4 / ACROSS + _SLACK_INCHES else _A3
