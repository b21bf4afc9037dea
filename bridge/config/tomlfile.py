"""Reads a TOML file, and tells its owner about faults by file, line, key and value.

Every text made here stays on its line: what a file holds cannot make a terminal obey it.
"""

import re
import tomllib
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any

import attrs

from bridge.config.tomllines import KeyPath, key_lines, line_of
from bridge.config.tomlvalues import Fault
from bridge.errors import ConfigError

MAX_FILE_OCTETS = 1024 * 1024  # hundreds of times what a configuration needs

_MAX_SHOWN = 60  # characters of a value in an error: enough to recognise it
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_HINTS = {
    "Cannot overwrite a value": "this key is set twice; keep one of the two",
    "Invalid value": 'this is no value; text stands in "double quotes", true and false do not',
}


@attrs.frozen
class TomlFile:
    """A file as it was read: what it says, and its text to find lines in."""

    path: Path
    text: str = attrs.field(repr=False)
    raw: dict[str, object] = attrs.field(repr=False)

    def complaint(self, faults: Iterable[Fault]) -> ConfigError:
        """Return the error that tells every fault, one on each line, in the order of the file."""
        try:
            lines = key_lines(self.text)
        except RecursionError:
            return _too_deep(self.path)
        told = {(line_of(lines, fault.path), self._told(fault)) for fault in faults}
        return ConfigError(
            "\n".join(f"{self.path}:{line}: {words}" for line, words in sorted(told))
        )

    def _told(self, fault: Fault) -> str:
        if not fault.shows_value:
            return f"{spelled(fault.path)}: {fault.wrong}"
        value: Any = self.raw
        for part in fault.path:
            try:
                value = value[part]
            except (KeyError, IndexError, TypeError):
                return f"{spelled(fault.path)}: {fault.wrong}"
        return f"{spelled(fault.path)} = {shown(value)}: {fault.wrong}"


def read_toml(path: Path) -> TomlFile:
    """Return the file's content.

    Raises:
        ConfigError: it cannot be read, or is not TOML; one sentence.
    """
    text = _read(path)
    try:
        return TomlFile(path, text, tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        line, column, what = _syntax_error(str(error), text)
        raise ConfigError(f"{path}:{line}:{column}: {what}") from None
    except RecursionError:
        raise _too_deep(path) from None


def spelled(path: KeyPath) -> str:
    """Return `path` as an owner would write it: listener[0].tls."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            name = part if _BARE_KEY.fullmatch(part) else shown(part)
            text += f".{name}" if text else name
    return text


def shown(value: object) -> str:
    """Return `value` much as TOML spells it, cut short, with nothing that a terminal obeys."""
    match value:
        case bool():
            text = str(value).lower()
        case str():
            text = '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
        case list():
            items = ("[...]" if isinstance(item, list) else shown(item) for item in value)
            text = "[" + ", ".join(islice(items, _MAX_SHOWN)) + "]"
        case dict():
            text = "{...}" if value else "{}"
        case _:
            text = str(value)
    if len(text) > _MAX_SHOWN:
        text = text[: _MAX_SHOWN - 3] + "..."
    return _printable(text)


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            octets = file.read(MAX_FILE_OCTETS + 1)
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be read ({error.strerror}); name a file that this user may read"
        ) from error
    if len(octets) > MAX_FILE_OCTETS:
        raise ConfigError(
            f"{path}: is longer than {MAX_FILE_OCTETS} octets; name a configuration file"
        )
    try:
        return octets.decode("utf-8-sig")  # Windows editors begin files with a byte order mark
    except UnicodeDecodeError as error:
        line = octets.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}:{line}: is not UTF-8; save the file as UTF-8") from error


def _too_deep(path: Path) -> ConfigError:
    return ConfigError(f"{path}: nests lists or tables too deeply; write them flat")


def _syntax_error(message: str, text: str) -> tuple[int, int, str]:
    """Return line, column and words of what tomllib says; in 3.11 the message is all there is."""
    found = re.fullmatch(r"(.*) \(at line (\d+), column (\d+)\)", message, re.DOTALL)
    if found:
        words = found[1]
        said = _HINTS.get(words) or f"this is not TOML: {_printable(words)}"
        return int(found[2]), int(found[3]), said
    line, column = text.count("\n") + 1, len(text) - text.rfind("\n")
    return line, column, "the file ends too early; finish its last value, list or table"


def _printable(text: str) -> str:
    return "".join(one if one.isprintable() else f"\\u{ord(one):04x}" for one in text)
