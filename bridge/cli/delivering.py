"""The options that say how messages arrive at a maildrop's devices; each is a field of the wish."""

import enum
from collections.abc import Callable
from typing import Any

import attrs
import click

from bridge.devices.profiles import Profile as MachineProfile
from bridge.kinds import KINDS
from bridge.shaping.fax import missing_libraries
from bridge.shaping.fax.tiffprofiles import Profile
from bridge.shaping.wish import (
    ATTACHMENTS,
    FAX_PAGES,
    INLINE_FLOOR,
    LINE_LIMIT,
    MAX_PARTS,
    MOST_FAX_PAGES,
    MOST_PARTS,
    SHORTEST_LINE_LIMIT,
    SMALLEST_SIZE,
    Charset,
    Crypto,
    Deliver,
    FaxText,
    Headers,
    Mdn,
    Oversize,
    Signatures,
    Wish,
)

NONE = "none"
"""The word for no limit, and for no kind of attachment."""

MOST_SIZE = 1 << 31
"""The largest `--size`; no machine that counts octets in 32 bits takes more."""


def _kinds(_ctx: click.Context, _option: click.Parameter, text: str | None) -> list[str] | None:
    """Return the kinds of attachments that are named, a list even of none; None where nothing is said."""
    if text is None:
        return None
    names = [] if text == NONE else [name.strip().lower() for name in text.split(",")]
    if unknown := [name for name in names if name not in KINDS]:
        known = ", ".join(KINDS)
        raise click.BadParameter(f"{unknown[0]!r} is no kind; choose of {known}, or {NONE}.")
    return list(dict.fromkeys(names))


def _size(_ctx: click.Context, _option: click.Parameter, text: str | None) -> int | str | None:
    """Return the octets, or NONE, which is not the same as nothing said."""
    if text is None or text == NONE:
        return text
    if not text.isascii() or not text.isdigit() or not SMALLEST_SIZE <= int(text) <= MOST_SIZE:
        raise click.BadParameter(
            f"{text!r} is no size; write octets from {SMALLEST_SIZE} to {MOST_SIZE}, or {NONE}."
        )
    return int(text)


def _of(name: str, choices: type[enum.StrEnum], told: str) -> Callable[..., Any]:
    return click.option(
        name, type=click.Choice([choice.value for choice in choices]), help=told
    )


WISHES = (
    _of(
        "--deliver",
        Deliver,
        "What devices get: original or command (the message untouched), print (readable text and what can be printed), ifax (one TIFF for an internet fax), text. original otherwise.",
    ),
    _of("--charset", Charset, "The letters that the machine knows; latin1 otherwise."),
    click.option(
        "--line-limit",
        metavar="OCTETS",
        type=click.IntRange(SHORTEST_LINE_LIMIT, LINE_LIMIT),
        help=f"The longest line; {LINE_LIMIT} otherwise, {SHORTEST_LINE_LIMIT} suits machines of few buffers.",
    ),
    _of(
        "--headers",
        Headers,
        "Header fields that devices get: all, or the few that a person reads. all otherwise.",
    ),
    click.option(
        "--attachments",
        metavar="KINDS",
        callback=_kinds,
        help=f"Kinds of files that devices get, by content, with commas between them: {', '.join(KINDS)}; or {NONE}. Others are named. {','.join(ATTACHMENTS)} otherwise.",
    ),
    click.option(
        "--inline-floor",
        metavar="OCTETS",
        type=click.IntRange(0, 1 << 30),
        help=f"An image that a text shows in itself is a logo where it is smaller, and left out. {INLINE_FLOOR} otherwise; 0 keeps all.",
    ),
    _of(
        "--signatures",
        Signatures,
        'What is below a line of "-- ": keep or drop. keep otherwise.',
    ),
    click.option(
        "--size",
        "size_octets",
        metavar="OCTETS",
        callback=_size,
        help=f"The largest message that the machine takes, as it is sent; {NONE} otherwise.",
    ),
    _of(
        "--oversize",
        Oversize,
        "What becomes of a larger one: a notice stands for it, skip holds it, original sends it as it came. notice otherwise.",
    ),
    _of(
        "--crypto",
        Crypto,
        "What becomes of mail that S/MIME or PGP protects: pass as it came, or notice (what is encrypted becomes a sentence, what is signed is read). notice otherwise.",
    ),
    _of(
        "--mdn",
        Mdn,
        "Requests for a receipt: pass (the machine may answer) or strip. pass otherwise.",
    ),
    click.option(
        "--max-parts",
        metavar="N",
        type=click.IntRange(1, MOST_PARTS),
        help=f"A message of more parts is not read, a notice stands for it. {MAX_PARTS} otherwise.",
    ),
    _of(
        "--tiff",
        Profile,
        "With ifax: profile-s, what every fax reads (the default), or profile-f, A3 and half the octets.",
    ),
    _of(
        "--fax-text",
        FaxText,
        "With ifax, the text beside files: keep it as text (the default), page (drawn before them), drop.",
    ),
    click.option(
        "--fax-pages",
        type=click.IntRange(1, MOST_FAX_PAGES),
        help=f"With ifax: how many pages of a message are printed; {FAX_PAGES} otherwise.",
    ),
)
"""An option is called as its field is."""


def wish_options(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of a wish."""
    for option in reversed(WISHES):
        function = option(function)
    return function


def suit(profile: MachineProfile, chosen: dict[str, Any]) -> None:
    """Choose how messages arrive as the machine needs them, where the owner has not chosen."""
    content = profile.content.value
    if chosen.get("deliver") is None and content in list(Deliver):
        chosen["deliver"] = content
    if profile.size_octets is not None and chosen.get("size_octets") is None:
        chosen["size_octets"] = profile.size_octets.value


def take_wishes(chosen: dict[str, Any]) -> dict[str, Any]:
    """Take the wishes out of what was chosen, and return those that were given.

    Raises:
        click.UsageError: a fax is wished for that nothing here can draw.
    """
    if chosen.get("deliver") == Deliver.IFAX and (missing := missing_libraries()):
        raise click.UsageError(
            f"ifax needs {' and '.join(missing)}: install popbridge[ifax], then choose it again."
        )
    names = [field.name for field in attrs.fields(Wish) if field.name in chosen]
    taken = {name: chosen.pop(name) for name in names}
    given = {name: value for name, value in taken.items() if value is not None}
    if given.get("size_octets") == NONE:
        given["size_octets"] = None
    return given
