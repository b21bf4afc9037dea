"""Health is one answer of the running bridge, an exit code, and a sentence where there is none."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from bridge.cli import health
from bridge.control import control_path
from tests.cli.command_line import Owner

WELL = {"name": "database", "state": "ok", "text": "can be written"}
BUSY = {"name": "login at pop3s", "state": "busy", "text": "every place is taken"}
DEAD = {"name": "login at pop3s", "state": "failed", "text": "no answer"}


@contextmanager
def answering(owner: Owner, line: bytes) -> Iterator[None]:
    """Stand in for a running bridge that gives one answer."""

    def answer() -> None:
        visitor, _ = listening.accept()
        with visitor:
            visitor.recv(65536)
            visitor.sendall(line)

    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(control_path(owner.state)))
        listening.listen()
        thread = threading.Thread(target=answer)
        thread.start()
        yield
        thread.join()
    control_path(owner.state).unlink()


def answer(*parts: dict[str, str]) -> bytes:
    healthy = all(part["state"] != "failed" for part in parts)
    return json.dumps({"healthy": healthy, "parts": parts}).encode() + b"\n"


def test_a_bridge_that_is_well_or_busy_is_exit_code_0(owner: Owner) -> None:
    with answering(owner, answer(BUSY, WELL)):
        said = owner.must("health")
    assert (
        said.out
        == "busy  login at pop3s: every place is taken\nok    database: can be written\n"
    )


def test_a_part_that_failed_is_exit_code_1_and_named(owner: Owner) -> None:
    with answering(owner, answer(DEAD, WELL)):
        said = owner.runs("health")
    assert said.code == 1
    assert said.out.splitlines()[0] == "FAIL  login at pop3s: no answer"
    with answering(owner, answer(DEAD, WELL)):
        assert owner.runs("health", "--json").json == json.loads(answer(DEAD, WELL))


def test_a_bridge_that_does_not_run_is_one_sentence(owner: Owner) -> None:
    said = owner.runs("health")
    assert said.code == 1
    assert said.sentence.startswith("No bridge is running on this state folder")
    told = owner.runs("health", "--json")
    assert told.code == 1
    assert told.json == {"healthy": False, "why": said.sentence, "parts": []}


def test_a_bridge_that_does_not_answer_is_one_sentence(
    owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "PATIENCE_SECONDS", 0.1)
    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.bind(str(control_path(owner.state)))
        deaf.listen()
        said = owner.runs("health")
    assert said.code == 1
    assert "gave no answer" in said.sentence
