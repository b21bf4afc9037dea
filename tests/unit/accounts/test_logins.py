"""Whose login it is, by the ways in which machines are known to spell one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.accounts.logins import Logins, lost_spellings, stem
from bridge.names import DeviceName, MaildropName
from bridge.storage.register import Device

LONG = "scanner-of-the-second-floor-beside-the-kitchen@branch-office.example.org"


def device(name: str, *aliases: str) -> Device:
    return Device(DeviceName(name), MaildropName("printer"), "", aliases)


def found(typed: str, *devices: Device) -> str | None:
    one = Logins.of(devices).find(typed)
    return one.name if one else None


@pytest.mark.parametrize(
    "typed",
    [
        "fax@example.org",
        "FAX@EXAMPLE.ORG",
        " fax@example.org ",
        "fax @example.org",
        "fax",
        "Fax ",
        "OFFICE\\fax",
        "office\\FAX@example.org",
    ],
)
def test_a_full_address_is_found_by_every_spelling(typed: str) -> None:
    assert found(typed, device("fax@example.org"), device("scanner")) == "fax@example.org"


@pytest.mark.parametrize("typed", ["fax", "fax@example.org", "OFFICE\\fax", "F A X"])
def test_a_bare_name_is_found_with_a_domain_too(typed: str) -> None:
    assert found(typed, device("fax"), device("scanner")) == "fax"


@pytest.mark.parametrize("length", [63, 64])
def test_a_long_alias_is_found_where_the_machine_cut_it(length: int) -> None:
    long = device("scanner", LONG)
    assert found(LONG[:length].upper(), long) == "scanner"


def test_a_cut_elsewhere_is_no_login() -> None:
    assert found(LONG[:62], device("scanner", LONG)) is None


def test_what_names_two_devices_names_none() -> None:
    both = (device("fax@a.example"), device("fax@b.example"))
    assert found("fax", *both) is None
    assert found("fax@a.example", *both) == "fax@a.example"


def test_another_domain_is_another_login() -> None:
    assert found("fax@b.example", device("fax@a.example")) is None


def test_a_name_as_it_stands_goes_before_every_other_reading() -> None:
    assert found("fax", device("fax"), device("fax@a.example")) == "fax"
    assert found("office fax", device("one", "office fax"), device("officefax")) == "one"
    assert found(" office fax", device("one", "office fax"), device("officefax")) == "one"


def test_two_aliases_of_one_device_agree() -> None:
    assert found("fax", device("one", "fax@a.example", "fax@b.example")) == "one"


@pytest.mark.parametrize(
    "typed", ["", " ", "\\", "@", "OFFICE\\", "@example.org", "fa", "faxx"]
)
def test_anything_else_is_nobodys(typed: str) -> None:
    assert found(typed, device("fax"), device("scanner@example.org")) is None


def test_only_a_name_as_it_stands_is_exact() -> None:
    logins = Logins.of([device("fax")])
    assert logins.exact("FAX") == device("fax")
    assert logins.exact("OFFICE\\fax") is None


@pytest.mark.parametrize("typed", ["fax", " FAX", "A\\fax", "fax@b.example", "a\\f ax@c"])
def test_all_spellings_have_one_stem(typed: str) -> None:
    assert stem(typed) == "fax"


def test_a_cut_login_has_the_stem_of_the_whole() -> None:
    name = "x" * 70
    assert stem(name) == stem(name[:64]) == stem(name[:63])


@given(st.text(max_size=80), st.lists(st.from_regex(r"[a-z0-9.@\\]{1,20}", fullmatch=True)))
def test_whatever_is_typed_finds_a_device_or_none(typed: str, names: list[str]) -> None:
    devices = [device(name) for name in dict.fromkeys(names)]
    assert found(typed, *devices) in {None, *names}
    for name in names:
        assert found(name, *devices) == name


# ---- what a change takes from other machines


def test_a_local_part_of_two_devices_is_told_with_what_gives_it_back() -> None:
    [said] = lost_spellings([device("d1", "scan@a.example")], device("d2", "scan@b.example"))
    assert said == (
        "scan may mean d1 or d2 now, and logs nobody in: `popbridge device change d1"
        " --alias scan@a.example --alias scan` gives it to d1."
    )
    given_back = device("d1", "scan@a.example", "scan")
    assert found("scan", given_back, device("d2", "scan@b.example")) == "d1"


def test_a_cut_of_two_devices_is_told() -> None:
    lost = lost_spellings([device("d1", LONG + "a")], device("d2", LONG + "b"))
    cuts = {one.partition(" ")[0] for one in lost}
    assert {LONG[:63].casefold(), LONG[:64].casefold()} <= cuts


def test_a_login_that_another_machine_sends_for_its_own_is_told() -> None:
    [said] = lost_spellings([device("d1", "scan@a.example")], device("scan"))
    assert said.startswith(
        "scan is the login of scan now, and no longer of d1: have the machine"
    )


def test_what_a_device_gives_up_itself_leaves_the_spelling_to_it() -> None:
    before = [device("d1", "scan"), device("d2", "scan@b.example")]
    [said] = lost_spellings(before, device("d1", "scan@a.example"))
    assert "change d1 --alias scan@a.example --alias scan` gives it to d1" in said


@pytest.mark.parametrize("alias", ["scan@b.example", "", "other"])
def test_nothing_is_told_where_nothing_was_taken(alias: str) -> None:
    before = [device("d1", "fax@a.example"), device("d2", alias)]
    assert lost_spellings(before, device("d2", "scan@b.example")) == []
