"""A device that only logs in sees nothing, waits for nobody, and nobody waits for it."""

import sqlite3

import pytest

from tests.system.pop_client import assert_ok
from tests.system.running_bridge import PASSWORD, Home, RunningBridge

pytestmark = pytest.mark.slow

AT_ONCE = 20
"""Sessions of one device at one time: a firewall checks a password for each of its users."""


@pytest.fixture
def firewall(shared: RunningBridge, maildrop: str) -> str:
    """A device without a maildrop, beside the test's own maildrop."""
    name = f"{maildrop}-f"
    shared.home.add_device(name, None, apop=True)
    return name


def spooled(home: Home) -> list[tuple[object, ...]]:
    """Return every row that knows of a message or of a look."""
    with sqlite3.connect(home.state / "popbridge.db") as db:
        rows = [db.execute(f"SELECT * FROM {table} ORDER BY 1") for table in TABLES]  # noqa: S608 - our own words
        return [row for table in rows for row in table]


TABLES = ("message", "message_event", "maildrop")


def test_it_sees_an_empty_maildrop_whatever_it_asks(
    shared: RunningBridge, firewall: str
) -> None:
    client = shared.log_in(firewall)
    assert client.command("STAT") == b"+OK 0 0"
    assert client.listing("LIST") == []
    assert client.listing("UIDL") == []
    for command in ("RETR 1", "TOP 1 0", "DELE 1", "LIST 1", "UIDL 1"):
        assert client.command(command).startswith(b"-ERR"), command
    assert_ok(client.command("NOOP"))
    assert_ok(client.command("RSET"))
    assert_ok(client.quit())
    closed = shared.log.wait_for("session-closed", device=firewall)
    assert (closed["maildrop"], closed["reason"]) == ("", "quit")


def test_many_sessions_of_it_are_open_at_once_and_none_is_disturbed(
    shared: RunningBridge, maildrop: str, firewall: str
) -> None:
    shared.home.put("1.eml", b"Subject: one\r\n\r\nfirst\r\n", maildrop)
    shared.home.sync(maildrop)
    printer = shared.log_in(maildrop)
    assert_ok(printer.command("DELE 1"))
    before = spooled(shared.home)
    sources = [f"127.0.0.{number % 4 + 1}" for number in range(AT_ONCE)]
    clients = [shared.log_in(firewall, source=source) for source in sources]
    for client in clients:
        assert client.command("STAT") == b"+OK 0 0"
    for client in clients:
        assert_ok(client.quit())
    assert spooled(shared.home) == before
    assert printer.command("STAT") == b"+OK 0 0"
    assert_ok(printer.command("RSET"))
    assert len(printer.unique_ids()) == 1
    assert_ok(printer.quit())


def test_it_is_held_to_its_password_and_its_networks_as_every_device(
    shared: RunningBridge, firewall: str
) -> None:
    shared.home.add_device(f"{firewall}-b", None, allow=["127.0.0.2/32"])
    assert shared.connect().log_in(firewall, "wrong").startswith(b"-ERR [AUTH]")
    shared.log.wait_for("login-failed", login=firewall, reason="password")
    assert shared.connect().log_in(f"{firewall}-b", PASSWORD).startswith(b"-ERR [AUTH]")
    shared.log.wait_for("login-failed", login=f"{firewall}-b", reason="address")
    assert_ok(shared.log_in(f"{firewall}-b", source="127.0.0.2").quit())


def test_an_open_session_of_it_outlives_its_removal_and_is_its_last(
    shared: RunningBridge, firewall: str
) -> None:
    client = shared.log_in(firewall)
    assert shared.home.run("device", "remove", firewall).returncode == 0
    assert client.command("STAT") == b"+OK 0 0"
    assert_ok(client.quit())
    assert shared.connect().log_in(firewall, PASSWORD).startswith(b"-ERR [AUTH]")
