"""Codes pages of black and white pixels as a fax line carries them, by libtiff.

libtiff knows nothing of colours: a fax
code is runs of unset pixels and of set ones, so ink is what is set, and PhotometricInterpretation
0 says so to the reader.
"""

import io

from bridge.shaping.fax.paper import Sheet
from bridge.shaping.fax.tiff import Coding, Strip, Tag, read_tiff
from bridge.shaping.fax.tiffprofiles import Profile

_ALIGNED = 4  # T4Options bit 2: an end-of-line ends an octet, as TIFF class F always had it
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def coded(sheet: Sheet, profile: Profile) -> Strip:
    """Return the sheet in the code of `profile`: S in modified Huffman, F in MMR, smaller by a half."""
    coding = Coding.T4 if profile is Profile.S else Coding.T6
    tags = {int(Tag.ROWS_PER_STRIP): sheet.pixels.height}
    if coding is Coding.T4:
        tags[Tag.T4_OPTIONS] = _ALIGNED
    file = io.BytesIO()
    sheet.pixels.save(file, "TIFF", compression=f"group{int(coding)}", tiffinfo=tags)
    data = file.getvalue()
    (directory,) = read_tiff(data).directories
    at, size = (
        int(directory.one(tag) or 0) for tag in (Tag.STRIP_OFFSETS, Tag.STRIP_BYTE_COUNTS)
    )
    rows = data[at : at + size].translate(_REVERSED)
    return Strip(rows, *sheet.pixels.size, sheet.across, sheet.down, coding)
