"""What a disk or a stranger did to the state folder while nobody looked, and what a device sees of it."""

import json
import os
import shutil
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from bridge.storage.sqlite.database import BUSY_MILLISECONDS
from tests.system.pop_client import assert_ok
from tests.system.running_bridge import PASSWORD, Home, RunningBridge, make_home, running

pytestmark = pytest.mark.slow

assert BUSY_MILLISECONDS < 10_000  # a device waits 30 seconds for an answer, and so does a test

NAMES = ("1.eml", "2.eml", "3.eml")


def message(name: str) -> bytes:
    return f"Subject: {name}\r\nMessage-ID: <{name}>\r\n\r\n{name}\r\n".encode()


@pytest.fixture
def home(template: Path, tmp_path: Path) -> Home:
    """Return a home with three messages spooled; no event loop has a part in what is tried here."""
    home = make_home(template, tmp_path, "asyncio")
    for name in NAMES:
        home.put(name, message(name))
    home.sync()
    return home


@pytest.fixture
def bridge(home: Home) -> Iterator[RunningBridge]:
    with running(home) as bridge:
        assert_ok(bridge.log_in().quit())  # uses up the one look that a login brings forward
        home.sync()
        yield bridge


def body(home: Home, number: int) -> Path:
    return home.state / "bodies" / f"{number}.body"


def everything(bridge: RunningBridge) -> list[bytes]:
    client = bridge.log_in()
    found = [client.retrieve(number + 1) for number in range(len(client.octets()))]
    assert_ok(client.quit())
    return found


# ---- bodies


def lose(home: Home) -> None:
    body(home, 2).unlink()


def flip(home: Home) -> None:
    octets = bytearray(body(home, 2).read_bytes())
    octets[len(octets) // 2] ^= 1
    body(home, 2).write_bytes(octets)


def swap(home: Home) -> None:
    shutil.copy(body(home, 3), body(home, 2))


def cut(home: Home) -> None:
    os.truncate(body(home, 2), 60)


@pytest.mark.parametrize("damage", [lose, flip, swap, cut])
def test_a_damaged_body_is_refused_and_fetched_again_and_the_others_are_served(
    bridge: RunningBridge, damage: object
) -> None:
    assert callable(damage)
    damage(bridge.home)
    client = bridge.log_in()
    before = client.unique_ids()
    assert client.retrieve(1) == message("1.eml")
    assert client.command("RETR 2").startswith(b"-ERR [SYS/PERM]")
    assert client.retrieve(3) == message("3.eml")
    assert_ok(client.quit())
    bridge.home.sync()
    assert everything(bridge) == [message(name) for name in NAMES]
    client = bridge.log_in()
    assert client.unique_ids() == before
    assert_ok(client.quit())


SHAPED = b"Subject: 4.eml\r\nMessage-ID: <4.eml>\r\nContent-Type: text/html\r\n\r\n<p>A <b>page</b></p>\r\n"


def deliver_as(home: Home, shape: str) -> None:
    done = home.run("maildrop", "change", "office", "--deliver", shape)
    assert done.returncode == 0, done.stderr


def damage_and_fetch_again(bridge: RunningBridge, number: int) -> None:
    """Have a device find a body damaged, and a look taken after it."""
    body(bridge.home, number).unlink()
    client = bridge.log_in()
    assert client.command(f"RETR {number}").startswith(b"-ERR [SYS/PERM]")
    assert_ok(client.quit())
    bridge.home.sync()


def test_a_damaged_body_that_was_shaped_is_shaped_again_into_the_octets_that_were_told(
    bridge: RunningBridge,
) -> None:
    deliver_as(bridge.home, "print")
    bridge.home.put("4.eml", SHAPED)
    bridge.home.sync()
    client = bridge.log_in()
    before = client.unique_ids(), client.octets(), client.retrieve(4)
    assert_ok(client.quit())
    damage_and_fetch_again(bridge, 4)
    client = bridge.log_in()
    assert (client.unique_ids(), client.octets(), client.retrieve(4)) == before
    assert_ok(client.quit())
    assert {"4.body", "4.original"} <= set(bridge.home.bodies)


def test_what_was_told_does_not_change_under_a_device_with_the_wish_it_is_held(
    bridge: RunningBridge,
) -> None:
    deliver_as(bridge.home, "print")
    damage_and_fetch_again(bridge, 2)
    assert everything(bridge) == [message(name) for name in NAMES if name != "2.eml"]
    shown = bridge.home.run("message", "show", "2").stdout
    octets = len(message("2.eml"))
    assert f"devices were told of {octets} octets" in shown
    assert bridge.home.run("message", "redeliver", "2").returncode == 0
    assert len(everything(bridge)) == len(NAMES)


# ---- a database that another process holds


@contextmanager
def held(home: Home) -> Iterator[None]:
    """Hold the database's write lock, as a backup program or a hung command would."""
    with closing(sqlite3.connect(home.state / "popbridge.db", isolation_level=None)) as db:
        db.execute("BEGIN EXCLUSIVE")
        yield
        db.execute("ROLLBACK")


def test_a_database_held_by_another_process_is_read_and_quit_says_try_again(
    bridge: RunningBridge,
) -> None:
    client = bridge.log_in()
    with held(bridge.home):
        assert client.retrieve(1) == message("1.eml")
        assert_ok(client.command("DELE 1"))
        assert client.command("QUIT").startswith(b"-ERR [SYS/TEMP]")
        client = bridge.log_in()
        assert len(client.octets()) == len(NAMES)
        client.close()
    bridge.log.wait_for("expunge-failed")
    client = bridge.log_in()
    assert len(client.octets()) == len(NAMES)
    assert_ok(client.command("DELE 1"))
    assert_ok(client.quit())
    assert bridge.home.sync()["disposed"] == 1


def test_a_command_that_meets_a_held_database_says_so_and_changes_nothing(home: Home) -> None:
    with held(home):
        done = home.run("maildrop", "change", "office", "--ceiling", "5")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done
    assert "the database cannot answer" in done.stderr
    home.run("maildrop", "change", "office", "--ceiling", "5")


# ---- a database that is damaged


def spoil(home: Home, table: str) -> None:
    """Overwrite the root page of a table or an index, as a dying card does."""
    path = home.state / "popbridge.db"
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (size,) = db.execute("PRAGMA page_size").fetchone()
        (root,) = db.execute(
            "SELECT rootpage FROM sqlite_schema WHERE name = ?", (table,)
        ).fetchone()
    with path.open("r+b") as file:
        file.seek((root - 1) * size)
        file.write(b"\xa5" * size)


@pytest.mark.parametrize("table", ["message", "device", "message_listed"])
def test_a_damaged_database_is_not_served(home: Home, table: str) -> None:
    spoil(home, table)
    done = home.run("serve")
    assert done.returncode == 4, done
    (sentence,) = done.stderr.splitlines()
    assert sentence.startswith("popbridge: The spool is damaged")
    assert "popbridge restore" in sentence


def test_damage_while_it_serves_never_looks_like_an_empty_mailbox_or_a_wrong_password(
    bridge: RunningBridge,
) -> None:
    path = bridge.home.state / "popbridge.db"
    spoil(bridge.home, "message_listed")
    spoil(bridge.home, "message")
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("INSERT INTO meta VALUES ('touched', x'00')")  # have its pages read anew
    bridge.signal(signal.SIGHUP)
    bridge.log.wait_for("reloaded")
    client = bridge.connect()
    assert client.log_in("printer", PASSWORD).startswith(b"-ERR [SYS/TEMP]")
    client.close()


def test_check_says_that_the_database_is_damaged_and_what_to_do(home: Home) -> None:
    spoil(home, "message_event")
    done = home.run("check", "--json")
    assert done.returncode == 1
    (found,) = [one for one in json.loads(done.stdout) if one["subject"] == "database"]
    assert not found["ok"]
    assert "popbridge restore" in found["text"]
