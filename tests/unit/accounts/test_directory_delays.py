import attrs
import pytest

from bridge.errors import LoginTooSoon
from bridge.throttle.logindelay import Announced
from tests.unit.accounts.logging_in import HERE, RIGHT, desk, device, refused


async def test_of_two_that_may_log_in_the_one_that_is_counted_first_does() -> None:
    """Between the question and the count lie the lock and the listing, and another login of the device."""
    at = await desk()
    panel = await at.directory.check_password("Panel", RIGHT, HERE)
    for _ in range(2):
        assert at.directory.refuse_early(panel, 60) == 60
    assert at.directory.count_login(panel, 60) == 60
    with pytest.raises(LoginTooSoon):
        at.directory.count_login(panel, 60)
    at.clock.advance(60.0)
    assert at.directory.count_login(panel, 60) == 60


async def test_a_wrong_password_is_held_back_as_long_with_a_delay_as_without() -> None:
    """Or the delay would tell which names exist, and who has just logged in."""
    at = await desk(attrs.evolve(device(), login_delay=60))
    panel = await at.directory.check_password("Panel", RIGHT, HERE)
    at.directory.count_login(panel, 0)
    known = [await refused(at, "Panel") for _ in range(3)]
    other = await desk(attrs.evolve(device(), login_delay=60))
    assert known == [await refused(other, "nobody") for _ in range(3)]


async def test_a_devices_own_delay_comes_before_the_listeners() -> None:
    panel = attrs.evolve(device(), login_delay=0)
    at = await desk(panel, attrs.evolve(device("other"), aliases=()))
    assert at.directory.login_delay_at(60) == Announced(60, differs=True)
    assert [at.directory.count_login(panel, 60) for _ in range(2)] == [0, 0]


async def test_a_register_that_is_read_anew_keeps_who_logged_in_when() -> None:
    at = await desk()
    at.directory.count_login(device(), 60)
    at.register.devices = (attrs.evolve(device(), login_delay=30),)
    await at.directory.load()
    assert at.directory.login_delay_at(60) == Announced(30)
    [panel] = at.directory.snapshot.devices
    with pytest.raises(LoginTooSoon, match="its delay is 30"):
        at.directory.refuse_early(panel, 60)
