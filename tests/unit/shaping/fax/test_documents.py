"""Pages of a PDF on sheets."""

import itertools

import pytest

from bridge.shaping.fax.documents import documented
from bridge.shaping.fax.paper import Limits, Sheet, Unprintable
from bridge.shaping.fax.tiffprofiles import Profile
from tests.unit.shaping.fax.fax_pages import pdf

SQUARE = b"0 g 0 0 144 144 re f"  # two inches, in the left lower corner


def sheets(
    data: bytes, profile: Profile = Profile.S, limits: Limits | None = None
) -> list[Sheet]:
    """Return the sheets of a PDF."""
    return list(documented(data, profile, limits or Limits()))


def box(sheet: Sheet) -> tuple[int, int, int, int]:
    """Return where there is ink on a sheet."""
    found = sheet.pixels.convert("L").getbbox()
    assert found is not None
    return found


def test_a_page_is_drawn_in_its_size_each_way() -> None:
    (sheet,) = sheets(pdf(SQUARE))
    assert sheet.pixels.size == (1728, 2292)
    left, top, right, bottom = box(sheet)
    assert (left, right - left) == (21, pytest.approx(2 * 204, abs=2))
    assert (bottom, bottom - top) == (2292, pytest.approx(2 * 196, abs=2))


def test_a_page_on_its_side_is_turned() -> None:
    (sheet,) = sheets(pdf(SQUARE, width=842, height=595))
    assert sheet.pixels.size == (1728, 2292)
    assert box(sheet)[:2] == (21, 0)


def test_a3_is_whole_on_a4_and_larger_with_profile_f() -> None:
    data = pdf(SQUARE, width=842, height=1191)
    (small,) = sheets(data)
    (large,) = sheets(data, Profile.F)
    assert (small.pixels.width, large.pixels.width) == (1728, 2432)
    assert large.pixels.height == pytest.approx(16.54 * 196, abs=2)
    assert box(large)[2] - box(large)[0] == pytest.approx(408, abs=2)


def test_text_is_legible_black_on_white() -> None:
    words = b"BT /F1 10 Tf 72 700 Td (The quick brown fox) Tj ET"
    (sheet,) = sheets(pdf(words))
    ink = sheet.pixels.convert("L").histogram()[255]
    assert 1500 < ink < 6000


def test_a_page_of_a_roll_goes_on_several_sheets() -> None:
    found = sheets(pdf(b"0 g 0 0 10 5000 re f", width=595, height=5000))
    assert len(found) == 6
    assert all(box(sheet)[3] == sheet.pixels.height for sheet in found)


def test_no_page_is_drawn_before_it_is_asked_for() -> None:
    """A thousand pages cost what the first few do."""
    pages = documented(pdf(*[SQUARE] * 1000), Profile.S, Limits())
    assert len(list(itertools.islice(pages, 2))) == 2
    assert (
        len(sheets(pdf(*[SQUARE] * 9), limits=Limits(pages=3))) == 4
    )  # one more tells of more


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"%PDF-1.4", "is damaged, or no PDF"),
        (b"", "is damaged, or no PDF"),
        (pdf(), "has no page|is damaged"),
    ],
)
def test_what_cannot_be_drawn_is_told_of(data: bytes, said: str) -> None:
    with pytest.raises(Unprintable, match=said):
        sheets(data)
