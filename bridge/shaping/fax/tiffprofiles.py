"""The TIFF profiles that a fax reads, and in what a file deviates from one (RFC 3949 s.3 and s.4).

A file is held to more than its reader must forgive: what deviates is laid anew, which costs a
little time, while a machine that meets what it cannot read may delete the message (RFC 3949 is
kinder than, say, Ricoh's "abnormal file").
"""

import enum
from collections.abc import Iterator, Mapping

import attrs

from bridge.shaping.fax.tiff import BrokenTiff, Coding, Directory, Tag, Tiff, Values, read_tiff


class Profile(enum.StrEnum):
    """What a machine's manual says of the TIFF files it prints."""

    S = "profile-s"  # every internet fax: A4, Huffman
    F = "profile-f"  # "TIFF-F" with all its modes: A3, finer, two-dimensional coding


@attrs.frozen
class _Rules:
    """What a profile allows."""

    little_endian: bool  # and nothing else
    one_strip: bool
    page_by_page: bool  # each directory before its strip, each page before the next
    allowed: dict[Tag, tuple[Values, ...]]
    columns: Mapping[Values, tuple[int, ...]]  # by resolution


_MEANT = {  # what a page that does not say means (TIFF 6.0 s.8)
    Tag.BITS_PER_SAMPLE: (1,),
    Tag.SAMPLES_PER_PIXEL: (1,),
    Tag.FILL_ORDER: (1,),
    Tag.RESOLUTION_UNIT: (2,),
    Tag.ORIENTATION: (1,),
    Tag.T4_OPTIONS: (0,),
    Tag.T6_OPTIONS: (0,),
    Tag.NEW_SUBFILE_TYPE: (0,),
}
_STANDARD: tuple[Values, ...] = ((200, 100), (200, 200), (204, 98), (204, 196))
_FINE: tuple[Values, ...] = (*_STANDARD, (204, 391), (200, 400))
_S_COLUMNS = dict.fromkeys(_STANDARD, (1728,))
_F_COLUMNS: dict[Values, tuple[int, ...]] = {
    **dict.fromkeys(_FINE, (1728, 2048, 2432)),
    (300, 300): (2592, 3072, 3648),
    (400, 400): (3456, 4096, 4864),
    (408, 391): (3456, 4096, 4864),
}
_BOTH = {
    Tag.BITS_PER_SAMPLE: ((1,),),
    Tag.SAMPLES_PER_PIXEL: ((1,),),
    Tag.RESOLUTION_UNIT: ((2,),),
    Tag.ORIENTATION: ((1,),),
}
_RULES = {
    Profile.S: _Rules(
        little_endian=True,
        one_strip=True,
        page_by_page=True,
        allowed={
            **_BOTH,
            Tag.NEW_SUBFILE_TYPE: ((2,),),
            Tag.COMPRESSION: ((Coding.T4,),),
            Tag.PHOTOMETRIC: ((0,),),
            Tag.FILL_ORDER: ((2,),),
            Tag.T4_OPTIONS: ((0,), (4,)),
        },
        columns=_S_COLUMNS,
    ),
    Profile.F: _Rules(
        little_endian=False,
        one_strip=False,
        page_by_page=False,
        allowed={
            **_BOTH,
            Tag.NEW_SUBFILE_TYPE: ((2,),),
            Tag.COMPRESSION: ((Coding.T4,), (Coding.T6,)),
            Tag.PHOTOMETRIC: ((0,), (1,)),
            Tag.FILL_ORDER: ((1,), (2,)),
            Tag.T4_OPTIONS: ((0,), (1,), (4,), (5,)),
            Tag.T6_OPTIONS: ((0,),),
        },
        columns=_F_COLUMNS,
    ),
}


def deviations(data: bytes, profile: Profile) -> tuple[str, ...]:
    """Return in what this file is not what `profile` asks, in words; nothing where it is."""
    try:
        tiff = read_tiff(data)
    except BrokenTiff as why:
        return (f"{why}",)
    return tuple(_deviations(data, tiff, _RULES[profile], profile))


def _deviations(data: bytes, tiff: Tiff, rules: _Rules, profile: Profile) -> Iterator[str]:
    if rules.little_endian and not tiff.little_endian:
        yield f"the file is big-endian; {profile} is little-endian"
    for number, page in enumerate(tiff.directories):
        where = f"page {number + 1}"
        yield from (f"{where}: {said}" for said in _of_tags(page, rules))
        yield from (f"{where}: {said}" for said in _of_size(page, rules))
        yield from (f"{where}: {said}" for said in _of_strips(page, rules, len(data)))
        yield from (
            f"{where}: {said}" for said in _of_number(page, number, len(tiff.directories))
        )
    if rules.page_by_page and not _page_by_page(tiff):
        yield "the pages do not lie one after the other, each behind its directory"


def _of_tags(page: Directory, rules: _Rules) -> Iterator[str]:
    for tag, allowed in rules.allowed.items():
        has = page.tags.get(tag, _MEANT.get(tag, ()))
        if has not in allowed:
            wanted = " or ".join(_listed(values) for values in allowed)
            yield f"{_name(tag)} is {_listed(has)}, not {wanted}"


def _of_size(page: Directory, rules: _Rules) -> Iterator[str]:
    resolution = (page.one(Tag.X_RESOLUTION, 0), page.one(Tag.Y_RESOLUTION, 0))
    columns = rules.columns.get((resolution[0] or 0, resolution[1] or 0))
    if columns is None:
        yield f"the resolution is {_listed((resolution[0] or 0, resolution[1] or 0))}"
    elif page.one(Tag.IMAGE_WIDTH) not in columns:
        yield f"ImageWidth is {page.one(Tag.IMAGE_WIDTH)}, not {' or '.join(map(str, columns))}"
    if not page.one(Tag.IMAGE_LENGTH):
        yield "ImageLength is 0"


def _of_strips(page: Directory, rules: _Rules, end: int) -> Iterator[str]:
    rows = page.one(Tag.IMAGE_LENGTH, 0) or 0
    each = page.one(Tag.ROWS_PER_STRIP, rows) or 0
    offsets = page.tags.get(Tag.STRIP_OFFSETS, ())
    counts = page.tags.get(Tag.STRIP_BYTE_COUNTS, ())
    needed = -(-rows // each) if each else 0
    if rules.one_strip and needed != 1:
        yield "its rows are not in one strip"
    if len(offsets) != needed or len(counts) != needed:
        yield f"{needed} strips have {len(offsets)} offsets and {len(counts)} lengths"
    elif any(at + size > end or not size for at, size in zip(offsets, counts, strict=True)):
        yield "a strip lies outside the file"


def _of_number(page: Directory, number: int, pages: int) -> Iterator[str]:
    allowed = ((number, pages), (number, 0))  # 0: how many pages there are is not known
    if page.tags.get(Tag.PAGE_NUMBER, ()) not in allowed:
        yield f"PageNumber is {_listed(page.tags.get(Tag.PAGE_NUMBER, ()))}, not {number}, {pages}"


def _page_by_page(tiff: Tiff) -> bool:
    places = [8]
    for page in tiff.directories:
        places += [page.offset, *(int(at) for at in page.tags.get(Tag.STRIP_OFFSETS, ()))]
    return places == sorted(places)


def _listed(values: Values) -> str:
    return ", ".join(str(value) for value in values) or "missing"


def _name(tag: Tag) -> str:
    return {Tag.T4_OPTIONS: "T4Options", Tag.T6_OPTIONS: "T6Options"}.get(
        tag,
        tag.name.title().replace("_", "").replace("Photometric", "PhotometricInterpretation"),
    )
