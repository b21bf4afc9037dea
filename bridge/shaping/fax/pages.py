"""Makes one fax of what is enclosed in a message, and says of the rest why it is not in it."""

from collections.abc import Iterator, Sequence

import attrs

from bridge.shaping.fax.coding import coded
from bridge.shaping.fax.documents import documented
from bridge.shaping.fax.lettering import lettered
from bridge.shaping.fax.paper import Limits, Sheet, Unprintable
from bridge.shaping.fax.pictures import opened, pictured, refuse_too_large
from bridge.shaping.fax.tiff import Strip, read_tiff, write_tiff
from bridge.shaping.fax.tiffprofiles import Profile, deviations

_PICTURES = (
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8\xff",
    b"GIF87a",
    b"GIF89a",
    b"BM",
    b"II*\0",
    b"MM\0*",
)
_TIFFS = (b"II*\0", b"MM\0*")
_PDF_HEAD = 1024  # readers find "%PDF-" anywhere in it (ISO 32000-1, Annex H)


@attrs.frozen
class Enclosure:
    """A file of a message, decoded, or a text; `text` where it is known to be one."""

    name: str
    content: bytes = attrs.field(repr=False)
    text: bool = False


@attrs.frozen
class Faxed:
    """A fax, None where nothing could be printed, and sentences about what is not in it."""

    tiff: bytes | None = attrs.field(repr=False)
    pages: int
    left_out: tuple[str, ...]


def faxed(enclosed: Sequence[Enclosure], profile: Profile, limits: Limits) -> Faxed:
    """Return one TIFF of `profile` with the pages of all that can be printed, in order.

    A lone TIFF file that is one already is handed on octet for octet. What is no page, and what is
    beyond `limits`, is named in `left_out`.
    """
    if len(enclosed) == 1 and (pages := _as_it_is(enclosed[0].content, profile, limits)):
        return Faxed(enclosed[0].content, pages, ())
    strips: list[Strip] = []
    left_out: list[str] = []
    for number, one in enumerate(enclosed):
        try:
            for sheet in _sheets(one, profile, limits):
                if len(strips) >= limits.pages:
                    left_out += _too_many(one, enclosed[number + 1 :], limits)
                    return Faxed(write_tiff(strips), len(strips), tuple(left_out))
                strips.append(coded(sheet, profile))
        except Unprintable as why:
            left_out.append(f'"{one.name}" {why}.')
    return Faxed(write_tiff(strips) if strips else None, len(strips), tuple(left_out))


def _as_it_is(content: bytes, profile: Profile, limits: Limits) -> int:
    """Return of how many pages a file is that may be handed on as it is; 0 where it may not."""
    if not content.startswith(_TIFFS) or deviations(content, profile):
        return 0
    pages = len(read_tiff(content).directories)
    try:
        with opened(content) as picture:
            for number in range(pages):
                picture.seek(number)
                refuse_too_large(picture, limits)
                picture.load()
    except Unprintable:
        return 0
    return pages if pages <= limits.pages else 0


def _sheets(one: Enclosure, profile: Profile, limits: Limits) -> Iterator[Sheet]:
    if one.text:
        return lettered(one.content.decode("utf-8", "replace"))
    if b"%PDF-" in one.content[:_PDF_HEAD]:
        return documented(one.content, profile, limits)
    if one.content.startswith(_PICTURES):
        return pictured(one.content, profile, limits)
    raise Unprintable("is of a kind that a fax cannot print")


def _too_many(one: Enclosure, rest: Sequence[Enclosure], limits: Limits) -> Iterator[str]:
    yield f'"{one.name}" goes on: a fax has at most {limits.pages} pages here.'
    yield from (f'"{other.name}" is not printed for the same reason.' for other in rest)
