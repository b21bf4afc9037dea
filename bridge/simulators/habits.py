"""Reads what machines say to a server and what they take, from a file that comes along."""

import importlib.resources
import tomllib
from pathlib import Path
from typing import Literal, TypeAlias

import attrs

from bridge.config.tomlfile import spelled
from bridge.config.tomlvalues import Faulty, build
from bridge.devices.profiles import Known, Profile
from bridge.errors import OwnerError, RegisterError

Before: TypeAlias = Literal["CAPA"]
Look: TypeAlias = Literal["STAT", "LIST", "UIDL", "LAST"]
Each: TypeAlias = Literal["LIST", "RETR", "TOP", "DELE"]


@attrs.frozen(kw_only=True)
class Habit(Known):
    """What a machine says, in order; without `each` it logs in and leaves."""

    profile: str
    before: tuple[Before, ...] = ()
    look: tuple[Look, ...] = ()
    each: tuple[Each, ...] = ()
    refused: Literal["delete", "keep"] = "keep"


@attrs.frozen(kw_only=True)
class Content(Known):
    """What a machine makes something of: media types, and beginnings of charsets; none is any."""

    mode: str
    types: tuple[str, ...] = ()
    charsets: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class _Book:
    habit: tuple[Habit, ...]
    content: tuple[Content, ...]


def parse_habits(text: str) -> tuple[dict[str, Habit], dict[str, Content]]:
    """Return habits by profile and contents by mode, from a TOML text.

    Raises:
        OwnerError: it is not TOML, is of another format, or a key, value or origin cannot be used.
    """
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise OwnerError(f"The habits are not TOML: {error}.") from None
    if (version := raw.pop("format", None)) != 1:
        raise OwnerError(f"The habits are of format {version}; this release reads format 1.")
    try:
        book = build(raw, _Book, Path())
    except Faulty as error:
        first = error.faults[0]
        raise OwnerError(f"In the habits, {spelled(first.path)} {first.wrong}.") from None
    habits: dict[str, Known] = {one.profile: one for one in book.habit}
    for name, one in (habits | {one.mode: one for one in book.content}).items():
        if bool(one.source) == one.unverified:
            raise OwnerError(f"In the habits, {name} must have a source or be unverified.")
    return {one.profile: one for one in book.habit}, {one.mode: one for one in book.content}


def habit_of(profile: Profile) -> tuple[Habit, Content]:
    """Return what machines of a profile say, and what they take.

    Raises:
        RegisterError: nothing is known of that.
    """
    file = importlib.resources.files("bridge.simulators") / "habits.toml"
    habits, contents = parse_habits(file.read_text("utf-8"))
    if profile.name not in habits or profile.content.value not in contents:
        raise RegisterError(
            f"Nothing is known of what {profile.name} says to a server; use --profile generic-mfp."
        )
    return habits[profile.name], contents[profile.content.value]
