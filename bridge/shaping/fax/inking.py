"""Makes black and white of greys, so that letters stay sharp and pictures stay pictures.

A fax has no grey. Letters and lines want a threshold; a picture wants a screen of dots, clustered
as in a newspaper, since lone pixels neither print well nor pack well: fax code needs up to five
times the room for them. So the page is judged in cells, and only where grey is an area, not the stroke of a letter
or its edge, dots are put. A stroke is ink as a whole, also a pale one on paper.
"""

import functools
from collections.abc import Callable

from PIL import Image, ImageChops

_DARK = 160  # what is darker is ink: thin grey strokes on paper stay whole
_PALE = 215  # a stroke that is no darker than this is dirt; yellow of a marker or a screen is about 210
_NEAR = 4  # pixels: as far from its darkest one as the soft edge of a stroke may be
_GREYS = range(72, 216)  # darker is as good as black, lighter as good as white
_CELL = 4  # pixels; a stroke's soft edge is one or two wide
_FILLED = 225  # of 255: a cell is grey when nearly all of it is
_STROKE = (
    4  # cells: what is grey and no more than twice as wide is a letter's stroke, up to 4 mm
)
_AROUND = 2  # cells: dots reach a little over the border of what is grey

# A cell of clustered dots at 45 degrees, as Ulichney draws it: where a dot begins, and how it grows.
_GROWTH = (
    (24, 10, 12, 26, 35, 47, 49, 37),
    (8, 0, 2, 14, 45, 59, 61, 51),
    (22, 6, 4, 16, 43, 57, 63, 53),
    (30, 20, 18, 28, 33, 41, 55, 39),
    (34, 46, 48, 36, 25, 11, 13, 27),
    (44, 58, 60, 50, 9, 1, 3, 15),
    (42, 56, 62, 52, 23, 7, 5, 17),
    (32, 40, 54, 38, 31, 21, 19, 29),
)


def inked(grey: Image.Image) -> Image.Image:
    """Return a page of mode "1" with ink set where this page of mode "L" is dark, or grey with dots."""
    strokes = _strokes(grey)
    areas = _grey_areas(grey)
    if areas is None:
        return strokes
    dots = ImageChops.subtract(_screen(grey.width, grey.height), grey)
    strokes.paste(dots.point(lambda value: 255 * (value > 0), mode="1"), mask=areas)
    return strokes


def _strokes(grey: Image.Image) -> Image.Image:
    """Return what is ink where nothing is an area: what is dark, or nearer to the darkest about it than to paper."""
    darkest = _spread(grey, _NEAR, ImageChops.darker)
    edge = darkest.point(
        lambda value: max(_DARK, (value + 255) // 2) * (value <= _PALE), mode="L"
    )
    return ImageChops.subtract(edge, grey).point(lambda value: 255 * (value > 0), mode="1")


def _spread(
    image: Image.Image, far: int, choose: Callable[[Image.Image, Image.Image], Image.Image]
) -> Image.Image:
    """Return the image with each pixel chosen of those up to `far` away, across and down.

    What is beyond a border is taken from the opposite one, which is paper as well.
    """
    for across, down in ((1, 0), (0, 1)):
        reach, window = 1, 2 * far + 1
        while reach < window:
            step = min(reach, window - reach)
            image = choose(image, ImageChops.offset(image, step * across, step * down))
            reach += step
        image = ImageChops.offset(image, -far * across, -far * down)
    return image


def _grey_areas(grey: Image.Image) -> Image.Image | None:
    """Return where the page is grey over an area, as a mask; None where it is nowhere."""
    greys = grey.point(lambda value: 255 * (value in _GREYS), mode="L")
    cells = greys.reduce(_CELL).point(lambda value: 255 * (value >= _FILLED), mode="L")
    areas = _spread(cells, _STROKE, ImageChops.darker)
    if areas.getbbox() is None:
        return None
    near = _spread(areas, _STROKE + _AROUND, ImageChops.lighter)
    size = (near.width * _CELL, near.height * _CELL)
    mask = near.resize(size, Image.Resampling.NEAREST).crop((0, 0, grey.width, grey.height))
    return mask.convert("1", dither=Image.Dither.NONE)


@functools.lru_cache(maxsize=2)
def _screen(width: int, height: int) -> Image.Image:
    """Return the greys below which each pixel of a page is ink, from nearly black to nearly white."""
    side = len(_GROWTH)
    span = len(_GREYS)
    band = b"".join(
        bytes(_GREYS.stop - 1 - (step * span) // (side * side) for step in row)
        * (width // side + 1)
        for row in _GROWTH
    )
    columns = (width // side + 1) * side
    rows = (height // side + 1) * side
    whole = Image.frombytes("L", (columns, rows), band * (rows // side))
    return whole.crop((0, 0, width, height))
