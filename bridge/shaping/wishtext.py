"""A maildrop's wish at rest and in a few words: every field of it, those that come later included."""

import json
from collections.abc import Mapping
from typing import Any

import attrs
import cattrs

from bridge.errors import RegisterError
from bridge.shaping.effects import idle
from bridge.shaping.wish import Wish

_SHORTER = {attrs.fields(Wish).size_octets.name: "size"}

_CONVERTER = cattrs.Converter(omit_if_default=True)


def stored(wish: Wish) -> str:
    """Return the JSON that `parse` turns back into this; what was not chosen is left out of it.

    So a default that a later release changes is changed for whoever has not chosen.
    """
    return json.dumps(_CONVERTER.unstructure(wish))


def parse(text: str) -> Wish:
    """Return what `text` was made of."""
    return _CONVERTER.structure(json.loads(text), Wish)


def changed(wish: Wish, given: Mapping[str, Any]) -> Wish:
    """Return the wish with the fields that are given, in their stored form, put in place of what they were.

    Raises:
        RegisterError: something of what is given would have no effect; the sentence says what to do.
    """
    wanted = _CONVERTER.structure({**chosen(wish), **given}, Wish)
    for name, where in idle(wanted).items():
        if name in given:
            raise RegisterError(f"--{option_of(name)} matters only {where}.")
    return wanted


def chosen(wish: Wish) -> dict[str, Any]:
    """Return what differs from a maildrop of which nobody has said anything, by its field."""
    written: dict[str, Any] = _CONVERTER.unstructure(wish)
    return written


def spelled(wish: Wish) -> str:
    """Return the wish in a few words, for a person: how messages arrive, then what else of it has an effect."""
    in_vain = idle(wish)
    others = [
        f"{option_of(name)} {_said(value)}"
        for name, value in chosen(wish).items()
        if name != attrs.fields(Wish).deliver.name and name not in in_vain
    ]
    return "; ".join([wish.deliver.value, *others])


def unheeded(wish: Wish) -> list[str]:
    """Return in a few words each what was chosen once and has no effect in this wish; it is kept."""
    in_vain = idle(wish)
    return [
        f"{option_of(name)} {_said(value)}"
        for name, value in chosen(wish).items()
        if name in in_vain
    ]


def option_of(name: str) -> str:
    """Return how an owner calls a field, on the command line and elsewhere."""
    return _SHORTER.get(name) or name.replace("_", "-")


def _said(value: object) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
