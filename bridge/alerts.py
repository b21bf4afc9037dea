"""What an admin should hear of at once, wherever in the house it is noticed; pure values."""

import enum
from collections.abc import Callable

import attrs


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


AlertSink = Callable[[Alert], None]
"""Takes an alert; never waits, never raises."""


def unheard(_alert: Alert) -> None:
    """Take an alert where nobody is to be told."""
