"""What a machine needs otherwise than the standards have it: named settings, each asked in one place.

A setting is spelled the same in profiles.toml, at `popbridge device change --set` and at rest.
"""

import enum
from collections.abc import Mapping
from typing import Any

import attrs

from bridge.errors import RegisterError


class Wording(enum.StrEnum):
    """What stands behind +OK and -ERR where no number has to."""

    FULL = "full"  # a sentence for a person
    SHORT = "short"  # one word: for a machine that stumbles over punctuation or length


class TempError(enum.StrEnum):
    """What the refusal of something that will pass by itself carries (RFC 3206 section 4)."""

    SYS_TEMP = "sys-temp"  # as RFC 3206 has it; fetchmail 6.4 takes it for a wrong password
    IN_USE = "in-use"  # [IN-USE]: fetchmail 6.4 comes again later
    PLAIN = "plain"  # no response code


class SingleSession(enum.StrEnum):
    """What a second session of the same device at the same address meets while the first is silent."""

    TAKEOVER = "takeover"  # after limits.takeover_grace it has the maildrop
    BUSY = "busy"  # it is refused with [IN-USE] until the first has ended


class Nul(enum.StrEnum):
    """What becomes of a NUL octet in a message."""

    KEEP = "keep"  # RETR is a copy
    REPLACE = "replace"  # a blank stands in its place; the size stays


@attrs.frozen(kw_only=True)
class Quirks:
    """How one machine is spoken to; as it stands here it is what the standards say."""

    capa: bool = True
    """CAPA is known (RFC 2449 section 5), and so are UTF8 and LANG (RFC 6856)."""
    uidl: bool = True
    """UIDL is known (RFC 1939 section 7)."""
    top: bool = True
    """TOP is known (RFC 1939 section 7)."""
    pipelining: bool = True
    """CAPA lists PIPELINING (RFC 2449 section 6.6); commands sent at once are always taken."""
    resp_codes: bool = True
    """Refusals carry response codes, and CAPA lists them (RFC 2449 section 8, RFC 3206)."""
    stls_advert: bool = True
    """CAPA lists STLS where it works (RFC 2595 section 4); it works either way."""
    last: bool = False
    """LAST is known, as before RFC 1725 (RFC 1460, LAST)."""
    retr_octets: bool = True
    """The reply to RETR begins with the size, which some clients read (RFC 1939 section 5)."""
    wording: Wording = Wording.FULL
    temp_error: TempError = TempError.SYS_TEMP
    single_session: SingleSession = SingleSession.TAKEOVER
    nul: Nul = Nul.KEEP


STANDARD = Quirks()
"""A machine that keeps to the standards, and one of which nothing is known."""

_SWITCH: Mapping[str, object] = {"on": True, "off": False}

CHOICES: Mapping[str, Mapping[str, object]] = {
    "capa": _SWITCH,
    "uidl": _SWITCH,
    "top": _SWITCH,
    "pipelining": _SWITCH,
    "resp_codes": _SWITCH,
    "stls_advert": _SWITCH,
    "last": _SWITCH,
    "retr_octets": _SWITCH,
    "wording": {one.value: one for one in Wording},
    "temp_error": {one.value: one for one in TempError},
    "single_session": {one.value: one for one in SingleSession},
    "nul": {one.value: one for one in Nul},
}
"""Every setting and what it can be, as it is spelled."""

NEEDS: Mapping[str, str] = {
    "pipelining": "capa",
    "stls_advert": "capa",
    "temp_error": "resp_codes",
}
"""Which setting has to be on so that another is seen at all."""


def with_settings(quirks: Quirks, settings: Mapping[str, str]) -> Quirks:
    """Return the quirks with these settings, which are spelled as a person writes them.

    Raises:
        RegisterError: there is no such setting, or it cannot be that.
    """
    values: dict[str, Any] = {}
    for name, text in settings.items():
        if name not in CHOICES:
            raise RegisterError(
                f"There is no quirk {name}; choose one of {', '.join(CHOICES)}."
            )
        if text not in CHOICES[name]:
            raise RegisterError(
                f"The quirk {name} cannot be {text!r}; choose {' or '.join(CHOICES[name])}."
            )
        values[name] = CHOICES[name][text]
    return attrs.evolve(quirks, **values)


def spelled(quirks: Quirks) -> dict[str, str]:
    """Return every setting as a person writes it, in the order of CHOICES."""
    return {
        name: next(text for text, value in choices.items() if value == getattr(quirks, name))
        for name, choices in CHOICES.items()
    }
