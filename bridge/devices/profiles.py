"""Reads what is known of the machines that fetch mail by POP3, from a file that comes along."""

import importlib.resources
import tomllib
from pathlib import Path
from typing import Annotated

import attrs

from bridge.config.tomlfile import spelled
from bridge.config.tomlvalues import Between, Faulty, build
from bridge.errors import OwnerError, RegisterError


@attrs.frozen
class Known:
    """Where a value was read, or that nobody has confirmed it: exactly one of the two."""

    source: str = ""
    """The manual's title and page."""
    unverified: bool = False

    @property
    def origin(self) -> str:
        """Return the source, or "unverified"."""
        return self.source or "unverified"


@attrs.frozen(kw_only=True)
class Text(Known):
    """A value in words."""

    value: str


@attrs.frozen(kw_only=True)
class Words(Known):
    """A value that is several choices."""

    value: tuple[str, ...]


@attrs.frozen(kw_only=True)
class Number(Known):
    """A value that counts: characters or octets, as its key says."""

    value: Annotated[int, Between(1, 1 << 40)]


@attrs.frozen(kw_only=True)
class Profile:
    """All that is known of one family of machines; no value is a promise of its maker."""

    name: str
    machines: str
    listener: Words
    tls: Text
    auth: Words
    user_length: Number
    user_alphabet: Text
    password_length: Number
    password_alphabet: Text
    poll: Text
    deletes: Text
    content: Text
    size_octets: Number | None = None
    quirks: tuple[str, ...] = ()
    enter: str

    def values(self) -> dict[str, Text | Words | Number]:
        """Return every value that has an origin, by its key, in the order of the file."""
        found = attrs.asdict(self, recurse=False)
        return {
            key: one for key, one in found.items() if isinstance(one, Text | Words | Number)
        }


@attrs.frozen(kw_only=True)
class _Book:
    profile: tuple[Profile, ...]


def told(one: Text | Words | Number) -> str:
    """Return a value with its origin, for a person."""
    value = ", ".join(one.value) if isinstance(one.value, tuple) else one.value
    return f"{value} ({one.origin})"


def parse_profiles(text: str) -> dict[str, Profile]:
    """Return the profiles of a TOML text by name, in its order.

    Raises:
        OwnerError: it is not TOML, is of another format, or a key or value cannot be used.
    """
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise OwnerError(f"The profiles are not TOML: {error}.") from None
    if (version := raw.pop("format", None)) != 1:
        raise OwnerError(f"The profiles are of format {version}; this release reads format 1.")
    try:
        found = build(raw, _Book, Path()).profile
    except Faulty as error:
        first = error.faults[0]
        raise OwnerError(f"In the profiles, {spelled(first.path)} {first.wrong}.") from None
    profiles = {one.name: one for one in found}
    if len(profiles) != len(found):
        raise OwnerError("In the profiles, a name stands twice; keep one of the two.")
    for one in found:
        for key, value in one.values().items():
            if bool(value.source) == value.unverified:
                raise OwnerError(
                    f"In the profiles, {key} of {one.name} must have a source or be unverified."
                )
    return profiles


def shipped_profiles() -> dict[str, Profile]:
    """Return the profiles that come with this release, by name.

    Raises:
        OwnerError: the file was altered and cannot be used.
    """
    file = importlib.resources.files("bridge.devices") / "profiles.toml"
    return parse_profiles(file.read_text("utf-8"))


def find_profile(profiles: dict[str, Profile], name: str) -> Profile:
    """Return the profile of that name.

    Raises:
        RegisterError: there is none.
    """
    if name not in profiles:
        raise RegisterError(f"There is no profile {name}; see `popbridge profile list`.")
    return profiles[name]
