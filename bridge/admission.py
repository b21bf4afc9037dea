"""Says whose mail, and which, a maildrop admits to paper; pure.

The sender is what From says (RFC 5322 section 3.6.2), which anybody can write: without `authenticated`
these rules keep mistakes and noise off the paper, not a forger. What they refuse is held, with the
reason, and an admin can have it listed all the same.
"""

import json
import re
from collections.abc import Collection
from typing import Any

import attrs

from bridge.imprint.imprint import Imprint

PATTERN = re.compile(
    r"(?:[!-)+->A-~]+@|\.)?[a-z0-9](?:[a-z0-9.-]{0,252}[a-z0-9])?", re.IGNORECASE
)
"""An address, a domain, or `.domain` for it and all below it; printable ASCII (RFC 5321 section 4.1.2). Without * and ?, which
an address may hold and nobody's does: who writes one means a wildcard, and that would fit nobody."""

DAY_SECONDS = 86400

LOOPING = frozenset({"ifax"})
"""Ways to deliver whose machines answer mail by themselves (RFC 3965 section 2.2.4, RFC 2305 section 4.2)."""

LOOPING_PROFILES = frozenset(
    {
        *("ricoh-ifax", "fx-legacy", "canon-ifax", "km-bizhub", "brother-ifax"),
        *("sharp", "toshiba-panasonic"),
    }
)
"""Profiles of such machines: those whose content is an Internet fax (bridge/devices/profiles.toml)."""


def is_looping(deliver: str, profiles: Collection[str] = ()) -> bool:
    """Tell whether mail may be answered by a machine, by how it arrives or by whom it is for."""
    return deliver in LOOPING or not LOOPING_PROFILES.isdisjoint(profiles)


@attrs.frozen
class Admission:
    """What an owner has chosen; the default admits everything.

    `allow` and `deny` are patterns in small letters; without `allow` every sender is. `subject` must
    occur in the subject, whatever its letter case. `max_age` in seconds, 0 for any; `not_before` in
    seconds since the epoch. `automatic` admits replies of programs, mailing lists and delivery reports, or
    does not; None admits them but to a machine that may answer, and be answered, for ever.
    With `authenticated` the mailbox's own service must vouch for the sender. A session sees `at_most` so
    many messages, 0 for all, the oldest or the newest first. What is refused stays upstream where it is, or
    is moved to the folder `refused_to`. With `printable` a message must bring something to print.
    """

    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    subject: str = ""
    max_age: int = 0
    not_before: float = 0.0
    automatic: bool | None = None
    authenticated: bool = False
    at_most: int = 0
    newest_first: bool = False
    refused_to: str = ""
    printable: bool = False

    def stored(self) -> str:
        """Return the JSON that `parse` turns back into this."""
        return json.dumps(attrs.asdict(self))

    @classmethod
    def parse(cls, stored: str) -> "Admission":
        """Return what `stored` was made of."""
        written: dict[str, Any] = json.loads(stored)
        fields: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in written.items()
        }
        return cls(**fields)

    def admits_automatic(self, deliver: str, profiles: Collection[str] = ()) -> bool:
        """Tell whether what is automatic is admitted for devices of `profiles` that get `deliver`."""
        return not is_looping(deliver, profiles) if self.automatic is None else self.automatic

    def refuses(self, deliver: str, profiles: Collection[str] = ()) -> bool:
        """Tell whether there is any message that is not admitted for devices of `profiles` that get `deliver`."""
        automatic = self.admits_automatic(deliver, profiles)
        rules = (self.allow, self.deny, self.subject, self.max_age, self.not_before)
        return any(rules) or not automatic or self.authenticated or self.printable

    def spelled(self, deliver: str, profiles: Collection[str] = ()) -> str:
        """Return in a few words what is admitted for such devices; `everything` where all is."""
        days = self.max_age // DAY_SECONDS
        automatic = self.automatic if self.admits_automatic(deliver, profiles) else False
        said = [
            f"from {', '.join(self.allow)}" if self.allow else "",
            f"not from {', '.join(self.deny)}" if self.deny else "",
            f"subject with {self.subject!r}" if self.subject else "",
            f"of {days} days at most" if days else "",
            "after a cut-over" if self.not_before else "",
            {True: "what is automatic too", False: "nothing automatic", None: ""}[automatic],
            "senders that the service vouches for" if self.authenticated else "",
            "with something to print" if self.printable else "",
            f"{self.at_most} a session" if self.at_most else "",
            "the newest first" if self.newest_first else "",
            f"what is refused moved to {self.refused_to}"
            if self.refused_to and self.refuses(deliver, profiles)
            else "",
        ]
        return "; ".join(filter(None, said)) or "everything"


EVERYTHING = Admission()
"""Admits every message."""


def refusal(
    admission: Admission,
    message: Imprint,
    now: float,
    deliver: str = "original",
    profiles: Collection[str] = (),
) -> str:
    """Return why `message` is not admitted, in half a sentence; empty where it is.

    `deliver` is how the maildrop's messages arrive at its devices, `profiles` what kinds of machines these are.
    `now` is in seconds since the epoch. A message that does not tell when it came is never too old.
    """
    automatic = admission.admits_automatic(deliver, profiles)
    reasons = (
        _cut_refused(admission, message, automatic=automatic),
        sender_refusal(admission, message.senders),
        _forgery_refused(admission, message),
        _age_refused(admission, message.arrived, now),
        _kind_refused(admission, message, automatic=automatic),
    )
    return next(filter(None, reasons), "")


def _cut_refused(admission: Admission, message: Imprint, *, automatic: bool) -> str:
    """Refuse what may hide from a rule behind as much header as nobody needs."""
    asks = (
        *(admission.allow, admission.deny, admission.subject, admission.authenticated),
        *(admission.max_age, admission.not_before, not automatic),
    )
    return "its header holds more than is read" if message.is_cut and any(asks) else ""


def sender_refusal(admission: Admission, senders: tuple[str, ...]) -> str:
    """Return why these senders, in small letters, are not admitted: one is denied, or not allowed."""
    if any(_fits(pattern, sender) for pattern in admission.deny for sender in senders):
        return "its sender is denied"
    if not admission.allow:
        return ""
    if not senders:
        return "it names no sender, and only some are allowed"
    is_allowed = all(
        any(_fits(pattern, sender) for pattern in admission.allow) for sender in senders
    )
    return "" if is_allowed else "its sender is not among the allowed ones"


def _forgery_refused(admission: Admission, message: Imprint) -> str:
    """Refuse where nobody vouches for the sender; of several senders nobody can (RFC 7489 section 6.6.1)."""
    if not admission.authenticated:
        return ""
    attestation = message.attestation
    if attestation is None:
        return "its sender is not authenticated: the mailbox's service tells nothing of that"
    if len(message.senders) != 1:
        return "its sender is not authenticated: it does not name one sender"
    domain = message.senders[0].rpartition("@")[2]
    is_vouched = any(domain == one or domain.endswith(f".{one}") for one in attestation.domains)
    return "" if is_vouched else f"its sender is not authenticated: {attestation.found}"


def _age_refused(admission: Admission, arrived: float | None, now: float) -> str:
    if arrived is None:
        return ""
    if arrived < admission.not_before:
        return "it is from before the cut-over"
    if admission.max_age and arrived < now - admission.max_age:
        return f"it is older than {admission.max_age // DAY_SECONDS} days"
    return ""


def _kind_refused(admission: Admission, message: Imprint, *, automatic: bool) -> str:
    if admission.subject.casefold() not in message.envelope.subject.casefold():
        return f"its subject is without {admission.subject!r}"
    if admission.printable and not message.is_printable:
        return "it has no attachment that can be printed"
    if not message.automatic or automatic:
        return ""
    if admission.automatic is None:
        return f"it is {message.automatic}, which a fax could answer for ever"
    return f"nothing automatic is admitted, and it is {message.automatic}"


def _fits(pattern: str, sender: str) -> bool:
    """Tell whether a sender, in small letters, is one that a pattern names."""
    if "@" in pattern:
        return sender == pattern
    domain = sender.rpartition("@")[2]
    if pattern.startswith("."):
        return domain == pattern[1:] or domain.endswith(pattern)
    return domain == pattern
