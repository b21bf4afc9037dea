import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest

from bridge.app.state import sole_server
from tests.cli.command_line import CONFIG, SETTLED, Owner, run

pytestmark = pytest.mark.slow


@attrs.frozen
class Move:
    """A backup of an owner's bridge, and the new machine it goes to."""

    old: Owner
    backup: Path
    new: Owner

    @property
    def key(self) -> Path:
        return self.old.state / "master.key"

    def words(self, *more: str) -> tuple[str, ...]:
        return ("restore", str(self.backup), "--key-file", str(self.key), *more)


@pytest.fixture
def move(owner: Owner, tmp_path: Path) -> Move:
    owner.enrol()
    owner.must("account", "sync", "a")
    backup = tmp_path / "x.backup"
    owner.must("backup", str(backup))
    new = Owner(tmp_path / "new")
    new.folder.mkdir()
    return Move(owner, backup, new)


def everything(folder: Path) -> dict[Path, bytes]:
    """Return what lies in a folder; an empty lock file is no change."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path: path.read_bytes() for path in files if path.name != "server.lock"}


def refused(move: Move, *words: str) -> str:
    """Return the sentence with which a restore is refused; it must have changed nothing."""
    before = everything(move.new.folder)
    said = move.new.runs(*(words or move.words()))
    assert said.code in (3, 4)
    assert everything(move.new.folder) == before
    return said.sentence


def test_restore_puts_everything_in_place(move: Move) -> None:
    said = move.new.must(*move.words())
    assert "2 messages are held" in said.out
    assert move.new.config.read_text() == CONFIG
    for name in ("master.key", "tls/ca.pem", "tls/ca.key", "tls/server-rsa.pem"):
        old, new = move.old.state / name, move.new.state / name
        assert new.read_bytes() == old.read_bytes()
        assert new.stat().st_mode == old.stat().st_mode
    assert sorted(path.name for path in move.new.state.iterdir()) == [
        "bodies", "master.key", "popbridge.db", "server.lock", "tls",
    ]  # fmt: skip
    assert list(move.new.folder.glob(".*")) == []
    devices = [owner.must("device", "list", "--json").json for owner in (move.old, move.new)]
    assert devices[0] == devices[1] != []


def test_devices_without_a_maildrop_move_too(move: Move, tmp_path: Path) -> None:
    move.old.must("device", "add", "fw", "--login-only")
    backup = tmp_path / "later.backup"
    move.old.must("backup", str(backup))
    move.new.must(*attrs.evolve(move, backup=backup).words())
    devices = move.new.must("device", "list", "--json").json
    assert [(one["device"], one["maildrop"]) for one in devices] == [("d", "m"), ("fw", None)]


def test_what_waited_is_held_and_can_be_listed_again(move: Move) -> None:
    move.new.must(*move.words())
    held = move.new.must("message", "list", "--state", "held", "--json").json
    assert len(held) == 2
    assert "restored from a backup" in held[0]["events"][-1]["detail"]
    move.new.must("account", "sync", "a")
    move.new.must("message", "redeliver", "1", "2")
    states = [one["state"] for one in move.new.must("message", "list", "--json").json]
    assert states == ["ready", "ready"]


def test_what_waited_is_fetched_again_where_nothing_ran_since(move: Move) -> None:
    before = move.old.must("message", "list", "--json").json
    said = move.new.must(*move.words("--nothing-since"))
    assert "2 messages are fetched again" in said.out
    move.new.must("account", "sync", "a")
    after = move.new.must("message", "list", "--json").json
    assert [one["state"] for one in after] == ["ready", "ready"]
    assert [one["unique_id"] for one in after] == [one["unique_id"] for one in before]


@pytest.fixture
def shaped(owner: Owner, tmp_path: Path) -> Move:
    """Return the move of an owner with one message, which is shaped."""
    owner.enrol()
    for path in owner.mail().iterdir():
        path.unlink()
    page = owner.mail() / "page.eml"
    page.write_bytes(b"Subject: page\r\nContent-Type: text/html\r\n\r\n<p>A page</p>\r\n")
    os.utime(page, (SETTLED, SETTLED))
    owner.must("maildrop", "change", "m", "--deliver", "print")
    owner.must("account", "sync", "a")
    owner.must("backup", str(tmp_path / "x.backup"))
    new = Owner(tmp_path / "new")
    new.folder.mkdir()
    return Move(owner, tmp_path / "x.backup", new)


def told(owner: Owner) -> tuple[Any, ...]:
    one = owner.must("message", "show", "1", "--json").json
    return one["state"], one["unique_id"], one["octets"], one["original_octets"]


def test_what_was_shaped_is_fetched_and_shaped_again_as_it_was(shaped: Move) -> None:
    before = told(shaped.old)
    assert before[0] == "ready"
    shaped.new.must(*shaped.words("--nothing-since"))
    assert list((shaped.new.state / "bodies").iterdir()) == []
    shaped.new.must("account", "sync", "a")
    assert told(shaped.new) == before
    names = sorted(path.name for path in (shaped.new.state / "bodies").iterdir())
    assert names == ["1.body", "1.original"]


def test_what_is_shaped_otherwise_than_before_the_move_is_held(shaped: Move) -> None:
    shaped.new.must(*shaped.words("--nothing-since"))
    shaped.new.must("maildrop", "change", "m", "--deliver", "original")
    shaped.new.must("account", "sync", "a")
    assert told(shaped.new)[0] == "held"
    shown = shaped.new.must("message", "show", "1").out
    assert "devices were told of" in shown
    assert list((shaped.new.state / "bodies").iterdir()) == []
    shaped.new.must("message", "redeliver", "1")
    assert told(shaped.new)[0] == "ready"


def test_restore_shows_the_config_for_whoever_may_write_it(move: Move) -> None:
    said = move.new.must(*move.words("--show-config"))
    assert said.out == CONFIG
    assert not move.new.config.exists()


def test_a_config_that_is_here_is_kept_only_where_that_is_wanted(move: Move) -> None:
    move.new.config.write_text(CONFIG + "# mine\n")
    assert "--keep-config" in refused(move)
    move.new.must(*move.words("--keep-config"))
    assert move.new.config.read_text().endswith("# mine\n")


def test_a_restore_over_a_spool_is_refused(move: Move) -> None:
    shutil.copytree(move.old.state, move.new.state)
    assert "holds a spool already" in refused(move)


def test_a_backup_of_another_key_is_refused(move: Move) -> None:
    other = move.old.folder / "other.key"
    other.write_text("A" * 43 + "=\n")
    other.chmod(0o600)
    words = ("restore", str(move.backup), "--key-file", str(other))
    assert "made with another master key" in refused(move, *words)


def test_another_key_where_the_bridge_would_look_is_refused(move: Move) -> None:
    move.new.state.mkdir()
    (move.new.state / "master.key").write_text("A" * 43 + "=\n")
    (move.new.state / "master.key").chmod(0o600)
    assert "another master key" in refused(move)


@pytest.mark.parametrize("kept", [0.3, 0.999])
def test_a_truncated_backup_is_refused(move: Move, kept: float) -> None:
    whole = move.backup.read_bytes()
    move.backup.write_bytes(whole[: int(len(whole) * kept)])
    assert "cut short or altered" in refused(move)
    assert not move.new.state.exists()


def test_another_lan_ca_is_not_replaced(move: Move) -> None:
    (move.new.state / "tls").mkdir(parents=True)
    (move.new.state / "tls" / "ca.pem").write_text("another")
    assert "is not the one in the backup" in refused(move)


def test_a_backup_made_beside_its_bridge_cannot_be_the_last_word(move: Move) -> None:
    move.backup.unlink()
    with sole_server(move.old.state):
        move.old.must("backup", str(move.backup))
    assert "leave --nothing-since away" in refused(move, *move.words("--nothing-since"))


def test_a_key_that_is_not_named_is_asked_for(move: Move) -> None:
    assert "--key-file" in refused(move, "restore", str(move.backup))


def test_the_key_may_come_from_the_environment(
    move: Move, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POPBRIDGE_MASTER_KEY", move.key.read_text().strip())
    move.new.must("restore", str(move.backup))
    assert not (move.new.state / "master.key").exists()
    move.new.must("message", "list")


def test_without_a_config_it_is_asked_where_that_shall_lie(move: Move) -> None:
    said = run(*move.words())
    assert said.code == 3
    assert "--config FILE" in said.sentence


def test_a_backup_that_is_not_there_is_one_sentence(move: Move) -> None:
    move.backup.unlink()
    assert str(move.backup) in refused(move)


def test_a_log_without_its_database_is_not_played_into_the_restored_one(move: Move) -> None:
    move.new.state.mkdir()
    (move.new.state / "popbridge.db-wal").write_bytes(b"what a killed bridge left")
    assert "popbridge.db-wal lies there without its database" in refused(move)


def test_init_makes_no_database_beside_the_log_of_another(newcomer: Owner) -> None:
    newcomer.must("init")
    (newcomer.state / "popbridge.db").rename(newcomer.state / "popbridge.db-wal")
    assert "without its database" in newcomer.runs("init").sentence


# ---- whatever fails, the same command completes it


def failing_at(number: int, call: Callable[..., Any]) -> tuple[Callable[..., Any], list[int]]:
    """Return `call` so that its call with this number fails as on a full disk, and its counter."""
    calls = [0]

    def counted(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - whatever the call takes
        calls[0] += 1
        if calls[0] == number:
            raise OSError(28, "No space left on device")
        return call(*args, **kwargs)

    return counted, calls


@pytest.mark.parametrize("name", ["fsync", "link", "rename", "replace", "mkdir"])
def test_a_restore_that_fails_anywhere_is_completed_by_another(
    move: Move, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    tried = 0
    while True:
        tried += 1
        shutil.rmtree(move.new.folder)
        move.new.folder.mkdir()
        with monkeypatch.context() as patch:
            counted, calls = failing_at(tried, getattr(os, name))
            patch.setattr(os, name, counted)
            said = move.new.runs(*move.words("--nothing-since"))
        if calls[0] < tried:
            break
        assert said.code == 4, said
        if not (move.new.state / "popbridge.db").exists():
            move.new.must(*move.words("--nothing-since"))
        assert len(move.new.must("message", "list", "--json").json) == 2
        assert not list(move.new.state.glob(".restore-*"))
    assert said.code == 0
    assert tried > 1
