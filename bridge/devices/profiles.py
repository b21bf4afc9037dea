"""Reads what is known of the machines that fetch mail by POP3, from a file that comes along."""

import importlib.resources
import tomllib
from pathlib import Path
from typing import Annotated

import attrs

from bridge.config.tomlfile import spelled
from bridge.config.tomlvalues import Between, Faulty, build
from bridge.errors import OwnerError, RegisterError
from bridge.pop3.quirks import STANDARD, with_settings

FORMAT = 2
"""Of the file that comes along; 1 had no quirks that could be set."""


UNKNOWN = "generic-mfp"
"""The profile of a machine that nobody has named."""


@attrs.frozen
class Known:
    """Where a value was read, that nobody has confirmed it, or that we chose it: exactly one of the three."""

    source: str = ""
    """The manual's title and page."""
    unverified: bool = False
    our_choice: bool = False
    """A prudent bound, where nobody has told the machine's own."""

    @property
    def origin(self) -> str:
        """Return the source, "our choice" or "unverified"."""
        return self.source or ("our choice" if self.our_choice else "unverified")

    @property
    def has_one_origin(self) -> bool:
        """Tell whether exactly one of the three is said."""
        return (bool(self.source), self.unverified, self.our_choice).count(True) == 1


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
class _Table:
    """Values of which each may be missing."""

    def values(self) -> dict[str, Text]:
        """Return what is there, by its key."""
        found = attrs.asdict(self, recurse=False)
        return {key: one for key, one in found.items() if isinstance(one, Text)}


@attrs.frozen(kw_only=True)
class QuirkTable(_Table):
    """Settings of bridge.pop3.quirks for a machine; what is missing is as the standards have it."""

    capa: Text | None = None
    uidl: Text | None = None
    top: Text | None = None
    pipelining: Text | None = None
    resp_codes: Text | None = None
    stls_advert: Text | None = None
    last: Text | None = None
    retr_octets: Text | None = None
    wording: Text | None = None
    temp_error: Text | None = None
    single_session: Text | None = None
    nul: Text | None = None

    def settings(self) -> dict[str, str]:
        """Return what is set, as bridge.pop3.quirks spells it."""
        return {key: one.value for key, one in self.values().items()}


@attrs.frozen(kw_only=True)
class PanelTable(_Table):
    """What a field is called on the machine, where its manual says so."""

    server: Text | None = None
    port: Text | None = None
    ssl: Text | None = None
    user: Text | None = None
    password: Text | None = attrs.field(default=None, repr=False)
    poll: Text | None = None
    apop: Text | None = None


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
    server_length: Number | None = None
    quirks: QuirkTable = QuirkTable()
    panel: PanelTable = PanelTable()
    notes: tuple[str, ...] = ()
    enter: str

    def values(self) -> dict[str, Text | Words | Number]:
        """Return every value that has an origin, by its key, in the order of the file."""
        found = attrs.asdict(self, recurse=False)
        own = {key: one for key, one in found.items() if isinstance(one, Text | Words | Number)}
        quirks = {f"quirk {key}": one for key, one in self.quirks.values().items()}
        return own | quirks | {f"panel {key}": one for key, one in self.panel.values().items()}


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
    if (version := raw.pop("format", None)) != FORMAT:
        raise OwnerError(
            f"The profiles are of format {version}; this release reads format {FORMAT}."
        )
    try:
        found = build(raw, _Book, Path()).profile
    except Faulty as error:
        first = error.faults[0]
        raise OwnerError(f"In the profiles, {spelled(first.path)} {first.wrong}.") from None
    profiles = {one.name: one for one in found}
    if len(profiles) != len(found):
        raise OwnerError("In the profiles, a name stands twice; keep one of the two.")
    for one in found:
        _refuse_unfounded(one)
    return profiles


def _refuse_unfounded(profile: Profile) -> None:
    for key, value in profile.values().items():
        if not value.has_one_origin:
            raise OwnerError(
                f"In the profiles, {key} of {profile.name} must have a source, be unverified, or be"
                " our choice."
            )
    try:
        with_settings(STANDARD, profile.quirks.settings())
    except RegisterError as error:
        raise OwnerError(f"In the profiles, at {profile.name}: {error}") from None


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
        raise RegisterError(
            f"There is no profile {name}; see `popbridge profile list`, or take {UNKNOWN}."
        )
    return profiles[name]
