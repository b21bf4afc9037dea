"""Reads a text file of headings and, behind a blank line, acts; lines that start with # are remarks."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterator
from pathlib import Path


def read_script(
    path: Path, headings: Collection[str], act: re.Pattern[str]
) -> tuple[defaultdict[str, list[str]], tuple[tuple[str, str], ...]]:
    """Return the values of each heading, and the acts as (mark, text); `act` has a group for either."""
    head, _, body = path.read_text("utf-8").partition("\n\n")
    fields: defaultdict[str, list[str]] = defaultdict(list)
    for line in _lines(head):
        name, _, value = line.partition(": ")
        if name not in headings:
            raise ValueError(f"{path.name}: {name} is no heading")
        fields[name].append(value)
    return fields, tuple(_acts(path.name, body, act))


def _lines(text: str) -> Iterator[str]:
    return (line for line in text.split("\n") if line and not line.startswith("#"))


def _acts(name: str, body: str, act: re.Pattern[str]) -> Iterator[tuple[str, str]]:
    for line in _lines(body):
        found = act.fullmatch(line)
        if found is None:
            raise ValueError(f"{name}: {line!r} is no act")
        yield found[1], found[2] or ""
