"""How the bridge ends, and why it does not start: in one sentence, with nothing damaged."""

import os
import resource
import shutil
import signal
import socket
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.system.pop_client import DEADLINE_SECONDS, assert_ok
from tests.system.running_bridge import Home, RunningBridge, make_home, running

pytestmark = pytest.mark.slow

Start = Callable[[], RunningBridge]
MESSAGE = b"Subject: hello\r\n\r\nhello\r\n"
LARGE = b"Subject: large\r\n\r\n" + b"0123456789abcdef\r\n" * 1_000_000


def end(bridge: RunningBridge, number: signal.Signals) -> None:
    bridge.signal(number)
    assert bridge.process.wait(DEADLINE_SECONDS) == 0
    bridge.log.wait_for("stopped")
    bridge.log.assert_calm()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_in_the_middle_of_a_message_ends_the_bridge_and_deletes_nothing(
    home: Home, start: Start, number: signal.Signals
) -> None:
    home.put("1.eml", LARGE)
    home.put("2.eml", MESSAGE)
    home.sync()
    bridge = start()
    client = bridge.log_in()
    assert_ok(client.command("DELE 2"))
    assert_ok(client.command("RETR 1"))
    end(bridge, number)
    with pytest.raises(EOFError):
        client.lines_to_end()
    with running(home) as again:
        assert again.log_in().octets() == [len(LARGE), len(MESSAGE)]
    assert not (home.state / "control.sock").exists()


def test_a_hangup_reloads_and_harms_no_session(start: Start) -> None:
    bridge = start()
    client = bridge.log_in()
    bridge.signal(signal.SIGHUP)
    bridge.log.wait_for("reloaded")
    assert_ok(client.command("NOOP"))
    assert_ok(client.quit())


# ---- why it does not start


def files(home: Home) -> dict[str, bytes]:
    """Return what lies in the state folder, except the lock, which says nothing."""
    paths = (path for path in home.state.rglob("*") if path.is_file())
    return {path.name: path.read_bytes() for path in paths if path.name != "server.lock"}


def refusal(home: Home, code: int, *before: str) -> str:
    """Return the one sentence with which the bridge does not start; it must have changed nothing."""
    present = files(home)
    done = home.run("serve", before=before)
    assert done.returncode == code, done
    assert done.stderr.startswith("popbridge: "), done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert files(home) == present
    return done.stderr


def assert_serves(home: Home) -> None:
    with running(home) as bridge:
        assert bridge.log_in().octets() == [len(MESSAGE)]


def fill(home: Home) -> Home:
    home.put("1.eml", MESSAGE)
    home.sync()
    return home


@pytest.fixture
def filled(template: Path, tmp_path: Path) -> Home:
    """A home for what goes wrong before an event loop runs: once is enough."""
    return fill(make_home(template, tmp_path, "asyncio"))


def test_a_second_bridge_on_the_same_state_folder_is_refused(filled: Home) -> None:
    with running(filled) as bridge:
        done = filled.run("serve")
        assert (done.returncode, done.stderr.count("\n")) == (4, 1)
        assert "Another popbridge already serves" in done.stderr
        assert bridge.log_in().octets() == [len(MESSAGE)]


def test_a_port_in_use_is_named(filled: Home) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        port = other.getsockname()[1]
        filled.configure([{"name": "pop3s", "port": port}])
        assert f"127.0.0.1 port {port}" in refusal(filled, 5)
    assert_serves(filled)


def test_a_missing_key_is_not_made_anew(filled: Home) -> None:
    key = filled.state / "master.key"
    key.rename(filled.folder / "aside")
    assert "no master key" in refusal(filled, 4)
    assert filled.run("init").returncode == 4
    assert not key.exists()
    (filled.folder / "aside").rename(key)
    assert_serves(filled)


@pytest.mark.parametrize("mode", [0o640, 0o604])
def test_a_key_that_others_can_read_is_refused(filled: Home, mode: int) -> None:
    key = filled.state / "master.key"
    key.chmod(mode)
    assert f"chmod 600 {key}" in refusal(filled, 4)
    key.chmod(0o600)
    assert_serves(filled)


def test_another_key_is_refused(filled: Home) -> None:
    key = filled.state / "master.key"
    right = key.read_bytes()
    key.write_bytes(b"A" * 43 + b"=\n")
    assert "another master key" in refusal(filled, 4)
    key.write_bytes(b"not a key\n")
    assert "does not hold a master key" in refusal(filled, 4)
    key.write_bytes(right)
    assert_serves(filled)


def set_schema(home: Home, version: int) -> None:
    with closing(sqlite3.connect(home.state / "popbridge.db")) as database:
        database.execute(f"PRAGMA user_version = {version}")


def test_a_spool_of_a_newer_version_is_left_alone(filled: Home) -> None:
    with closing(sqlite3.connect(filled.state / "popbridge.db")) as database:
        (version,) = database.execute("PRAGMA user_version").fetchone()
    set_schema(filled, 99)
    assert "newer popbridge" in refusal(filled, 4)
    set_schema(filled, version)
    assert_serves(filled)


def test_a_damaged_database_is_refused(filled: Home) -> None:
    database = filled.state / "popbridge.db"
    right = database.read_bytes()
    database.write_bytes(b"no database" * 1000)
    assert str(database) in refusal(filled, 4)
    database.write_bytes(right)
    assert_serves(filled)


@pytest.mark.parametrize(
    "missing", ["state", "state/popbridge.db", "state/tls", "state/bodies"]
)
def test_a_missing_part_of_the_state_folder_is_named(filled: Home, missing: str) -> None:
    part = filled.folder / missing
    part.rename(filled.folder / "aside")
    assert str(filled.state) in refusal(filled, 4)
    assert not part.exists()
    (filled.folder / "aside").rename(part)
    assert_serves(filled)


def as_ordinary_user() -> tuple[str, ...]:
    """Return what makes file modes count for the superuser too (capabilities(7))."""
    if os.geteuid():
        return ()
    if not shutil.which("setpriv"):
        pytest.skip("setpriv is not installed, and to the superuser nothing is read-only")
    return ("setpriv", "--bounding-set=-dac_override,-dac_read_search")


@pytest.mark.parametrize("part", ["", "popbridge.db", "bodies"])
def test_a_read_only_state_folder_is_refused(filled: Home, part: str) -> None:
    before = as_ordinary_user()
    (filled.state / "server.lock").unlink()
    path = filled.state / part
    mode = path.stat().st_mode
    path.chmod(0o500 if path.is_dir() else 0o400)
    try:
        assert str(filled.state) in refusal(filled, 4, *before)
    finally:
        path.chmod(mode)
    assert_serves(filled)


# ---- a full disk


def limit_files(bridge: RunningBridge, octets: int) -> None:
    """Have every write behind so many octets of a file fail from now on, as on a full disk."""
    resource.prlimit(
        bridge.process.pid, resource.RLIMIT_FSIZE, (octets, resource.RLIM_INFINITY)
    )


def test_a_full_disk_stops_fetching_and_nothing_else(home: Home, start: Start) -> None:
    fill(home)
    bridge = start()
    limit_files(bridge, 100_000)
    home.put("2.eml", LARGE)
    done = home.run("account", "sync", "office")
    assert done.returncode != 0
    assert done.stderr.count("\n") == 1
    assert bridge.log_in().octets() == [len(MESSAGE)]
    assert [name for name in home.bodies if name.endswith(".part")] == []
    limit_files(bridge, resource.RLIM_INFINITY)
    assert home.sync()["delivered"] == 1


def test_quit_on_a_full_disk_deletes_nothing_and_says_so(home: Home, start: Start) -> None:
    fill(home)
    bridge = start()
    client = bridge.log_in()
    assert_ok(client.command("DELE 1"))
    limit_files(bridge, 512)
    assert client.command("QUIT").startswith(b"-ERR [SYS/TEMP]")
    bridge.log.wait_for("expunge-failed")
    limit_files(bridge, resource.RLIM_INFINITY)
    client = bridge.log_in()
    assert client.retrieve(1) == MESSAGE
    assert_ok(client.command("DELE 1"))
    assert_ok(client.quit())
    assert home.sync()["disposed"] == 1


def test_a_disk_that_is_nearly_full_is_kept_for_deletions(home: Home, start: Start) -> None:
    home.put("1.eml", MESSAGE)
    home.sync()
    home.put("2.eml", MESSAGE)
    home.configure(spool={"minimum_free_octets": 1 << 50})
    bridge = start()
    bridge.log.wait_for("account-failing")
    client = bridge.log_in()
    assert client.retrieve(1) == MESSAGE
    assert_ok(client.command("DELE 1"))
    assert_ok(client.quit())


# ---- a mail folder that is not there


def test_a_mail_folder_that_goes_and_comes_back_is_neither_lost_nor_doubled(
    home: Home, start: Start
) -> None:
    fill(home)
    bridge = start()
    aside = home.folder / "aside"
    home.mail().rename(aside)
    done = home.run("account", "sync", "office")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done
    client = bridge.log_in()
    unique_ids = client.unique_ids()
    assert client.retrieve(1) == MESSAGE
    assert_ok(client.quit())
    aside.rename(Path(home.mail()))
    assert home.sync()["delivered"] == 0
    assert bridge.log_in().unique_ids() == unique_ids
