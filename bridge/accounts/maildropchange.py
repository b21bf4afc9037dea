"""Every change an owner can make to a maildrop; what would have no effect is refused."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import attrs

from bridge.accounts.changes import ANY, owners_name
from bridge.admission import DAY_SECONDS, PATTERN, Admission
from bridge.errors import RegisterError
from bridge.names import AccountName, MaildropName
from bridge.shaping import wishtext
from bridge.storage.register import MaildropRecord, OnOutage
from providers.contract import Disposition, DispositionKind, FolderName

HOUR_SECONDS = 3600
MIB_OCTETS = 1 << 20


@attrs.frozen
class Knobs:
    """What an owner may choose of a maildrop; None leaves it as it is.

    `print_once` in hours, `ceiling` in MiB, `max_age` in days, `not_before` in seconds since the epoch;
    0 takes either of the last two away, and `any` what was said of senders or of the subject. `wish` holds
    what is chosen of a Wish, by its fields, as it is stored.
    """

    on_dele: str | None = None
    on_outage: str | None = None
    print_once: int | None = None
    ceiling: int | None = None
    allow_senders: Sequence[str] | None = None
    deny_senders: Sequence[str] | None = None
    subject: str | None = None
    max_age: int | None = None
    not_before: float | None = None
    automatic: str | None = None
    authenticated: bool | None = None
    at_most: int | None = None
    newest_first: bool | None = None
    printable: bool | None = None
    refused: str | None = None
    wish: Mapping[str, Any] = attrs.field(factory=dict)


NO_KNOBS = Knobs()
"""Nothing is chosen."""


def new_maildrop(
    name: str, account: str, folder: str, on_dele: str, can: Collection[DispositionKind]
) -> MaildropRecord:
    """Return a maildrop whose disposition is one of those the account's mailbox `can` do.

    Raises:
        RegisterError: the name is not one, or the disposition is none, or not possible there.
    """
    disposition = _disposition(account, on_dele, can)
    return MaildropRecord(
        MaildropName(owners_name("maildrop", name)),
        AccountName(account),
        FolderName(folder),
        disposition,
    )


def changed_maildrop(
    old: MaildropRecord,
    knobs: Knobs,
    can: Collection[DispositionKind],
    profiles: Collection[str] = (),
) -> MaildropRecord:
    """Return the maildrop with what is given put in place of what it had; `profiles` are of its devices.

    Raises:
        RegisterError: the disposition is none, or not possible there; or something of what is given
            would have no effect.
    """
    changed = old
    if knobs.on_dele is not None:
        wanted = _disposition(old.account, knobs.on_dele, can)
        changed = attrs.evolve(changed, disposition=wanted)
    if knobs.on_outage is not None:
        changed = attrs.evolve(changed, on_outage=OnOutage(knobs.on_outage))
    if knobs.print_once is not None:
        changed = attrs.evolve(changed, print_once=knobs.print_once * HOUR_SECONDS)
    if knobs.ceiling is not None:
        changed = attrs.evolve(changed, ceiling=knobs.ceiling * MIB_OCTETS)
    wish = wishtext.changed(changed.wish, knobs.wish)
    admission = _admission(changed.admission, knobs)
    if (
        knobs.refused is not None
        and admission.refused_to
        and not admission.refuses(wish.deliver, profiles)
    ):
        raise RegisterError(
            "--refused matters only where something is not admitted, and here everything is: leave it"
            " out, or choose what is, by --allow-sender, --subject, --automatic hold or another."
        )
    return attrs.evolve(changed, admission=admission, wish=wish)


def unheeded(record: MaildropRecord, profiles: Collection[str] = ()) -> list[str]:
    """Return in a few words each what was chosen of a maildrop with such devices and has no effect as it is now."""
    found = wishtext.unheeded(record.wish)
    folder = record.admission.refused_to
    if folder and not record.admission.refuses(record.wish.deliver, profiles):
        found.append(f"refused move:{folder}")
    return found


def _disposition(account: str, on_dele: str, can: Collection[DispositionKind]) -> Disposition:
    try:
        disposition = Disposition.parse(on_dele)
    except ValueError as error:
        raise RegisterError(
            f"{on_dele} is no disposition; choose keep, trash, move:FOLDER, archive, mark-read,"
            " label:NAME or purge."
        ) from error
    if disposition.kind not in can:
        choices = ", ".join(sorted(can))
        raise RegisterError(
            f"The mailbox of account {account} cannot do {disposition.kind}; it can do {choices}."
        )
    return disposition


def _admission(old: Admission, knobs: Knobs) -> Admission:
    chosen: dict[str, Any] = {
        "allow": None if knobs.allow_senders is None else _senders(knobs.allow_senders),
        "deny": None if knobs.deny_senders is None else _senders(knobs.deny_senders),
        "subject": "" if knobs.subject == ANY else knobs.subject,
        "max_age": None if knobs.max_age is None else knobs.max_age * DAY_SECONDS,
        "not_before": knobs.not_before,
        "authenticated": knobs.authenticated,
        "at_most": knobs.at_most,
        "newest_first": knobs.newest_first,
        "printable": knobs.printable,
    }
    given = {k: value for k, value in chosen.items() if value is not None}
    if knobs.refused is not None:
        given["refused_to"] = _refused_to(knobs.refused)
    if knobs.automatic is not None:
        given["automatic"] = {"list": True, "hold": False, ANY: None}[knobs.automatic]
    return attrs.evolve(old, **given)


def _refused_to(text: str) -> str:
    """Return the folder that is meant by `move:FOLDER`, and none by `stay`."""
    kind, _, folder = text.partition(":")
    if (kind, bool(folder)) not in {("stay", False), ("move", True)}:
        raise RegisterError(
            f"{text} is nothing to do with what is refused; choose stay or move:FOLDER."
        )
    return folder


def _senders(patterns: Sequence[str]) -> tuple[str, ...]:
    if list(patterns) == [ANY]:
        return ()
    for pattern in patterns:
        if not PATTERN.fullmatch(pattern) or pattern == ANY:
            domain = pattern.rpartition("@")[2]
            if pattern.startswith("*@") and PATTERN.fullmatch(domain):
                raise RegisterError(
                    f"{pattern!r} is one address and no wildcard; write {domain} for the whole domain."
                )
            raise RegisterError(
                f"{pattern!r} names no sender; write an address, a domain such as example.com, or"
                f" .example.com for it and all below it, or {ANY} alone to take what was said away."
            )
    return tuple(pattern.lower() for pattern in patterns)
