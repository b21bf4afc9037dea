"""The program we ship for Postfix opens for addresses that logged in, for a while, and for nobody else.

What Postfix asks and how it is answered: SMTPD_POLICY_README, "Protocol description"; what the answers
mean: access(5).
"""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from bridge.clock import SystemClock

PROGRAM = Path(__file__).parent.parent / "packaging/postfix/pop-before-smtp"
DEADLINE_SECONDS = 30.0
FAX = "192.168.1.20"


@attrs.frozen
class Opener:
    """The program at work."""

    socket: Path
    port: int

    def tell(self, line: bytes) -> None:
        with socket.socket(socket.AF_UNIX) as told:
            told.settimeout(DEADLINE_SECONDS)
            told.connect(str(self.socket))
            told.sendall(line)
            told.shutdown(socket.SHUT_WR)
            assert told.recv(1) == b""  # it has read all of it

    def log_in(self, address: str) -> None:
        self.tell(
            json.dumps({"device": "fax", "address": address, "time": 1.5}).encode() + b"\n"
        )

    def asks(self, *addresses: str) -> list[bytes]:
        """Return what Postfix is answered about clients at these addresses, on one connection."""
        with socket.create_connection(("127.0.0.1", self.port), DEADLINE_SECONDS) as asking:
            lines = asking.makefile("rb")
            answers = []
            for address in addresses:
                asked = f"request=smtpd_access_policy\nclient_address={address}\nsender=\n\n"
                asking.sendall(asked.encode())
                answers.append(lines.readline() + lines.readline())
            return answers


def started(folder: Path, minutes: str) -> Iterator[Opener]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    path = folder / "logins"
    process = subprocess.Popen([sys.executable, PROGRAM, path, str(port), minutes])
    clock = SystemClock()
    patience = clock.monotonic() + DEADLINE_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), DEADLINE_SECONDS).close()
            break
        except ConnectionRefusedError:
            assert process.poll() is None
            assert clock.monotonic() < patience
    try:
        yield Opener(path, port)
    finally:
        process.terminate()
        process.wait(DEADLINE_SECONDS)


@pytest.fixture
def opener(tmp_path: Path) -> Iterator[Opener]:
    yield from started(tmp_path, "10")


OK, DUNNO = b"action=OK\n\n", b"action=DUNNO\n\n"


def test_it_opens_for_the_address_of_a_login_and_no_other(opener: Opener) -> None:
    assert opener.asks(FAX, "192.168.1.21") == [DUNNO, DUNNO]
    opener.log_in(FAX)
    assert opener.asks(FAX, "192.168.1.21", "", "192.168.1.2") == [OK, DUNNO, DUNNO, DUNNO]


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\n",
        b"{}\n",
        b"[]\n",
        b'"192.168.1.20"\n',
        b'{"address": 7}\n',
        b"{" * 100_000,
        b"\xff\n",
    ],
    ids=repr,
)
def test_noise_opens_for_nobody_and_does_no_harm(opener: Opener, line: bytes) -> None:
    try:
        opener.tell(line)
    except (BrokenPipeError, ConnectionResetError):
        assert len(line) > 4096  # it was too much
    assert opener.asks(FAX, "", "7") == [DUNNO] * 3
    opener.log_in(FAX)
    assert opener.asks(FAX) == [OK]


def test_a_question_without_end_is_not_answered(opener: Opener) -> None:
    with socket.create_connection(("127.0.0.1", opener.port), DEADLINE_SECONDS) as asking:
        asking.sendall(b"client_address=192.168.1.20\n" * 100)
        assert asking.recv(1) == b""


def test_it_closes_when_its_time_is_over(tmp_path: Path) -> None:
    for opener in started(tmp_path, "0"):
        opener.log_in(FAX)
        assert opener.asks(FAX) == [DUNNO]


def test_the_example_of_the_page_names_what_the_unit_starts() -> None:
    root = PROGRAM.parents[2]
    unit = (PROGRAM.parent / "pop-before-smtp.service").read_text("utf-8")
    page = (root / "docs/login-hook.md").read_text("utf-8")
    [start] = [line for line in unit.splitlines() if line.startswith("ExecStart=")]
    _, path, port, _minutes = start.split()
    assert f'socket = "{path}"' in page
    assert f"check_policy_service inet:127.0.0.1:{port}" in page
