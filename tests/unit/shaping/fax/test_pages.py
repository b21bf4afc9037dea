"""One fax of what is enclosed, and what is said of the rest."""

import io

import pytest
from PIL import Image

from bridge.shaping.fax.coding import coded
from bridge.shaping.fax.pages import Enclosure, faxed
from bridge.shaping.fax.paper import Limits, Sheet
from bridge.shaping.fax.tiff import Coding, Strip, write_tiff
from bridge.shaping.fax.tiffprofiles import Profile, deviations
from tests.unit.shaping.fax.fax_pages import by_pillow, page, pdf

PDF = Enclosure("two.pdf", pdf(b"0 g 9 9 99 99 re f", b"0 g 9 9 99 99 re f"))
TEXT = Enclosure("note.txt", "Grüße".encode(), text=True)
DOCX = Enclosure("letter.docx", b"PK\x03\x04 and so on")


def png(name: str = "one.png") -> Enclosure:
    """Return a picture that is enclosed."""
    file = io.BytesIO()
    Image.new("L", (400, 200), 0).save(file, "PNG")
    return Enclosure(name, file.getvalue())


@pytest.mark.parametrize("profile", Profile)
def test_all_that_can_be_printed_is_one_fax(profile: Profile) -> None:
    fax = faxed([TEXT, PDF, png()], profile, Limits())
    assert fax.tiff is not None
    assert deviations(fax.tiff, profile) == ()
    assert len(by_pillow(fax.tiff)) == fax.pages == 4
    assert fax.left_out == ()


def test_what_cannot_be_printed_is_named() -> None:
    fax = faxed([DOCX, Enclosure("x.pdf", b"%PDF-1.7"), PDF], Profile.S, Limits())
    assert fax.pages == 2
    assert fax.left_out == (
        '"letter.docx" is of a kind that a fax cannot print.',
        '"x.pdf" is damaged, or no PDF.',
    )


def test_nothing_printable_is_no_fax() -> None:
    fax = faxed([DOCX], Profile.S, Limits())
    assert (fax.tiff, fax.pages) == (None, 0)


def test_a_fax_ends_at_its_limit_and_says_so() -> None:
    fax = faxed([PDF, PDF, png("last.png")], Profile.S, Limits(pages=3))
    assert fax.pages == 3
    assert fax.left_out == (
        '"two.pdf" goes on: a fax has at most 3 pages here.',
        '"last.png" is not printed for the same reason.',
    )


@pytest.mark.parametrize("profile", Profile)
def test_a_fax_that_is_one_already_passes_octet_for_octet(profile: Profile) -> None:
    data = write_tiff([coded(Sheet(page()), profile), coded(Sheet(page(900)), profile)])
    fax = faxed([Enclosure("fax.tif", data)], profile, Limits())
    assert fax.tiff is data
    assert fax.pages == 2


def test_a_fax_of_the_other_profile_is_laid_anew_pixel_for_pixel() -> None:
    data = write_tiff([coded(Sheet(page()), Profile.F)])
    fax = faxed([Enclosure("fax.tif", data)], Profile.S, Limits())
    assert fax.tiff is not None
    assert deviations(fax.tiff, Profile.S) == ()
    assert by_pillow(fax.tiff)[0].tobytes() == page().tobytes()


def test_a_fax_with_more_pages_than_may_be_is_laid_anew() -> None:
    data = write_tiff([coded(Sheet(page(90)), Profile.S)] * 3)
    fax = faxed([Enclosure("fax.tif", data)], Profile.S, Limits(pages=2))
    assert fax.pages == 2
    assert fax.left_out


def test_a_bomb_in_the_tags_of_a_fax_is_refused() -> None:
    """1728 columns of 100 million rows: 173 gigapixels in a file of 300 octets."""
    data = write_tiff([Strip(b"\0" * 20, 1728, 100_000_000, 204, 196, Coding.T4)])
    assert deviations(data, Profile.S) == ()
    fax = faxed([Enclosure("bomb.tif", data)], Profile.S, Limits())
    assert fax.tiff is None
    assert "pixels" in fax.left_out[0]
