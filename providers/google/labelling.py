"""Says what the dispositions of one batch mean in labels: pure, a group of messages for each change."""

from collections.abc import Iterable
from typing import assert_never

import attrs

from providers.contract import DispositionKind, RemoteId
from providers.google.wire import GIVEN_BY_GMAIL

INBOX, TRASH, UNREAD = "INBOX", "TRASH", "UNREAD"


@attrs.frozen
class LabelChange:
    """Labels to add and to remove, or the end of the message."""

    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    deletes: bool = False

    @property
    def is_empty(self) -> bool:
        """Tell whether it leaves a message as it is."""
        return not (self.add or self.remove or self.deletes)


NOTHING = LabelChange()
DELETION = LabelChange(deletes=True)


def change_for(kind: DispositionKind, source: str | None, target: str) -> LabelChange:
    """Return what a disposition does to a message of the label `source` (empty: of a search).

    `target` is the label's id of a MOVE or LABEL. Removing a label that is not there does no harm, so
    a message that its owner has filed elsewhere keeps what it was given there; so it does where the
    label of its folder is gone (None). TRASH may be given like
    any label (Gmail: Manage labels), for a quarter of what the trash method costs.
    """
    match kind:
        case DispositionKind.KEEP:
            return NOTHING
        case DispositionKind.PURGE:
            return DELETION
        case DispositionKind.MARK_READ:
            return LabelChange(remove=(UNREAD,))
        case DispositionKind.LABEL:
            return LabelChange(add=(target,))
        case DispositionKind.ARCHIVE:
            return LabelChange(remove=_left(source, INBOX))
        case DispositionKind.MOVE:
            return LabelChange((target,), _left(source, but=target))
        case DispositionKind.TRASH:
            return LabelChange((TRASH,), _left(source, but=TRASH))
        case _:
            assert_never(kind)


def grouped(
    wanted: Iterable[tuple[RemoteId, LabelChange]],
) -> dict[LabelChange, list[RemoteId]]:
    """Return the messages of each change that is one, no message twice in one."""
    groups: dict[LabelChange, dict[RemoteId, None]] = {}
    for remote_id, change in wanted:
        if not change.is_empty:
            groups.setdefault(change, {})[remote_id] = None
    return {change: list(ids) for change, ids in groups.items()}


def _left(source: str | None, *more: str, but: str = "") -> tuple[str, ...]:
    """Return the labels that a message loses with its folder; of a search, that is the inbox's."""
    named = dict.fromkeys((*(() if source is None else (source or INBOX,)), *more))
    return tuple(one for one in named if one != but and one not in GIVEN_BY_GMAIL)
