"""What is told of a change names every field that changed, and no secret."""

import attrs

from bridge.names import AccountName, DeviceName, MaildropName
from bridge.storage.audit import (
    THE_BRIDGE,
    VALUE_CHARACTERS,
    Actor,
    Difference,
    begun,
    changed,
    ended,
)
from bridge.storage.register import Account, Device, MaildropRecord
from providers.contract import Disposition, FolderName
from tests.canary import CANARY

FAX = Device(DeviceName("fax"), MaildropName("m"), f"hash-{CANARY}")
DROP = MaildropRecord(
    MaildropName("m"), AccountName("a"), FolderName(""), Disposition.parse("move:Printed")
)


def spelled(differences: tuple[Difference, ...]) -> list[str]:
    return [one.spelled() for one in differences]


def test_of_what_begins_is_told_what_was_chosen() -> None:
    assert begun(FAX) == ()
    chosen = attrs.evolve(FAX, allow=("10.0.0.0/8", "::1/128"), quirks={"top": "off"})
    assert spelled(begun(chosen)) == ["allow: 10.0.0.0/8, ::1/128", "quirks.top: off"]


def test_of_what_ends_is_told_what_had_been_chosen() -> None:
    account = Account(AccountName("a"), "folder", {"path": "/mail"}, 3)
    assert ended(account) == (
        Difference("provider", "folder", None),
        Difference("settings.path", "/mail", None),
        Difference("enrolment", "3", None),
    )


def test_a_change_is_told_field_by_field_down_to_the_last_part() -> None:
    admission = attrs.evolve(DROP.admission, deny=("spam.example",), automatic=False)
    new = attrs.evolve(DROP, disposition=Disposition.parse("trash"), admission=admission)
    assert spelled(changed(DROP, new)) == [
        "disposition: move:Printed -> trash",
        "admission.deny: none -> spam.example",
        "admission.automatic: none -> no",
    ]


def test_what_is_as_it_was_is_no_change() -> None:
    assert changed(DROP, attrs.evolve(DROP)) == ()


def test_a_part_that_comes_or_goes_was_or_is_none() -> None:
    quirky = attrs.evolve(FAX, quirks={"top": "off"})
    assert spelled(changed(FAX, quirky)) == ["quirks.top: none -> off"]
    assert spelled(changed(quirky, FAX)) == ["quirks.top: off -> none"]


def test_of_a_secret_is_told_only_that_it_changed() -> None:
    apop = attrs.evolve(FAX, password=f"other-{CANARY}", apop_secret=CANARY.encode())
    told = changed(FAX, apop)
    assert spelled(told) == ["password changed", "apop_secret changed"]
    assert all(one.is_secret for one in told)
    assert spelled(begun(apop)) == ["apop_secret: set"]
    assert CANARY not in f"{told}{begun(apop)}{ended(apop)}{changed(apop, FAX)}"


def test_a_secret_that_a_later_release_adds_needs_no_word_here() -> None:
    @attrs.frozen
    class Later:
        pin: str = attrs.field(default="", repr=False)

    told = changed(Later("1"), Later(CANARY))
    assert spelled(told) == ["pin changed"]
    assert CANARY not in f"{told}{begun(Later(CANARY))}"


def test_moments_are_told_as_dates_and_long_values_are_cut() -> None:
    long = ("x" * 150, "y" * 150)
    admission = attrs.evolve(DROP.admission, not_before=1.7e9, allow=long)
    since, allowed = changed(attrs.evolve(DROP, admission=admission), DROP)[::-1]
    assert since.spelled() == "admission.not_before: 2023-11-14 22:13:20Z -> none"
    assert allowed.old is not None
    assert len(allowed.old) == VALUE_CHARACTERS + len("...")


def test_an_actor_is_told_by_number_and_by_name() -> None:
    assert Actor(0, "root", 1000, "ada").spelled() == "root(0) by sudo of ada(1000)"
    assert Actor(1000, "ada").spelled() == "ada(1000)"
    assert THE_BRIDGE.spelled() == "popbridge"
