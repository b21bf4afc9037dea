"""Says what the dispositions of one batch mean in labels: pure, a group of messages for each change."""

from collections.abc import Iterable

import attrs

from providers.contract import DispositionKind, RemoteId

INBOX, TRASH, UNREAD = "INBOX", "TRASH", "UNREAD"


@attrs.frozen
class LabelChange:
    """Labels to add and to remove."""

    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()


def change_for(kind: DispositionKind, source: str, target: str) -> LabelChange:
    """Return what a disposition does to a message of the label `source` (empty: of a search).

    `target` is the label's id of a MOVE or LABEL. Removing a label that is not there does no harm, so
    a message that its owner has filed elsewhere keeps what it was given there.
    """
    match kind:
        case DispositionKind.MARK_READ:
            return LabelChange(remove=(UNREAD,))
        case DispositionKind.LABEL:
            return LabelChange(add=(target,))
        case DispositionKind.ARCHIVE:
            return LabelChange(remove=tuple(dict.fromkeys((source or INBOX, INBOX))))
        case DispositionKind.MOVE:
            left = source or INBOX
            return LabelChange((target,), (left,) if left != target else ())
        case _:
            return LabelChange((TRASH,), (source or INBOX,))


def grouped(
    wanted: Iterable[tuple[RemoteId, LabelChange]],
) -> dict[LabelChange, list[RemoteId]]:
    """Return the messages of each change, no message twice in one."""
    groups: dict[LabelChange, dict[RemoteId, None]] = {}
    for remote_id, change in wanted:
        groups.setdefault(change, {})[remote_id] = None
    return {change: list(ids) for change, ids in groups.items()}
