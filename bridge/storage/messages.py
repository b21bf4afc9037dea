"""What the spool says of messages: the state each is in, and the values its steps take and give."""

import enum

import attrs

from bridge.names import MaildropName, Octets, SpoolId, UniqueId
from providers.contract import Disposition, RemoteId


class MessageState(enum.StrEnum):
    """Every legal state of a message (docs/architecture.md, section "States of a message")."""

    ANNOUNCED = "announced"
    READY = "ready"
    QUARANTINED = "quarantined"
    HELD = "held"
    EXPUNGED = "expunged"
    DISPOSED = "disposed"
    VANISHED = "vanished"
    GONE = "gone"


@attrs.frozen
class Announcement:
    """A message known by its id, before its body is here."""

    remote_id: RemoteId
    unique_id: UniqueId
    sort_key: str


@attrs.frozen
class Pending:
    """A message that is announced and waits for its body; `faults` is how often our own code could not bear it."""

    spool_id: SpoolId
    remote_id: RemoteId
    faults: int = 0


NONE_AT_ALL = Octets(0)


@attrs.frozen
class Delivery:
    """What came of a delivery: the octets, and why the message is held, or a notice stands for it.

    `original_octets` is what lies here besides, where the message was shaped.
    """

    octets: Octets
    held: str = ""
    quarantined: str = ""
    original_octets: Octets = NONE_AT_ALL


@attrs.frozen
class QueuedDisposition:
    """A deletion that devices were promised and upstream does not know of yet."""

    spool_id: SpoolId
    maildrop: MaildropName
    remote_id: RemoteId
    disposition: Disposition


@attrs.frozen
class SpoolFigures:
    """How many messages of a maildrop are in which state, and the octets that are listed."""

    count: dict[MessageState, int]
    octets: Octets
