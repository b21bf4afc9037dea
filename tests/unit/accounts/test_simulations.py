"""Only the connection that the simulator announced is its own, once, and only while it is there."""

import pytest

from bridge.accounts.changes import DEVICE_NAME
from bridge.accounts.simulations import MOST_AT_ONCE, Simulations, told_as
from bridge.errors import OwnerError
from bridge.names import DeviceName

FAX = DeviceName("fax")


def test_a_connection_is_claimed_once_by_its_address_and_port() -> None:
    simulations = Simulations()
    with simulations.expecting(FAX, "127.0.0.1", 4000):
        assert simulations.claim("127.0.0.1", 4001) is None
        assert simulations.claim("127.0.0.2", 4000) is None
        assert simulations.claim("::ffff:127.0.0.1", 4000) == FAX
        assert simulations.claim("127.0.0.1", 4000) is None


def test_what_did_not_come_is_expected_no_more() -> None:
    simulations = Simulations()
    with (
        pytest.raises(ZeroDivisionError),
        simulations.expecting(FAX, "127.0.0.1", 4000),
    ):
        raise ZeroDivisionError
    assert simulations.claim("127.0.0.1", 4000) is None


def test_no_two_come_from_one_place_and_not_too_many_at_once() -> None:
    simulations = Simulations()
    with (
        simulations.expecting(FAX, "127.0.0.1", 1),
        pytest.raises(OwnerError),
        simulations.expecting(FAX, "127.0.0.1", 1),
    ):
        pass
    opened = [simulations.expecting(FAX, "127.0.0.1", port) for port in range(MOST_AT_ONCE)]
    for one in opened:
        one.__enter__()
    with pytest.raises(OwnerError), simulations.expecting(FAX, "127.0.0.1", 60000):
        pass
    for one in opened:
        one.__exit__(None, None, None)
    with simulations.expecting(FAX, "127.0.0.1", 60000):
        pass


def test_it_is_told_under_a_name_that_no_device_can_have() -> None:
    assert told_as(FAX) == "fax (simulated)"
    assert not DEVICE_NAME.fullmatch(told_as(FAX))
