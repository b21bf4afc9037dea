"""Puts pictures on sheets: PNG, JPEG, GIF, BMP, and TIFF files that are no fax.

A picture's header tells its size before a pixel is decoded, and what is too large is refused there.
"""

import contextlib
import io
import struct
import warnings
from collections.abc import Iterator
from typing import Final

import attrs
from PIL import ExifTags, Image, ImageChops

from bridge.shaping.fax.inking import inked
from bridge.shaping.fax.paper import (
    ACROSS,
    COLUMNS,
    DOWN,
    Limits,
    Place,
    Sheet,
    Unprintable,
    place,
    sheet_columns,
)
from bridge.shaping.fax.tiffprofiles import Profile

_FORMATS: Final = ("PNG", "JPEG", "GIF", "BMP", "TIFF")
_SCREEN_DPI = 96  # of a picture that does not say and is small: a logo, a drawing
_WIDE = 800  # columns from which on a picture that does not say fills the paper
_BELIEVED_DPI = (60, 1300)  # what is said outside of it is a default, or a mistake
_LANDSCAPE = 1.2  # how much wider than long a picture is that may be laid on its side
_SHRUNK = ("JPEG", "MPO")  # the latter is what many telephones write
_SHRINKING = 4  # these are decoded at a half, a quarter, an eighth: they may have more pixels
_TURNS = {  # what undoes an orientation (Exif 2.3 s.4.6.4)
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ON_ITS_SIDE = (5, 6, 7, 8)
_FAX_DPI = ((204, 98), (204, 196), (200, 100), (200, 200))


def pictured(data: bytes, profile: Profile, limits: Limits) -> Iterator[Sheet]:
    """Yield the sheets of a picture, frame by frame where it is a TIFF file.

    Raises:
        Unprintable: it is none, damaged, or too large.
    """
    with opened(data) as picture:
        frames = getattr(picture, "n_frames", 1) if picture.format == "TIFF" else 1
        for number in range(frames):
            picture.seek(number)
            yield from _frame(picture, profile, limits)


@contextlib.contextmanager
def opened(data: bytes) -> Iterator[Image.Image]:
    """Open a picture, its header alone; what Pillow has to say of it is said in our words.

    Raises:
        Unprintable: it is none, or damaged, also where that shows while its pixels are read.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # advice on odd files is for their makers
        try:
            with Image.open(io.BytesIO(data), formats=_FORMATS) as picture:
                yield picture
        except Image.DecompressionBombError:
            raise Unprintable("has too many pixels to be printed") from None
        except (OSError, SyntaxError, ValueError, EOFError, struct.error, KeyError) as broken:
            raise Unprintable("is damaged, or no picture") from broken
        except MemoryError:
            raise Unprintable("takes too much memory to be printed") from None


def refuse_too_large(picture: Image.Image, limits: Limits) -> None:
    """Do nothing for a picture that may be decoded.

    Raises:
        Unprintable: it has more pixels than may be.
    """
    wide, long = picture.size
    most = limits.pixels * (_SHRINKING if picture.format in _SHRUNK else 1)
    if wide * long > most:
        raise Unprintable(
            f"has {wide} x {long} pixels; at most {most // 1_000_000} million are printed"
        )


def laid(grey: Image.Image, where: Place) -> Iterator[Sheet]:
    """Yield the sheets of a page of mode "L", scaled to its place, a piece of it on each."""
    for top, rows in where.slices():
        box = (0.0, top / where.rows * grey.height, float(grey.width))
        end = (top + rows) / where.rows * grey.height
        piece = grey.resize((where.width, rows), box=(*box, end), reducing_gap=3.0)
        sheet = Image.new("L", (where.columns, rows), 255)
        sheet.paste(piece, (where.left, 0))
        yield Sheet(inked(sheet))


def _frame(picture: Image.Image, profile: Profile, limits: Limits) -> Iterator[Sheet]:
    refuse_too_large(picture, limits)
    if (sheet := _fax_page(picture, profile)) is not None:
        yield from _cut(sheet)
        return
    across, down = _inches(picture)
    turn = 1
    if picture.format != "TIFF":  # Pillow turns these by itself
        turn = picture.getexif().get(ExifTags.Base.Orientation, 1)
    if picture.format in _SHRUNK:
        fine = 2 * place(min(across, down), 1, profile).columns
        picture.draft("L", (fine, fine))
    grey = _grey(picture)
    if turn in _TURNS:
        grey = grey.transpose(_TURNS[turn])
    if turn in _ON_ITS_SIDE:
        across, down = down, across
    too_wide = across * ACROSS > COLUMNS and grey.width > COLUMNS
    if too_wide and across > _LANDSCAPE * down:
        grey = grey.transpose(Image.Transpose.ROTATE_90)
        across, down = down, across
    yield from laid(grey, place(across, down, profile))


def _fax_page(picture: Image.Image, profile: Profile) -> Sheet | None:
    """Return a page that a fax has scanned, pixel for pixel; None where the picture is none."""
    dpi = picture.info.get("dpi", (0, 0))
    close = [
        known
        for known in _FAX_DPI
        if all(abs(float(has) - is_) < 2 for has, is_ in zip(dpi, known, strict=True))  # noqa: PLR2004 - some write 203
    ]
    columns = sheet_columns(picture.width / ACROSS, profile)
    if picture.mode != "1" or not close or picture.width > columns:
        return None
    white = Image.new("1", (columns, picture.height), 255)
    white.paste(picture, ((columns - picture.width) // 2, 0))
    return Sheet(ImageChops.invert(white), *close[0])


def _cut(page: Sheet) -> Iterator[Sheet]:
    """Yield the sheets that a page of a fax goes on: a roll is longer than any paper."""
    wide, long = page.pixels.size
    for top, rows in Place(wide, wide, long * DOWN // page.down).slices():
        above, below = (row * page.down // DOWN for row in (top, top + rows))
        yield attrs.evolve(page, pixels=page.pixels.crop((0, above, wide, below)))


def _inches(picture: Image.Image) -> tuple[float, float]:
    wide, long = picture.size
    least, most = _BELIEVED_DPI
    said = [float(value) for value in picture.info.get("dpi", ())]
    if len(said) == len(picture.size) and all(least <= value <= most for value in said):
        return wide / said[0], long / said[1]
    dpi = _SCREEN_DPI if wide < _WIDE else wide * ACROSS / COLUMNS
    return wide / dpi, long / dpi


def _grey(picture: Image.Image) -> Image.Image:
    """Return the picture in mode "L", what is transparent white as paper."""
    if picture.mode.startswith("I") or picture.mode == "F":  # 16 bits and more
        lowest, highest = picture.getextrema()
        if not (isinstance(lowest, (int, float)) and isinstance(highest, (int, float))):
            raise Unprintable("has pixels that are no greys")
        full = 65535 if highest > 255 else 255  # noqa: PLR2004 - the white of two octets, of one
        return picture.convert("I").point(lambda value: value * (255 / full)).convert("L")
    if "A" not in picture.getbands() and "transparency" not in picture.info:
        return picture.convert("L")
    seen = picture if "A" in picture.getbands() else picture.convert("RGBA")
    white = Image.new("L", picture.size, 255)
    white.paste(seen.convert("L"), mask=seen.getchannel("A"))
    return white
