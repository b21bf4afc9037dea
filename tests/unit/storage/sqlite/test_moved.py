import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from bridge.storage.sqlite.moved import copy_database, fold_in


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a database of which all that matters lies in its log, as after a close on a full disk."""
    with closing(sqlite3.connect(tmp_path / "source.db", isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("CREATE TABLE t (x TEXT)")
        db.execute("INSERT INTO t VALUES ('here')")
        for end in ("", "-wal"):
            shutil.copy(tmp_path / f"source.db{end}", tmp_path / f"copy.db{end}")
    return tmp_path / "copy.db"


def content(path: Path) -> list[tuple[str]]:
    with closing(sqlite3.connect(path)) as db:
        return list(db.execute("SELECT x FROM t"))


def test_what_lies_in_the_log_is_folded_in(path: Path) -> None:
    fold_in(path)
    assert not path.with_name("copy.db-wal").exists()
    assert content(path) == [("here",)]


def test_a_log_that_cannot_be_folded_in_is_an_error(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN")
        other.execute("SELECT * FROM t").fetchall()
        with pytest.raises(sqlite3.Error):
            fold_in(path)


def test_a_damaged_database_is_an_error(path: Path) -> None:
    fold_in(path)
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * 4096)
    with pytest.raises(sqlite3.Error):
        fold_in(path)


def test_a_copy_is_whole_and_alone(path: Path, tmp_path: Path) -> None:
    copy_database(path, tmp_path / "other.db")
    assert content(tmp_path / "other.db") == [("here",)]
