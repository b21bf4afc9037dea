"""Greys become ink: letters by a threshold, pictures by dots."""

import pytest
from PIL import Image, ImageDraw

from bridge.shaping.fax.inking import inked


def share(page: Image.Image) -> float:
    """Return what share of a page of mode "1" is ink."""
    return page.convert("L").histogram()[255] / (page.width * page.height)


@pytest.mark.parametrize("value", [80, 112, 144, 176, 208])
def test_an_area_of_grey_has_as_much_ink_as_it_is_dark(value: int) -> None:
    page = inked(Image.new("L", (1728, 800), value))
    assert share(page) == pytest.approx((216 - value) / 144, abs=0.02)


def test_black_and_white_stay_what_they_are() -> None:
    assert share(inked(Image.new("L", (640, 480), 0))) == 1
    assert share(inked(Image.new("L", (640, 480), 255))) == 0
    assert share(inked(Image.new("L", (640, 480), 235))) == 0


def test_a_thin_grey_stroke_stays_whole() -> None:
    page = Image.new("L", (400, 400), 255)
    ImageDraw.Draw(page).line((50, 13, 350, 13), fill=150, width=2)
    ink = inked(page)
    assert ink.convert("L").histogram()[255] == 2 * 301


def test_letters_beside_a_picture_stay_sharp() -> None:
    page = Image.new("L", (800, 400), 255)
    pen = ImageDraw.Draw(page)
    pen.rectangle((400, 0, 799, 399), fill=140)
    pen.line((50, 13, 350, 13), fill=150, width=2)
    ink = inked(page)
    left = ink.crop((0, 0, 380, 400))
    right = ink.crop((400, 0, 800, 400))
    assert left.convert("L").histogram()[255] == 2 * 301
    assert share(right) == pytest.approx((216 - 140) / 144, abs=0.03)


@pytest.mark.parametrize("value", [119, 153, 187, 212])
def test_a_pale_letter_is_ink_as_a_whole(value: int) -> None:
    """Its strokes, up to 4 mm wide, are no area to put dots on, and its soft edge belongs to it."""
    page = Image.new("L", (400, 400), 255)
    pen = ImageDraw.Draw(page)
    pen.rectangle((100, 50, 131, 349), fill=value)
    pen.line((132, 50, 132, 349), fill=(value + 255) // 2 - 2)
    assert inked(page).convert("L").histogram()[255] == 33 * 300


def test_a_pale_page_with_dirt_on_it_stays_white() -> None:
    page = Image.new("L", (400, 400), 240)
    ImageDraw.Draw(page).rectangle((100, 100, 101, 101), fill=220)
    assert share(inked(page)) == 0


def test_dots_are_clusters_not_dust() -> None:
    """Lone pixels cost five times their room in fax code: runs must be a few pixels long."""
    row = inked(Image.new("L", (1600, 8), 144)).crop((0, 3, 1600, 4)).convert("L").tobytes()
    runs = 1 + sum(row[at] != row[at - 1] for at in range(1, len(row)))
    assert len(row) / runs >= 3
