from bridge.devices.manners import Manners
from bridge.devices.profiles import shipped_profiles
from bridge.names import DeviceName, MaildropName
from bridge.pop3.quirks import STANDARD
from bridge.storage.register import Device

MANNERS = Manners(shipped_profiles())


def device(profile: str = "", **quirks: str) -> Device:
    return Device(DeviceName("fax"), MaildropName("m"), "hash", profile=profile, quirks=quirks)


def test_a_device_of_no_profile_is_spoken_to_by_the_standards() -> None:
    assert MANNERS.of(device()) == STANDARD


def test_a_profile_sets_its_quirks_and_a_device_overrules_each() -> None:
    plain = MANNERS.of(device("toshiba-panasonic"))
    assert (plain.capa, plain.resp_codes, plain.uidl) == (False, False, True)
    own = MANNERS.of(device("toshiba-panasonic", capa="on"))
    assert (own.capa, own.resp_codes) == (True, False)


def test_a_profile_that_this_release_lacks_says_nothing() -> None:
    assert MANNERS.of(device("telex", last="on")) == MANNERS.of(device(last="on"))


def test_before_the_login_the_listeners_profile_counts_or_the_bound_device() -> None:
    assert not MANNERS.before_login("generic-mfp", None).pipelining
    assert MANNERS.before_login("generic-mfp", device("software")).pipelining
    assert MANNERS.before_login("", None) == STANDARD


def test_it_is_told_who_says_so() -> None:
    told = {name: (value, who) for name, value, who in MANNERS.told(device("star", top="off"))}
    assert told["top"] == ("off", "this device")
    assert told["uidl"] == ("on", "star: Star IFBD-HW03/04 manual p. 26")
    assert told["pipelining"] == ("off", "star: our choice")
    assert told["last"] == ("off", "star: unverified")
    assert ("last", "off", "standard") in MANNERS.told(device())
