"""Refused mail may be handed on, and never comes back: the names that an owner gives are followed."""

import attrs
import pytest

from bridge.accounts.maildropchange import new_maildrop
from bridge.accounts.roundabout import refuse_roundabout
from bridge.admission import Admission
from bridge.errors import RegisterError
from bridge.shaping.wish import Deliver, Wish
from bridge.storage.register import MaildropRecord
from providers.contract import DispositionKind, FolderName


def drop(
    name: str, folder: str, to: str, account: str = "a", subject: str = "print"
) -> MaildropRecord:
    made = new_maildrop(name, account, folder, "keep", frozenset(DispositionKind))
    return attrs.evolve(made, admission=Admission(subject=subject, refused_to=to))


def check(record: MaildropRecord, *others: MaildropRecord) -> None:
    refuse_roundabout(record, others, lambda name: FolderName(name.casefold() or "inbox"))


COLOUR = drop("colour", "", "Grey")


@pytest.mark.parametrize(
    ("others", "way"),
    [
        ([drop("grey", "grey", "Inbox")], "grey"),
        ([drop("grey", "Grey", "Old"), drop("old", "old", "")], ""),
        ([drop("grey", "Grey", "Old"), drop("old", "old", "INBOX")], "grey, old"),
        ([drop("x", "Grey", "Far"), drop("y", "Grey", "inbox")], "y"),
        ([drop("x", "Grey", "Far"), drop("y", "Far", "Grey")], ""),
        ([drop("grey", "Grey", "inbox", account="b")], ""),
        ([drop("grey", "Grey", "inbox", subject="")], ""),
        ([drop("other", "Elsewhere", "inbox")], ""),
    ],
)
def test_a_way_back_is_refused_and_named_and_a_way_on_is_taken(
    others: list[MaildropRecord], way: str
) -> None:
    """An owner may want that one printer gets what another does not admit."""
    if not way:
        check(COLOUR, *others)
        return
    with pytest.raises(RegisterError, match=rf"by way of maildrop {way}, for ever; .*\.$"):
        check(COLOUR, *others)


def test_a_maildrops_own_folder_is_refused() -> None:
    with pytest.raises(RegisterError, match="Inbox is the folder that colour shows"):
        check(drop("colour", "", "Inbox"))


def test_what_moves_nothing_closes_no_way() -> None:
    grey = drop("grey", "Grey", "inbox")
    check(drop("colour", "", ""), grey)
    check(drop("colour", "", "Grey", subject=""), grey)
    fax = attrs.evolve(drop("colour", "", "Grey", subject=""), wish=Wish(Deliver.IFAX))
    with pytest.raises(RegisterError):  # the loop guard of a fax refuses by itself
        check(fax, grey)


def test_a_change_is_held_against_the_others_and_not_against_what_it_replaces() -> None:
    check(COLOUR, drop("colour", "Grey", "inbox"))
