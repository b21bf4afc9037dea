import pytest

from tests.cli.command_line import Owner


@pytest.fixture
def fax(owner: Owner) -> Owner:
    """An owner of the device fax, which comes from wherever `[watch] new_address` lets it."""
    owner.must("device", "add", "fax", "--login-only")
    return owner


def watching(owner: Owner, new_address: str) -> None:
    with owner.config.open("a", encoding="utf-8") as config:
        config.write(f'\n[watch]\nnew_address = "{new_address}"\n')


def test_an_address_is_admitted_and_shown(fax: Owner) -> None:
    watching(fax, "refuse")
    said = fax.must("device", "admit", "fax", "192.168.1.40")
    assert said.out == "Device fax may log in from 192.168.1.40.\n"
    said = fax.must("device", "admit", "fax", "fd00::40", "--only")
    assert said.out == "Device fax may log in from fd00::/64 alone.\n"
    [one] = fax.must("device", "show", "fax", "--json").json["addresses"]
    assert (one["address"], one["admitted"]) == ("fd00::/64", True)
    assert (
        "address fd00::/64: let in by hand, known since 20"
        in fax.must("device", "show", "fax").out
    )
    said = fax.runs("device", "admit", "fax", "192.168.1.0/24")
    assert said.code == 1
    assert "is no address" in said.sentence


@pytest.mark.parametrize("new_address", ["log", "alert"])
def test_what_binds_nobody_yet_is_not_said_to_bind(fax: Owner, new_address: str) -> None:
    watching(fax, new_address)
    said = fax.must("device", "admit", "fax", "fd00::40", "--only").out
    assert said.startswith(
        "Of device fax fd00::/64 alone is known; it may log in from anywhere until"
    )
    _, words, _ = said.split("`")
    fax.must(*words.removeprefix("popbridge ").split())
    [one] = fax.must("device", "list", "--json").json
    assert one["allow"] == ["fd00::/64"]
