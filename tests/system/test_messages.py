"""What an admin is told of messages, and may do to them, while devices are at work."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.system.pop_client import assert_ok
from tests.system.running_bridge import PASSWORD, Home, RunningBridge, running

pytestmark = pytest.mark.slow

ONE = b"Subject: one\r\nMessage-ID: <1@x>\r\n\r\nfirst\r\n"


@pytest.fixture
def bridge(home: Home) -> RunningBridge:
    with running(home) as bridge:
        home.sync()
        assert_ok(bridge.log_in().quit())  # uses up the one look that a login brings forward
        home.sync()
        yield bridge


def shown(home: Home, number: int = 1) -> dict[str, Any]:
    done = home.run("message", "show", str(number), "--json")
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def events(home: Home, number: int = 1) -> list[tuple[str, str, str]]:
    return [(e["event"], e["device"], e["address"]) for e in shown(home, number)["events"]]


def end(bridge: RunningBridge, count: int) -> None:
    bridge.log.wait_for("session-closed", count, device="printer")


def test_the_life_of_a_printed_message_is_told(bridge: RunningBridge) -> None:
    home = bridge.home
    home.put("1.eml", ONE)
    home.sync()
    client = bridge.log_in()
    assert client.retrieve(1) == ONE
    assert_ok(client.command("DELE 1"))
    client.close()
    end(bridge, 2)
    client = bridge.log_in()
    assert client.retrieve(1) == ONE
    assert_ok(client.command("DELE 1"))
    assert_ok(client.quit())
    end(bridge, 3)
    home.sync()
    by = ("printer", "127.0.0.1")
    assert events(home) == [
        ("announced", "", ""),
        ("fetched", "", ""),
        ("listed", *by),
        ("sent", *by),
        ("marked", *by),
        ("expunged", *by),
        ("disposed", "", ""),
    ]
    sent, marked = (e for e in shown(home)["events"] if e["event"] in ("sent", "marked"))
    assert sent["times"] == 2
    assert marked["detail"].startswith("not deleted: the session ended without QUIT")


def test_a_printed_message_is_listed_again_as_a_new_one(bridge: RunningBridge) -> None:
    home = bridge.home
    home.put("1.eml", ONE)
    home.sync()
    client = bridge.log_in()
    (before,) = client.unique_ids()
    assert_ok(client.command("DELE 1"))
    assert_ok(client.quit())
    home.sync()
    assert (home.mail() / "Printed" / "1.eml").exists()
    done = home.run("message", "redeliver", "1")
    assert (done.returncode, done.stderr) == (0, "")
    home.sync()
    client = bridge.log_in()
    (after,) = client.unique_ids()
    assert after != before
    assert client.retrieve(1) == ONE
    assert_ok(client.command("DELE 1"))
    assert_ok(client.quit())
    home.sync()
    assert bridge.log_in().unique_ids() == []
    assert shown(home)["state"] == "disposed"


@pytest.mark.parametrize("verb", ["drop", "redeliver"])
def test_nothing_is_changed_while_a_device_has_a_session(
    bridge: RunningBridge, verb: str
) -> None:
    home = bridge.home
    for name in ("1.eml", "2.eml"):
        home.put(name, ONE)
    home.sync()
    client = bridge.log_in()
    number = {"drop": 1, "redeliver": 2}[verb]
    words = ("--yes",) if verb == "drop" else ()
    done = home.run("message", verb, str(number), *words)
    assert done.returncode == 1
    assert "has a session open at maildrop office; nothing was changed" in done.stderr
    assert len(client.unique_ids()) == 1
    assert client.retrieve(1) == ONE


def test_who_dropped_a_message_is_told_in_the_log_and_by_the_audit(
    bridge: RunningBridge,
) -> None:
    home = bridge.home
    home.put("1.eml", ONE)
    home.sync()
    sudo = ["env", "SUDO_UID=4200000123"]
    assert home.run("message", "drop", "1", "--yes", before=sudo).returncode == 0
    done = home.run("audit", "--json")
    [*_, entry] = json.loads(done.stdout)
    assert (entry["event"], entry["message"]) == ("message-dropped", 1)
    assert (entry["uid"], entry["sudo_uid"]) == (os.getuid(), 4200000123)
    told = bridge.log.wait_for("audit", change="message-dropped")
    assert told["number"] == entry["number"]
    assert (told["uid"], told["sudo_uid"]) == (os.getuid(), 4200000123)
    assert (told["maildrop"], told["message"]) == ("office", 1)


def test_a_change_by_a_command_is_told_in_the_log_without_its_values(
    bridge: RunningBridge,
) -> None:
    changed = bridge.home.run("maildrop", "change", "office", "--deny-sender", "spam.example")
    assert changed.returncode == 0
    told = bridge.log.wait_for("audit", change="maildrop-changed")
    assert (told["maildrop"], told["fields"]) == ("office", "admission.deny")
    assert "spam.example" not in str(told)


def test_a_dropped_message_is_not_listed_any_more(bridge: RunningBridge) -> None:
    home = bridge.home
    home.put("1.eml", ONE)
    home.sync()
    assert home.run("message", "drop", "1", "--yes").returncode == 0
    assert bridge.log_in().unique_ids() == []
    assert (home.mail() / "1.eml").exists()


def test_a_damaged_body_heals_by_itself(bridge: RunningBridge) -> None:
    home = bridge.home
    home.put("1.eml", ONE)
    home.sync()
    body = home.state / "bodies" / "1.body"
    octets = bytearray(body.read_bytes())
    octets[-1] ^= 1
    body.write_bytes(octets)
    client = bridge.log_in()
    (before,) = client.unique_ids()
    assert client.command("RETR 1").startswith(b"-ERR [SYS/PERM]")
    assert_ok(client.quit())
    end(bridge, 2)
    home.sync()
    client = bridge.log_in()
    assert client.unique_ids() == [before]
    assert client.retrieve(1) == ONE
    assert "unreadable" in [event for event, _, _ in events(home)]


@pytest.mark.parametrize("choice", ["serve", "empty", "error"])
def test_a_device_sees_of_an_outage_what_its_owner_wants(
    bridge: RunningBridge, choice: str
) -> None:
    home = bridge.home
    home.put("1.eml", ONE)
    home.sync()
    assert home.run("maildrop", "change", "office", "--on-outage", choice).returncode == 0
    away = home.mail().rename(home.mail().with_name("away"))
    home.run("account", "sync", "office")
    bridge.log.wait_for("account-failing", account="office")
    client = bridge.connect()
    answer = client.log_in("printer", PASSWORD)
    said = bridge.log.wait_for("login-during-outage", device="printer")
    assert said["on_outage"] == choice
    if choice == "error":
        assert answer.startswith(b"-ERR [SYS/TEMP]")
    else:
        assert_ok(answer)
        assert len(client.unique_ids()) == (1 if choice == "serve" else 0)
        assert_ok(client.quit())
    away.rename(home.mail())
    home.sync()
    client = bridge.log_in()
    assert client.retrieve(1) == ONE


def test_the_owners_program_is_run_when_a_message_can_never_be_had(
    home: Home, tmp_path: Path
) -> None:
    told = tmp_path / "told"
    os.mkfifo(told)
    program = tmp_path / "tell-me"
    program.write_text(f"#!/bin/sh\nexec cat > {told}\n", "utf-8")
    program.chmod(0o700)
    home.configure(alerts={"command": [str(program)]}, sync={"message_octets": 1024})
    with running(home):
        home.put("1.eml", ONE + b"x" * 2000)
        home.sync()
        alert = json.loads(told.read_bytes())
    assert (alert["reason"], alert["maildrop"]) == ("message-quarantined", "office")


def test_the_original_is_shown_beside_the_running_bridge_until_it_is_disposed_of(
    bridge: RunningBridge,
) -> None:
    home = bridge.home
    changed = home.run("maildrop", "change", "office", "--deliver", "print")
    assert changed.returncode == 0, changed.stderr
    sent = ONE.replace(b"\r\n\r\n", b"\r\nContent-Type: text/html\r\n\r\n<p>", 1)
    home.put("1.eml", sent)
    home.sync()
    client = bridge.log_in()
    assert b"<p>" not in client.retrieve(1)
    show = ("message", "show", "1", "--original")
    kept = home.folder / "kept.eml"
    assert home.run(*show, "--output", str(kept)).returncode == 0
    assert kept.read_bytes() == sent
    assert_ok(client.command("DELE 1"))
    assert_ok(client.quit())
    home.sync()
    assert "since it was disposed of" in home.run(*show).stderr
    assert home.bodies == []
