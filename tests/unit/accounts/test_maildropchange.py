"""What an owner chooses of a maildrop is put together here; the verbs are tried in tests/unit/cli/test_maildrop.py."""

from typing import Any

import pytest

from bridge.accounts.maildropchange import Knobs, changed_maildrop, new_maildrop, unheeded
from bridge.errors import RegisterError
from bridge.storage.register import MaildropRecord
from providers.contract import DispositionKind

EVERYTHING = frozenset(DispositionKind)
SENTENCE = r"^[A-Z0-9'\"].*\.$"
M = new_maildrop("m", "a", "", "keep", EVERYTHING)


def changed(old: MaildropRecord = M, **knobs: Any) -> MaildropRecord:  # noqa: ANN401 - as the class has them
    return changed_maildrop(old, Knobs(**knobs), EVERYTHING)


@pytest.mark.parametrize("name", ["a", "A9", "front-desk", "a.b_c-d", "0", "x" * 64])
def test_names_of_maildrops_are_plain(name: str) -> None:
    assert new_maildrop(name, "a", "", "keep", EVERYTHING).name == name


@pytest.mark.parametrize("name", ["", "-x", "a b", "a/b", "ü", "x" * 65, "a@b"])
def test_anything_else_is_no_name_of_a_maildrop(name: str) -> None:
    with pytest.raises(RegisterError, match=SENTENCE):
        new_maildrop(name, "a", "", "keep", EVERYTHING)


@pytest.mark.parametrize("spelled", ["keep", "trash", "move:Printed", "mark-read", "purge"])
def test_a_disposition_the_mailbox_can_do_is_taken(spelled: str) -> None:
    made = new_maildrop("m", "a", "Inbox", spelled, EVERYTHING)
    assert (made.disposition.spelled(), made.folder, made.account) == (spelled, "Inbox", "a")


@pytest.mark.parametrize("spelled", ["", "move", "move:", "delete", "keep:x", "KEEP", "trash "])
def test_a_disposition_that_is_none_is_refused_with_the_choices(spelled: str) -> None:
    with pytest.raises(
        RegisterError,
        match="choose keep, trash, move:FOLDER, archive, mark-read, label:NAME or purge",
    ):
        new_maildrop("m", "a", "", spelled, EVERYTHING)


def test_a_disposition_the_mailbox_cannot_do_is_refused_with_what_it_can() -> None:
    can = {DispositionKind.KEEP, DispositionKind.TRASH}
    with pytest.raises(RegisterError, match=r"cannot do mark-read; it can do keep, trash\."):
        new_maildrop("m", "office", "", "mark-read", can)


def test_nothing_given_changes_nothing() -> None:
    assert changed() == M


@pytest.mark.parametrize(
    "knobs",
    [
        {"subject": "print"},
        {"allow_senders": ["a@example.org"]},
        {"deny_senders": [".example"]},
        {"max_age": 7},
        {"not_before": 1.0},
        {"automatic": "hold"},
        {"authenticated": True},
        {"printable": True},
        {"wish": {"deliver": "ifax"}},
    ],
    ids=str,
)
def test_a_folder_for_what_is_refused_is_taken_where_something_may_be(
    knobs: dict[str, Any],
) -> None:
    made = changed(refused="move:Refused", **knobs)
    assert made.admission.refused_to == "Refused"
    assert unheeded(made) == []
    assert "moved to Refused" in made.admission.spelled(made.wish.deliver)
    with pytest.raises(RegisterError, match=r"^--refused matters only where .*\.$"):
        changed(refused="move:Refused")
    assert changed(refused="stay") == M


def test_what_was_chosen_once_and_matters_no_more_is_kept_and_named() -> None:
    fax = changed(refused="move:Refused", wish={"deliver": "ifax", "tiff": "profile-f"})
    printed = changed(fax, wish={"deliver": "print"})
    assert unheeded(printed) == ["tiff profile-f", "refused move:Refused"]
    assert printed.admission.spelled(printed.wish.deliver) == "everything"
    assert changed(printed, wish={"deliver": "ifax"}) == fax
