"""The options that say how messages arrive at a maildrop's devices; each is a field of the wish."""

from typing import Any

import attrs
import click

from bridge.shaping.wish import Deliver, Wish

WISHES = (
    click.option(
        "--deliver",
        type=click.Choice([choice.value for choice in Deliver]),
        help="What devices get: original or command (the message untouched), print (readable text and what can be printed), text. original otherwise.",
    ),
)
"""What `maildrop add` and `maildrop change` take; an option is called as its field is."""


def take_wishes(chosen: dict[str, Any]) -> dict[str, Any]:
    """Take the wishes out of what was chosen, and return those that were given."""
    names = [field.name for field in attrs.fields(Wish) if field.name in chosen]
    taken = {name: chosen.pop(name) for name in names}
    return {name: value for name, value in taken.items() if value not in (None, ())}
