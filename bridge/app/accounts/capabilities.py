"""Refuses what a mailbox could not do of all that an owner may choose for its maildrops."""

from bridge.app.accounts.examination import look_briefly, told
from bridge.errors import RegisterError
from bridge.storage.register import Account, MaildropRecord, RegisterSnapshot
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


def check_choices(mailbox: MailboxProvider, record: MaildropRecord) -> None:
    """Refuse what only another mailbox could do."""
    if record.disposition.folder is not None:
        _check_folder(mailbox, record.disposition.folder)
    if record.admission.refused_to:
        _check_folder(mailbox, FolderName(record.admission.refused_to))
        if DispositionKind.MOVE not in mailbox.dispositions:
            raise RegisterError(
                f"The mailbox of account {record.account} cannot move messages; leave --refused at stay."
            )
    if record.admission.authenticated and mailbox.attests is None:
        raise RegisterError(
            f"The mailbox of account {record.account} does not tell whether a sender is genuine, so"
            " nothing would be printed; leave --authenticated at ignore."
        )


def _check_folder(mailbox: MailboxProvider, folder: FolderName) -> None:
    try:
        mailbox.check_folder(folder)
    except ValueError as error:
        raise RegisterError(f"The folder {folder} cannot be used: {error}") from error


async def probe(mailbox: MailboxProvider, folder: FolderName) -> frozenset[DispositionKind]:
    """Return what the mailbox can do, once a look at the folder has begun.

    Raises:
        RegisterError: it does not answer.
    """
    _check_folder(mailbox, folder)
    try:
        await look_briefly(mailbox, folder)
    except ProviderError as error:
        raise RegisterError(f"The mailbox cannot be used: {told(error)}.") from error
    return mailbox.dispositions
