import re
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from bridge.cli import device, maildrop
from bridge.config.settings import ListenerConfig
from bridge.devices.profiles import Profile, shipped_profiles, told
from bridge.pop3.quirks import CHOICES, STANDARD, spelled

PAGE = Path(__file__).parents[3] / "docs/devices.md"


def rows() -> list[str]:
    return [
        f"| {one.name} | {one.machines} | {one.enter} | {told(one.listener)} | {told(one.poll)}"
        f" | {told(one.password_length)} | {told(one.deletes)} |"
        for one in shipped_profiles().values()
    ]


def tables() -> list[list[str]]:
    text = PAGE.read_text("utf-8")
    rows = [
        [line for line in part.splitlines() if line.startswith("| ")]
        for part in text.split("\n## ")
    ]
    return [part[1:] for part in rows]


def test_the_page_of_devices_holds_what_the_profiles_say() -> None:
    assert tables()[0] == rows()


def test_no_command_of_the_page_gives_apop_to_a_machine_without_it() -> None:
    commands = [
        line for line in PAGE.read_text().splitlines() if line.startswith("    popbridge")
    ]
    named = [line.split("--profile ")[1].split()[0] for line in commands if "--apop" in line]
    assert all("apop" in shipped_profiles()[name].auth.value for name in named)
    assert any("--profile sharp" in line for line in commands)


def test_the_page_of_devices_names_every_quirk_and_its_values_the_standard_first() -> None:
    standard = spelled(STANDARD)
    named = [line.split(" | ")[:2] for line in tables()[1]]
    assert named == [
        [
            f"| `{name}`",
            ", ".join(sorted(choices, key=lambda text, own=standard[name]: text != own)),
        ]
        for name, choices in CHOICES.items()
    ]


DOORS = {
    "plain": "110, SSL off",
    "starttls": "110, STARTTLS",
    "implicit": "995, SSL on",
}


def panel_rows(one: Profile) -> Iterator[tuple[str, str, str]]:
    """Yield what a panel asks for, what to enter, and who says so."""
    named = {key: text.value for key, text in one.panel.values().items()}
    name = "the bridge's name or address"
    if one.server_length is None:
        yield "POP3 server", name, "-"
    else:
        length = one.server_length
        yield "POP3 server", f"{name}, at most {length.value} characters", length.origin
    doors = " or ".join(DOORS[kind] for kind in one.listener.value)
    yield "port, SSL", doors, one.listener.origin
    if one.tls.value not in ("none", "modern"):
        yield "TLS", f"a listener with `policy` `{one.tls.value}`", one.tls.origin
    for field, length, letters in (
        ("user", one.user_length, one.user_alphabet),
        ("password", one.password_length, one.password_alphabet),
    ):
        origins = dict.fromkeys((length.origin, letters.origin))
        what = f"at most {length.value} characters of {letters.value}"
        yield field, what, "; letters: ".join(origins)
    if "apop" in one.auth.value:
        label = named.get("apop", "APOP")
        yield label, "off, or on after `device add --apop`", one.auth.origin
    yield named.get("poll", "check every"), one.poll.value, one.poll.origin


def section(one: Profile) -> list[str]:
    """Return what the page says of a profile: what to enter, who says so, what else there is to know."""
    rows = [f"| {field} | {what} | {origin} |" for field, what, origin in panel_rows(one)]
    begin = f"maildrop add M --account A --profile {one.name}"
    if one.content.value == "empty":
        begin = f"device add USER --login-only --profile {one.name}"
    size = "" if one.size_octets is None else f"; octets at most: {told(one.size_octets)}"
    return [
        f"### {one.name}",
        f"{one.machines}. Begin with `popbridge {begin}`.",
        "| on the panel | enter | who says so |",
        "|---|---|---|",
        *rows,
        f"- Content: {told(one.content)}{size}.",
        f"- Deletes: {told(one.deletes)}.",
        *(f"- {note}" for note in one.notes),
    ]


def test_the_page_says_of_each_profile_what_to_enter_where_and_who_says_so() -> None:
    text = (
        PAGE.read_text("utf-8").partition("\n## Profile by profile\n")[2].partition("\n## ")[0]
    )
    found = [line for line in text.splitlines() if line][1:]
    assert found == [line for one in shipped_profiles().values() for line in section(one)]


OVERRIDES = {line.split("`")[1]: line for line in tables()[2]}
FOR_READING = {"name", "machines", "notes", "enter"}


def test_the_page_says_of_every_value_where_it_is_overridden() -> None:
    assert set(OVERRIDES) == {one.name for one in attrs.fields(Profile)} - FOR_READING


@pytest.mark.parametrize("value", OVERRIDES)
def test_a_value_is_overridden_by_what_there_is(value: str) -> None:
    groups = {"device": device.command, "maildrop": maildrop.command}
    ways = re.findall(r"`(device|maildrop) (\w+) (--[a-z-]+)`", OVERRIDES[value])
    for group, verb, option in ways:
        command = groups[group].commands[verb]
        known = [word for one in command.params for word in (*one.opts, *one.secondary_opts)]
        assert option in known
    keys = re.findall(r"`([a-z]+)` in config.toml", OVERRIDES[value])
    assert set(keys) <= {one.name for one in attrs.fields(ListenerConfig)}
    assert ways or keys or "| machine |" in OVERRIDES[value]
