"""The bridge's own login is for the bridge alone: right name, right password, own address."""

import pytest

from bridge.accounts.changes import DEVICE_NAME
from bridge.accounts.probe import ProbeLogin
from bridge.names import PROBE
from bridge.throttle import parse_address

OWN = "192.0.2.7"


@pytest.fixture
def probe() -> ProbeLogin:
    return ProbeLogin(frozenset({parse_address(OWN)}))


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", OWN])
def test_it_is_taken_from_loopback_and_from_a_listeners_own_address(
    probe: ProbeLogin, address: str
) -> None:
    assert probe.fits(PROBE, probe.password, address)


@pytest.mark.parametrize("address", ["192.0.2.8", "10.0.0.1", "::2", "::ffff:192.0.2.8"])
def test_it_is_taken_from_nowhere_else(probe: ProbeLogin, address: str) -> None:
    assert not probe.fits(PROBE, probe.password, address)


@pytest.mark.parametrize("login", ["", "health", ".HEALTH", ".health ", "printer"])
def test_another_name_is_not_it(probe: ProbeLogin, login: str) -> None:
    assert not probe.fits(login, probe.password, OWN)


@pytest.mark.parametrize("password", ["", "x" * 43, "\udcff", "ü"])
def test_another_password_is_not_it(probe: ProbeLogin, password: str) -> None:
    assert not probe.fits(PROBE, password, OWN)
    assert not probe.fits(PROBE, probe.password[:-1], OWN)


def test_each_process_has_a_password_of_its_own_that_no_repr_shows(probe: ProbeLogin) -> None:
    assert probe.password != ProbeLogin().password
    assert len(probe.password) >= 43  # 256 bits
    assert probe.password not in repr(probe)


def test_no_device_can_have_its_name(probe: ProbeLogin) -> None:
    assert not DEVICE_NAME.fullmatch(PROBE)
    assert probe.device.name == PROBE
