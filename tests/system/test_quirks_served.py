"""A device is spoken to by its quirks from its login on, and before it by its listener or its address."""

from pathlib import Path

import pytest

from bridge.accounts.devicechange import DeviceKnobs
from tests.system.running_bridge import PASSWORD, RunningBridge, make_home, running

pytestmark = pytest.mark.slow


def test_a_device_is_spoken_to_by_its_own_quirks(shared: RunningBridge, maildrop: str) -> None:
    shared.home.put("1.eml", b"Subject: one\r\n\r\na\0b\r\n", maildrop)
    shared.home.sync(maildrop)
    shared.home.offline.change_device(
        maildrop,
        DeviceKnobs(
            profile="toshiba-panasonic", quirks={"nul": "replace", "retr_octets": "off"}
        ),
    )
    device = shared.connect()
    assert b"PIPELINING" in device.listing("CAPA")
    assert device.log_in(maildrop, PASSWORD) == b"+OK Logged in"
    assert device.command("CAPA") == b"-ERR Unknown command"
    assert device.command("LIST 1") == b"+OK 1 21"
    assert device.command("RETR 1") == b"+OK Message follows"
    assert device.lines_to_end() == b"Subject: one\r\n\r\na b\r\n"
    device.quit()


def test_a_busy_device_is_never_taken_over(shared: RunningBridge, maildrop: str) -> None:
    shared.home.offline.change_device(maildrop, DeviceKnobs(quirks={"single_session": "busy"}))
    first = shared.log_in(maildrop)
    second = shared.connect()
    assert second.log_in(maildrop, PASSWORD).startswith(b"-ERR [IN-USE]")
    assert first.command("NOOP").startswith(b"+OK")
    shared.home.offline.change_device(maildrop, DeviceKnobs(quirks={"resp_codes": "off"}))
    assert second.log_in(maildrop, PASSWORD).startswith(b"-ERR The maildrop is in use")
    first.quit()


def test_before_the_login_the_listeners_profile_counts_or_the_device_of_the_address(
    template: Path, tmp_path: Path, loop_name: str
) -> None:
    home = make_home(template, tmp_path, loop_name)
    home.configure([{"name": "pop3s", "profile": "toshiba-panasonic"}])
    home.add_device("poller", allow=["127.0.0.2"])
    home.offline.change_device("poller", DeviceKnobs(profile="software"))
    with running(home) as bridge:
        assert bridge.connect().command("CAPA") == b"-ERR Unknown command"
        assert bridge.connect(source="127.0.0.2").command("CAPA").startswith(b"+OK")


def test_a_listener_of_a_profile_that_there_is_not_is_refused_at_the_start(
    template: Path, tmp_path: Path, loop_name: str
) -> None:
    home = make_home(template, tmp_path, loop_name)
    home.configure([{"name": "pop3s", "profile": "telex"}])
    with pytest.raises(AssertionError, match="no such profile"), running(home):
        pass
