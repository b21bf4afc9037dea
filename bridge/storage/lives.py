"""The life of a message: noted while it happens, told to the admin who asks why nothing printed."""

import enum

import attrs

from bridge.names import MaildropName, Octets, SpoolId, UniqueId
from bridge.storage.messages import MessageState
from providers.contract import Envelope, RemoteId


class LifeEvent(enum.StrEnum):
    """What can happen to a message, in the words of docs/architecture.md."""

    ANNOUNCED = "announced"  # its id was learned
    MADE = "made"  # the bridge made it itself: it has no counterpart upstream
    FETCH_FAILED = "fetch-failed"  # its body could not be had; it is tried again
    FAULTED = "faulted"  # our own code could not bear it; it is tried again, some times
    FETCHED = "fetched"  # its body is here: it is listed from now on
    QUARANTINED = "quarantined"  # it can never be had: a notice is listed in its place
    HELD = "held"  # it was here, and is not listed until an admin says so
    LISTED = "listed"  # a device was told of it
    SENT = "sent"  # a device took all of it
    UNREADABLE = "unreadable"  # its body is damaged; it is fetched again
    MARKED = "marked"  # a device said DELE, which counts for nothing before QUIT
    EXPUNGED = "expunged"  # a device said QUIT and was told +OK: it is deleted
    DISPOSED = "disposed"  # upstream has obeyed
    REFUSED = "refused"  # upstream will never obey; nothing is tried again
    VANISHED = "vanished"  # it was taken away upstream
    RETURNED = "returned"  # it came back before it was forgotten
    REDELIVERED = "redelivered"  # an admin had it listed again
    DROPPED = "dropped"  # an admin took it off the list


@attrs.frozen
class Note:
    """One event of one message, at `at` seconds since the epoch; `detail` is for a person, `octets` what a device took."""

    spool_id: SpoolId
    event: LifeEvent
    at: float
    device: str = ""
    address: str = ""
    detail: str = ""
    octets: Octets | None = None
    connection: str = ""


@attrs.frozen
class Happened:
    """What happened to a message: between when and when, how often, by which device from where.

    `address`, `detail`, `octets` and `connection` are those of the last time.
    """

    event: LifeEvent
    device: str
    address: str
    first: float
    last: float
    times: int
    detail: str
    octets: Octets | None = None
    connection: str = ""


@attrs.frozen
class Life:
    """All that is known of a message; `events` in the order in which they first happened.

    `octets` is None where no body is here, `original_octets` where no original lies beside it,
    `arrived` where its header does not tell when the mailbox took it. Of the envelope is known what
    its header said, once it was here. `local` is one that was made here, and of which
    upstream knows nothing.
    """

    spool_id: SpoolId
    maildrop: MaildropName
    remote_id: RemoteId
    unique_id: UniqueId
    state: MessageState
    octets: Octets | None
    original_octets: Octets | None
    arrived: float | None
    envelope: Envelope
    redelivered: int
    events: tuple[Happened, ...]
    local: bool = False
