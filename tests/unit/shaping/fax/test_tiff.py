"""The directories of a TIFF file, written, read, and read when they are hostile."""

import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.shaping.fax.tiff import (
    MAX_DIRECTORIES,
    BrokenTiff,
    Coding,
    Strip,
    Tag,
    read_tiff,
    write_tiff,
)

ONE = Strip(b"abc", 1728, 2292, 204, 196, Coding.T4)
OTHER = Strip(b"defg", 2048, 10, 204, 98, Coding.T6)


def test_what_is_written_is_read() -> None:
    first, second = read_tiff(write_tiff([ONE, OTHER])).directories
    assert first.tags == {
        Tag.NEW_SUBFILE_TYPE: (2,),
        Tag.IMAGE_WIDTH: (1728,),
        Tag.IMAGE_LENGTH: (2292,),
        Tag.BITS_PER_SAMPLE: (1,),
        Tag.COMPRESSION: (3,),
        Tag.PHOTOMETRIC: (0,),
        Tag.FILL_ORDER: (2,),
        Tag.STRIP_OFFSETS: (first.offset + 2 + 16 * 12 + 4 + 16,),
        Tag.SAMPLES_PER_PIXEL: (1,),
        Tag.ROWS_PER_STRIP: (2292,),
        Tag.STRIP_BYTE_COUNTS: (3,),
        Tag.X_RESOLUTION: (204,),
        Tag.Y_RESOLUTION: (196,),
        Tag.T4_OPTIONS: (4,),
        Tag.RESOLUTION_UNIT: (2,),
        Tag.PAGE_NUMBER: (0, 2),
    }
    assert second.one(Tag.T6_OPTIONS) == 0
    assert second.tags[Tag.PAGE_NUMBER] == (1, 2)
    assert second.offset % 2 == 0
    assert list(first.tags) == sorted(first.tags)


def test_the_strips_lie_where_their_pages_say() -> None:
    data = write_tiff([ONE, OTHER])
    for directory, strip in zip(read_tiff(data).directories, [ONE, OTHER], strict=True):
        at, size = directory.one(Tag.STRIP_OFFSETS), directory.one(Tag.STRIP_BYTE_COUNTS)
        assert isinstance(at, int)
        assert isinstance(size, int)
        assert data[at : at + size] == strip.data


def test_a_tag_that_is_missing_has_the_value_that_is_meant() -> None:
    (page,) = read_tiff(write_tiff([ONE])).directories
    assert page.one(Tag.T6_OPTIONS) is None
    assert page.one(Tag.ORIENTATION, 1) == 1


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "it does not begin as a TIFF file does"),
        (b"II*\0", "it does not begin as a TIFF file does"),
        (b"%PDF-1.4 and more", "it does not begin as a TIFF file does"),
        (b"II*\0" + struct.pack("<I", 0), "it has no page"),
        (b"II*\0" + struct.pack("<I", 9999), "a page's directory lies outside the file"),
        (
            b"II*\0" + struct.pack("<IHI", 8, 0, 8),
            "its chain of pages has no end",
        ),
        (
            b"II*\0" + struct.pack("<IHHHIII", 8, 1, 273, 4, 70_000, 8, 0),
            "a tag has 70000 values",
        ),
        (
            b"II*\0" + struct.pack("<IHHHIII", 8, 1, 273, 4, 3, 5000, 0),
            "a page's directory lies outside the file",
        ),
    ],
)
def test_a_broken_file_is_told_of_in_words(data: bytes, said: str) -> None:
    with pytest.raises(BrokenTiff) as broken:
        read_tiff(data)
    assert str(broken.value) == said


def test_a_chain_of_too_many_pages_has_no_end() -> None:
    chain = b"".join(
        struct.pack("<HI", 0, 8 + 6 * (number + 1)) for number in range(MAX_DIRECTORIES + 1)
    )
    with pytest.raises(BrokenTiff, match="no end"):
        read_tiff(b"II*\0" + struct.pack("<I", 8) + chain)


def test_a_rational_of_nothing_is_nothing() -> None:
    data = write_tiff([ONE]).replace(struct.pack("<II", 204, 1), struct.pack("<II", 204, 0))
    assert read_tiff(data).directories[0].one(Tag.X_RESOLUTION) == 0


@given(st.binary(max_size=40), st.integers(8, 250), st.binary(max_size=12))
def test_no_damage_does_more_than_say_so(head: bytes, at: int, put: bytes) -> None:
    data = write_tiff([ONE, OTHER])
    for broken in (b"II*\0" + head, b"MM\0*" + head, data[:at] + put + data[at + len(put) :]):
        with contextlib.suppress(BrokenTiff):
            assert read_tiff(broken).directories
