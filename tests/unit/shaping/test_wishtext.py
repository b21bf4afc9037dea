"""A wish is kept whole, and told in words an owner knows; every field counts, without code of its own."""

import enum
from typing import Any

import attrs
import pytest

from bridge.errors import RegisterError
from bridge.shaping import wishtext
from bridge.shaping.wish import Charset, Deliver, Wish

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
    plain = Wish(Deliver.IFAX, size_octets=4096 if name == "oversize" else None)
    wish = attrs.evolve(plain, **{name: another(getattr(plain, name))})
    assert wishtext.parse(wishtext.stored(wish)) == wish
    assert wishtext.changed(Wish(), wishtext.chosen(wish)) == wish
    assert wishtext.spelled(wish) != wishtext.spelled(plain)
    assert wishtext.unheeded(wish) == []


def test_what_nobody_chose_is_not_kept_so_that_a_later_default_holds() -> None:
    assert wishtext.stored(Wish()) == "{}"
    assert wishtext.parse("{}") == Wish()


def test_a_change_leaves_what_is_not_given() -> None:
    wish = wishtext.changed(Wish(), {"deliver": "command"})
    assert wish == Wish(Deliver.COMMAND)
    assert wishtext.changed(wish, {}) == wish


def test_what_would_have_no_effect_is_refused_with_what_to_do() -> None:
    with pytest.raises(
        RegisterError,
        match=r"^--fax-pages matters only where deliver is ifax, and here it is print: .*\.$",
    ):
        wishtext.changed(Wish(Deliver.PRINT), {"fax_pages": 3})
    with pytest.raises(
        RegisterError, match="--charset matters only where deliver is print, ifax or text"
    ):
        wishtext.changed(Wish(Deliver.PRINT), {"charset": "utf-8", "deliver": "command"})


def test_what_lost_its_effect_is_kept_and_named_apart() -> None:
    fax = Wish(Deliver.IFAX, fax_pages=3, charset=Charset.ASCII)
    printed = wishtext.changed(fax, {"deliver": "print"})
    assert wishtext.spelled(printed) == "print; charset us-ascii"
    assert wishtext.unheeded(printed) == ["fax-pages 3"]
    assert wishtext.changed(printed, {"deliver": "ifax"}) == fax


def test_the_shape_comes_first_in_words() -> None:
    assert wishtext.spelled(Wish()) == "original"
    assert wishtext.spelled(Wish(Deliver.COMMAND)) == "command"
