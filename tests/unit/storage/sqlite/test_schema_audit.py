"""Rows of who changed what are added, never changed, and go by their age alone; SQLite sees to it."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.storage.sqlite.database import schema_scripts


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(tmp_path / "x.db", isolation_level=None)
    for script in schema_scripts():
        connection.executescript(script)
    yield connection
    connection.close()


def write(db: sqlite3.Connection, days_ago: float) -> None:
    db.execute(
        "INSERT INTO audit (at, user, sudo_user, event, account, maildrop, device, differences)"
        " VALUES ((julianday('now') - 2440587.5 - ?) * 86400, 'x', '', 'e', '', '', '', '[]')",
        (days_ago,),
    )


def test_what_was_done_is_never_changed_afterwards(db: sqlite3.Connection) -> None:
    write(db, 400)
    with pytest.raises(sqlite3.IntegrityError, match="not changed afterwards"):
        db.execute("UPDATE audit SET user = 'y'")


def test_what_was_done_is_kept_for_30_days_whoever_asks(db: sqlite3.Connection) -> None:
    write(db, 29.9)
    with pytest.raises(sqlite3.IntegrityError, match="30 days"):
        db.execute("DELETE FROM audit")
    write(db, 30.1)
    db.execute("DELETE FROM audit WHERE number = 2")
    assert db.execute("SELECT number FROM audit").fetchall() == [(1,)]


def test_the_number_of_what_was_forgotten_is_not_used_again(db: sqlite3.Connection) -> None:
    write(db, 400)
    db.execute("DELETE FROM audit")
    write(db, 0)
    assert db.execute("SELECT number FROM audit").fetchall() == [(2,)]
