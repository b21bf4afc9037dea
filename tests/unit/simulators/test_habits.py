import pytest

from bridge.devices.profiles import Profile, shipped_profiles
from bridge.errors import OwnerError
from bridge.simulators.habits import habit_of, parse_habits

CONTENT = '[[content]]\nmode = "ifax"\nunverified = true\n'


def habit(*lines: str) -> str:
    return "\n".join(("format = 1", CONTENT, "[[habit]]", 'profile = "fax"', *lines))


@pytest.mark.parametrize("name", shipped_profiles())
def test_of_every_profile_the_habit_and_its_origin_are_known(name: str) -> None:
    found, content = habit_of(shipped_profiles()[name])
    assert found.origin
    assert content.origin


def test_what_deletes_nothing_by_its_profile_has_no_dele_in_its_habit() -> None:
    for profile in shipped_profiles().values():
        if profile.deletes.value == "never":
            assert "DELE" not in habit_of(profile)[0].each


@pytest.mark.parametrize("profile", shipped_profiles().values(), ids=lambda one: one.name)
def test_a_machine_deletes_as_its_profile_says(profile: Profile) -> None:
    """An option that is off at first is told as one: the Star keeps by UIDL (its manual p. 26)."""
    says = profile.deletes.value
    each = habit_of(profile)[0].each
    assert ("RETR" in each or "TOP" in each) == (says != "never")
    keeps = says in ("never", "unknown") or profile.name == "star"
    assert ("DELE" in each) != keeps
    if "too" in says or "always" in says:
        assert habit_of(profile)[0].refused == "delete"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("format = 2", "format 2"),
        ("format = ", "not TOML"),
        (habit('look = ["NOOP"]', "unverified = true"), "look"),
        (habit(), "fax must have a source"),
        (habit("unverified = true", 'source = "a manual"'), "fax must have a source"),
    ],
)
def test_a_habit_that_cannot_be_used_is_one_sentence(text: str, why: str) -> None:
    with pytest.raises(OwnerError, match=why):
        parse_habits(text)
