"""Finds maildrops that would hand refused mail to one another for ever."""

from collections.abc import Callable, Iterable

from bridge.errors import RegisterError
from bridge.storage.register import MaildropRecord
from providers.contract import FolderName


def refuse_roundabout(
    record: MaildropRecord,
    others: Iterable[MaildropRecord],
    spelled: Callable[[FolderName], FolderName],
) -> None:
    """Refuse a maildrop whose refused mail would come back to its own folder, by way of others or at once.

    `others` may be of any account. `spelled` returns a folder's name in the one spelling of its mailbox; what no
    name tells (an id beside a path, a folder that is renamed later) is found when a message comes back.

    Raises:
        RegisterError: it would; the sentence names the way.
    """
    first = _target(record)
    if first is None:
        return
    drops = [
        drop
        for drop in others
        if drop.account == record.account and drop.name != record.name and _target(drop)
    ]
    home, here = spelled(record.folder), spelled(first)
    way: list[MaildropRecord] = []
    reached = {here: way}
    waiting = [here]
    while waiting and home not in reached:
        here = waiting.pop()
        for drop in drops:
            target = _target(drop)
            if target is None or spelled(drop.folder) != here or spelled(target) in reached:
                continue
            reached[spelled(target)] = [*reached[here], drop]
            waiting.append(spelled(target))
    if home in reached:
        raise RegisterError(_sentence(record, first, reached[home]))


def _target(drop: MaildropRecord) -> FolderName | None:
    """Return the folder to which a maildrop moves what it refuses; None where it moves nothing."""
    folder = drop.admission.refused_to
    return FolderName(folder) if folder and drop.admission.refuses(drop.wish.deliver) else None


def _sentence(record: MaildropRecord, target: FolderName, way: list[MaildropRecord]) -> str:
    if not way:
        return (
            f"{target} is the folder that {record.name} shows, so what it refuses would stay there as"
            " new; choose another folder, or leave --refused at stay."
        )
    by = ", ".join(drop.name for drop in way)
    return (
        f"What {record.name} refuses would go to {target} and come back to it by way of maildrop {by},"
        " for ever; choose another folder here or there, or leave --refused at stay."
    )
