import hashlib
import os
import resource
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from bridge.errors import SpoolUnavailable, StateError
from bridge.storage.sqlite.database import open_database, schema_scripts

NEWEST = len(schema_scripts())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "popbridge.db"


def digests(folder: Path) -> dict[str, str]:
    return {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.iterdir()
    }


def at_version(path: Path, version: int) -> None:
    """Make a database as the popbridge of that schema version left it."""
    connection = sqlite3.connect(path, isolation_level=None)
    for script in schema_scripts()[:version]:
        connection.executescript(script)
    connection.execute(f"PRAGMA user_version = {version}")
    connection.close()


def shape(path: Path) -> list[tuple[str, ...]]:
    connection = sqlite3.connect(path)
    rows = connection.execute(
        "SELECT type, name, sql FROM sqlite_schema ORDER BY name"
    ).fetchall()
    rows += connection.execute("PRAGMA user_version").fetchall()
    connection.close()
    return rows


# ---- schema versions


@pytest.mark.parametrize("version", range(NEWEST + 1))
def test_every_older_version_is_brought_up_to_the_newest(path: Path, version: int) -> None:
    at_version(path, version)
    open_database(path).close()
    fresh = path.with_name("fresh.db")
    open_database(fresh, create=True).close()
    assert shape(path) == shape(fresh)
    assert shape(path)[-1] == (NEWEST,)


def test_a_device_from_before_keeps_its_maildrop_and_what_hangs_on_it(path: Path) -> None:
    """Schema 10 makes the column anew; what refers to a device must not go with the old one."""
    at_version(path, 9)
    with sqlite3.connect(path) as db:
        db.executescript(
            "INSERT INTO account VALUES ('a', 'folder', '{}');"
            "INSERT INTO maildrop (name, account, folder, disposition)"
            " VALUES ('m', 'a', '', 'trash');"
            "INSERT INTO device (name, maildrop, password, allow) VALUES ('fax', 'm', 'h', '[]');"
            "INSERT INTO login VALUES ('fax', 'fax', NULL);"
            "INSERT INTO sighting VALUES ('fax', 'pop3s', '', '', '192.168.1.20', 1, 2);"
        )
    db.close()
    open_database(path).close()
    db = sqlite3.connect(path)
    assert db.execute("SELECT name, maildrop, password FROM device").fetchall() == [
        ("fax", "m", "h")
    ]
    assert db.execute("SELECT count(*) FROM login, sighting").fetchall() == [(1,)]
    db.execute("PRAGMA foreign_keys = ON")
    with pytest.raises(sqlite3.IntegrityError):
        db.execute("DELETE FROM maildrop")
    db.close()


def test_an_empty_file_becomes_a_database(path: Path) -> None:
    path.touch()
    open_database(path).close()
    assert shape(path)[-1] == (NEWEST,)


def test_opening_again_changes_no_octet(path: Path) -> None:
    open_database(path, create=True).close()
    before = digests(path.parent)
    open_database(path).close()
    assert digests(path.parent) == before


def test_a_newer_database_is_refused_and_not_touched(path: Path) -> None:
    at_version(path, NEWEST)
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {NEWEST + 1}")
    connection.close()
    before = digests(path.parent)
    with pytest.raises(
        StateError, match=r"^The spool .* newer popbridge .* nothing was changed\.$"
    ):
        open_database(path)
    assert digests(path.parent) == before


def test_a_step_that_fails_leaves_the_version_before(path: Path) -> None:
    """A table in the way stands for any failure half-way through a script."""
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE message (in_the_way)")
    connection.close()
    before = shape(path)
    with pytest.raises(StateError):
        open_database(path)
    assert shape(path) == before


def test_the_scripts_are_numbered_without_a_gap() -> None:
    folder = Path(__file__).parents[4] / "bridge/storage/sqlite/schema"
    names = sorted(entry.name for entry in folder.iterdir())
    assert names == [f"{number:04}.sql" for number in range(1, len(names) + 1)]
    assert len(names) == NEWEST > 0


# ---- what cannot be opened


def test_a_missing_database_is_not_made_unasked(path: Path) -> None:
    with pytest.raises(StateError, match="popbridge init"):
        open_database(path)
    assert list(path.parent.iterdir()) == []


def test_a_new_database_is_its_owners_alone(path: Path) -> None:
    before = os.umask(0)
    try:
        database = open_database(path, create=True)
        modes = {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
        database.close()
    finally:
        os.umask(before)
    assert modes == {0o600}


def test_something_else_is_no_database_and_is_left_alone(path: Path) -> None:
    path.write_bytes(b"From: somebody\r\n\r\nnot a database at all\r\n" * 100)
    before = digests(path.parent)
    with pytest.raises(StateError, match=r"^The spool .* cannot be opened: .*\.$"):
        open_database(path)
    assert digests(path.parent) == before


@pytest.mark.parametrize("damage", ["header", "truncated", "schema page"])
def test_a_damaged_database_is_refused_in_one_sentence(path: Path, damage: str) -> None:
    open_database(path, create=True).close()
    octets = bytearray(path.read_bytes())
    if damage == "header":
        octets[0:16] = os.urandom(16)
    elif damage == "truncated":
        del octets[1000:]
    else:
        octets[100:2000] = bytes(1900)
    path.write_bytes(octets)
    with pytest.raises(StateError, match=r"^The spool .* cannot be opened: .*\.$"):
        open_database(path)


def test_a_folder_in_its_place_is_refused(path: Path) -> None:
    path.mkdir()
    with pytest.raises(StateError, match="cannot be opened"):
        open_database(path)


def test_a_folder_that_is_missing_is_refused(path: Path) -> None:
    with pytest.raises(StateError, match="cannot be opened"):
        open_database(path.parent / "missing" / "popbridge.db", create=True)


# ---- transactions


def overwrite_end(path: Path, count: int) -> None:
    octets = path.read_bytes()
    path.write_bytes(octets[:-count].ljust(len(octets), b"\xff"))


async def test_a_write_that_raises_changes_nothing(path: Path) -> None:
    database = open_database(path, create=True)

    def work(db: sqlite3.Connection) -> None:
        db.execute("INSERT INTO meta VALUES ('a', x'00')")
        raise LookupError

    with pytest.raises(LookupError):
        await database.write(work)
    count = await database.read(lambda db: db.execute("SELECT count(*) FROM meta").fetchone())
    assert count == (0,)
    database.close()


async def test_a_failed_write_does_not_stop_the_next(path: Path) -> None:
    database = open_database(path, create=True)
    with pytest.raises(SpoolUnavailable):
        await database.write(lambda db: db.execute("INSERT INTO nowhere VALUES (1)"))
    await database.write(lambda db: db.execute("INSERT INTO meta VALUES ('a', x'00')"))
    database.close()


async def test_a_commit_waits_for_the_disk(path: Path) -> None:
    """https://www.sqlite.org/pragma.html#pragma_synchronous: in WAL mode only FULL (2) is durable."""
    database = open_database(path, create=True)
    found = await database.read(
        lambda db: [
            db.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("synchronous", "journal_mode", "foreign_keys", "trusted_schema")
        ]
    )
    assert found == [2, "wal", 1, 0]
    database.close()


@pytest.mark.parametrize("pages", [0, 1, 2, 5])
async def test_a_full_disk_is_an_unavailable_spool_and_loses_nothing(
    path: Path, pages: int
) -> None:
    database = open_database(path, create=True)
    await database.write(lambda db: db.execute("INSERT INTO meta VALUES ('kept', x'00')"))

    def fill(db: sqlite3.Connection) -> None:
        (count,) = db.execute("PRAGMA page_count").fetchone()
        db.execute(f"PRAGMA max_page_count = {count + pages}").fetchone()

    await database.read(fill)
    with pytest.raises(SpoolUnavailable, match="full"):
        await database.write(
            lambda db: db.execute("INSERT INTO meta VALUES ('big', zeroblob(100000))")
        )
    kept = await database.read(lambda db: db.execute("SELECT key FROM meta").fetchall())
    assert kept == [("kept",)]
    await database.write(lambda db: db.execute("DELETE FROM meta"))
    database.close()


async def test_a_database_that_another_process_holds_is_unavailable(path: Path) -> None:
    database = open_database(path, create=True)
    await database.read(lambda db: db.execute("PRAGMA busy_timeout = 0").fetchall())
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(SpoolUnavailable, match="locked"):
        await database.write(lambda db: db.execute("DELETE FROM meta"))
    other.execute("ROLLBACK")
    other.close()
    await database.write(lambda db: db.execute("DELETE FROM meta"))
    database.close()


async def test_damage_that_shows_later_makes_the_spool_unavailable(path: Path) -> None:
    database = open_database(path, create=True)
    await database.write(
        lambda db: db.execute("INSERT INTO meta VALUES ('a', zeroblob(99999))")
    )
    database.close()
    overwrite_end(path, 50_000)
    database = open_database(path)
    with pytest.raises(SpoolUnavailable, match="malformed"):
        await database.read(lambda db: db.execute("SELECT hex(value) FROM meta").fetchone())
    database.close()


FILL_UNTIL_THE_LIMIT = """
import asyncio, sys
from pathlib import Path
from bridge.errors import SpoolUnavailable
from bridge.storage.sqlite.database import open_database

async def main():
    database = open_database(Path(sys.argv[1]), create=True)
    number = 0
    try:
        while True:
            await database.write(
                lambda db: db.execute("INSERT INTO meta VALUES (?, zeroblob(3000))", (str(number),))
            )
            number += 1
            print(number, flush=True)
    except SpoolUnavailable:
        print("unavailable", flush=True)

asyncio.run(main())
"""


@pytest.mark.slow
def test_every_write_before_the_disk_was_full_is_kept(path: Path) -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, 600_000))

    done = subprocess.run(
        [sys.executable, "-c", FILL_UNTIL_THE_LIMIT, str(path)],
        cwd=Path(__file__).parents[4],
        preexec_fn=limit,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    *numbers, last = done.stdout.split()
    assert (last, done.stderr) == ("unavailable", "")
    connection = sqlite3.connect(path)
    (kept,) = connection.execute("SELECT count(*) FROM meta").fetchone()
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
    assert kept == int(numbers[-1]) > 10
