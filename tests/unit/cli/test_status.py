import socket
import sqlite3
from contextlib import closing

import pytest

from bridge.cli import status
from bridge.cli.status_devices import told_of_failures
from bridge.clock import SystemClock
from bridge.control import control_path
from bridge.storage.sightings import day_of
from tests.cli.command_line import Owner


def test_without_a_running_bridge_the_spool_is_told_all_the_same(owner: Owner) -> None:
    owner.enrol()
    owner.must("account", "sync", "a")
    said = owner.must("status")
    assert said.out.startswith("No bridge is running on this state folder")
    answer = owner.must("status", "--json").json
    assert answer["running"] is None
    [drop] = answer["maildrops"]
    assert drop["listed"] == 2
    assert drop["octets"] == 2 * len(b"Subject: 1.eml\r\n\r\ntext\r\n")
    assert drop["devices"] == ["d"]
    assert drop["session"] is False


def test_an_empty_register_says_how_to_begin(owner: Owner) -> None:
    assert "popbridge maildrop add" in owner.must("status").out


def test_a_folder_that_was_never_made_says_run_init(newcomer: Owner) -> None:
    said = newcomer.runs("status")
    assert said.code == 4
    assert "popbridge init" in said.sentence


def test_a_bridge_that_does_not_answer_is_said_beside_the_rest(
    owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(status, "STATUS_SECONDS", 0.1)
    owner.enrol()
    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.bind(str(control_path(owner.state)))
        deaf.listen()
        said = owner.runs("status")
        told = owner.runs("status", "--json")
    assert said.code == told.code == 1
    assert said.out.startswith("The running bridge gave no answer; see its log.\n")
    assert told.json["trouble"] == "The running bridge gave no answer; see its log."
    assert [drop["maildrop"] for drop in told.json["maildrops"]] == ["m"]


def test_a_device_that_nobody_has_seen_for_long_is_named(owner: Owner) -> None:
    owner.enrol()
    assert owner.must("status", "--json").json["unseen"] == []
    today = day_of(SystemClock().now())
    with closing(sqlite3.connect(owner.state / "popbridge.db")) as db, db:
        days = [(today - n, 1440) for n in range(1, 40)]
        db.executemany("INSERT INTO watched_day VALUES (?, ?)", days)
        db.execute("UPDATE watched SET since = 0")
    assert owner.must("status", "--json").json["unseen"] == [], "it was added today"
    with closing(sqlite3.connect(owner.state / "popbridge.db")) as db, db:
        db.execute("UPDATE device SET made = made - 32 * 86400")
    [one] = owner.must("status", "--json").json["unseen"]
    assert one == {"device": "d", "days": 31, "last": None}
    assert (
        "Device d: NOT SEEN yet, 31 days; popbridge device remove d" in owner.must("status").out
    )
    with owner.config.open("a", encoding="utf-8") as config:
        config.write("\n[watch]\nunseen_days = 32\n")
    assert "NOT SEEN" not in owner.must("status").out


def test_devices_that_only_log_in_are_named(owner: Owner) -> None:
    assert owner.must("status", "--json").json["login_only"] == []
    assert "Only log in" not in owner.must("status").out
    owner.must("device", "add", "fw", "--login-only")
    owner.must("device", "add", "camera", "--login-only")
    assert owner.must("status", "--json").json["login_only"] == ["camera", "fw"]
    assert owner.must("status").out.endswith("\nOnly log in: camera, fw\n")


def test_old_passwords_are_named_and_those_of_unknown_age_said_to_be_so(owner: Owner) -> None:
    owner.enrol()
    assert owner.must("status", "--json").json["old_passwords"] == []
    with closing(sqlite3.connect(owner.state / "popbridge.db")) as db, db:
        db.execute("UPDATE device SET password_made = password_made - 365.5 * 86400")
        [(made,)] = db.execute("SELECT password_made FROM device").fetchall()
    [one] = owner.must("status", "--json").json["old_passwords"]
    assert one == {"device": "d", "days": 365, "made": made}
    assert (
        "Device d: PASSWORD is 365 days old; popbridge device passwd d"
        in owner.must("status").out
    )
    with closing(sqlite3.connect(owner.state / "popbridge.db")) as db, db:
        db.execute("UPDATE device SET password_made = NULL")
    [one] = owner.must("status", "--json").json["old_passwords"]
    assert one == {"device": "d", "days": None, "made": None}
    assert "PASSWORDS of unknown age: d; made before that" in owner.must("status").out
    assert "password made: at a time unknown" in owner.must("device", "show", "d").out
    owner.must("device", "passwd", "d")
    assert owner.must("status", "--json").json["old_passwords"] == []
    shown = owner.must("device", "show", "d", "--json").json
    assert shown["password_made"] >= shown["made"]


def test_new_addresses_and_refused_ones_are_named(owner: Owner) -> None:
    owner.enrol()
    now = SystemClock().now()
    rows = [
        ("d", "192.168.1.40", now - 90 * 86400, now, 1),
        ("d", "192.168.1.41", now - 60, now, 1),
        ("d", "203.0.113.9", now - 50, now, 0),
    ]
    with closing(sqlite3.connect(owner.state / "popbridge.db")) as db, db:
        db.executemany("INSERT INTO device_address VALUES (?, ?, ?, ?, ?, 0)", rows)
    told = owner.must("status", "--json").json["new_addresses"]
    assert [(one["address"], one["admitted"]) for one in told] == [
        ("192.168.1.41", True),
        ("203.0.113.9", False),
    ]
    said = owner.must("status").out
    assert "Device d: NEW ADDRESS 192.168.1.41 since 20" in said
    assert "popbridge device admit d 203.0.113.9 lets it log in from there" in said
    assert (
        "if that is not your machine, its password is known: popbridge device passwd d" in said
    )
    assert "192.168.1.40" not in said


def test_what_an_owner_let_in_is_no_news(owner: Owner) -> None:
    owner.enrol()
    now = SystemClock().now()
    rows = [("d", "192.168.1.40", now - 9e6, now, 1), ("d", "192.168.1.41", now - 50, now, 0)]
    with closing(sqlite3.connect(owner.state / "popbridge.db")) as db, db:
        db.executemany("INSERT INTO device_address VALUES (?, ?, ?, ?, ?, 0)", rows)
    assert "REFUSED at 192.168.1.41" in owner.must("status").out
    for address in ("192.168.1.41", "127.0.0.1"):
        owner.must("device", "admit", "d", address)
    assert owner.must("status", "--json").json["new_addresses"] == []
    shown = owner.must("device", "show", "d").out
    assert "address 192.168.1.40: let in, known since" in shown
    assert "address 192.168.1.41: let in by hand, known since" in shown


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("password", "popbridge device passwd fax makes another password"),
        ("address", "popbridge device change fax --allow"),
        ("disabled", "popbridge device enable fax"),
        ("new-address", "popbridge device admit fax ADDRESS"),
    ],
)
def test_who_fails_to_log_in_is_told_with_what_to_do(reason: str, told: str) -> None:
    row = {"who": "fax", "hour": 3, "day": 4, "ago": 60.0, "reason": reason}
    [said] = told_of_failures({"failed_logins": {"by_device": [row]}})
    assert said.startswith(
        "Failed logins of fax: 3 in an hour, 4 in a day; the last 1 minutes ago, "
    )
    assert told in said


def test_an_address_whose_logins_fail_is_told_with_what_to_do() -> None:
    row = {"who": "203.0.113.9", "hour": 3, "day": 4, "ago": 0.0, "reason": "password"}
    [said] = told_of_failures({"failed_logins": {"by_address": [row]}})
    assert "with a wrong name or password; popbridge trace DEVICE shows" in said
