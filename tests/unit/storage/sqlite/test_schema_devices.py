"""What is half a device, or no address of one, is refused by SQLite."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.storage.sqlite.database import schema_scripts


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """A database with one device, `fax`."""
    connection = sqlite3.connect(tmp_path / "x.db", isolation_level=None)
    connection.execute("PRAGMA foreign_keys = ON")
    for script in schema_scripts():
        connection.executescript(script)
    connection.execute(
        "INSERT INTO device (name, password, allow) VALUES ('fax', 'hash', '[]')"
    )
    yield connection
    connection.close()


@pytest.mark.parametrize("values", [(1.0, None), (None, "unseen"), ("now", "unseen")])
def test_what_is_half_disabled_is_refused(
    db: sqlite3.Connection, values: tuple[object, ...]
) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        db.execute("UPDATE device SET disabled = ?, why_disabled = ?", values)


@pytest.mark.parametrize(
    "values",
    [
        ("nobody", "a", 1.0, 1.0, 1, 0),
        ("fax", None, 1.0, 1.0, 1, 0),
        ("fax", "a", "now", 1.0, 1, 0),
        ("fax", "a", 1.0, None, 1, 0),
        ("fax", "a", 1.0, 1.0, 2, 0),
        ("fax", "a", 1.0, 1.0, 1, 2),
    ],
)
def test_what_is_no_address_of_a_device_is_refused(
    db: sqlite3.Connection, values: tuple[object, ...]
) -> None:
    db.execute("INSERT INTO device_address VALUES ('fax', 'x', 1.0, 1.0, 1, 0)")
    with pytest.raises(sqlite3.IntegrityError):
        db.execute("INSERT INTO device_address VALUES (?, ?, ?, ?, ?, ?)", values)
