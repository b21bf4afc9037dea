"""LOGIN-DELAY as it is served (RFC 2449 section 6.5): per listener and device, and only behind a right password."""

from collections.abc import Callable

import pytest

from tests.system.pop_client import PopClient, assert_ok
from tests.system.running_bridge import PASSWORD, Home, RunningBridge

pytestmark = pytest.mark.slow

Start = Callable[[], RunningBridge]
LONG = 3600
TOO_SOON = b"-ERR [LOGIN-DELAY]"


def delay_of(client: PopClient) -> bytes | None:
    """Return what CAPA says of it."""
    listed = dict(line.partition(b" ")[::2] for line in client.listing("CAPA"))
    return listed.get(b"LOGIN-DELAY")


def test_by_default_there_is_none(start: Start) -> None:
    bridge = start()
    assert delay_of(bridge.connect()) is None
    for _ in range(3):
        client = bridge.log_in()
        assert delay_of(client) is None
        assert_ok(client.quit())


def test_a_login_too_soon_is_refused_behind_the_right_password_alone(
    home: Home, start: Start
) -> None:
    home.configure(listeners=[{"name": "pop3s", "login_delay": LONG}])
    home.add_device("camera", None)
    bridge = start()
    assert delay_of(bridge.connect()) == b"3600"
    for name in ("printer", "camera"):
        client = bridge.log_in(name)
        assert delay_of(client) == b"3600"
        assert_ok(client.quit())
        client = bridge.connect()
        assert client.log_in(name, "wrong").startswith(b"-ERR [AUTH]")
        for _ in range(4):  # it is no strike: three failed logins end a connection
            assert client.log_in(name, PASSWORD).startswith(TOO_SOON)
        refused = bridge.log.wait_for("login-refused", code="LOGIN-DELAY")
        assert "its delay is 3600" in refused["why"]
        assert len(bridge.log.events("login-failed", login=name)) == 1
    # The bridge itself may log in as often as it likes.
    assert home.run("health").returncode == 0
    assert home.run("health").returncode == 0


def test_a_login_too_soon_disturbs_no_session(home: Home, start: Start) -> None:
    home.configure(listeners=[{"name": "pop3s", "login_delay": LONG}])
    home.put("1.eml", b"Subject: one\r\n\r\nfirst\r\n")
    home.sync()
    bridge = start()
    client = bridge.log_in()
    assert_ok(client.command("DELE 1"))
    assert bridge.connect().log_in("printer", PASSWORD).startswith(TOO_SOON)
    assert_ok(client.quit())
    assert bridge.log.wait_for("session-closed", device="printer")["deleted"] == 1


def test_a_devices_own_delay_comes_first_and_counts_at_once(home: Home, start: Start) -> None:
    home.configure(listeners=[{"name": "pop3s", "login_delay": LONG}])
    bridge = start()
    assert_ok(bridge.log_in().quit())
    assert bridge.connect().log_in("printer", PASSWORD).startswith(TOO_SOON)
    assert home.run("device", "change", "printer", "--login-delay", "0").returncode == 0
    for _ in range(2):
        client = bridge.connect()
        assert delay_of(client) is None  # every device of this bridge has 0
        assert_ok(client.log_in("printer", PASSWORD))
        assert_ok(client.quit())
    assert home.run("device", "add", "fw", "--login-only").returncode == 0
    client = bridge.connect()
    assert delay_of(client) == b"3600 USER"
    assert_ok(client.log_in("printer", PASSWORD))
    assert delay_of(client) == b"0"
    assert_ok(client.quit())
    assert home.run("device", "change", "printer", "--login-delay", "listener").returncode == 0
    assert bridge.connect().log_in("printer", PASSWORD).startswith(TOO_SOON)


def test_of_two_logins_at_once_one_is_too_soon(home: Home, start: Start) -> None:
    """Both may find no earlier login while their passwords are checked."""
    home.configure(listeners=[{"name": "pop3s", "login_delay": LONG}])
    home.add_device("fw", None)
    bridge = start()
    clients = [bridge.connect() for _ in range(8)]
    for client in clients:
        assert_ok(client.command("USER fw"))
    for client in clients:
        client.send(f"PASS {PASSWORD}\r\n".encode())
    answers = sorted(client.line()[: len(TOO_SOON)] for client in clients)
    assert [answer[:3] for answer in answers].count(b"+OK") == 1
    assert answers.count(TOO_SOON) == len(clients) - 1
