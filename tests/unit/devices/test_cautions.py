import ipaddress

import attrs
import pytest

from bridge.config.settings import ListenerConfig
from bridge.devices.cautions import cautions, idle_maildrop, unshaped
from bridge.devices.profiles import shipped_profiles
from bridge.names import AccountName, MaildropName
from bridge.shaping.wish import Deliver, Wish
from bridge.storage.register import MaildropRecord
from providers.contract import Disposition, DispositionKind, FolderName

PROFILES = shipped_profiles()
OFFICE = ipaddress.ip_network("192.168.1.0/24")
OLD = ListenerConfig(name="old", policy="legacy12")
PLAIN = ListenerConfig(
    name="pop3",
    port=110,
    tls="none",
    require_tls_for_auth=False,
    plaintext_from=(OFFICE,),
)
INSIDE = ["192.168.1.20/32"]


def said(profile: str, one: ListenerConfig, *allow: str, apop: bool = False) -> list[str]:
    return cautions(PROFILES[profile], one, "pop.lan", allow, apop=apop)


@pytest.mark.parametrize(
    ("profile", "one"), [("sharp", OLD), ("pbs-epson", PLAIN), ("software", ListenerConfig())]
)
def test_nothing_is_said_where_all_fits(profile: str, one: ListenerConfig) -> None:
    assert said(profile, one, *INSIDE) == []


def test_a_policy_that_is_stricter_than_the_machine_is_told_with_its_origin() -> None:
    [one] = said("sharp", ListenerConfig(), *INSIDE)
    assert "policy modern, and sharp may need legacy12 (unverified)" in one


def test_the_policy_of_a_listener_without_tls_says_nothing() -> None:
    assert said("sharp", PLAIN, *INSIDE) == []


def test_apop_is_told_where_the_listener_or_the_machine_has_none() -> None:
    assert said("ricoh-ifax", attrs.evolve(OLD, apop=True), *INSIDE, apop=True) == []
    first, second = said("zebra", PLAIN, *INSIDE, apop=True)
    assert "pop3 does not offer APOP" in first
    assert "zebra is not known to do APOP (unverified)" in second


def test_apop_without_tls_asks_for_no_plaintext_from() -> None:
    offers = attrs.evolve(PLAIN, apop=True, plaintext_from=())
    assert said("ricoh-ifax", offers, *INSIDE, apop=True) == []
    assert len(said("ricoh-ifax", offers, *INSIDE)) == 1


def test_an_address_outside_of_the_listeners_is_told() -> None:
    [one] = said("sharp", OLD, "203.0.113.0/24", *INSIDE)
    assert "old does not let 203.0.113.0/24 connect" in one


def test_a_listener_for_this_machine_alone_is_told() -> None:
    here = attrs.evolve(OLD, bind="127.0.0.1")
    [one] = said("sharp", here, *INSIDE)
    assert "old is bound to 127.0.0.1" in one
    [one] = said("sharp", here)
    assert "bind it to an address that the device reaches" in one
    assert not any("bound" in one for one in said("sharp", here, "127.0.0.1/32"))


def test_without_tls_an_address_must_be_one_that_may_log_in_so() -> None:
    [one] = said("zebra", PLAIN, "192.168.2.20/32", *INSIDE)
    assert "takes no login without TLS from 192.168.2.20/32:" in one
    [one] = said("zebra", PLAIN)
    assert "takes logins from 192.168.1.0/24 alone" in one
    [one] = said("zebra", attrs.evolve(PLAIN, plaintext_from=()))
    assert "takes logins from nowhere alone" in one


def test_a_name_that_a_panel_cannot_use_is_told() -> None:
    [one] = cautions(PROFILES["sharp"], OLD, "localhost", INSIDE, apop=False)
    assert "put that first in tls.names" in one
    [one] = cautions(PROFILES["camera-pbs"], PLAIN, "x" * 64, INSIDE, apop=False)
    assert "holds 63 characters of a server name (JVC" in one


def test_a_maildrop_for_a_machine_that_fetches_nothing_is_told() -> None:
    [one] = idle_maildrop(PROFILES["pbs-epson"], "office")
    assert "pbs-epson only logs in (Epson EM-C800" in one
    assert idle_maildrop(PROFILES["pbs-epson"], None) == []
    assert idle_maildrop(PROFILES["sharp"], "office") == []


def unchosen(profile: str, wish: Wish) -> list[str]:
    keep = Disposition(DispositionKind.KEEP)
    drop = MaildropRecord(MaildropName("m"), AccountName("a"), FolderName("f"), keep, wish=wish)
    return unshaped(PROFILES[profile], drop)


def test_mail_that_nobody_had_shaped_for_the_machine_is_told() -> None:
    [one] = unchosen("ricoh-ifax", Wish())
    assert "ricoh-ifax needs ifax (Ricoh D009 service manual p. 1010)" in one
    first, second = unchosen("star", Wish())
    assert "--deliver text`" in first
    assert "star takes 64000 octets (our choice)" in second
    assert unchosen("star", Wish(Deliver.PRINT, size_octets=1_000_000)) == []
    for profile in ("canon-maxify", "hp-cmd", "pbs-epson", "software"):
        assert unchosen(profile, Wish()) == []
