"""Names every setting by its key, as an owner would ask for it: limits.connections, listener.pop3s.port."""

from collections.abc import Iterator
from typing import cast

import attrs

from bridge.config.settings import Config

_LISTENER = "listener"


@attrs.frozen
class Setting:
    """What a setting is, spelled much as in the file and in full; of a secret it may be told that it changed."""

    text: str = attrs.field(repr=False)
    is_secret: bool = False


def settings_by_key(config: Config) -> dict[str, Setting]:
    """Return every setting that is in force, by default or by choice, in the order of the classes.

    What a class keeps out of its repr is a secret: an argument of a program may be a password.
    """
    found: dict[str, Setting] = {}
    for field in attrs.fields(Config):
        value = getattr(config, field.name)
        if field.name == _LISTENER:
            for one in config.listener:
                found |= dict(_flat(f"{_LISTENER}.{one.name}", one))
                del found[f"{_LISTENER}.{one.name}.name"]
        elif attrs.has(type(value)):
            found |= dict(_flat(field.name, value))
        else:
            found[field.name] = Setting(_text(value))
    return found


def listener_of(key: str) -> str | None:
    """Return the name of the listener that a key is about, or None: listener.NAME.port."""
    first, _, rest = key.partition(".")
    return rest.partition(".")[0] if first == _LISTENER else None


def _flat(name: str, one: attrs.AttrsInstance) -> Iterator[tuple[str, Setting]]:
    for field in attrs.fields(type(one)):
        key, value = f"{name}.{field.name}", getattr(one, field.name)
        blocks = value if isinstance(value, tuple) else ()
        if blocks and attrs.has(type(blocks[0])):
            for number, block in enumerate(blocks):
                yield from _flat(f"{key}.{number}", cast("attrs.AttrsInstance", block))
        else:
            yield key, Setting(_text(value), is_secret=not field.repr)


def _text(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case float() if value.is_integer():
            return str(int(value))
        case tuple():
            return "[" + ", ".join(map(str, value)) + "]"
        case "":
            return '""'
        case _:
            return str(value)
