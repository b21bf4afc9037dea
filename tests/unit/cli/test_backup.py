import sqlite3
from pathlib import Path

import pytest

from bridge.app.state import sole_server
from tests.cli.command_line import Owner


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "x.backup"


def test_backup_says_what_opens_it_and_leaves_nothing_else(owner: Owner, target: Path) -> None:
    before = {*owner.state.rglob("*"), owner.state / "server.lock"}
    said = owner.must("backup", str(target))
    first, second = said.out.splitlines()
    assert first.startswith(f"{target}: {target.stat().st_size} octets")
    assert "master key" in first
    assert "--nothing-since" in second
    assert set(owner.state.rglob("*")) == before


def test_a_backup_beside_a_running_bridge_does_not_promise_to_be_the_last_word(
    owner: Owner, target: Path
) -> None:
    with sole_server(owner.state):
        said = owner.must("backup", str(target), "--json")
    assert said.json == {
        "file": str(target),
        "octets": target.stat().st_size,
        "exact": False,
    }


def test_a_backup_is_the_database_at_one_moment_while_another_writes(
    owner: Owner, target: Path
) -> None:
    owner.enrol()
    db = sqlite3.connect(owner.state / "popbridge.db", isolation_level=None)
    db.execute("BEGIN IMMEDIATE")
    db.execute("DELETE FROM device")
    said = owner.must("backup", str(target))
    assert "audit does not tell of this backup: the database cannot answer" in said.err
    db.execute("ROLLBACK")
    db.close()
    owner.must("restore", str(target), "--show-config")


def test_what_a_killed_backup_left_is_removed(owner: Owner, target: Path) -> None:
    left = owner.state / ".backup-0123456789abcdef.db"
    left.write_bytes(b"half")
    owner.must("backup", str(target))
    assert not left.exists()


def test_backup_refuses_a_file_that_is_there(owner: Owner, target: Path) -> None:
    target.write_bytes(b"mine")
    said = owner.runs("backup", str(target))
    assert said.code == 4
    assert said.sentence == f"{target} exists already; name a new file. Nothing was changed."
    assert target.read_bytes() == b"mine"


def test_backup_before_init_says_what_to_do(newcomer: Owner, target: Path) -> None:
    said = newcomer.runs("backup", str(target))
    assert said.code == 4
    assert "popbridge init" in said.sentence
    assert not target.exists()
