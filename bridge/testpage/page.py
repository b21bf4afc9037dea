"""What a test page says: where it comes from, how large it is, and letters to judge the printing by; pure."""

import enum
from collections.abc import Sequence
from datetime import UTC, datetime
from textwrap import wrap
from typing import Final

import attrs

from bridge.names import DeviceName, MaildropName, SpoolId
from bridge.shaping.wish import Deliver

RULER_COLUMNS: Final = 70
"""As wide as a page's lines are: narrow enough for 10 characters an inch on A4 and on letter paper."""

NAMED_DEVICES: Final = 3

LETTERS: Final = "ÄÖÜ äöüß àéèê çñ åæø"
"""Letters of Latin-1 that a machine of another code page prints as something else (ISO 8859-1)."""

_DIGITS = 7  # of octets: more than any page has
_WIDTH = 10  # of the names before the values


class Kind(enum.StrEnum):
    """What a test page comes as."""

    TEXT = "text"  # one text/plain part
    PDF = "pdf"  # a page of PDF, attached
    TIFF = "tiff"  # the same as a page of a fax, a TIFF of profile S


@attrs.frozen
class Page:
    """All that a test page tells; `when` is in seconds since the epoch, `bridge` the bridge's name."""

    number: SpoolId
    bridge: str
    maildrop: MaildropName
    devices: tuple[DeviceName, ...]
    when: float
    kind: Kind
    deliver: Deliver


def usual_kind(deliver: Deliver) -> Kind:
    """Return the kind that a maildrop gets for which its owner names none: of a fax one that has to be drawn."""
    return Kind.PDF if deliver is Deliver.IFAX else Kind.TEXT


def facts(page: Page, octets: int) -> Sequence[str]:
    """Return the lines that tell of the page; those of any two numbers of octets are equally long."""
    made = f"{octets:{_DIGITS}} as made; " if page.kind is not Kind.TIFF else ""
    shown = {
        "Message": str(page.number),
        "Bridge": page.bridge,
        "Maildrop": page.maildrop,
        "Devices": _named(page.devices),
        "Time": f"{datetime.fromtimestamp(page.when, UTC):%Y-%m-%d %H:%M:%S} UTC",
        "Kind": page.kind.value,
        "Octets": f"{made}{_arriving(page.deliver)}",
    }
    return [
        line
        for name, value in shown.items()
        for line in wrap(
            f"{name + ':':{_WIDTH}} {value}",
            RULER_COLUMNS,
            subsequent_indent=" " * (_WIDTH + 1),
            break_on_hyphens=False,
        )
    ]


def ruler() -> Sequence[str]:
    """Return two lines that number the columns, so that a margin that cuts shows where."""
    tens = "".join(f"{column:10}" for column in range(10, RULER_COLUMNS + 1, 10))
    return [tens, "1234567890" * (RULER_COLUMNS // 10)]


def _named(devices: Sequence[DeviceName]) -> str:
    """Return the first few names, so that a herd of machines does not fill the page."""
    more = len(devices) - NAMED_DEVICES
    shown = ", ".join(devices[:NAMED_DEVICES]) or "none yet"
    return f"{shown} and {more} more" if more > 0 else shown


def _arriving(deliver: Deliver) -> str:
    if deliver in (Deliver.ORIGINAL, Deliver.COMMAND):
        return f"sent as it is ({deliver.value})"
    return f"shaped before it is sent ({deliver.value})"
