"""`popbridge audit` tells who changed what, one line each, and never a password."""

import os
import sqlite3
from contextlib import closing

import pytest

from tests.canary import CANARY
from tests.cli.command_line import Owner

BEGAN = ("initialised", "certificates-begun", "certificates-issued")
"""What `init` has left."""


def test_init_is_told_of_first_and_once(owner: Owner) -> None:
    owner.must("init")
    (owner.state / "tls" / "server-rsa.pem").unlink()
    owner.must("init")
    first, *others = owner.must("audit", "--json").json
    assert (first["number"], first["uid"], first["event"]) == (1, os.getuid(), "initialised")
    (where,) = first["changes"]
    assert where["field"] == "state_dir"
    assert where["new"].endswith("/state")
    assert [one["event"] for one in others] == [*BEGAN[1:], *BEGAN[1:]]
    new_ca = [{"field": "LAN CA", "old": None, "new": "new"}]
    assert [one["changes"] for one in others] == [[], new_ca, [], []]


def test_each_change_is_a_line_the_newest_last(owner: Owner) -> None:
    owner.enrol()
    owner.must("device", "change", "d", "--set", "top=off")
    owner.must("device", "passwd", "d", "--password-stdin", stdin=f"2{CANARY}\n".encode())
    said = owner.must("audit")
    lines = [line.split(maxsplit=3) for line in said.out.splitlines()]
    assert [line[3].split()[0] for line in lines] == [
        *BEGAN,
        "account-added",
        "maildrop-added",
        "device-added",
        "device-changed",
        "device-password-changed",
    ]
    assert all(f"({os.getuid()})" in line[2] for line in lines)
    assert lines[-2][3] == "device-changed maildrop=m device=d quirks.top: none -> off"
    assert lines[-1][3] == "device-password-changed maildrop=m device=d password changed"
    with closing(sqlite3.connect(owner.state / "popbridge.db")) as database:
        rows = database.execute("SELECT * FROM audit").fetchall()
    assert CANARY not in f"{rows}{said}"


def test_programs_get_fields(owner: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    owner.enrol()
    monkeypatch.setenv("SUDO_UID", "4200000123")
    owner.must("device", "passwd", "d")
    [*_, last] = owner.must("audit", "--device", "d", "--json").json
    assert last.pop("at") > 0
    assert last.pop("user")
    assert last == {
        "number": len(BEGAN) + 4,
        "uid": os.getuid(),
        "sudo_uid": 4200000123,
        "sudo_user": "unknown",
        "event": "device-password-changed",
        "account": "",
        "maildrop": "m",
        "device": "d",
        "message": None,
        "changes": [{"field": "password", "secret": True}],
    }


def test_backups_restores_and_certificates_are_told_before_and_after(owner: Owner) -> None:
    owner.enrol()
    owner.must("cert", "renew")
    backup = owner.folder / "b"
    owner.must("backup", str(backup))
    told = owner.must("audit", "--json").json[len(BEGAN) + 3 :]
    assert [(one["event"], one["uid"]) for one in told] == [
        ("certificates-begun", os.getuid()),
        ("certificates-issued", os.getuid()),
        ("backup-begun", os.getuid()),
        ("backup-made", os.getuid()),
    ]
    assert told[3]["changes"] == [
        {"field": "file", "old": None, "new": str(backup)},
        {"field": "octets", "old": None, "new": str(backup.stat().st_size)},
    ]
    kept = owner.folder / "kept-master.key"
    (owner.state / "master.key").rename(kept)
    owner.state.rename(owner.folder / "old")
    owner.must("restore", str(backup), "--key-file", str(kept))
    begun, restored = owner.must("audit", "--json").json[-2:]
    assert (begun["event"], restored["event"]) == ("backup-begun", "restored")
    assert restored["changes"][0]["new"] == str(backup)


def test_a_backup_that_fails_was_begun(owner: Owner) -> None:
    owner.must("backup", str(owner.folder / "b"))
    assert owner.runs("backup", str(owner.folder / "b")).code == 4
    events = [one["event"] for one in owner.must("audit", "--json").json]
    assert events == [*BEGAN, "backup-begun", "backup-made", "backup-begun"]


def test_what_devices_took_stands_between_the_changes(owner: Owner) -> None:
    owner.enrol()
    owner.must("account", "sync", "a")
    with closing(sqlite3.connect(owner.state / "popbridge.db")) as database:
        database.executescript(
            "INSERT INTO message_event VALUES (1, 'sent', 'd', '192.0.2.7', 10, 20, 3, '', 42, 'c7');"
            "INSERT INTO message_event VALUES (2, 'sent', 'd', '192.0.2.7', 4e9, 4e9, 1, '', NULL, '');"
        )
        [[unique_id]] = database.execute("SELECT unique_id FROM message WHERE id = 1")
    first, *changes, last = owner.must("audit", "--device", "d").out.splitlines()
    assert first == (
        "1970-01-01 00:00:20Z device d message-taken maildrop=m message=1"
        f" unique-id={unique_id} octets=42 address=192.0.2.7 connection=c7"
        " 3 times since 1970-01-01 00:00:10Z"
    )
    assert len(changes) == 1
    assert last.startswith("2096-10-02 07:06:40Z device d message-taken maildrop=m message=2")
    assert last.endswith("address=192.0.2.7")
    told, *_ = owner.must("audit", "--json").json
    assert told == {
        "event": "message-taken",
        "device": "d",
        "maildrop": "m",
        "message": 1,
        "unique_id": unique_id,
        "octets": 42,
        "address": "192.0.2.7",
        "connection": "c7",
        "first": 10.0,
        "last": 20.0,
        "times": 3,
        "at": 20.0,
    }


def test_a_device_that_is_gone_is_still_told_of(owner: Owner) -> None:
    owner.enrol()
    owner.must("device", "remove", "d")
    said = owner.must("audit", "--device", "d", "--json").json
    assert [one["event"] for one in said] == ["device-added", "device-removed"]


@pytest.mark.parametrize("when", ["2020-01-01", "2020-01-01T12:30", "1h", "3d"])
def test_what_was_done_since_is_told(owner: Owner, when: str) -> None:
    owner.enrol()
    assert len(owner.must("audit", "--since", when, "--json").json) == len(BEGAN) + 3


@pytest.mark.parametrize("when", ["2999-01-01", "2999-01-01T00:00:00+02:00", "0h"])
def test_what_was_done_before_is_not(owner: Owner, when: str) -> None:
    owner.enrol()
    assert owner.must("audit", "--since", when, "--json").json == []
    assert owner.must("audit", "--since", when).out == "Nothing.\n"


def test_the_newest_are_told_where_there_are_more(owner: Owner) -> None:
    owner.enrol()
    [one] = owner.must("audit", "--limit", "1", "--json").json
    assert one["event"] == "device-added"


@pytest.mark.parametrize("when", ["yesterday", "", "999999d", "3w"])
def test_what_is_no_time_is_refused(owner: Owner, when: str) -> None:
    said = owner.runs("audit", "--since", when)
    assert said.code == 2
    assert "30d" in said.err


def test_a_value_cannot_break_out_of_its_line(owner: Owner) -> None:
    owner.enrol()
    owner.must("maildrop", "change", "m", "--subject", "a\nb\x1b[2J")
    said = owner.must("audit", "--maildrop", "m")
    assert len(said.out.splitlines()) == 3
    assert r"admission.subject: none -> a\nb\x1b[2J" in said.out
