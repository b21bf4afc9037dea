"""Refuses what a mailbox could not do of all that an owner may choose, and what would change nothing for a device."""

from collections.abc import Callable, Collection

from bridge.accounts.roundabout import refuse_roundabout
from bridge.app.accounts.examination import look_briefly, told
from bridge.devices.manners import Manners
from bridge.devices.overrides import refuse_idle
from bridge.devices.profiles import shipped_profiles
from bridge.errors import RegisterError
from bridge.storage.register import Account, Device, MaildropRecord, RegisterSnapshot
from providers.contract import DispositionKind, FolderName, MailboxProvider, ProviderError


def check_dispositions(
    mailbox: MailboxProvider, snapshot: RegisterSnapshot, account: Account
) -> None:
    """Refuse an access that would leave deletions undone which maildrops promise."""
    for drop in snapshot.maildrops:
        if drop.account != account.name:
            continue
        if drop.admission.refused_to and DispositionKind.MOVE not in mailbox.dispositions:
            raise RegisterError(
                f"The maildrop {drop.name} moves what it refuses, which account {account.name}"
                " could not do any more; choose a wider --access."
            )
        if drop.disposition.kind not in mailbox.dispositions:
            raise RegisterError(
                f"The maildrop {drop.name} does {drop.disposition.spelled()}, which account"
                f" {account.name} could not do any more; choose a wider --access."
            )


def check_choices(
    mailbox: MailboxProvider, record: MaildropRecord, snapshot: RegisterSnapshot
) -> None:
    """Refuse what only another mailbox could do, and what would go round among the maildrops of the `snapshot`."""
    if record.disposition.folder is not None:
        _accept(mailbox.check_target, record.disposition.folder)
    if record.admission.refused_to:
        _accept(mailbox.check_target, FolderName(record.admission.refused_to))
        if DispositionKind.MOVE not in mailbox.dispositions:
            raise RegisterError(
                f"The mailbox of account {record.account} cannot move messages; leave --refused at stay."
            )
        refuse_roundabout(record, snapshot.maildrops, mailbox.check_folder)
    if record.admission.authenticated and mailbox.attests is None:
        raise RegisterError(
            f"The mailbox of account {record.account} does not tell whether a sender is genuine, so"
            " nothing would be printed; leave --authenticated at ignore."
        )


def overriding(given: Collection[str]) -> Callable[[RegisterSnapshot, Device], None]:
    """Return what refuses a device for which one of the quirks `given` would change nothing."""

    def check(snapshot: RegisterSnapshot, device: Device) -> None:
        ways = {drop.name: drop.wish.deliver for drop in snapshot.maildrops}
        deliver = None if device.maildrop is None else ways.get(device.maildrop)
        refuse_idle(Manners(shipped_profiles()), device, given, deliver)

    return check


def _accept(check: Callable[[FolderName], object], folder: FolderName) -> None:
    """Have a mailbox check a folder; its no becomes the owner's sentence."""
    try:
        check(folder)
    except ValueError as error:
        raise RegisterError(f"The folder {folder} cannot be used: {error}") from error


async def probe(mailbox: MailboxProvider, folder: FolderName) -> frozenset[DispositionKind]:
    """Return what the mailbox can do, once a look at the folder has begun.

    Raises:
        RegisterError: it does not answer.
    """
    _accept(mailbox.check_folder, folder)
    try:
        await look_briefly(mailbox, folder)
    except ProviderError as error:
        raise RegisterError(f"The mailbox cannot be used: {told(error)}.") from error
    return mailbox.dispositions
