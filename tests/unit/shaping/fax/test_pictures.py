"""Pictures on sheets: size, orientation, transparency, and bombs."""

import io
import itertools
import struct
import zlib

import pytest
from PIL import Image, ImageDraw

from bridge.shaping.fax.paper import Limits, Sheet, Unprintable
from bridge.shaping.fax.pictures import pictured
from bridge.shaping.fax.tiffprofiles import Profile
from tests.unit.shaping.fax.fax_pages import page


def file_of(picture: Image.Image, form: str, **how: object) -> bytes:
    """Return the picture as a file."""
    file = io.BytesIO()
    picture.save(file, form, **how)
    return file.getvalue()


def sheets(data: bytes, profile: Profile = Profile.S) -> list[Sheet]:
    """Return the sheets of a picture."""
    return list(pictured(data, profile, Limits()))


def box(sheet: Sheet) -> tuple[int, int, int, int]:
    """Return where there is ink on a sheet."""
    found = sheet.pixels.convert("L").getbbox()
    assert found is not None
    return found


def drawing(size: tuple[int, int]) -> Image.Image:
    """Return a white picture with a black square in its left upper corner."""
    drawn = Image.new("L", size, 255)
    ImageDraw.Draw(drawn).rectangle((0, 0, size[0] // 4, size[1] // 4), fill=0)
    return drawn


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "BMP", "TIFF"])
def test_a_picture_without_a_size_fills_the_width(form: str) -> None:
    (sheet,) = sheets(file_of(drawing((1600, 800)), form))
    assert sheet.pixels.size == (1728, 830)
    left, top, right, bottom = box(sheet)
    assert (left, top) == (0, 0)
    assert right == pytest.approx(432, abs=12)
    assert bottom == pytest.approx(208, abs=12)


def test_a_picture_that_says_its_size_has_it() -> None:
    (sheet,) = sheets(file_of(drawing((600, 300)), "PNG", dpi=(300, 300)))
    assert sheet.pixels.size == (1728, 196)
    left, _, right, _ = box(sheet)
    assert (left, right - left) == (660, pytest.approx(102, abs=3))


def test_a_logo_without_a_size_stays_small() -> None:
    (sheet,) = sheets(file_of(Image.new("L", (96, 48), 0), "PNG"))
    left, _, right, bottom = box(sheet)
    assert (right - left, bottom) == (204, 98)


def test_a_scan_that_lies_on_its_side_is_turned() -> None:
    scan = drawing((3508, 2480))
    (sheet,) = sheets(file_of(scan, "PNG", dpi=(300, 300)))
    assert sheet.pixels.size == (1728, 2292)
    _, top, _, bottom = box(sheet)
    assert (top > 1700, bottom) == (True, 2292)


def test_a_photograph_is_turned_as_its_camera_was() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera's right side was up: turn it to the right
    (sheet,) = sheets(file_of(drawing((1600, 1200)), "JPEG", exif=exif))
    assert sheet.pixels.size == (1728, 2214)
    left, top, right, _ = box(sheet)
    assert (top, right) == (0, 1728)
    assert left == pytest.approx(1728 - 432, abs=12)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_what_is_transparent_is_paper(mode: str) -> None:
    seen = Image.new("RGBA", (1000, 400), (0, 0, 0, 0))
    ImageDraw.Draw(seen).rectangle((500, 0, 999, 399), fill=(0, 0, 0, 255))
    data = file_of(seen.convert(mode), "PNG")
    (sheet,) = sheets(data)
    left, _, right, _ = box(sheet)
    assert (left, right) == (pytest.approx(864, abs=3), 1728)


def test_sixteen_bits_of_grey_are_read_in_full() -> None:
    grey = Image.new("I;16", (900, 900), 65535)
    grey.paste(0, (0, 0, 450, 900))
    (sheet,) = sheets(file_of(grey, "PNG"))
    assert box(sheet)[2] == pytest.approx(864, abs=3)


def test_a_long_picture_goes_on_several_sheets_and_nothing_is_lost() -> None:
    roll = Image.new("L", (864, 8000), 255)
    ImageDraw.Draw(roll).line((0, 0, 863, 7999), fill=0, width=9)
    found = sheets(file_of(roll, "PNG"))
    assert [sheet.pixels.height for sheet in found] == [2292] * 6 + [1621]
    for above, below in itertools.pairwise(found):
        end = above.pixels.crop((0, 2291, 1728, 2292)).convert("L").getbbox()
        start = below.pixels.crop((0, 0, 1728, 1)).convert("L").getbbox()
        assert end is not None
        assert start is not None
        assert abs(end[0] - start[0]) <= 2


def test_a_page_of_a_fax_stays_pixel_for_pixel() -> None:
    drawn = page(1143)
    white = Image.eval(drawn.convert("L"), lambda value: 255 - value).convert("1")
    (sheet,) = sheets(file_of(white, "TIFF", compression="group4", dpi=(203.9, 98)))
    assert sheet.pixels.tobytes() == drawn.tobytes()
    assert (sheet.across, sheet.down) == (204, 98)


@pytest.mark.parametrize(
    ("down", "rows"), [(196, [2292] * 4 + [832]), (98, [1146] * 8 + [832])]
)
def test_a_fax_longer_than_paper_goes_on_several_sheets(down: int, rows: list[int]) -> None:
    drawn = page(10_000)
    white = Image.eval(drawn.convert("L"), lambda value: 255 - value).convert("1")
    found = sheets(file_of(white, "TIFF", compression="group4", dpi=(204, down)))
    assert [sheet.pixels.height for sheet in found] == rows
    assert {(sheet.across, sheet.down) for sheet in found} == {(204, down)}
    whole = Image.new("1", drawn.size)
    for number, sheet in enumerate(found):
        whole.paste(sheet.pixels, (0, number * rows[0]))
    assert whole.tobytes() == drawn.tobytes()


def test_each_frame_of_a_tiff_is_a_sheet() -> None:
    frames = [drawing((900, 900)), drawing((900, 1000))]
    data = file_of(frames[0], "TIFF", save_all=True, append_images=frames[1:])
    assert [sheet.pixels.height for sheet in sheets(data)] == [1660, 1845]


def chunk(kind: bytes, body: bytes) -> bytes:
    """Return a chunk of a PNG."""
    return (
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    )


def png_of(wide: int, long: int) -> bytes:
    """Return a PNG that claims this size, and would be as large, from some hundred octets."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", wide, long, 8, 6, 0, 0, 0))
    return (
        b"\x89PNG\r\n\x1a\n"
        + head
        + chunk(b"IDAT", zlib.compress(bytes(1 << 20)))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    "size", [(8000, 8000), (20_000, 13_000), (30_000, 30_000), (1, 2**31 - 1)]
)
def test_a_bomb_is_refused_by_its_header(size: tuple[int, int]) -> None:
    with pytest.raises(Unprintable, match="pixels"):
        sheets(png_of(*size))


@pytest.mark.parametrize(
    "data", [b"", b"\xff\xd8\xff", b"GIF89a", b"BM1234", b"II*\0\x08\0\0\0"]
)
def test_what_is_no_picture_is_told_of(data: bytes) -> None:
    with pytest.raises(Unprintable, match="is damaged, or no picture"):
        sheets(data)


def test_a_picture_that_breaks_off_is_told_of() -> None:
    data = file_of(Image.effect_noise((900, 900), 90), "PNG")
    with pytest.raises(Unprintable, match="is damaged, or no picture"):
        sheets(data[: len(data) // 2])
