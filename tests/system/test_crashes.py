"""`kill -9` between every two steps of the two roads, and of two commands (docs/architecture.md).

The step at which the bridge is killed goes up by one until a run gets through. The two event loops
take turns, since the steps are the same on both.
"""

import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from bridge.app.state import open_state
from bridge.config import load_config
from bridge.control import ask
from bridge.errors import StateError
from bridge.tls.contexts import TlsContexts
from bridge.tls.issuer import server_certificate_files
from tests.system.crash_runs import (
    KILLED,
    MOST_STEPS,
    Forks,
    Snapshot,
)
from tests.system.pop_client import PopClient, assert_ok
from tests.system.running_bridge import PASSWORD, Home, RunningBridge, make_home

pytestmark = pytest.mark.slow

MAIL = {
    "1.eml": b"Subject: one\r\n\r\n.a line with a dot\r\n",
    "2.eml": b"Subject: two\r\n\r\n" + b"0123456789abcdef\r\n" * 5000,
    "3.eml": b"Subject: three\r\n\r\n\xff\xfe eight bits\r\n",
}
OCTETS = list(MAIL.values())
ORPHAN = "999.body"
NEW_PASSWORD = "fresh-Pony9"


@pytest.fixture(scope="module")
def forks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forks]:
    forks = Forks(tmp_path_factory.mktemp("forks"))
    yield forks
    forks.close()


@pytest.fixture
def home(template: Path, tmp_path: Path) -> Home:
    return make_home(template, tmp_path / "home", "asyncio")


@pytest.fixture
def snapshot(home: Home, tmp_path: Path) -> Snapshot:
    return Snapshot(home, tmp_path / "copy")


@attrs.define
class Runs:
    """Counts up the step at which the next run is to be killed, until one got through alive."""

    is_through: bool = False

    def __iter__(self) -> Iterator[int]:
        for n in range(1, MOST_STEPS):
            yield n
            if self.is_through:
                return
        pytest.fail("no run got through")


def begin_anew(snapshot: Snapshot, n: int) -> None:
    """Make the home ready for the n-th run, on the other event loop."""
    snapshot.restore()
    snapshot.home.loop = ("asyncio", "uvloop")[n % 2]
    snapshot.home.configure()


def put_all(home: Home) -> None:
    for name, octets in MAIL.items():
        home.put(name, octets)


def look(home: Home) -> dict[str, int]:
    """Have the running bridge look, and say nothing of a bridge that dies of it."""
    try:
        answer = ask(home.state, "sync", account="office")
    except StateError:
        return {}
    return dict(answer["report"]) if answer else {}


def arm_after_first_look(home: Home, arm: Path) -> None:
    assert "delivered" in look(home)
    arm.touch()


def mail_files(home: Home) -> dict[str, bytes]:
    """Return every message file upstream, with the folder it lies in."""
    root = home.mail()
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*.eml")}


def half_written(home: Home) -> set[str]:
    """Return the body files that a kill may leave and a start must sweep."""
    return {name for name in home.bodies if not name.endswith(".body") or name == ORPHAN}


# ---- section 5, steps 1 to 5: into the spool


def test_a_kill_while_mail_is_delivered_loses_and_doubles_nothing(
    forks: Forks, home: Home, snapshot: Snapshot, tmp_path: Path
) -> None:
    snapshot.take()
    seen: set[str] = set()
    unique_ids: set[tuple[str, ...]] = set()
    report: dict[str, int] = {}
    runs = Runs()
    for n in runs:
        begin_anew(snapshot, n)
        arm = tmp_path / f"arm{n}"
        with forks.serving(home, die_at=n, arm=arm) as bridge:
            arm_after_first_look(home, arm)
            put_all(home)
            report = look(home)
        runs.is_through = bool(report)
        seen |= set(forks.steps())
        left = half_written(home)
        with forks.serving(home) as bridge:
            assert bridge is not None
            assert left.isdisjoint(home.bodies)
            unique_ids.add(tuple(drain(bridge, OCTETS)))
    assert report["delivered"] == len(MAIL)
    assert len(unique_ids) == 1
    assert seen >= {"fetch", "piece", "create", "fsync", "rename", "INSERT", "UPDATE", "COMMIT"}


def drain(bridge: RunningBridge, expected: list[bytes]) -> list[str]:
    """Print and delete all mail as a device does; it must be just this, and never come again."""
    home = bridge.home
    assert "delivered" in look(home)
    client = bridge.log_in()
    assert [client.retrieve(number + 1) for number in range(len(expected))] == expected
    assert client.octets() == [len(octets) for octets in expected]
    unique_ids = client.unique_ids()
    for number in range(len(expected)):
        assert_ok(client.command(f"DELE {number + 1}"))
    assert_ok(client.quit())
    assert look(home)["disposed"] == len(expected)
    assert look(home)["delivered"] == 0
    client = bridge.log_in()
    assert client.unique_ids() == []
    assert mail_files(home) == {f"Printed/{name}": octets for name, octets in MAIL.items()}
    assert home.bodies == []
    return unique_ids


# ---- section 4: the device road


def print_two(client: PopClient) -> None:
    """Do what a printer does, up to the point before QUIT."""
    assert_ok(client.line())
    assert_ok(client.log_in("printer", PASSWORD))
    for number in (1, 2):
        assert client.retrieve(number) == OCTETS[number - 1]
        assert_ok(client.command(f"DELE {number}"))


def visit(bridge: RunningBridge) -> bool:
    """Return whether the deletion of two messages was confirmed; the bridge may die meanwhile."""
    try:
        client = bridge.clients.enter_context(bridge.open())
        print_two(client)
        return client.command("QUIT").startswith(b"+OK")
    except (EOFError, OSError):
        return False


def test_a_kill_in_a_session_deletes_all_that_was_confirmed_or_nothing(
    forks: Forks, home: Home, snapshot: Snapshot, tmp_path: Path
) -> None:
    put_all(home)
    home.sync()
    snapshot.take()
    seen: set[str] = set()
    confirmed = False
    runs = Runs()
    for n in runs:
        begin_anew(snapshot, n)
        arm = tmp_path / f"arm{n}"
        with forks.serving(home, die_at=n, arm=arm) as bridge:
            assert bridge is not None
            arm_after_first_look(home, arm)
            confirmed = visit(bridge)
            runs.is_through = bool(look(home))
        seen |= set(forks.steps())
        left = half_written(home)
        with forks.serving(home) as bridge:
            assert bridge is not None
            assert left.isdisjoint(home.bodies)
            assert_two_or_none_deleted(bridge, confirmed=confirmed)
    assert confirmed
    assert seen >= {"send", "BEGIN", "UPDATE", "COMMIT", "unlink"}


def assert_two_or_none_deleted(bridge: RunningBridge, *, confirmed: bool) -> None:
    client = bridge.log_in()
    count = len(client.unique_ids())
    assert count == 1 or (count == 3 and not confirmed)
    listed = OCTETS[-count:]
    assert [client.retrieve(number + 1) for number in range(count)] == listed
    assert_ok(client.quit())
    look(bridge.home)
    drain(bridge, listed)


# ---- section 5, step 6: back upstream


@pytest.mark.parametrize("on_dele", ["move:Printed", "purge"])
def test_a_kill_at_the_start_or_while_disposing_loses_no_file_and_prints_none_again(
    forks: Forks, template: Path, tmp_path: Path, on_dele: str
) -> None:
    home = make_home(template, tmp_path / "home", "asyncio", on_dele)
    put_all(home)
    home.sync()
    with forks.serving(home) as bridge:
        assert bridge is not None
        assert visit(bridge)
    leave_orphans(home)
    snapshot = Snapshot(home, tmp_path / "copy")
    snapshot.take()
    seen: set[str] = set()
    runs = Runs()
    for n in runs:
        begin_anew(snapshot, n)
        with forks.serving(home, die_at=n) as bridge:
            runs.is_through = bridge is not None and bridge.log.has("looked")
        seen |= set(forks.steps())
        left = half_written(home)
        with forks.serving(home) as bridge:
            assert bridge is not None
            assert left.isdisjoint(home.bodies)
            assert_third_alone_is_left(bridge, on_dele)
    assert seen >= {"unlink", "dispose", "UPDATE", "COMMIT", "fsync"}


def leave_orphans(home: Home) -> None:
    """Leave what crashes may leave: a half-written body, and a whole one that no row knows."""
    for name in ("2.0123456789abcdef.part", ORPHAN):
        (home.state / "bodies" / name).write_bytes(b"left over")


def assert_third_alone_is_left(bridge: RunningBridge, on_dele: str) -> None:
    look(bridge.home)
    client = bridge.log_in()
    assert len(client.unique_ids()) == 1
    assert client.retrieve(1) == OCTETS[2]
    assert_ok(client.quit())
    kept = (
        {} if on_dele == "purge" else {f"Printed/{name}": MAIL[name] for name in list(MAIL)[:2]}
    )
    assert mail_files(bridge.home) == {"3.eml": OCTETS[2], **kept}


# ---- the command line


@pytest.fixture
def bare_home(tmp_path: Path) -> Home:
    home = Home(tmp_path, "asyncio")
    home.configure()
    return home


def state_files(home: Home) -> dict[str, str]:
    """Return every file of the state folder that outlives a server, with its mode."""
    paths = (path for path in home.state.rglob("*") if path.is_file())
    return {
        str(path.relative_to(home.state)): stat.filemode(path.stat().st_mode) for path in paths
    }


def test_a_kill_while_init_runs_leaves_what_another_init_completes(
    forks: Forks, bare_home: Home
) -> None:
    home = bare_home
    assert forks.run(home, "init") == 0
    expected = state_files(home)
    assert expected["master.key"] == "-rw-------"
    code, n = KILLED, 0
    runs = Runs()
    for n in runs:
        shutil.rmtree(home.state)
        code = forks.run(home, "init", die_at=n)
        runs.is_through = code != KILLED
        kept = {
            path: path.read_bytes()
            for path in (home.state / "master.key", home.ca)
            if path.exists()
        }
        assert forks.run(home, "init") == 0
        assert state_files(home) == expected, forks.steps()
        assert kept.items() <= {path: path.read_bytes() for path in kept}.items()
        assert_key_and_certificates_fit(home)
    assert code == 0
    assert n > len(expected)
    with forks.serving(home) as bridge:
        assert bridge is not None
        assert_ok(bridge.connect().quit())


def assert_key_and_certificates_fit(home: Home) -> None:
    with open_state(load_config(home.config_file), {}) as state:
        TlsContexts(server_certificate_files(state.places.tls))


def test_a_kill_while_a_password_changes_leaves_the_old_one_or_the_new_one(
    forks: Forks, template: Path, tmp_path: Path
) -> None:
    home = make_home(template, tmp_path / "home", "asyncio")
    snapshot = Snapshot(home, tmp_path / "copy")
    snapshot.take()
    works = []
    code = KILLED
    runs = Runs()
    for n in runs:
        begin_anew(snapshot, n)
        words = ("device", "passwd", "printer", "--password-stdin")
        code = forks.run(home, *words, die_at=n, text=f"{NEW_PASSWORD}\n")
        runs.is_through = code != KILLED
        with forks.serving(home) as bridge:
            assert bridge is not None
            works.append([is_right(bridge, one) for one in (PASSWORD, NEW_PASSWORD)])
    assert code == 0
    assert works[0] == [True, False]
    assert works[-1] == [False, True]
    assert [old for old, new in works] == [not new for old, new in works]


def is_right(bridge: RunningBridge, password: str) -> bool:
    client = bridge.connect()
    answer = client.log_in("printer", password)
    client.close()
    return answer.startswith(b"+OK")
