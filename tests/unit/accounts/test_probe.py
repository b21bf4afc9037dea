"""The bridge's own login is for the bridge alone: right name, right password, own address."""

import pytest

from bridge.accounts.changes import DEVICE_NAME
from bridge.accounts.probe import ProbeLogin
from bridge.names import PROBE

OWN = "192.0.2.7"


@pytest.fixture
def probe() -> ProbeLogin:
    probe = ProbeLogin()
    probe.come_from(OWN)
    return probe


@pytest.mark.parametrize("address", [OWN, f"::ffff:{OWN}"])
def test_it_is_taken_from_the_address_it_comes_from(probe: ProbeLogin, address: str) -> None:
    assert probe.fits(PROBE, probe.password, address)


@pytest.mark.parametrize("address", ["192.0.2.8", "127.0.0.1", "::1", "::2"])
def test_it_is_taken_from_nowhere_else(probe: ProbeLogin, address: str) -> None:
    assert not probe.fits(PROBE, probe.password, address)
    probe.come_from(address)
    assert not probe.fits(PROBE, probe.password, OWN)


def test_before_it_has_come_it_is_taken_from_nowhere() -> None:
    probe = ProbeLogin()
    assert not probe.fits(PROBE, probe.password, "127.0.0.1")


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
    assert probe.device.maildrop is None
