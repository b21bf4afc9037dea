"""A wish is kept whole, and told in words an owner knows; every field counts, without code of its own."""

import enum
from typing import Any

import attrs
import pytest

from bridge.shaping import wishtext
from bridge.shaping.wish import Deliver, Wish

DEFAULTS = attrs.asdict(Wish())


def another(value: Any) -> Any:  # noqa: ANN401 - whatever a field holds
    """Return a value of the same kind that is not this one."""
    match value:
        case enum.Enum():
            return next(one for one in type(value) if one is not value)
        case bool():
            return not value
        case int():
            return value - 1
        case None:
            return 5_000_000
        case str():
            return value + "x"
        case tuple():
            return (*value, "x")
        case _:
            raise AssertionError(value)


@pytest.mark.parametrize("name", DEFAULTS)
def test_every_field_is_kept_and_told(name: str) -> None:
    wish = attrs.evolve(Wish(), **{name: another(getattr(Wish(), name))})
    assert wishtext.parse(wishtext.stored(wish)) == wish
    assert wishtext.changed(Wish(), wishtext.chosen(wish)) == wish
    assert wishtext.spelled(wish) != wishtext.spelled(Wish())


def test_what_nobody_chose_is_not_kept_so_that_a_later_default_holds() -> None:
    assert wishtext.stored(Wish()) == "{}"
    assert wishtext.parse("{}") == Wish()


def test_a_change_leaves_what_is_not_given() -> None:
    wish = wishtext.changed(Wish(), {"deliver": "command"})
    assert wish == Wish(Deliver.COMMAND)
    assert wishtext.changed(wish, {}) == wish


def test_the_shape_comes_first_in_words() -> None:
    assert wishtext.spelled(Wish()) == "original"
    assert wishtext.spelled(Wish(Deliver.COMMAND)) == "command"
