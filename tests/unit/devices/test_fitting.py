import ipaddress
import re

import attrs
import pytest

from bridge.config.settings import ListenerConfig
from bridge.devices.fitting import (
    made_password,
    panel,
    panel_lines,
    refuse_unfit,
    serving,
    without_listener,
)
from bridge.devices.profiles import shipped_profiles
from bridge.errors import RegisterError

PROFILES = shipped_profiles()
IMPLICIT = ListenerConfig()
PLAIN = ListenerConfig(name="pop3", port=110, tls="none")
WORLD = (ipaddress.ip_network("0.0.0.0/0"),)


@pytest.mark.parametrize("name", PROFILES)
def test_a_made_password_fits_every_machine(name: str) -> None:
    password = made_password(PROFILES[name])
    assert re.fullmatch(r"[A-Za-z0-9]{11,16}", password)
    refuse_unfit(PROFILES[name], "copier-2", password)


def test_what_a_machine_cannot_hold_is_refused_and_the_password_not_repeated() -> None:
    with pytest.raises(RegisterError, match="at most 20 characters") as caught:
        refuse_unfit(PROFILES["pbs-epson"], "wf", "x" * 21)
    assert "xxx" not in str(caught.value)
    with pytest.raises(RegisterError, match="cannot hold that user name"):
        refuse_unfit(PROFILES["pbs-samsung-dell"], "a+b", "secret")


def test_too_small_a_machine_gets_no_weak_password() -> None:
    sharp = PROFILES["sharp"]
    small = attrs.evolve(sharp, password_length=attrs.evolve(sharp.password_length, value=10))
    with pytest.raises(RegisterError, match="too few"):
        made_password(small)


def test_a_machine_without_tls_is_served_by_a_plain_listener_alone() -> None:
    epson = PROFILES["pbs-epson"]
    assert serving(epson, [IMPLICIT]) is None
    assert serving(epson, [IMPLICIT, PLAIN]) is PLAIN
    assert panel(epson, "pop.lan", "wf", PLAIN, apop=False)["SSL"] == "off"


def test_tls_is_preferred_where_the_machine_has_it() -> None:
    assert serving(PROFILES["sharp"], [PLAIN, IMPLICIT]) is IMPLICIT


def test_of_listeners_alike_the_one_with_least_to_warn_of_is_taken() -> None:
    old = attrs.evolve(IMPLICIT, name="old", port=996, policy="legacy12")
    ricoh = PROFILES["ricoh-ifax"]
    assert serving(ricoh, [IMPLICIT, old]) is old
    assert serving(ricoh, [IMPLICIT, PLAIN]) is IMPLICIT
    assert serving(PROFILES["software"], [IMPLICIT, old]) is IMPLICIT


def test_a_listener_that_the_device_reaches_is_taken_before_all() -> None:
    ricoh, here = PROFILES["ricoh-ifax"], attrs.evolve(IMPLICIT, name="here", bind="127.0.0.1")
    assert serving(ricoh, [here, PLAIN]) is PLAIN
    assert serving(ricoh, [here, PLAIN], ["127.0.0.1/32"]) is here
    assert serving(ricoh, [here]) is here
    assert serving(
        ricoh, [IMPLICIT, attrs.evolve(PLAIN, allow=WORLD)], ["203.0.113.5"]
    ) is not (IMPLICIT)


def test_a_device_with_apop_is_served_where_apop_is_offered() -> None:
    offers = attrs.evolve(PLAIN, apop=True)
    assert serving(PROFILES["ricoh-ifax"], [IMPLICIT, offers], apop=True) is offers
    assert serving(PROFILES["ricoh-ifax"], [IMPLICIT, offers]) is IMPLICIT


def test_apop_makes_starttls_enough_for_a_machine_without_tls() -> None:
    ricoh = PROFILES["ricoh-ifax"]
    plain = attrs.evolve(ricoh, listener=attrs.evolve(ricoh.listener, value=("plain",)))
    stls = attrs.evolve(IMPLICIT, tls="starttls", apop=True)
    assert serving(plain, [stls], apop=True) is stls
    assert serving(plain, [stls]) is None


def test_where_none_serves_a_machine_it_is_said_what_to_add() -> None:
    assert without_listener(PROFILES["pbs-epson"]) == (
        "No listener serves pbs-epson, which needs one that is plain: add a [[listener]] to config.toml with"
        ' tls = "none", require_tls_for_auth = false and plaintext_from = ["the machine\'s address"], and'
        " restart the bridge."
    )
    assert 'tls = "implicit"' in without_listener(PROFILES["sharp"])


def test_a_field_is_called_what_the_machines_manual_calls_it() -> None:
    entered = panel_lines(panel(PROFILES["zebra"], "pop.lan", "label-1", PLAIN, apop=False))
    assert any(line.startswith("ip.pop3.poll: 0 to 65535 seconds") for line in entered)


def test_apop_is_entered_under_its_name_where_the_machine_knows_it() -> None:
    ricoh, zebra = PROFILES["ricoh-ifax"], PROFILES["zebra"]
    assert panel(ricoh, "pop.lan", "fax", PLAIN, apop=True)["Encryption"] == "on"
    assert panel(ricoh, "pop.lan", "fax", PLAIN, apop=False)["Encryption"] == "off"
    assert "APOP" not in panel(zebra, "pop.lan", "label-1", PLAIN, apop=False)
