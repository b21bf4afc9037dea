"""Finds the line on which each key of a TOML text stands, which tomllib does not remember.

The text must have passed tomllib before: this walks valid TOML 1.0 and judges nothing.
"""

import re
import tomllib
from bisect import bisect_left
from typing import TypeAlias

KeyPath: TypeAlias = tuple[str | int, ...]
"""Names one value: keys of tables as text, places in arrays as numbers from 0."""

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_KEY = re.compile(r'[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'')
_STRING = re.compile(
    # Up to two quotation marks may stand right before the closing three (TOML, "String").
    r'"""(?:[^\\]|\\.)*?"""(?:"{0,2})'
    r"|'''.*?'''(?:'{0,2})"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'",
    re.DOTALL,
)
# A date may have a blank inside, so a bare value ends only where something else must begin.
_BARE_VALUE = re.compile(r"[^,\]}#\n]+")


def key_lines(text: str) -> dict[KeyPath, int]:
    """Return the line, counted from 1, of every table, key and array item of a valid TOML text.

    A table that is opened several times is where it was named first.

    Raises:
        RecursionError: arrays are nested hundreds deep.
    """
    return _Walk(text).statements()


def line_of(lines: dict[KeyPath, int], path: KeyPath) -> int:
    """Return the line of `path`, or of the nearest thing around it that the text does name."""
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path, 1)


class _Walk:
    """One pass over one text; `_at` is how far it has come."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._ends = [found.start() for found in re.finditer("\n", text)]
        self._lines: dict[KeyPath, int] = {}
        self._last_item: dict[KeyPath, int] = {}  # array of tables -> its newest item

    def statements(self) -> dict[KeyPath, int]:
        table: KeyPath = ()
        self._skip(_BLANK)
        while self._at < len(self._text):
            if self._text.startswith("[", self._at):
                table = self._header()
            else:
                self._pair(table)
            self._skip(_BLANK)
        return self._lines

    def _header(self) -> KeyPath:
        line, opening = self._line(), "[[" if self._text.startswith("[[", self._at) else "["
        self._at += len(opening)
        *parents, name = self._key()
        self._at += len(opening)
        path: KeyPath = ()
        for parent in parents:
            path = self._newest((*path, parent), line)
        path = (*path, name)
        if opening == "[":
            # No array of tables can have this name, so the newest item is the table itself.
            return self._newest(path, line)
        self._lines.setdefault(path, line)
        self._last_item[path] = self._last_item.get(path, -1) + 1
        return self._newest(path, line)

    def _newest(self, path: KeyPath, line: int) -> KeyPath:
        """Return `path`, led into the newest item where it is an array of tables (TOML, "Array of Tables")."""
        if path in self._last_item:
            path = (*path, self._last_item[path])
        self._lines.setdefault(path, line)
        return path

    def _pair(self, table: KeyPath) -> None:
        line, path = self._line(), table
        for part in self._key():
            path = (*path, part)
            self._lines.setdefault(path, line)
        self._at += 1  # the equals sign
        self._value(path)

    def _key(self) -> list[str]:
        """Return the parts of a key, dots resolved, and stop at what follows it."""
        parts: list[str] = []
        while True:
            self._skip(_SPACE)
            parts.append(_spelled_out(self._take(_KEY)))
            self._skip(_SPACE)
            if not self._text.startswith(".", self._at):
                return parts
            self._at += 1

    def _value(self, path: KeyPath) -> None:
        self._skip(_SPACE)
        match self._text[self._at]:
            case "[":
                self._array(path)
            case "{":
                self._inline_table(path)
            case '"' | "'":
                self._skip(_STRING)
            case _:
                self._skip(_BARE_VALUE)

    def _array(self, path: KeyPath) -> None:
        item = 0
        while self._more("]"):
            self._lines[(*path, item)] = self._line()
            self._value((*path, item))
            item += 1

    def _inline_table(self, path: KeyPath) -> None:
        while self._more("}"):
            self._pair(path)

    def _more(self, closing: str) -> bool:
        """Step over the opening bracket or a comma; tell whether an item follows, else step out."""
        self._skip(_BLANK)
        if self._text[self._at] != closing:
            self._at += 1
            self._skip(_BLANK)
        if self._text[self._at] != closing:
            return True
        self._at += 1
        return False

    def _line(self) -> int:
        return bisect_left(self._ends, self._at) + 1

    def _take(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self._text, self._at)
        if found is None:
            raise ValueError(f"line {self._line()} is not what tomllib would let pass")
        self._at = found.end()
        return found.group()

    def _skip(self, pattern: re.Pattern[str]) -> None:
        self._take(pattern)


def _spelled_out(key: str) -> str:
    """Return the name that a bare or quoted key stands for."""
    if key[0] not in "\"'":
        return key
    return str(tomllib.loads(f"name = {key}")["name"])
