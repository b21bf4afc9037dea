"""What each maildrop and its devices were told, and so may count on."""

import enum
from collections.abc import Iterable

import attrs

from bridge.names import MaildropName
from bridge.storage.register import MaildropRecord
from providers.contract import DispositionKind


class Broken(AssertionError):
    """An invariant does not hold."""


def must(holds: object, text: str) -> None:
    """Accept that an invariant holds.

    Raises:
        Broken: it does not.
    """
    if not holds:
        raise Broken(text)


@attrs.frozen
class Entry:
    """One message as the bridge lists it; `is_notice` where a notice stands in its place."""

    job: int
    unique_id: str
    octets: int
    is_notice: bool


class Stage(enum.Enum):
    """How far an order is."""

    GIVEN = enum.auto()
    OBEYED = enum.auto()  # seen upstream, and perhaps not known here yet
    SETTLED = enum.auto()  # nothing more may happen


@attrs.define
class Order:
    """What a maildrop wants done with a job; it is owed unless the owner's hand came first.

    `looks` that met no trouble have seen it; one of them may have been in its own way.
    """

    kind: DispositionKind
    is_owed: bool
    looks: int = 0
    stage: Stage = Stage.GIVEN


@attrs.define
class View:
    """What one maildrop and its devices know.

    `doubtful` are jobs of a QUIT whose answer was never heard: it was obeyed for all of them, or for none.
    `dropped` an admin took off the list; `again` an admin had listed again. `excused` may be
    missing until the next look without trouble, and so may the `noted`, whose bodies a device found damaged.
    After a restore an admin decides about the `parked`. `since` is when a job was first seen in a listing.
    """

    record: MaildropRecord
    owed: set[int] = attrs.field(factory=set)
    confirmed: set[int] = attrs.field(factory=set)
    dropped: set[int] = attrs.field(factory=set)
    doubtful: list[set[int]] = attrs.field(factory=list)
    again: set[int] = attrs.field(factory=set)
    excused: set[int] = attrs.field(factory=set)
    noted: set[int] = attrs.field(factory=set)
    parked: set[int] = attrs.field(factory=set)
    listed: dict[int, Entry] = attrs.field(factory=dict)
    since: dict[int, float] = attrs.field(factory=dict)
    unique_ids: dict[int, str] = attrs.field(factory=dict)
    used_ids: dict[str, int] = attrs.field(factory=dict)
    orders: dict[int, Order] = attrs.field(factory=dict)

    @property
    def name(self) -> MaildropName:
        return self.record.name

    def is_done_with(self, job: int) -> bool:
        return job in self.confirmed or job in self.dropped

    def restore(self, jobs: Iterable[int]) -> None:
        """Know only what is upstream; what may have been printed is an admin's to decide."""
        self.parked.update(jobs)
        self.excused.update(jobs)
        for known in (
            self.owed,
            self.again,
            self.noted,
            self.doubtful,
            self.listed,
            self.unique_ids,
        ):
            known.clear()
        for (
            order
        ) in self.orders.values():  # those the backup knows may be carried out once more
            order.is_owed, order.stage, order.looks = False, Stage.GIVEN, 0

    def is_in_doubt(self, job: int) -> bool:
        return any(job in group for group in self.doubtful)
