"""Codes pages of black and white pixels as a fax line carries them, by libtiff.

A page is an image of mode "1" whose set pixels are ink. libtiff knows nothing of colours: a fax
code is runs of unset pixels and of set ones, so ink is what is set, and PhotometricInterpretation
0 says so to the reader.
"""

import io

from PIL import Image

from bridge.shaping.fax.profiles import Profile
from bridge.shaping.fax.tiff import Coding, Strip, Tag, read_tiff

ACROSS = 204  # pixels an inch
DOWN = 196
_ALIGNED = (
    4  # T4Options bit 2: an end-of-line ends a byte, as TIFF class F has it since the 1980s
)
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def coded(page: Image.Image, profile: Profile) -> Strip:
    """Return the page in the code of `profile`: S in modified Huffman, F in MMR, smaller by a half."""
    coding = Coding.T4 if profile is Profile.S else Coding.T6
    tags = {int(Tag.ROWS_PER_STRIP): page.height}
    if coding is Coding.T4:
        tags[Tag.T4_OPTIONS] = _ALIGNED
    file = io.BytesIO()
    page.save(file, "TIFF", compression=f"group{int(coding)}", tiffinfo=tags)
    data = file.getvalue()
    (directory,) = read_tiff(data).directories
    at, size = (
        int(directory.one(tag) or 0) for tag in (Tag.STRIP_OFFSETS, Tag.STRIP_BYTE_COUNTS)
    )
    rows = data[at : at + size].translate(_REVERSED)
    return Strip(rows, page.width, page.height, ACROSS, DOWN, coding)
