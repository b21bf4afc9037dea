"""What deviates from profile S or F is named, tag by tag."""

import struct

import pytest

from bridge.shaping.fax.tiff import Coding, Strip, Tag, write_tiff
from bridge.shaping.fax.tiffprofiles import Profile, deviations

PAGE = Strip(b"rows", 1728, 2292, 204, 196, Coding.T4)


def with_tag(data: bytes, tag: Tag, value: int) -> bytes:
    """Return the file with another first value of `tag` on its first page."""
    (first,) = struct.unpack_from("<I", data, 4)
    at = first + 2
    while struct.unpack_from("<H", data, at) != (tag,):
        at += 12
    (kind,) = struct.unpack_from("<H", data, at + 2)
    form = "<H" if kind == 3 else "<I"
    packed = struct.pack(form, value)
    return data[: at + 8] + packed + data[at + 8 + len(packed) :]


def with_resolution(data: bytes, of: tuple[int, int], to: tuple[int, int]) -> bytes:
    """Return the file with another resolution on each page that has the one `of`."""
    return data.replace(
        struct.pack("<4I", of[0], 1, of[1], 1), struct.pack("<4I", to[0], 1, to[1], 1)
    )


GOOD = write_tiff([PAGE])


@pytest.mark.parametrize("resolution", [(200, 100), (200, 200), (204, 98), (204, 196)])
def test_profile_s_has_four_resolutions(resolution: tuple[int, int]) -> None:
    assert deviations(with_resolution(GOOD, (204, 196), resolution), Profile.S) == ()


@pytest.mark.parametrize(
    ("tag", "value", "said"),
    [
        (Tag.NEW_SUBFILE_TYPE, 0, "page 1: NewSubfileType is 0, not 2"),
        (Tag.IMAGE_WIDTH, 1700, "page 1: ImageWidth is 1700, not 1728"),
        (Tag.BITS_PER_SAMPLE, 8, "page 1: BitsPerSample is 8, not 1"),
        (Tag.COMPRESSION, 5, "page 1: Compression is 5, not 3"),
        (Tag.PHOTOMETRIC, 1, "page 1: PhotometricInterpretation is 1, not 0"),
        (Tag.FILL_ORDER, 1, "page 1: FillOrder is 1, not 2"),
        (Tag.SAMPLES_PER_PIXEL, 3, "page 1: SamplesPerPixel is 3, not 1"),
        (Tag.ROWS_PER_STRIP, 100, "page 1: its rows are not in one strip"),
        (Tag.STRIP_BYTE_COUNTS, 5, "page 1: a strip lies outside the file"),
        (Tag.STRIP_BYTE_COUNTS, 0, "page 1: a strip lies outside the file"),
        (Tag.T4_OPTIONS, 1, "page 1: T4Options is 1, not 0 or 4"),
        (Tag.RESOLUTION_UNIT, 3, "page 1: ResolutionUnit is 3, not 2"),
        (Tag.PAGE_NUMBER, 4, "page 1: PageNumber is 4, 1, not 0, 1"),
        (Tag.IMAGE_LENGTH, 0, "page 1: ImageLength is 0"),
    ],
)
def test_profile_s_is_strict(tag: Tag, value: int, said: str) -> None:
    assert said in deviations(with_tag(GOOD, tag, value), Profile.S)


def test_a_resolution_of_no_fax_is_named() -> None:
    said = deviations(with_resolution(GOOD, (204, 196), (300, 300)), Profile.S)
    assert said == ("page 1: the resolution is 300, 300",)


def test_profile_s_is_little_endian() -> None:
    big = b"MM\0*" + struct.pack(">IHI", 8, 0, 0)
    assert "the file is big-endian; profile-s is little-endian" in deviations(big, Profile.S)
    assert not any("endian" in said for said in deviations(big, Profile.F))


def test_profile_s_lies_page_after_page() -> None:
    """A machine with little memory prints while it reads: no row may come before its directory."""
    tail = GOOD[8:]
    moved = b"II*\0" + struct.pack("<I", 8 + 4) + b"rows" + tail
    moved = with_tag(moved, Tag.STRIP_OFFSETS, 8)
    rationals = 12 + 2 + 16 * 12 + 4
    moved = with_tag(moved, Tag.X_RESOLUTION, rationals)
    moved = with_tag(moved, Tag.Y_RESOLUTION, rationals + 8)
    said = deviations(moved, Profile.S)
    assert said == ("the pages do not lie one after the other, each behind its directory",)
    assert deviations(moved, Profile.F) == ()


def test_a_file_that_is_none_is_told_of_in_words() -> None:
    assert deviations(b"%PDF", Profile.S) == ("it does not begin as a TIFF file does",)


@pytest.mark.parametrize(
    ("width", "across", "down"),
    [(1728, 204, 98), (2048, 204, 196), (2432, 204, 391), (3648, 300, 300), (4864, 408, 391)],
)
@pytest.mark.parametrize("coding", Coding)
def test_profile_f_is_wider_and_finer(
    width: int, across: int, down: int, coding: Coding
) -> None:
    data = write_tiff([Strip(b"rows", width, 10, across, down, coding)])
    assert deviations(data, Profile.F) == ()


@pytest.mark.parametrize(
    ("tag", "value"), [(Tag.FILL_ORDER, 1), (Tag.PHOTOMETRIC, 1), (Tag.T4_OPTIONS, 5)]
)
def test_profile_f_has_more_modes(tag: Tag, value: int) -> None:
    data = with_tag(GOOD, tag, value)
    assert deviations(data, Profile.F) == ()
    assert deviations(data, Profile.S) != ()


def test_several_strips_are_profile_f_while_each_has_its_place() -> None:
    said = deviations(with_tag(GOOD, Tag.ROWS_PER_STRIP, 100), Profile.F)
    assert said == ("page 1: 23 strips have 1 offsets and 1 lengths",)


def test_a_width_of_another_resolution_is_no_profile_f() -> None:
    data = write_tiff([Strip(b"rows", 2592, 10, 204, 196, Coding.T4)])
    assert deviations(data, Profile.F) == (
        "page 1: ImageWidth is 2592, not 1728 or 2048 or 2432",
    )
