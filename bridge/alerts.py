"""What an admin should hear of at once, wherever in the house it is noticed; pure values."""

import enum
from collections.abc import Callable

import attrs

from bridge.names import SpoolId


class AlertReason(enum.StrEnum):
    """Why an alert was given; docs/alerts.md says of each what to do."""

    GRANT_LOST = "grant-lost"
    ACCOUNT_FAILING = "account-failing"
    MESSAGE_QUARANTINED = "message-quarantined"
    DISK_CEILING = "disk-ceiling"
    CERTIFICATE_ENDING = "certificate-ending"
    DEVICE_DISABLED = "device-disabled"
    NEW_ADDRESS = "new-address"


@attrs.frozen
class Alert:
    """One thing to hear of: a sentence for a person, and whom it concerns."""

    reason: AlertReason
    text: str
    account: str = ""
    maildrop: str = ""
    device: str = ""


def unreadable(account: str, maildrop: str, message: SpoolId, why: str) -> Alert:
    """Return the alert of a message that upstream cannot give."""
    text = f"message {message} can never be had: {why}"
    return Alert(AlertReason.MESSAGE_QUARANTINED, text, account, maildrop)


def unshapeable(account: str, maildrop: str, message: SpoolId, why: str) -> Alert:
    """Return the alert of a message that no shape can be made of."""
    text = f"message {message} cannot be shaped: {why}"
    return Alert(AlertReason.MESSAGE_QUARANTINED, text, account, maildrop)


AlertSink = Callable[[Alert], None]
"""Takes an alert; never waits, never raises."""


def unheard(_alert: Alert) -> None:
    """Take an alert where nobody is to be told."""
