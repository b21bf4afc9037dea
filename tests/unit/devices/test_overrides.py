"""A quirk that changes nothing for its device is refused; one that it has anyway is told."""

import pytest

from bridge.devices.manners import Manners
from bridge.devices.overrides import refuse_idle, said_already
from bridge.devices.profiles import shipped_profiles
from bridge.errors import RegisterError
from bridge.names import DeviceName, MaildropName
from bridge.pop3.quirks import CHOICES, NEEDS, STANDARD, with_settings
from bridge.pop3.replies import ResponseCode
from bridge.pop3.voice import Voice
from bridge.shaping.wish import Deliver
from bridge.storage.register import Device

MANNERS = Manners(shipped_profiles())


def device(profile: str = "", drop: str | None = "m", **quirks: str) -> Device:
    maildrop = None if drop is None else MaildropName(drop)
    return Device(DeviceName("fax"), maildrop, "hash", profile=profile, quirks=quirks)


@pytest.mark.parametrize(
    ("one", "deliver", "said"),
    [
        (
            device(capa="off", pipelining="off"),
            None,
            "pipelining matters only where capa is on",
        ),
        (device("toshiba-panasonic", stls_advert="off"), None, "or set capa=on too"),
        (device(resp_codes="off", temp_error="plain"), None, "only where resp_codes is on"),
        (device(nul="replace"), Deliver.PRINT, "maildrop m delivers print"),
        (device(nul="replace"), Deliver.IFAX, "maildrop m delivers ifax"),
        (device(drop=None, single_session="busy"), None, "fax only logs in"),
    ],
)
def test_what_changes_nothing_is_refused_with_what_to_do(
    one: Device, deliver: Deliver | None, said: str
) -> None:
    with pytest.raises(RegisterError, match=said) as refused:
        refuse_idle(MANNERS, one, one.quirks, deliver)
    assert str(refused.value).endswith(".")
    refuse_idle(MANNERS, one, ["wording"], deliver)  # what was set before is not in the way


def test_what_changes_something_is_taken() -> None:
    for name, choices in CHOICES.items():
        for value in choices:
            one = device(**{name: value})
            refuse_idle(MANNERS, one, one.quirks, Deliver.COMMAND)


def test_a_quirk_that_is_taken_back_is_never_refused() -> None:
    refuse_idle(MANNERS, device(capa="off"), ["pipelining"], Deliver.COMMAND)


@pytest.mark.parametrize("name", NEEDS)
def test_the_table_is_true_of_what_is_sent(name: str) -> None:
    """Without CAPA nothing of it is seen, so of those two only the temporary error is."""
    needed = NEEDS[name]
    heard = []
    for value in CHOICES[name]:
        voice = Voice(with_settings(STANDARD, {needed: "off", name: value}))
        heard.append((voice.quirks.capa, voice.err("No", ResponseCode.SYS_TEMP)))
    if needed == "capa":
        assert not any(capa for capa, _ in heard)
    else:
        assert len(set(heard)) == 1


def test_it_is_told_what_a_device_has_anyway() -> None:
    zebra = device("zebra", pipelining="off", top="off")
    [said] = said_already(MANNERS, zebra, zebra.quirks)
    assert said.startswith("pipelining was off already (its profile zebra)")
    assert said_already(MANNERS, zebra, ["top"]) == []
    [said] = said_already(MANNERS, device(last="off"), ["last"])
    assert said.startswith("last was off already (the standard)")
