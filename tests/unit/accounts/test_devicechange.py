"""A device is changed in what is given and in nothing else; the verb is tried in tests/unit/cli/test_device.py."""

from typing import Any

import attrs
import pytest

from bridge.accounts.devicechange import DeviceKnobs, changed_device
from bridge.errors import RegisterError
from bridge.names import DeviceName, MaildropName
from bridge.storage.register import Device

FAX = Device(
    DeviceName("fax"),
    MaildropName("m"),
    "hash",
    ("old",),
    ("10.0.0.7/32",),
    b"sealed",
    "sharp",
    {"top": "off"},
    1.0,
    2.0,
    3.0,
    login_delay=60,
)


def changed(**knobs: Any) -> Device:  # noqa: ANN401 - as the class has them
    return changed_device(FAX, DeviceKnobs(**knobs))


def test_nothing_given_changes_nothing() -> None:
    assert changed() == FAX


@pytest.mark.parametrize(
    ("knobs", "becomes"),
    [
        ({"profile": ""}, {"profile": ""}),
        ({"maildrop": "n"}, {"maildrop": "n"}),
        ({"login_only": True}, {"maildrop": None}),
        ({"login_delay": "0"}, {"login_delay": 0}),
        ({"login_delay": "listener"}, {"login_delay": None}),
        ({"aliases": ["a", "b@c"]}, {"aliases": ("a", "b@c")}),
        ({"aliases": [""]}, {"aliases": ()}),
        (
            {"allow": ["10.0.0.8", "::ffff:10.0.0.9"]},
            {"allow": ("10.0.0.8/32", "10.0.0.9/32")},
        ),
        ({"allow": ["any"]}, {"allow": ()}),
        ({"quirks": {"uidl": "off"}}, {"quirks": {"top": "off", "uidl": "off"}}),
        ({"quirks": {"top": "profile"}}, {"quirks": {}}),
    ],
    ids=str,
)
def test_what_is_given_is_changed_and_nothing_else(
    knobs: dict[str, Any], becomes: dict[str, Any]
) -> None:
    assert changed(**knobs) == attrs.evolve(FAX, **becomes)


@pytest.mark.parametrize(
    "knobs",
    [
        {"aliases": ["", "a"]},
        {"aliases": ["tab\t"]},
        {"allow": [""]},
        {"allow": ["any", "10.0.0.1"]},
        {"allow": ["printer.lan"]},
        {"login_delay": "soon"},
        {"quirks": {"color": "on"}},
    ],
    ids=str,
)
def test_what_cannot_be_is_refused(knobs: dict[str, Any]) -> None:
    """An empty network least of all: a script's unset variable must open a device to nobody."""
    with pytest.raises(RegisterError):
        changed(**knobs)
