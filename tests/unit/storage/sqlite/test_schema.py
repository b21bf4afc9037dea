"""Every legal step between the states of a message is possible, every other is refused by SQLite.

So is a grant that could not be one.
"""

import sqlite3
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest

from bridge.storage.messages import MessageState
from bridge.storage.sqlite.database import schema_scripts

STATES = [state.value for state in MessageState]

WHAT_IS_HELD = {
    "announced": {(False, False)},
    "ready": {(True, False)},
    "quarantined": {(True, False)},
    "held": {(False, False)},
    "expunged": {(False, True)},
    "disposed": {(False, False)},
    "vanished": {(False, False), (True, False)},
    "gone": {(False, False)},
}
"""For each state, whether a row has (octets, disposition)."""

STEPS = {
    ("announced", "ready"),
    ("announced", "quarantined"),
    ("announced", "held"),
    ("announced", "vanished"),
    ("announced", "expunged"),
    ("ready", "announced"),
    ("ready", "held"),
    ("ready", "expunged"),
    ("ready", "vanished"),
    ("quarantined", "announced"),
    ("quarantined", "ready"),
    ("quarantined", "expunged"),
    ("held", "announced"),
    ("held", "ready"),
    ("held", "vanished"),
    ("held", "expunged"),
    ("quarantined", "vanished"),
    ("announced", "gone"),
    ("held", "gone"),
    ("vanished", "gone"),
    ("vanished", "held"),
    ("gone", "announced"),
    ("vanished", "ready"),
    ("vanished", "disposed"),
    ("expunged", "disposed"),
    ("disposed", "ready"),
}

ROADS = {
    "announced": (),
    "ready": ("ready",),
    "quarantined": ("quarantined",),
    "held": ("held",),
    "expunged": ("ready", "expunged"),
    "disposed": ("ready", "expunged", "disposed"),
    "vanished": ("ready", "vanished"),
    "gone": ("gone",),
}
"""A legal road from announced to each state."""

HELD_AFTERWARDS = {
    "announced": (None, None),
    "ready": (10, None),
    "quarantined": (10, None),
    "held": (None, None),
    "expunged": (None, "trash"),
    "disposed": (None, None),
    "vanished": (10, None),
    "gone": (None, None),
}


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(tmp_path / "x.db", isolation_level=None)
    connection.execute("PRAGMA foreign_keys = ON")
    for script in schema_scripts():
        connection.executescript(script)
    connection.executescript(
        "INSERT INTO account VALUES ('a', 'folder', '{}');"
        "INSERT INTO maildrop (name, account, folder, disposition) VALUES ('d', 'a', '', 'trash');"
    )
    yield connection
    connection.close()


def insert(
    db: sqlite3.Connection,
    state: str,
    octets: int | None,
    todo: str | None,
    spool_id: int | None = 1,
) -> None:
    db.execute(
        "INSERT INTO message (id, maildrop, remote_id, unique_id, sort_key, state, octets,"
        " disposition) VALUES (?, 'd', 'r', 'u', 's', ?, ?, ?)",
        (spool_id, state, octets, todo),
    )


def step(db: sqlite3.Connection, state: str) -> None:
    db.execute(
        "UPDATE message SET state = ?, octets = ?, disposition = ? WHERE id = 1",
        (state, *HELD_AFTERWARDS[state]),
    )


def stand_at(db: sqlite3.Connection, state: str) -> None:
    insert(db, "announced", None, None)
    for passed in ROADS[state]:
        step(db, passed)


def row(db: sqlite3.Connection) -> tuple[object, ...]:
    found: tuple[object, ...] = db.execute(
        "SELECT state, octets, disposition FROM message"
    ).fetchone()
    return found


@pytest.mark.parametrize(("old", "new"), list(product(STATES, STATES)))
def test_a_step_is_possible_if_and_only_if_it_is_legal(
    db: sqlite3.Connection, old: str, new: str
) -> None:
    stand_at(db, old)
    before = row(db)
    if (old, new) in STEPS:
        step(db, new)
        assert row(db)[0] == new
    else:
        with pytest.raises(sqlite3.IntegrityError):
            step(db, new)
        assert row(db) == before


@pytest.mark.parametrize("state", [*STATES, "READY", "", "listed"])
@pytest.mark.parametrize("octets", [None, 10])
@pytest.mark.parametrize("todo", [None, "trash"])
def test_a_message_begins_as_announced_and_empty(
    db: sqlite3.Connection, state: str, octets: int | None, todo: str | None
) -> None:
    if (state, octets, todo) == ("announced", None, None):
        insert(db, state, octets, todo)
        assert row(db) == (state, octets, todo)
    else:
        with pytest.raises(sqlite3.IntegrityError):
            insert(db, state, octets, todo)


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("octets", [None, 0, 10, -1])
@pytest.mark.parametrize("todo", [None, "trash"])
def test_a_row_holds_what_its_state_says(
    db: sqlite3.Connection, state: str, octets: int | None, todo: str | None
) -> None:
    stand_at(db, state)
    held = (octets is not None, todo is not None)
    legal = held in WHAT_IS_HELD[state] and octets != -1
    change = "UPDATE message SET octets = ?, disposition = ?"
    if legal:
        db.execute(change, (octets, todo))
        assert row(db) == (state, octets, todo)
    else:
        with pytest.raises(sqlite3.IntegrityError):
            db.execute(change, (octets, todo))


@pytest.mark.parametrize("state", STATES)
def test_only_what_was_never_listed_or_is_gone_may_be_deleted(
    db: sqlite3.Connection, state: str
) -> None:
    stand_at(db, state)
    if state in ("announced", "vanished", "gone"):
        db.execute("DELETE FROM message")
        assert db.execute("SELECT count(*) FROM message").fetchone() == (0,)
    else:
        with pytest.raises(sqlite3.IntegrityError):
            db.execute("DELETE FROM message")


@pytest.mark.parametrize("state", STATES)
def test_every_message_goes_with_its_maildrop(db: sqlite3.Connection, state: str) -> None:
    stand_at(db, state)
    db.execute("DELETE FROM maildrop")
    assert db.execute("SELECT count(*) FROM message").fetchone() == (0,)


@pytest.mark.parametrize("length", [0, 1, 70, 71])
def test_a_unique_id_has_1_to_70_characters(db: sqlite3.Connection, length: int) -> None:
    """RFC 1939 section 7."""
    sql = (
        "INSERT INTO message (maildrop, remote_id, unique_id, sort_key, state)"
        " VALUES ('d', 'r', ?, 's', 'announced')"
    )
    if 1 <= length <= 70:
        db.execute(sql, ("x" * length,))
        assert db.execute("SELECT unique_id FROM message").fetchone() == ("x" * length,)
    else:
        with pytest.raises(sqlite3.IntegrityError):
            db.execute(sql, ("x" * length,))


@pytest.mark.parametrize(("remote_id", "unique_id"), [("r", "other"), ("other", "u")])
def test_no_two_messages_of_a_maildrop_share_an_id(
    db: sqlite3.Connection, remote_id: str, unique_id: str
) -> None:
    stand_at(db, "disposed")
    with pytest.raises(sqlite3.IntegrityError):
        db.execute(
            "INSERT INTO message (maildrop, remote_id, unique_id, sort_key, state)"
            " VALUES ('d', ?, ?, 's', 'announced')",
            (remote_id, unique_id),
        )


def test_an_id_is_not_used_again_after_its_message_is_gone(db: sqlite3.Connection) -> None:
    stand_at(db, "announced")
    db.execute("DELETE FROM message")
    db.execute(
        "INSERT INTO message (maildrop, remote_id, unique_id, sort_key, state)"
        " VALUES ('d', 'r', 'u', 's', 'announced')"
    )
    assert db.execute("SELECT id FROM message").fetchone() == (2,)


# ---- grants


def keep(db: sqlite3.Connection, *values: object) -> None:
    db.execute("INSERT INTO account_grant VALUES (?, ?, ?, ?, ?)", values)


def test_a_grant_is_kept_beside_its_account(db: sqlite3.Connection) -> None:
    for lost in (None, "revoked"):
        keep(db, "a", b"sealed", 0, 0.5, lost)
        assert db.execute("SELECT * FROM account_grant").fetchone() == (
            *("a", b"sealed", 0, 0.5),
            lost,
        )
        db.execute("DELETE FROM account_grant")


@pytest.mark.parametrize(
    "values",
    [
        ("nobody", b"sealed", 0, 0.0, None),
        ("a", None, 0, 0.0, None),
        ("a", "not sealed", 0, 0.0, None),
        ("a", b"sealed", -1, 0.0, None),
        ("a", b"sealed", None, 0.0, None),
        ("a", b"sealed", "once", 0.0, None),
        ("a", b"sealed", 0, None, None),
        ("a", b"sealed", 0, "now", None),
        ("a", b"sealed", 0, 0.0, b"why"),
    ],
)
def test_what_is_no_grant_is_refused(
    db: sqlite3.Connection, values: tuple[object, ...]
) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        keep(db, *values)


def test_an_account_has_one_grant(db: sqlite3.Connection) -> None:
    keep(db, "a", b"sealed", 0, 0.0, None)
    with pytest.raises(sqlite3.IntegrityError):
        keep(db, "a", b"other", 1, 0.0, None)


def test_the_grant_goes_with_its_account_and_the_account_stays_without_its_grant(
    db: sqlite3.Connection,
) -> None:
    db.execute("DELETE FROM maildrop")
    keep(db, "a", b"sealed", 0, 0.0, None)
    db.execute("DELETE FROM account_grant")
    assert db.execute("SELECT count(*) FROM account").fetchone() == (1,)
    keep(db, "a", b"sealed", 0, 0.0, None)
    db.execute("DELETE FROM account")
    assert db.execute("SELECT count(*) FROM account_grant").fetchone() == (0,)


@pytest.fixture
def old(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """A database as the first popbridge left it, with a message in every state it knew."""
    connection = sqlite3.connect(tmp_path / "old.db", isolation_level=None)
    connection.execute("PRAGMA foreign_keys = ON")
    connection.executescript(schema_scripts()[0])
    connection.execute("INSERT INTO account VALUES ('a', 'folder', '{}')")
    connection.execute("INSERT INTO maildrop VALUES ('d', 'a', 'F', 'trash', 'here')")
    for number, state in enumerate(OLD_STATES, 1):
        connection.execute(
            "INSERT INTO message (id, maildrop, remote_id, unique_id, sort_key, state)"
            " VALUES (?, 'd', ?, ?, ?, 'announced')",
            (number, f"r{number}", f"u{number}", f"s{number}"),
        )
        for passed in ROADS[state]:
            connection.execute(
                "UPDATE message SET state = ?, octets = ?, disposition = ? WHERE id = ?",
                (passed, *HELD_AFTERWARDS[passed], number),
            )
    yield connection
    connection.close()


OLD_STATES = [state for state in STATES if state not in ("held", "gone")]

STORED = (
    "SELECT name, provider, settings FROM account",
    "SELECT name, account, folder, disposition, cursor FROM maildrop",
    "SELECT id, maildrop, remote_id, unique_id, sort_key, state, octets, disposition FROM message",
)


def bring_up(connection: sqlite3.Connection) -> None:
    for script in schema_scripts()[1:]:
        connection.executescript(script)


def test_what_the_first_popbridge_stored_is_still_there_and_needs_no_grant(
    old: sqlite3.Connection,
) -> None:
    before = [old.execute(sql).fetchall() for sql in STORED]
    bring_up(old)
    assert [old.execute(sql).fetchall() for sql in STORED] == before
    assert len(before[2]) == len(OLD_STATES)
    assert old.execute("SELECT count(*) FROM account_grant").fetchone() == (0,)
    assert old.execute("PRAGMA foreign_key_check").fetchall() == []


def test_of_a_device_of_before_nobody_knows_how_old_it_is_and_it_may_log_in(
    old: sqlite3.Connection,
) -> None:
    old.execute("INSERT INTO device VALUES ('fax', 'd', 'hash', NULL, '[]')")
    bring_up(old)
    sql = "SELECT made, password_made, enabled, disabled, why_disabled FROM device"
    assert old.execute(sql).fetchall() == [(None,) * 5]


def test_an_id_of_before_is_not_used_again_however_empty_the_spool_is(
    old: sqlite3.Connection,
) -> None:
    old.execute("DELETE FROM message WHERE state = 'vanished'")
    bring_up(old)
    insert_new = (
        "INSERT INTO message (maildrop, remote_id, unique_id, sort_key, state)"
        " VALUES ('d', 'new', 'new', 's', 'announced') RETURNING id"
    )
    assert old.execute(insert_new).fetchall() == [(len(OLD_STATES) + 1,)]


def test_no_id_is_used_again_where_every_message_was_gone(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "old.db", isolation_level=None)
    connection.executescript(schema_scripts()[0])
    connection.executescript(
        "INSERT INTO account VALUES ('a', 'folder', '{}');"
        "INSERT INTO maildrop VALUES ('d', 'a', '', 'keep', NULL);"
        "INSERT INTO message VALUES (7, 'd', 'r', 'u', 's', 'announced', NULL, NULL);"
        "DELETE FROM message;"
    )
    bring_up(connection)
    insert(connection, "announced", None, None, spool_id=None)
    assert connection.execute("SELECT id FROM message").fetchall() == [(8,)]
    connection.close()
