import attrs
import pytest

from bridge.devices.profiles import QuirkTable, find_profile, parse_profiles, shipped_profiles
from bridge.errors import OwnerError, RegisterError
from bridge.pop3.quirks import CHOICES


def test_every_shipped_value_names_its_source_or_is_marked_unverified() -> None:
    profiles = shipped_profiles()
    assert len(profiles) == 21
    values = [one for profile in profiles.values() for one in profile.values().values()]
    assert all(one.has_one_origin for one in values)


def test_every_profile_says_every_quirk() -> None:
    for profile in shipped_profiles().values():
        assert list(profile.quirks.values()) == list(CHOICES), profile.name


def test_no_printer_is_sent_a_nul_unless_its_mail_is_to_stay_byte_for_byte() -> None:
    for profile in shipped_profiles().values():
        stays = profile.content.value in ("original", "command")
        assert profile.quirks.settings()["nul"] == ("keep" if stays else "replace")


def test_a_limit_that_a_manual_states_is_in_its_profile() -> None:
    epson = find_profile(shipped_profiles(), "pbs-epson")
    assert (epson.password_length.value, epson.listener.value) == (20, ("plain",))


def test_an_unknown_profile_is_one_sentence_that_names_the_list() -> None:
    with pytest.raises(RegisterError, match=r"no profile fax; see `popbridge profile list`"):
        find_profile(shipped_profiles(), "fax")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("format = 1", "format 1; this release reads format 2"),
        ("profile = []", "format None"),
        ("format = ", "not TOML"),
        ("format = 2\ncolour = 1\nprofile = []", "colour is not a key"),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_sentence(text: str, said: str) -> None:
    with pytest.raises(OwnerError, match=said):
        parse_profiles(text)


ROW = """
format = 2
[[profile]]
name = "x"
machines = "X"
listener = { value = ["plain"], unverified = true }
tls = { value = "none", unverified = true }
auth = { value = ["user-pass"], unverified = true }
user_length = { value = 32, our_choice = true }
user_alphabet = { value = "A-Za-z0-9", our_choice = true }
password_length = { value = 16, our_choice = true }
password_alphabet = { value = "A-Za-z0-9", our_choice = true }
poll = { value = "any", unverified = true }
deletes = { value = "delete", unverified = true }
content = { value = "print", unverified = true }
enter = "all"
"""


@pytest.mark.parametrize(
    ("quirk", "said"),
    [
        ("capa = { value = 'off' }", "quirk capa of x must have a source"),
        ("capa = { value = 'off', source = 'm', our_choice = true }", "must have a source"),
        ("capa = { value = 'no', unverified = true }", "at x: The quirk capa cannot be 'no'"),
        ("colour = { value = 'on', unverified = true }", "colour is not a key"),
    ],
)
def test_a_quirk_that_cannot_be_used_is_refused(quirk: str, said: str) -> None:
    assert parse_profiles(ROW)["x"].quirks.settings() == {}
    with pytest.raises(OwnerError, match=said):
        parse_profiles(f"{ROW}[profile.quirks]\n{quirk}\n")


def test_a_bound_of_our_own_is_never_passed_off_as_the_machines() -> None:
    for profile in shipped_profiles().values():
        for number, usual in ((profile.user_length, 32), (profile.password_length, 16)):
            assert (number.value == usual) == number.our_choice


def test_a_table_of_quirks_has_a_field_for_every_quirk() -> None:
    assert {one.name for one in attrs.fields(QuirkTable)} == set(CHOICES)
