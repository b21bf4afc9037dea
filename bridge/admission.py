"""Says whose mail, and which, a maildrop admits to paper; pure.

The sender is what From says (RFC 5322 section 3.6.2), which anybody can write: without `authenticated`
these rules keep mistakes and noise off the paper, not a forger. What they refuse is held, with the
reason, and an admin can have it listed all the same.
"""

import json
import re
from typing import Any

import attrs

from bridge.imprint.imprint import Imprint

PATTERN = re.compile(r"(?:[!-)+->A-~]+@|\.)?[a-z0-9](?:[a-z0-9.-]{0,252}[a-z0-9])?", re.IGNORECASE)
"""An address, a domain, or `.domain` for it and all below it; printable ASCII (RFC 5321 section 4.1.2). Without * and ?, which
an address may hold and nobody's does: who writes one means a wildcard, and that would fit nobody."""

DAY_SECONDS = 86400

LOOPING = frozenset({"ifax"})
"""Ways to deliver whose machines answer mail by themselves (RFC 3965 section 2.2.4, RFC 2305 section 4.2)."""


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

    def refuses(self, deliver: str) -> bool:
        """Tell whether there is any message that is not admitted where devices get `deliver`."""
        automatic = deliver not in LOOPING if self.automatic is None else self.automatic
        rules = (self.allow, self.deny, self.subject, self.max_age, self.not_before)
        return any(rules) or not automatic or self.authenticated or self.printable

    def spelled(self, deliver: str) -> str:
        """Return in a few words what is admitted where devices get `deliver`; `everything` where all is."""
        days = self.max_age // DAY_SECONDS
        automatic = False if self.automatic is None and deliver in LOOPING else self.automatic
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
            if self.refused_to and self.refuses(deliver)
            else "",
        ]
        return "; ".join(filter(None, said)) or "everything"


EVERYTHING = Admission()
"""Admits every message."""


def refusal(
    admission: Admission, message: Imprint, now: float, deliver: str = "original"
) -> str:
    """Return why `message` is not admitted, in half a sentence; empty where it is.

    `deliver` is how the maildrop's messages arrive at its devices. `now` is in seconds since the epoch. A message that does not tell when it came is never too old.
    """
    reasons = (
        _cut_refused(admission, message, deliver),
        sender_refusal(admission, message.senders),
        _forgery_refused(admission, message),
        _age_refused(admission, message.arrived, now),
        _kind_refused(admission, message, deliver),
    )
    return next(filter(None, reasons), "")


def _cut_refused(admission: Admission, message: Imprint, deliver: str) -> str:
    """Refuse what may hide from a rule behind as much header as nobody needs."""
    asks = (
        *(admission.allow, admission.deny, admission.subject, admission.authenticated),
        *(admission.max_age, admission.not_before, _admits_no_automatic(admission, deliver)),
    )
    return "its header holds more than is read" if message.is_cut and any(asks) else ""


def _admits_no_automatic(admission: Admission, deliver: str) -> bool:
    return deliver in LOOPING if admission.automatic is None else not admission.automatic


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


def _kind_refused(admission: Admission, message: Imprint, deliver: str) -> str:
    if admission.subject.casefold() not in message.envelope.subject.casefold():
        return f"its subject is without {admission.subject!r}"
    if admission.printable and not message.is_printable:
        return "it has no attachment that can be printed"
    if not message.automatic or admission.automatic:
        return ""
    if admission.automatic is None:
        is_looping = deliver in LOOPING
        said = f"it is {message.automatic}, which a fax could answer for ever"
        return said if is_looping else ""
    return f"nothing automatic is admitted, and it is {message.automatic}"


def _fits(pattern: str, sender: str) -> bool:
    """Tell whether a sender, in small letters, is one that a pattern names."""
    if "@" in pattern:
        return sender == pattern
    domain = sender.rpartition("@")[2]
    if pattern.startswith("."):
        return domain == pattern[1:] or domain.endswith(pattern)
    return domain == pattern
