"""A bridge whose machine dies after a backup, and the bridge that takes its place."""

import json
import shutil
import ssl
from pathlib import Path
from typing import Any

import pytest

from tests.system.pop_client import PopClient, assert_ok
from tests.system.running_bridge import Home, RunningBridge, make_home, running

pytestmark = pytest.mark.slow


def message(text: str) -> bytes:
    return f"Subject: {text}\r\nMessage-ID: <{text}@x>\r\n\r\n{text}\r\n".encode()


@pytest.fixture
def home(template: Path, tmp_path: Path, loop_name: str) -> Home:
    """Return a home whose deletions leave no trace upstream: what no backup can ask there."""
    return make_home(template, tmp_path / "old", loop_name, on_dele="keep")


def numbers(client: PopClient) -> range:
    return range(1, len(client.octets()) + 1)


def take(bridge: RunningBridge, *wanted: bytes) -> None:
    """Fetch and delete these messages, as a printer does that was told +OK."""
    client = bridge.log_in()
    for number in numbers(client):
        if client.retrieve(number) in wanted:
            assert_ok(client.command(f"DELE {number}"))
    assert_ok(client.quit())


def listed(bridge: RunningBridge) -> list[bytes]:
    client = bridge.log_in()
    found = [client.retrieve(number) for number in numbers(client)]
    assert_ok(client.quit())
    return found


def certificate(bridge: RunningBridge) -> bytes | None:
    with bridge.log_in() as client:
        assert isinstance(client.socket, ssl.SSLSocket)
        return client.socket.getpeercert(binary_form=True)


def lives(home: Home) -> dict[str, Any]:
    said = home.run("message", "list", "--json")
    assert said.returncode == 0, said.stderr
    return {one["subject"]: one for one in json.loads(said.stdout)}


def backed_up(home: Home, name: str) -> Path:
    backup = home.folder / name
    said = home.run("backup", str(backup))
    assert said.returncode == 0, said.stderr
    return backup


def moved(home: Home, backup: Path, *options: str) -> Home:
    """Return the home that a restore makes on a machine where nothing was; the old one is gone."""
    key = shutil.copy(home.state / "master.key", home.folder / "master.key")
    shutil.rmtree(home.state)
    said = home.run("restore", str(backup), "--key-file", str(key), "--keep-config", *options)
    assert said.returncode == 0, said.stderr
    return home


def test_what_was_deleted_or_printed_after_the_backup_is_never_listed_again(home: Home) -> None:
    early, late, unseen, after = map(message, ("early", "late", "unseen", "after"))
    home.put("early.eml", early)
    home.put("late.eml", late)
    with running(home) as bridge:
        home.sync()
        take(bridge, early)
        backup = backed_up(home, "x.backup")
        home.put("unseen.eml", unseen)
        home.sync()
        take(bridge, late, unseen)
    restored = moved(home, backup)
    with running(restored) as bridge:
        restored.sync()
        assert listed(bridge) == []
        restored.put("after.eml", after)
        restored.sync()
        assert listed(bridge) == [after]
    states = {subject: life["state"] for subject, life in lives(restored).items()}
    assert states == {"early": "disposed", "late": "held", "unseen": "held", "after": "ready"}


def test_what_was_not_printed_is_not_lost(home: Home) -> None:
    waiting, unseen = message("waiting"), message("unseen")
    home.put("waiting.eml", waiting)
    with running(home):
        home.sync()
        backup = backed_up(home, "x.backup")
        home.put("unseen.eml", unseen)
        home.sync()
    restored = moved(home, backup)
    with running(restored) as bridge:
        restored.sync()
        bridge.log.wait_for("message-held", message=2)
        held = json.loads(restored.run("message", "list", "--state", "held", "--json").stdout)
        wanted = [str(one["message"]) for one in held]
        said = restored.run("message", "redeliver", *wanted)
        assert said.returncode == 0, said.stderr
        assert sorted(listed(bridge)) == sorted([waiting, unseen])


def test_a_planned_move_changes_nothing_that_a_device_can_see(home: Home) -> None:
    gone, waiting = message("gone"), message("waiting")
    home.put("gone.eml", gone)
    home.put("waiting.eml", waiting)
    with running(home) as bridge:
        home.sync()
        take(bridge, gone)
        client = bridge.log_in()
        before = client.unique_ids()
        assert_ok(client.quit())
    restored = moved(home, backed_up(home, "x.backup"), "--nothing-since")
    with running(restored) as bridge:
        restored.sync()
        assert listed(bridge) == [waiting]
        client = bridge.log_in()
        assert client.unique_ids() == before
        assert_ok(client.quit())


def test_the_new_machine_shows_the_certificate_that_devices_trust(home: Home) -> None:
    with running(home) as bridge:
        before = certificate(bridge)
        backup = backed_up(home, "x.backup")
    with running(moved(home, backup)) as bridge:
        assert certificate(bridge) == before
