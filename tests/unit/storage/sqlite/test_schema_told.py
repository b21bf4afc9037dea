"""What devices were told of a message is remembered as its body goes, as long as its unique-id may be listed again."""

import sqlite3

import pytest

from tests.unit.storage.sqlite.test_schema import db, insert, step

__all__ = ["db"]


@pytest.mark.parametrize("was_shaped", [0, 1])
@pytest.mark.parametrize(
    ("road", "told"),
    [
        (("ready", "announced"), 10),
        (("ready", "held"), 10),
        (("ready", "vanished", "gone"), 10),
        (("ready", "vanished"), None),
        (("ready", "expunged", "disposed"), None),
        (("quarantined", "announced"), None),
    ],
)
def test_what_was_told_is_remembered_until_the_message_is_another(
    db: sqlite3.Connection,
    road: tuple[str, ...],
    told: int | None,
    was_shaped: int,
) -> None:
    insert(db, "announced", None, None)
    step(db, road[0])
    db.execute("UPDATE message SET original_octets = 20 WHERE ?", (was_shaped,))
    for passed in road[1:]:
        step(db, passed)
    query = "SELECT told_octets, told_shaped FROM message"
    assert db.execute(query).fetchone() == (told, was_shaped if told else 0)
    db.execute("UPDATE message SET unique_id = 'another'")
    assert db.execute(query).fetchone() == (None, 0)
