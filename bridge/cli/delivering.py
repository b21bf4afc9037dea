"""The options that say how messages arrive at a maildrop's devices; each is a field of the wish."""

from typing import Any

import attrs
import click

from bridge.devices.profiles import Profile as MachineProfile
from bridge.shaping.fax import missing_libraries
from bridge.shaping.fax.profiles import Profile
from bridge.shaping.wish import FAX_PAGES, MOST_FAX_PAGES, Deliver, FaxText, Wish

WISHES = (
    click.option(
        "--deliver",
        type=click.Choice([choice.value for choice in Deliver]),
        help="What devices get: original or command (the message untouched), print (readable text and what can be printed), ifax (one TIFF for an internet fax), text. original otherwise.",
    ),
    click.option(
        "--tiff",
        type=click.Choice([choice.value for choice in Profile]),
        help="With ifax: profile-s, what every fax reads (the default), or profile-f, A3 and half the octets.",
    ),
    click.option(
        "--fax-text",
        type=click.Choice([choice.value for choice in FaxText]),
        help="With ifax, the text beside files: keep it as text (the default), page (drawn before them), drop.",
    ),
    click.option(
        "--fax-pages",
        type=click.IntRange(1, MOST_FAX_PAGES),
        help=f"With ifax: how many pages of a message are printed; {FAX_PAGES} otherwise.",
    ),
)
"""What `maildrop add` and `maildrop change` take; an option is called as its field is."""


def suit(profile: MachineProfile, chosen: dict[str, Any]) -> None:
    """Choose how messages arrive as the machine needs them, where the owner has not chosen."""
    content = profile.content.value
    if chosen.get("deliver") is None and content in list(Deliver):
        chosen["deliver"] = content
    if profile.size_octets is not None:
        chosen.setdefault("size_octets", profile.size_octets.value)


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
    return {name: value for name, value in taken.items() if value not in (None, ())}
