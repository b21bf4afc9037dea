"""Turns what tomllib read into frozen attrs classes, and lists every fault at once.

Nothing is bent to fit, as cattrs would by itself: "25" is not 25, and 1 is not true. A rule is a
function in an `Annotated` type; it runs here alone, so a class built in code is taken at its word.
"""

import difflib
import ipaddress
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias, TypeVar, get_args, get_origin

import attrs
import cattrs
from cattrs.cols import homogenous_tuple_structure_factory
from cattrs.errors import (
    AttributeValidationNote,
    ClassValidationError,
    ForbiddenExtraKeysError,
    IterableValidationError,
)

from bridge.config.tomllines import KeyPath

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
"""A network in CIDR notation; a single address is a network of one."""

Rule: TypeAlias = Callable[[Any], str | None]
"""Says in half a sentence what a value of the right type must be, or None where it is."""

_T = TypeVar("_T", bound=attrs.AttrsInstance)


def lies_inside(network: Network, networks: Iterable[Network]) -> bool:
    """Tell whether one of `networks` holds all of `network`."""
    for around in networks:
        match network, around:
            case (ipaddress.IPv4Network(), ipaddress.IPv4Network()) if network.subnet_of(
                around
            ):
                return True
            case (ipaddress.IPv6Network(), ipaddress.IPv6Network()) if network.subnet_of(
                around
            ):
                return True
            case _:
                continue
    return False


@attrs.frozen
class Fault:
    """One thing that is wrong: where, and what would be valid."""

    path: KeyPath
    wrong: str
    shows_value: bool = True  # not of an unknown key, which may hold a secret by mistake


class Faulty(Exception):
    """The values cannot be used; `faults` names every one that is wrong."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__(f"{len(faults)} values cannot be used")
        self.faults = faults


# ---- rules


@attrs.frozen
class Between:
    """Accepts numbers from `low` to `high`, both included."""

    low: float
    high: float
    unit: str = ""

    def __call__(self, value: float) -> str | None:
        """Return what is wrong; "not a number" is outside every range."""
        if self.low <= value <= self.high:
            return None
        return f"must be from {self.low} to {self.high} {self.unit}".rstrip()


@attrs.frozen
class Matches:
    """Accepts text that `pattern` matches as a whole; `wanted` says so in words."""

    pattern: str
    wanted: str

    def __call__(self, value: str) -> str | None:
        """Return what is wrong."""
        return None if re.fullmatch(self.pattern, value) else f"must be {self.wanted}"


@attrs.frozen
class Count:
    """Accepts lists of `low` to `high` items."""

    low: int
    high: int

    def __call__(self, value: tuple[object, ...]) -> str | None:
        """Return what is wrong."""
        if len(value) < self.low:
            return f"must have {self.low} item at least"
        return f"must have {self.high} items at most" if len(value) > self.high else None


# ---- from tables to classes


def build(raw: Mapping[str, object], cls: type[_T], folder: Path) -> _T:
    """Return `raw` as an instance of `cls`; relative paths start at `folder`.

    Raises:
        Faulty: with every fault, in no particular order.
    """
    try:
        return _converter(folder).structure(raw, cls)
    except ClassValidationError as error:
        raise Faulty(list(_faults(error, ()))) from None


# ---- hooks: each raises _Wrong with the half sentence of a fault


class _Wrong(Exception):
    """A value is wrong; the text is the half sentence of its fault."""


def _converter(folder: Path) -> cattrs.Converter:
    converter = cattrs.Converter(forbid_extra_keys=True)
    converter.register_structure_hook(str, _text)
    converter.register_structure_hook(bool, _truth)
    converter.register_structure_hook(int, _whole_number)
    converter.register_structure_hook(float, _number)
    converter.register_structure_hook(Path, lambda value, _: _path(value, folder))
    converter.register_structure_hook_func(lambda kind: kind == Network, _network)
    converter.register_structure_hook_func(_made_with(Literal), _choice)
    converter.register_structure_hook_factory(
        _made_with(Annotated), lambda kind: _ruled(kind, converter)
    )
    converter.register_structure_hook_factory(
        _made_with(tuple), lambda kind: _list(kind, converter)
    )
    converter.register_structure_hook_factory(
        attrs.has, lambda cls: _table(converter.gen_structure_attrs_fromdict(cls))
    )
    return converter


def _made_with(form: object) -> Callable[[Any], bool]:
    return lambda kind: get_origin(kind) is form


def _text(value: object, _kind: object) -> str:
    if not isinstance(value, str):
        raise _Wrong(_fault_of(value, 'must be text in "double quotes"'))
    return value


def _truth(value: object, _kind: object) -> bool:
    if not isinstance(value, bool):
        raise _Wrong(_fault_of(value, "must be true or false"))
    return value


def _whole_number(value: object, _kind: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise _Wrong(_fault_of(value, "must be a whole number"))
    return value


def _number(value: object, _kind: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise _Wrong(_fault_of(value, "must be a number"))
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise _Wrong("must be a finite number")
    return number


def _fault_of(value: object, wanted: str) -> str:
    return f"{wanted}, without quotes" if isinstance(value, str) else wanted


def _path(value: object, folder: Path) -> Path:
    if not isinstance(value, str):
        raise _Wrong('must be a path in "double quotes"')
    if not value or "\0" in value:
        raise _Wrong(
            "must be the path of a file or folder, and neither empty nor with a NUL in it"
        )
    if value.startswith("~"):
        raise _Wrong("must be written in full, because ~ means nothing to a service")
    return folder / value


def _network(value: object, _kind: object) -> Network:
    wanted = 'must be a network such as "192.168.1.0/24" or "fd00::/8", or one address'
    if not isinstance(value, str):
        raise _Wrong(wanted)
    try:
        return ipaddress.ip_network(value)
    except ValueError:
        pass
    try:
        meant = ipaddress.ip_network(value, strict=False)
    except ValueError:
        raise _Wrong(wanted) from None
    raise _Wrong(f'must end where the network ends; did you mean "{meant}"?')


def _choice(value: object, kind: Any) -> object:  # noqa: ANN401 - a Literal has no type of its own
    choices = get_args(kind)
    if not isinstance(value, str) or value not in choices:
        raise _Wrong("must be one of " + ", ".join(choices))
    return value


def _ruled(kind: Any, converter: cattrs.Converter) -> Callable[[object, object], object]:  # noqa: ANN401 - nor has an Annotated
    base = kind.__origin__
    structure = converter.get_structure_hook(base)

    def hook(value: object, _kind: object) -> object:
        result: object = structure(value, base)
        for rule in kind.__metadata__:
            if wrong := rule(result):
                raise _Wrong(wrong)
        return result

    return hook


def _list(kind: Any, converter: cattrs.Converter) -> Callable[[object, object], object]:  # noqa: ANN401 - nor has a tuple[...]
    structure = homogenous_tuple_structure_factory(kind, converter)
    tables = attrs.has(get_args(kind)[0])

    def hook(value: object, _kind: object) -> object:
        if isinstance(value, list):
            return structure(value, kind)
        if tables and isinstance(value, dict):
            raise _Wrong("must be in double brackets, [[...]], because there may be several")
        raise _Wrong("must be a list in [square brackets]")

    return hook


def _table(
    structure: Callable[[Mapping[str, Any], Any], Any],
) -> Callable[[object, object], object]:
    def hook(value: object, kind: object) -> object:
        if not isinstance(value, dict):
            raise _Wrong("must be a table of keys and values")
        return structure(value, kind)

    return hook


# ---- from the exceptions of cattrs to faults


def _faults(error: Exception, path: KeyPath) -> Iterator[Fault]:
    match error:
        case ClassValidationError() | IterableValidationError():
            noted, others = error.group_exceptions()
            for inner, note in noted:
                part = note.name if isinstance(note, AttributeValidationNote) else note.index
                yield from _faults(inner, (*path, part))
            for inner in others:
                yield from _faults(inner, path)
        case ForbiddenExtraKeysError():
            for key in error.extra_fields:
                yield Fault((*path, key), _unknown(key, error.cl), shows_value=False)
        case KeyError():
            yield Fault(path, "is missing, and has no default")
        case _Wrong():
            yield Fault(path, str(error))
        case _:
            raise error


def _unknown(key: str, cls: type[attrs.AttrsInstance]) -> str:
    valid = [field.name for field in attrs.fields(cls)]
    near = difflib.get_close_matches(key.lower().replace("-", "_"), valid, n=1)
    if near:
        return f"is not a key; did you mean {near[0]}?"
    return "is not a key; valid here are " + ", ".join(valid)
