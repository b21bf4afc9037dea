"""Whatever is wrong ends as one sentence that says what to do, with its exit code, and no traceback."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.command_line import CONFIG, Owner, run

EVERY_VERB: list[tuple[str, ...]] = [
    ("check",),
    ("status",),
    ("serve",),
    ("init",),
    ("account", "add", "x", "--provider", "folder", "--path", "/tmp"),  # noqa: S108 - only named
    ("account", "list"),
    ("account", "remove", "a"),
    ("account", "sync", "a"),
    ("maildrop", "add", "x", "--account", "a"),
    ("maildrop", "list"),
    ("maildrop", "remove", "m", "--yes"),
    ("device", "add", "x", "--maildrop", "m"),
    ("device", "list"),
    ("device", "remove", "d"),
    ("device", "passwd", "d"),
    ("cert", "show"),
    ("cert", "ca"),
    ("cert", "renew"),
]
ON_THE_STATE = [
    verb for verb in EVERY_VERB if verb[0] in {"status", "account", "maildrop", "device"}
]
NAMES = [" ".join(verb[:2]) for verb in EVERY_VERB]
STATE_NAMES = [" ".join(verb[:2]) for verb in ON_THE_STATE]

WRONG = """\
state_dirs = "x"
event_loop = "trio"

[[listener]]
port = 70000
tls = "ssl"

[limits]
autologout = 5
"""


@pytest.mark.parametrize("verb", EVERY_VERB, ids=NAMES)
def test_a_wrong_config_toml_is_told_whole_by_every_verb(
    newcomer: Owner, verb: tuple[str, ...]
) -> None:
    newcomer.config.write_text(WRONG, "utf-8")
    said = newcomer.runs(*verb)
    assert said.code == 3
    assert said.out == ""
    lines = said.err.removeprefix("popbridge: ").splitlines()
    expected = [
        (1, "state_dirs", "did you mean state_dir?"),
        (2, 'event_loop = "trio"', "uvloop"),
        (5, "listener[0].port = 70000", "from 0 to 65535"),
        (6, 'listener[0].tls = "ssl"', "starttls"),
        (9, "limits.autologout = 5", "from 600 to 86400 seconds"),
    ]
    assert len(lines) == len(expected)
    for line, (number, key_and_value, valid) in zip(lines, expected, strict=True):
        assert line.startswith(f"{newcomer.config}:{number}: {key_and_value}")
        assert valid in line
    assert not newcomer.state.exists()


@pytest.mark.parametrize("verb", EVERY_VERB, ids=NAMES)
def test_no_configuration_at_all_is_exit_code_3(verb: tuple[str, ...]) -> None:
    said = run(*verb)
    assert said.code == 3
    assert "config.example.toml" in said.sentence


def test_a_configuration_that_is_named_and_missing_is_exit_code_3(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = run("--config", str(tmp_path / "none.toml"), "status")
    assert said.code == 3
    assert "--config" in said.sentence
    monkeypatch.setenv("POPBRIDGE_CONFIG", "none.toml")
    said = run("status")
    assert said.code == 3
    assert "$POPBRIDGE_CONFIG" in said.sentence


def test_the_configuration_is_found_where_the_manual_says(
    owner: Owner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(owner.folder)
    assert run("status").code == 0
    other = tmp_path / "other.toml"
    other.write_text(CONFIG.replace('"state"', '"elsewhere"'), "utf-8")
    monkeypatch.setenv("POPBRIDGE_CONFIG", str(other))
    assert str(tmp_path / "elsewhere") in run("status").sentence
    assert owner.must("status").code == 0


@pytest.mark.parametrize("verb", ON_THE_STATE, ids=STATE_NAMES)
def test_a_folder_that_was_never_made_says_run_init(
    newcomer: Owner, verb: tuple[str, ...]
) -> None:
    said = newcomer.runs(*verb)
    assert said.code == 4
    assert "popbridge init" in said.sentence
    assert not newcomer.state.exists()


def lose_key(state: Path) -> None:
    (state / "master.key").unlink()


def change_key(state: Path) -> None:
    path = state / "master.key"
    path.write_text(path.read_text("utf-8").swapcase(), "utf-8")


def show_key_to_all(state: Path) -> None:
    (state / "master.key").chmod(0o644)


def garble_key(state: Path) -> None:
    (state / "master.key").write_text("not a key\n", "utf-8")


def garble_database(state: Path) -> None:
    (state / "popbridge.db").write_bytes(b"not a database" * 1000)
    for path in state.glob("popbridge.db-*"):
        path.unlink()


def newer_database(state: Path) -> None:
    connection = sqlite3.connect(state / "popbridge.db")
    connection.execute("PRAGMA user_version = 9999")
    connection.close()


DAMAGES = [
    (lose_key, "master.key"),
    (change_key, "key"),
    (show_key_to_all, "chmod"),
    (garble_key, "master.key"),
    (garble_database, "popbridge.db"),
    (newer_database, "newer"),
]


@pytest.mark.parametrize(
    ("damage", "word"), DAMAGES, ids=lambda one: getattr(one, "__name__", one)
)
@pytest.mark.parametrize("verb", [("account", "list"), ("serve",), ("init",)], ids=" ".join)
def test_a_state_folder_that_cannot_be_used_says_why_and_is_left_alone(
    owner: Owner, damage: Callable[[Path], None], word: str, verb: tuple[str, ...]
) -> None:
    damage(owner.state)
    before = (owner.state / "popbridge.db").read_bytes()
    said = owner.runs(*verb)
    assert said.code == 4
    assert word in said.sentence
    assert (owner.state / "popbridge.db").read_bytes() == before


def test_a_key_from_the_environment_is_used_instead_of_the_file(
    owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = (owner.state / "master.key").read_text("utf-8").strip()
    (owner.state / "master.key").unlink()
    monkeypatch.setenv("POPBRIDGE_MASTER_KEY", key)
    owner.must("account", "list")
    credentials = owner.folder / "credentials"
    credentials.mkdir()
    monkeypatch.delenv("POPBRIDGE_MASTER_KEY")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    said = owner.runs("account", "list")
    assert said.code == 4
    assert key not in said.err


def test_a_control_socket_of_a_dead_bridge_is_no_bridge(owner: Owner) -> None:
    owner.enrol()
    (owner.state / "control.sock").touch()
    assert owner.must("status").out.startswith("No bridge is running")
    owner.must("device", "remove", "d")


@pytest.mark.parametrize("verb", ["check", "status", "account list", "maildrop list"])
def test_json_is_json_and_nothing_else(owner: Owner, verb: str) -> None:
    owner.enrol()
    assert owner.must(*verb.split(), "--json").json


def test_nothing_is_written_outside_the_state_folder(owner: Owner) -> None:
    owner.enrol()
    mail = set(owner.mail().iterdir())
    owner.must("account", "sync", "a")
    owner.must("check")
    made = {path.name for path in owner.folder.iterdir()}
    assert made == {"config.toml", "state", "mail"}
    assert set(owner.mail().iterdir()) == mail
