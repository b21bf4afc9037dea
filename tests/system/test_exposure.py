"""Devices of every age log in, and `popbridge check` tells which of them really need what lies open."""

import json
import sqlite3
import ssl
from collections.abc import Callable
from contextlib import closing

import pytest

from bridge.clock import SystemClock
from bridge.storage.sightings import day_of
from tests.canary import CANARY
from tests.system.pop_client import assert_ok, connect, old_device, trusting
from tests.system.running_bridge import PASSWORD, Home, RunningBridge

pytestmark = pytest.mark.slow

LISTENERS = (
    {"name": "modern"},
    {"name": "stls", "tls": "starttls"},
    {"name": "old", "policy": "legacy10", "allow": ["127.0.0.0/8"]},
    {
        "name": "plain",
        "tls": "none",
        "require_tls_for_auth": False,
        "plaintext_from": ["127.0.0.0/8"],
    },
)


def log_in(
    bridge: RunningBridge, listener: str, context: ssl.SSLContext | None, user: str
) -> None:
    with connect(bridge.ports[listener], context) as client:
        assert_ok(client.line())
        assert_ok(client.log_in(user, PASSWORD))
        assert_ok(client.quit())


def test_check_names_the_devices_that_really_log_in_so(
    home: Home, start: Callable[[], RunningBridge]
) -> None:
    """A bridge is stopped right after the logins: what waits in memory is written at its end."""
    home.configure(LISTENERS)
    for name in ("fax", "label"):
        home.add_device(name)
    bridge = start()
    log_in(bridge, "modern", trusting(home.ca), "printer")
    log_in(bridge, "old", old_device(ssl.TLSVersion.TLSv1), "fax")
    log_in(bridge, "plain", None, "label")
    with connect(bridge.ports["stls"]) as client:
        assert_ok(client.line())
        assert_ok(client.command("STLS"))
        client.secure(trusting(home.ca))
        assert_ok(client.log_in("printer", PASSWORD))
    bridge.stop()
    with closing(sqlite3.connect(home.state / "popbridge.db")) as db, db:
        rows = set(db.execute("SELECT device, listener, tls, address FROM sighting"))
        today = day_of(SystemClock().now())
        days = [(today - n, 1440) for n in range(1, 31)]
        db.executemany("INSERT INTO watched_day VALUES (?, ?)", days)
    assert rows == {
        ("printer", "modern", "TLSv1.3", "127.0.0.1"),
        ("printer", "stls", "TLSv1.3", "127.0.0.1"),
        ("fax", "old", "TLSv1", "127.0.0.1"),
        ("label", "plain", "", "127.0.0.1"),
    }
    told = json.loads(home.run("check", "--json").stdout)
    notes = {one["subject"]: one["text"] for one in told if one["note"]}
    assert set(notes) == {"listener old", "listener plain"}
    assert "fax at 127.0.0.1 by TLSv1 " in notes["listener old"]
    assert "label at 127.0.0.1" in notes["listener plain"]
    assert notes["listener plain"].endswith('tighter: plaintext_from = ["127.0.0.1/32"]')
    lines = home.run("check").stdout.splitlines()
    assert sum(line.startswith("note  listener ") for line in lines) == 2


def test_a_device_that_was_not_seen_for_long_is_disabled_until_it_is_enabled(
    home: Home, start: Callable[[], RunningBridge]
) -> None:
    """The printer of the home has logged in; a fax was added 40 days ago, and never did."""
    home.configure(watch={"unseen": "disable"})
    home.add_device("fax")
    now = SystemClock().now()
    with closing(sqlite3.connect(home.state / "popbridge.db")) as db, db:
        days = [(day_of(now) - n, 1440) for n in range(1, 45)]
        db.executemany("INSERT INTO watched_day VALUES (?, ?)", days)
        db.execute("UPDATE watched SET since = 0")
        db.execute("UPDATE device SET made = ?", (now - 40 * 86400,))
        seen = ("printer", "pop3s", "TLSv1.3", "GCM", "127.0.0.1", now - 86400, now - 86400)
        db.execute("INSERT INTO sighting VALUES (?, ?, ?, ?, ?, ?, ?)", seen)
    bridge = start()
    alert = bridge.log.wait_for("alert", reason="device-disabled")
    assert alert["device"] == "fax"
    wrong = bridge.connect().log_in("fax", "wrong")
    with bridge.connect() as client:
        assert client.log_in("fax", PASSWORD) == wrong, "on the wire it is a wrong password"
    assert bridge.log.wait_for("login-failed", reason="disabled")["login"] == "fax"
    with bridge.connect() as client:
        assert_ok(client.log_in("printer", PASSWORD))
    assert home.run("device", "enable", "fax").returncode == 0
    with bridge.connect() as client:
        assert_ok(client.log_in("fax", PASSWORD))


def test_a_device_whose_maildrop_is_busy_or_cannot_be_shown_is_seen_all_the_same(
    home: Home, start: Callable[[], RunningBridge]
) -> None:
    """Through an outage of 30 days machines are shown nothing, or told of an error; none of them is gone."""
    home.add_device("fax")
    bridge = start()
    with bridge.connect() as printer, bridge.connect() as fax:
        assert_ok(printer.log_in("printer", PASSWORD))
        assert fax.log_in("fax", PASSWORD).startswith(b"-ERR [IN-USE]")
        assert fax.log_in("fax", "wrong").startswith(b"-ERR [AUTH]")
    bridge.stop()
    with closing(sqlite3.connect(home.state / "popbridge.db")) as db:
        rows = db.execute("SELECT device FROM sighting ORDER BY device").fetchall()
    assert rows == [("fax",), ("printer",)]


def test_a_device_at_a_new_address_is_refused_until_it_is_admitted(
    home: Home, start: Callable[[], RunningBridge]
) -> None:
    """The printer has only ever come from 192.168.1.40."""
    home.configure(watch={"new_address": "refuse"})
    now = SystemClock().now()
    with closing(sqlite3.connect(home.state / "popbridge.db")) as db, db:
        row = ("printer", "192.168.1.40", now, now, 1)
        db.execute("INSERT INTO device_address VALUES (?, ?, ?, ?, ?, 0)", row)
    bridge = start()
    wrong = bridge.connect().log_in("printer", "wrong")
    with bridge.connect() as client:
        assert client.log_in("printer", PASSWORD) == wrong, "on the wire it is a wrong password"
    failed = bridge.log.wait_for("login-failed", reason="new-address")
    assert (failed["login"], failed["address"]) == ("printer", "127.0.0.1")
    assert bridge.log.wait_for("alert", reason="new-address")["device"] == "printer"
    assert home.run("device", "admit", "printer", "127.0.0.1").returncode == 0
    with bridge.connect() as client:
        assert_ok(client.log_in("printer", PASSWORD))


def test_a_new_device_is_at_home_where_it_first_logs_in(
    home: Home, start: Callable[[], RunningBridge]
) -> None:
    home.configure(watch={"new_address": "refuse"})
    bridge = start()
    for _ in range(2):
        with bridge.connect() as client:
            assert_ok(client.log_in("printer", PASSWORD))
    [one] = json.loads(home.run("device", "show", "printer", "--json").stdout)["addresses"]
    assert one["address"] == "127.0.0.1"


def test_status_tells_who_fails_to_log_in(
    home: Home, start: Callable[[], RunningBridge]
) -> None:
    """A name that no device has may be a password in the wrong field: it is counted, and never told."""
    home.configure()
    bridge = start()
    for name in ("PRINTER", "printer", CANARY):
        with bridge.connect() as client:
            client.log_in(name, "wrong")
    said = home.run("status")
    assert "Failed logins at 127.0.0.1: 3 in an hour, 3 in a day; the last" in said.stdout
    assert "Failed logins of printer: 2 in an hour, 2 in a day; the last" in said.stdout
    told = json.loads(home.run("status", "--json").stdout)["running"]["failed_logins"]
    assert [(one["who"], one["hour"]) for one in told["by_device"]] == [("printer", 2)]
    assert CANARY not in said.stdout
    assert CANARY not in json.dumps(told)
