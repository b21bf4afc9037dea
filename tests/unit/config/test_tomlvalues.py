import ipaddress
from pathlib import Path
from typing import Annotated, Literal

import attrs
import pytest

from bridge.config.tomlvalues import Between, Count, Fault, Faulty, Matches, Network, build

FOLDER = Path("/folder")


@attrs.frozen
class Inner:
    needed: str
    whole: int = 0


@attrs.frozen
class Outer:
    text: str = ""
    whole: int = 0
    ranged: Annotated[int, Between(1, 5, "seconds")] = 1
    number: float = 0.0
    truth: bool = False
    path: Path = Path("/")
    mode: Literal["one", "two"] = "one"
    few: Annotated[tuple[int, ...], Count(1, 2)] = (1,)
    networks: tuple[Network, ...] = ()
    word: Annotated[str, Matches("[a-z]*", "small letters")] = ""
    inner: Inner = Inner("x")
    inners: tuple[Inner, ...] = ()


def faults_of(raw: dict[str, object]) -> dict[tuple[str | int, ...], str]:
    with pytest.raises(Faulty) as caught:
        build(raw, Outer, FOLDER)
    return {fault.path: fault.wrong for fault in caught.value.faults}


def test_an_empty_table_means_every_default() -> None:
    assert build({}, Outer, FOLDER) == Outer()


def test_values_of_the_right_type_are_taken_as_they_are() -> None:
    raw: dict[str, object] = {
        "text": "a",
        "whole": -3,
        "ranged": 5,
        "number": 1.5,
        "truth": True,
        "mode": "two",
        "few": [1, 2],
        "word": "abc",
        "inner": {"needed": "y"},
        "inners": [{"needed": "z", "whole": 2}],
    }
    assert build(raw, Outer, FOLDER) == Outer(
        text="a",
        whole=-3,
        ranged=5,
        number=1.5,
        truth=True,
        mode="two",
        few=(1, 2),
        word="abc",
        inner=Inner("y"),
        inners=(Inner("z", 2),),
    )


def test_a_whole_number_is_a_number() -> None:
    number = build({"number": 2}, Outer, FOLDER).number
    assert number == 2.0
    assert type(number) is float


@pytest.mark.parametrize(
    ("key", "value", "wrong"),
    [
        ("text", 5, 'must be text in "double quotes"'),
        ("whole", "5", "must be a whole number, without quotes"),
        ("whole", True, "must be a whole number"),
        ("whole", 5.0, "must be a whole number"),
        ("number", "5", "must be a number, without quotes"),
        ("number", False, "must be a number"),
        ("number", float("nan"), "must be a finite number"),
        ("number", float("inf"), "must be a finite number"),
        ("number", 10**400, "must be a finite number"),
        ("truth", 1, "must be true or false"),
        ("truth", "true", "must be true or false, without quotes"),
        ("path", 5, 'must be a path in "double quotes"'),
        ("mode", "three", "must be one of one, two"),
        ("mode", ["one"], "must be one of one, two"),
        ("few", "12", "must be a list in [square brackets]"),
        ("few", [], "must have 1 item at least"),
        ("few", [1, 2, 3], "must have 2 items at most"),
        ("ranged", 0, "must be from 1 to 5 seconds"),
        ("ranged", 6, "must be from 1 to 5 seconds"),
        ("ranged", "1", "must be a whole number, without quotes"),
        ("word", "A", "must be small letters"),
        ("word", "a\n", "must be small letters"),
        ("inner", 5, "must be a table of keys and values"),
        (
            "inners",
            {"needed": "x"},
            "must be in double brackets, [[...]], because there may be several",
        ),
        ("inners", 5, "must be a list in [square brackets]"),
    ],
)
def test_nothing_is_bent_to_fit(key: str, value: object, wrong: str) -> None:
    assert faults_of({key: value}) == {(key,): wrong}


def test_every_fault_is_told_with_its_path() -> None:
    raw: dict[str, object] = {
        "whole": "1",
        "few": [1, "2"],
        "inner": {"whole": 0.5},
        "inners": [{"needed": "x"}, 5, {"needed": 6, "other": 7}],
        "unheard": 1,
    }
    assert set(faults_of(raw)) == {
        ("whole",),
        ("few", 1),
        ("inner", "needed"),
        ("inner", "whole"),
        ("inners", 1),
        ("inners", 2, "needed"),
        ("inners", 2, "other"),
        ("unheard",),
    }


def test_a_key_without_a_default_may_not_be_missing() -> None:
    assert faults_of({"inner": {}}) == {("inner", "needed"): "is missing, and has no default"}


@pytest.mark.parametrize("key", ["trth", "Truth", "truht"])
def test_a_misspelt_key_is_answered_with_the_nearest_one(key: str) -> None:
    assert faults_of({key: True}) == {(key,): "is not a key; did you mean truth?"}


def test_a_key_like_no_other_is_answered_with_all_of_them() -> None:
    wrong = faults_of({"inner": {"needed": "x", "zzz": 1}})
    assert wrong == {("inner", "zzz"): "is not a key; valid here are needed, whole"}


def test_the_value_of_an_unknown_key_is_not_for_showing() -> None:
    with pytest.raises(Faulty) as caught:
        build({"password": "x"}, Outer, FOLDER)
    [fault] = caught.value.faults
    assert fault == Fault(("password",), fault.wrong, shows_value=False)


@pytest.mark.parametrize(
    ("value", "path"),
    [("sub/file", "/folder/sub/file"), ("../x", "/folder/../x"), ("/a", "/a")],
)
def test_a_relative_path_starts_at_the_folder(value: str, path: str) -> None:
    assert build({"path": value}, Outer, FOLDER).path == Path(path)


@pytest.mark.parametrize("value", ["", "~/x", "~root/x", "a\0b"])
def test_a_path_that_means_nothing_is_refused(value: str) -> None:
    assert list(faults_of({"path": value})) == [("path",)]


def test_networks_are_taken_in_any_usual_spelling() -> None:
    spelt = ["192.168.1.0/24", "10.0.0.0/255.0.0.0", "192.168.1.5", "fd00::/8", "::1"]
    assert build({"networks": spelt}, Outer, FOLDER).networks == (
        ipaddress.ip_network("192.168.1.0/24"),
        ipaddress.ip_network("10.0.0.0/8"),
        ipaddress.ip_network("192.168.1.5/32"),
        ipaddress.ip_network("fd00::/8"),
        ipaddress.ip_network("::1/128"),
    )


def test_an_address_with_a_prefix_is_answered_with_its_network() -> None:
    wrong = faults_of({"networks": ["192.168.1.5/24", "fd00::1/64"]})
    assert 'did you mean "192.168.1.0/24"?' in wrong["networks", 0]
    assert 'did you mean "fd00::/64"?' in wrong["networks", 1]


@pytest.mark.parametrize("value", ["lan", "192.168.1.0/33", "192.168.1", "", 3232235776])
def test_what_is_no_network_is_refused(value: object) -> None:
    wrong = faults_of({"networks": [value]})
    assert wrong["networks", 0].startswith("must be a network such as")


def test_a_rule_that_fails_by_itself_is_not_the_owners_fault() -> None:
    def broken(_value: int) -> str | None:
        raise ZeroDivisionError

    @attrs.frozen
    class Ruled:
        value: Annotated[int, broken] = 0

    with pytest.raises(ZeroDivisionError):
        build({"value": 1}, Ruled, FOLDER)
