import re
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
