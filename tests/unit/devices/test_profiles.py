import pytest

from bridge.devices.profiles import find_profile, parse_profiles, shipped_profiles
from bridge.errors import OwnerError, RegisterError


def test_every_shipped_value_names_its_source_or_is_marked_unverified() -> None:
    profiles = shipped_profiles()
    assert len(profiles) == 21
    values = [one for profile in profiles.values() for one in profile.values().values()]
    assert all(bool(one.source) != one.unverified for one in values)


def test_a_limit_that_a_manual_states_is_in_its_profile() -> None:
    epson = find_profile(shipped_profiles(), "pbs-epson")
    assert (epson.password_length.value, epson.listener.value) == (20, ("plain",))


def test_an_unknown_profile_is_one_sentence_that_names_the_list() -> None:
    with pytest.raises(RegisterError, match=r"no profile fax; see `popbridge profile list`"):
        find_profile(shipped_profiles(), "fax")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("format = 2", "format 2; this release reads format 1"),
        ("profile = []", "format None"),
        ("format = ", "not TOML"),
        ("format = 1\ncolour = 1\nprofile = []", "colour is not a key"),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_sentence(text: str, said: str) -> None:
    with pytest.raises(OwnerError, match=said):
        parse_profiles(text)
