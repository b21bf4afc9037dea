"""A page in fax code, read back by libtiff and by PDFium, which share no code."""

import pytest
from PIL import Image

from bridge.shaping.fax.coding import coded
from bridge.shaping.fax.paper import Sheet
from bridge.shaping.fax.tiff import write_tiff
from bridge.shaping.fax.tiffprofiles import Profile, deviations
from tests.unit.shaping.fax.fax_pages import by_pdfium, by_pillow, page

EOL = "000000000001"


def bits(data: bytes) -> str:
    """Return the bits of a strip as they go over the line: the lowest of each octet first."""
    return "".join(f"{byte:08b}"[::-1] for byte in data)


@pytest.mark.parametrize("profile", Profile)
@pytest.mark.parametrize("rows", [1, 1143, 2292, 2801])
def test_two_decoders_see_the_same_pixels(profile: Profile, rows: int) -> None:
    drawn = page(rows)
    strip = coded(Sheet(drawn), profile)
    assert by_pdfium(strip).tobytes() == drawn.tobytes()
    (read,) = by_pillow(write_tiff([strip]))
    assert read.tobytes() == drawn.tobytes()


@pytest.mark.parametrize("profile", Profile)
def test_what_is_written_deviates_in_nothing(profile: Profile) -> None:
    pages = [coded(Sheet(page(rows)), profile) for rows in (2292, 1143, 7)]
    assert deviations(write_tiff(pages), profile) == ()


def test_each_row_begins_with_an_end_of_line_that_ends_an_octet() -> None:
    """T4Options 4; T.4 s.4.1.2: an end-of-line goes before the first row as well."""
    rows = 40
    line = bits(coded(Sheet(Image.new("1", (1728, rows))), Profile.S).data)
    ends = [at + 12 for at in range(len(line) - 11) if line[at : at + 12] == EOL]
    assert len(ends) == rows
    assert all(end % 8 == 0 for end in ends)


def test_no_return_to_control_ends_a_page() -> None:
    """RFC 3949: the end of a page is told by its directory, not by six end-of-lines."""
    assert EOL * 2 not in bits(coded(Sheet(page()), Profile.S).data)


def test_profile_f_costs_less_than_half_on_a_drawing() -> None:
    assert len(coded(Sheet(page()), Profile.F).data) * 2 < len(
        coded(Sheet(page()), Profile.S).data
    )
