import errno
import json
import os
import socket
import sqlite3
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from bridge.app.admin import check as readiness
from bridge.clock import SystemClock
from bridge.control import control_path
from bridge.shaper.processes import Bounds, ShapingProcesses
from bridge.shaper.rlimits import Limits
from bridge.storage.sightings import day_of
from tests.cli.command_line import Owner
from tests.unit.tls.garbled import as_version_4, garble


def test_a_complete_appliance_is_in_order(owner: Owner) -> None:
    owner.enrol()
    said = owner.must("check")
    assert all(line.startswith("ok ") for line in said.out.splitlines())
    findings = owner.must("check", "--json").json
    assert {finding["ok"] for finding in findings} == {True}
    subjects = [finding["subject"] for finding in findings]
    assert subjects[0] == "state folder"
    assert "account a" in subjects


def failing(owner: Owner) -> list[str]:
    said = owner.runs("check", "--json")
    assert said.code == 1
    assert said.err == ""
    return [f"{one['subject']}: {one['text']}" for one in said.json if not one["ok"]]


OPEN = """
tls = "none"
require_tls_for_auth = false
plaintext_from = ["{0}"]
allow = ["{0}"]
bind = "0.0.0.0"
"""


@pytest.mark.parametrize(
    ("network", "mark", "code"), [("192.168.1.0/24", "note", 0), ("0.0.0.0/0", "FAIL", 1)]
)
def test_only_logins_without_tls_from_what_is_not_private_fail(
    owner: Owner, network: str, mark: str, code: int
) -> None:
    owner.enrol()
    text = owner.config.read_text("utf-8")
    text = text.replace('bind = "127.0.0.1"', OPEN.format(network))
    owner.config.write_text(text, "utf-8")
    said = owner.runs("check")
    assert said.code == code
    assert f"{mark}  listener pop3s: logins without TLS are taken from {network}" in said.out


def test_apop_is_offered_away_only_where_no_device_that_logs_in_has_it(owner: Owner) -> None:
    owner.enrol()
    text = owner.config.read_text("utf-8")
    text = text.replace(
        'bind = "127.0.0.1"', 'bind = "127.0.0.1"\ntls = "starttls"\napop = true'
    )
    owner.config.write_text(text, "utf-8")
    now = SystemClock().now()
    with closing(sqlite3.connect(owner.state / "popbridge.db")) as db, db:
        days = [(day_of(now) - n, 1440) for n in range(1, 10)]
        db.executemany("INSERT INTO watched_day VALUES (?, ?)", days)
        seen = ("d", "pop3s", "", "", "127.0.0.1", now, now)
        db.execute("INSERT INTO sighting VALUES (?, ?, ?, ?, ?, ?, ?)", seen)
    assert "tighter: apop = false\n" in owner.must("check").out
    owner.must("device", "passwd", "d", "--apop")
    assert 'tighter: allow = ["127.0.0.1/32"]\n' in owner.must("check").out


def test_a_state_folder_that_others_can_change_is_a_failure(owner: Owner) -> None:
    owner.enrol()
    owner.state.chmod(0o777)
    [finding] = failing(owner)
    assert finding.startswith(f"state folder: {owner.state} can be changed by other users")
    owner.state.chmod(0o755)
    assert owner.must("check")


def test_what_confines_shaping_is_tried(owner: Owner) -> None:
    owner.enrol()
    [finding] = [
        one for one in owner.must("check", "--json").json if one["subject"] == "shaping"
    ]
    assert finding["text"] == "its processes have no system call to reach out by"


@pytest.mark.parametrize(
    ("says", "ok", "note", "text"),
    [
        ("b'R' + bytes(3) + b'\\4none'", True, True, "confined by limits only: none"),
        ("b''", False, False, "before it was ready; mail whose maildrop has it shaped waits"),
    ],
)
def test_limits_alone_are_no_failure_and_no_process_is(
    says: str, text: str, *, ok: bool, note: bool
) -> None:
    program = f"import sys; sys.stdin.buffer.readline(); sys.stdout.buffer.write({says})"
    bounds = Bounds(1, Limits(cpu_seconds=5, memory_octets=1 << 29), 20.0, 1 << 20)
    command = (sys.executable, "-I", "-c", program)
    finding = readiness.confinement(ShapingProcesses(bounds, command))
    assert (finding.subject, finding.ok, finding.note) == ("shaping", ok, note)
    assert finding.text.endswith(text)


def test_a_new_state_folder_says_what_comes_next(owner: Owner) -> None:
    [finding] = failing(owner)
    assert "popbridge account add" in finding
    assert "FAIL  accounts" in owner.runs("check").out


def test_every_gap_between_mailbox_and_machine_is_named(owner: Owner) -> None:
    path = str(owner.mail())
    owner.must("account", "add", "a", "--provider", "folder", "--path", path)
    assert "popbridge maildrop add" in failing(owner)[0]
    owner.must("maildrop", "add", "m", "--account", "a")
    assert "popbridge device add" in failing(owner)[0]


def test_a_bridge_for_devices_that_only_log_in_needs_no_account(owner: Owner) -> None:
    owner.must("device", "add", "fw", "--login-only")
    assert all(finding["ok"] for finding in owner.must("check", "--json").json)


def test_a_folder_that_was_never_made_says_run_init(newcomer: Owner) -> None:
    [finding] = failing(newcomer)
    assert "popbridge init" in finding


def test_a_mailbox_that_went_away_is_named(owner: Owner) -> None:
    owner.enrol()
    owner.mail().rename(owner.folder / "elsewhere")
    [finding] = failing(owner)
    assert finding.startswith("account a: ")


def test_a_port_in_use_is_named(owner: Owner) -> None:
    owner.enrol()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        text = owner.config.read_text("utf-8").replace("port = 0", f"port = {port}")
        owner.config.write_text(text, "utf-8")
        [finding] = failing(owner)
    assert f"port {port}" in finding


def damage_key(state: Path) -> None:
    (state / "master.key").chmod(0o644)


def lose_certificates(state: Path) -> None:
    (state / "tls" / "server-rsa.pem").unlink()


def garble_certificate(state: Path) -> None:
    (state / "tls" / "server-p256.pem").write_text("nothing\n", "utf-8")


def break_a_rule(state: Path) -> None:
    garble(state / "tls" / "server-p256.pem", as_version_4)


def lose_the_ca(state: Path) -> None:
    (state / "tls" / "ca.pem").unlink()


@pytest.mark.parametrize(
    ("damage", "file"),
    [
        (break_a_rule, "server-p256.pem"),
        (lose_the_ca, "ca.pem"),
        (damage_key, "master.key"),
        (lose_certificates, "server-rsa.pem"),
        (garble_certificate, "server-p256.pem"),
    ],
)
def test_damage_is_found_and_its_file_named(owner: Owner, damage: object, file: str) -> None:
    owner.enrol()
    assert callable(damage)
    damage(owner.state)
    assert any(file in finding for finding in failing(owner))


def test_a_program_for_alerts_must_be_there_and_can_be_run(owner: Owner) -> None:
    program = owner.folder / "tell-me"
    with owner.config.open("a", encoding="utf-8") as config:
        config.write(f'\n[alerts]\ncommand = ["{program}"]\n')
    assert f"FAIL  alert program: {program} is missing" in owner.runs("check").out
    program.write_text("#!/bin/sh\n", "utf-8")
    program.chmod(0o700)
    assert f"ok    alert program: {program} can be run" in owner.runs("check").out


@contextmanager
def running(owner: Owner, *answers: dict[str, Any]) -> Iterator[None]:
    """Stand in for a running bridge that gives these answers, and is silent after the last."""

    def answer() -> None:
        for one in answers:
            visitor, _ = listening.accept()
            with visitor:
                visitor.recv(65536)
                visitor.sendall(json.dumps(one).encode() + b"\n")

    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(control_path(owner.state)))
        listening.listen()
        thread = threading.Thread(target=answer)
        thread.start()
        yield
        thread.join()


def test_a_bridge_that_does_not_answer_is_one_finding_among_the_others(
    owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readiness, "STATUS_SECONDS", 0.1)
    owner.enrol()
    with running(owner):
        said = owner.runs("check")
    assert said.code == 1
    assert "FAIL  running bridge: The running bridge gave no answer" in said.out
    assert "ok    account a: " in said.out


HELD = {"name": "pop3s", "bind": "127.0.0.1", "port": 40_995, "tls": "implicit"}


def test_a_bridge_that_listens_as_configured_is_in_order(owner: Owner) -> None:
    owner.enrol()
    with running(owner, {"listeners": [HELD]}):
        assert "ok    listeners: " in owner.must("check").out


@pytest.mark.parametrize(
    "held",
    [
        [],
        [HELD, HELD],
        [HELD | {"port": 40_110}],
        [HELD | {"bind": "127.0.0.2"}],
        [HELD | {"tls": "none"}],
    ],
)
def test_a_config_that_the_running_bridge_has_not_read_asks_for_a_restart(
    owner: Owner, held: list[dict[str, Any]]
) -> None:
    owner.enrol()
    text = owner.config.read_text("utf-8").replace("port = 0", "port = 40995")
    owner.config.write_text(text, "utf-8")
    with running(owner, {"listeners": held}):
        [finding] = failing(owner)
    assert "restart it" in finding


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.EACCES, "CAP_NET_BIND_SERVICE"),
        (errno.EADDRNOTAVAIL, "an address of this machine"),
        (errno.EADDRINUSE, "free the port"),
    ],
)
def test_a_port_that_is_not_to_be_had_comes_with_the_way_to_it(
    owner: Owner, monkeypatch: pytest.MonkeyPatch, number: int, advice: str
) -> None:
    def refuse(_socket: socket.socket, _address: object) -> None:
        raise OSError(number, os.strerror(number))

    owner.enrol()
    monkeypatch.setattr(socket.socket, "bind", refuse)
    [finding] = failing(owner)
    assert os.strerror(number) in finding
    assert advice in finding


def test_the_program_of_the_login_hook_must_be_there(owner: Owner) -> None:
    hook_with(owner, f'command = ["{owner.folder}/open-for"]')
    assert "FAIL  login hook: " in owner.runs("check").out
    assert "mend it, or [login_hook] command" in owner.runs("check").out
    hook_with(owner, 'command = ["/bin/true"]')
    assert "ok    login hook: /bin/true can be run" in owner.runs("check").out


def test_somebody_must_listen_at_the_socket_of_the_login_hook(owner: Owner) -> None:
    path = owner.folder / "logins"
    hook_with(owner, f'socket = "{path}"')
    assert f"nobody takes logins at {path} (No such file" in owner.runs("check").out
    with socket.socket(socket.AF_UNIX) as neighbour:
        neighbour.bind(str(path))
        assert f"nobody takes logins at {path} (Connection refused" in owner.runs("check").out
        neighbour.listen()
        assert f"ok    login hook: {path} takes logins" in owner.runs("check").out


def hook_with(owner: Owner, line: str) -> None:
    text = owner.config.read_text("utf-8").partition("\n[login_hook]")[0]
    owner.config.write_text(f"{text}\n[login_hook]\n{line}\n", "utf-8")
