import sqlite3
import stat
from pathlib import Path

import pytest

from bridge.app.setup.initialise import initialise
from bridge.app.state import Places, open_state, remember_key, sole_server
from bridge.clock import SystemClock
from bridge.config import CertificateFiles, Config, SpoolConfig, TlsConfig
from bridge.errors import StateError
from bridge.storage.audit import THE_BRIDGE
from bridge.storage.sqlite.audit import Scribe
from bridge.storage.sqlite.database import open_database
from bridge.vault.keyring import Keyring, MasterKey
from tests.contract.storage_harness import PRINTER, account, announcement, maildrop, pieces_of
from tests.fakes.clock import FakeClock

OWN = TlsConfig(certificates=(CertificateFiles(Path("/own.pem"), Path("/own.key")),))


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """A configuration whose state folder is not made yet; with certificates of the owner's own."""
    return Config(state_dir=tmp_path / "state", tls=OWN, spool=SpoolConfig(0))


@pytest.fixture
def made(config: Config) -> Config:
    initialise(config, {}, SystemClock())
    return config


@pytest.fixture
def files(made: Config) -> list[Path]:
    return [path for path in made.state_dir.rglob("*") if path.is_file()]


# ---- making


def test_making_tells_what_was_made_and_making_again_tells_nothing(config: Config) -> None:
    done = initialise(config, {}, SystemClock())
    assert [line.partition(":")[0] for line in done].count("folder") >= 2
    assert any(line.startswith("master key") for line in done)
    assert any(line.startswith("spool and register") for line in done)
    assert initialise(config, {}, SystemClock()) == []


def test_everything_made_is_its_owners_alone(made: Config, files: list[Path]) -> None:
    assert len(files) >= 2
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    folders = [made.state_dir, *(p for p in made.state_dir.rglob("*") if p.is_dir())]
    assert {stat.S_IMODE(path.stat().st_mode) for path in folders} == {0o700}


def test_a_lost_key_is_never_replaced_by_a_new_one(made: Config) -> None:
    made.vault.key_file.unlink()
    with pytest.raises(StateError):
        initialise(made, {}, SystemClock())
    assert not made.vault.key_file.exists()


@pytest.mark.parametrize("missing", ["bodies", "tls"])
def test_what_is_missing_is_made_again(made: Config, missing: str) -> None:
    (made.state_dir / missing).rmdir()
    assert len(initialise(made, {}, SystemClock())) == 1
    assert (made.state_dir / missing).is_dir()


def test_a_database_without_a_note_of_its_key_is_completed(made: Config) -> None:
    """As a kill between the two steps of making leaves it."""
    places = Places(made.state_dir)
    with sqlite3.connect(places.database) as connection:
        connection.execute("DELETE FROM meta")
    connection.close()
    with pytest.raises(StateError, match="run `popbridge init` again"), open_state(made, {}):
        pytest.fail("it was opened")
    initialise(made, {}, SystemClock())
    with open_state(made, {}) as state:
        assert state.places == places


# ---- opening


async def test_what_was_stored_is_there_when_it_is_opened_again(made: Config) -> None:
    with open_state(made, {}) as state:
        await state.register.add_account(account())
        await state.register.add_maildrop(maildrop())
        await state.spool.announce(PRINTER, [announcement("a")])
        (item,) = await state.spool.pending(PRINTER)
        await state.spool.deliver(item.spool_id, pieces_of(b"x"))
    with open_state(made, {}) as state:
        assert len((await state.spool.listing(PRINTER)).entries) == 1


def test_a_folder_that_was_never_made_is_not_opened(config: Config) -> None:
    with pytest.raises(StateError, match="popbridge init"), open_state(config, {}):
        pytest.fail("it was opened")
    assert not config.state_dir.exists()


def test_another_key_is_refused_and_nothing_changed(made: Config) -> None:
    made.vault.key_file.unlink()
    other = MasterKey(bytes(32))
    before = Places(made.state_dir).database.read_bytes()
    with pytest.raises(StateError):
        remember_key(
            Places(made.state_dir).database, Keyring(other), Scribe(THE_BRIDGE, FakeClock())
        )
    assert Places(made.state_dir).database.read_bytes() == before


@pytest.mark.parametrize("damage", ["meta", "everything"])
def test_a_damaged_database_is_said_to_be_damaged(made: Config, damage: str) -> None:
    path = Places(made.state_dir).database
    octets = bytearray(path.read_bytes())
    page = 4096
    if damage == "everything":
        octets[page:] = b"\xa5" * (len(octets) - page)
    else:
        root = _root_page(path)
        octets[(root - 1) * page : root * page] = b"\xa5" * page
    path.write_bytes(octets)
    with pytest.raises(StateError, match=r"\.$"), open_state(made, {}):
        pytest.fail("it was opened")


def _root_page(path: Path) -> int:
    connection = sqlite3.connect(path)
    (root,) = connection.execute(
        "SELECT rootpage FROM sqlite_schema WHERE name = 'meta'"
    ).fetchone()
    connection.close()
    return int(root)


def test_a_newer_spool_is_refused(made: Config) -> None:
    path = Places(made.state_dir).database
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StateError, match="newer popbridge"), open_state(made, {}):
        pytest.fail("it was opened")


# ---- one server


def test_a_second_server_is_refused(made: Config) -> None:
    with (
        sole_server(made.state_dir),
        pytest.raises(StateError, match="already serves"),
        sole_server(made.state_dir),
    ):
        pytest.fail("two servers")
    with sole_server(made.state_dir):
        assert Places(made.state_dir).lock.exists()


def test_a_folder_that_is_missing_cannot_be_served(config: Config) -> None:
    with pytest.raises(StateError, match="popbridge init"), sole_server(config.state_dir):
        pytest.fail("it was served")


def test_opening_leaves_no_lock_on_the_database(made: Config) -> None:
    with open_state(made, {}):
        open_database(Places(made.state_dir).database).close()
