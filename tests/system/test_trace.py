"""`popbridge trace` as a process beside the real bridge, with a device at work over TLS."""

import base64
import hashlib
import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from typing import Any

import attrs
import pytest

from tests.system.pop_client import DEADLINE_SECONDS, assert_ok, plain_token, trusting
from tests.system.running_bridge import PASSWORD, PROGRAM, Home, RunningBridge, running

pytestmark = pytest.mark.slow

ONE = b"Subject: payroll\r\n\r\n.confidential figures\r\n"


@attrs.define
class TraceProcess:
    """A `popbridge trace` that runs."""

    process: subprocess.Popen[bytes]

    def line(self) -> str:
        """Return its next line; an empty one where it has ended."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().decode().removesuffix("\n")

    def until(self, word: str) -> list[str]:
        """Return the lines up to the first that holds `word`."""
        lines = [self.line()]
        while word not in lines[-1]:
            assert lines[-1] != "", lines
            lines.append(self.line())
        return lines

    def end(self) -> int:
        """Return how it ended by itself."""
        return self.process.wait(DEADLINE_SECONDS)


@contextmanager
def tracing(home: Home, *words: str) -> Iterator[TraceProcess]:
    """Run `popbridge trace` during the block; it has begun."""
    process = subprocess.Popen(
        [*PROGRAM, "--config", str(home.config_file), "trace", *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert isinstance(process.stdout, BufferedReader)
    assert process.stderr is not None
    try:
        trace = TraceProcess(process)
        assert trace.line()
        yield trace
    finally:
        process.kill()
        process.wait(DEADLINE_SECONDS)
        process.stdout.close()
        process.stderr.close()


@pytest.fixture
def bridge(home: Home) -> Iterator[RunningBridge]:
    home.put("1.eml", ONE)
    with running(home) as bridge:
        home.sync()
        yield bridge


def spoken(lines: list[str]) -> list[str]:
    """Return the lines without time and connection."""
    return [line.split("  ", 2)[2] for line in lines]


def test_the_dialogue_is_told_without_password_and_without_mail(bridge: RunningBridge) -> None:
    with tracing(bridge.home, "printer") as trace:
        client = bridge.log_in()
        assert client.retrieve(1) == ONE
        assert client.listing("TOP 1 0") == [b"Subject: payroll", b""]
        assert_ok(client.quit())
        lines = spoken(trace.until("closed: quit"))
    head = hashlib.sha256(b"Subject: payroll\r\n\r\n").hexdigest()[:16]
    digest = hashlib.sha256(ONE).hexdigest()[:16]
    assert lines[0].startswith("-- connected from 127.0.0.1, TLSv1.3 TLS_")
    assert lines[1:] == [
        "S: +OK POP3 ready",
        "C: USER printer",
        "S: +OK Send the password",
        "C: PASS (not shown)",
        "S: +OK Logged in",
        "C: RETR 1",
        f"S: +OK {len(ONE)} octets",
        f"S: ({len(ONE)} octets in 3 lines, sha256 {digest}...)",
        "S: .",
        "C: TOP 1 0",
        "S: +OK Top of message follows",
        f"S: (20 octets in 2 lines, sha256 {head}...)",
        "S: .",
        "C: QUIT",
        "S: +OK Bye",
        "-- closed: quit",
    ]


def test_a_failed_login_under_its_name_is_told_with_the_reason(bridge: RunningBridge) -> None:
    with tracing(bridge.home, "printer") as trace:
        client = bridge.connect()
        assert client.command(f"AUTH PLAIN {plain_token('printer', 'guess')}").startswith(
            b"-ERR"
        )
        client.close()
        lines = spoken(trace.until("closed: "))
    assert lines[2:] == [
        "C: AUTH PLAIN (response not shown)",
        "-- login refused [AUTH]: wrong name or password",
        "S: -ERR [AUTH] Login failed",
        "-- closed: left",
    ]


def test_another_device_and_a_stranger_are_not_shown(bridge: RunningBridge) -> None:
    bridge.home.add_device("copier")
    with tracing(bridge.home, "printer") as trace:
        assert_ok(bridge.log_in("copier").quit())
        bridge.log.wait_for("session-closed", device="copier")
        stranger = bridge.connect()
        assert stranger.log_in("nobody", PASSWORD).startswith(b"-ERR")
        assert_ok(stranger.quit())
        bridge.log.wait_for("session-closed", device="")
        assert_ok(bridge.log_in().quit())
        lines = trace.until("closed: quit")
    assert len({line.split("  ")[1] for line in lines}) == 1
    assert "C: USER printer" in spoken(lines)


def test_a_session_that_was_open_before_is_followed_from_now_on(bridge: RunningBridge) -> None:
    client = bridge.log_in()
    with tracing(bridge.home, "printer") as trace:
        assert_ok(client.command("NOOP"))
        assert spoken(trace.until("S: +OK")) == ["C: NOOP", "S: +OK Nothing done"]


def test_what_is_said_before_and_after_stls_is_told(home: Home) -> None:
    home.configure([{"name": "plain", "tls": "starttls"}])
    with running(home) as bridge, tracing(home, "printer") as trace:
        client = bridge.connect("plain")
        assert client.command(f"USER {PASSWORD}").startswith(b"-ERR")
        assert_ok(client.command("STLS"))
        client.secure(trusting(home.ca))
        assert_ok(client.log_in("printer", PASSWORD))
        client.close()
        lines = spoken(trace.until("closed: "))
    assert lines[0] == "-- connected from 127.0.0.1, not encrypted"
    assert lines[2:6] == [
        "C: USER (no device has this name)",
        "S: -ERR [AUTH] No password is taken without encryption, use STLS first",
        "C: STLS",
        "S: +OK Begin TLS negotiation",
    ]
    assert lines[6].startswith("-- TLSv1.3 TLS_")
    assert lines[-2:] == ["S: +OK Logged in", "-- closed: left"]


def test_a_device_at_a_place_it_may_not_use_is_told(bridge: RunningBridge) -> None:
    bridge.home.add_device("bound", allow=["192.0.2.0/24"])
    with tracing(bridge.home, "bound") as trace:
        client = bridge.connect()
        assert client.log_in("bound", PASSWORD).startswith(b"-ERR")
        lines = spoken(trace.until("S: -ERR"))
    why = "right password, but from an address this device may not use"
    assert lines[-2] == f"-- login refused [AUTH]: {why}"


def test_a_maildrop_that_is_in_use_is_told(bridge: RunningBridge) -> None:
    bridge.home.add_device("copier")
    first = bridge.log_in()
    with tracing(bridge.home, "copier") as trace:
        assert bridge.connect().log_in("copier", PASSWORD).startswith(b"-ERR [IN-USE]")
        assert "login refused [IN-USE]: " in trace.until("login refused")[-1]
    first.close()


def test_a_message_that_breaks_off_is_not_told_as_sent(bridge: RunningBridge) -> None:
    home = bridge.home
    home.put("2.eml", b"Subject: large\r\n\r\n" + b"payroll\r\n" * 2_000_000)
    home.sync()
    with tracing(home, "printer") as trace:
        client = bridge.log_in()
        assert_ok(client.command("RETR 2"))
        client.reset()
        lines = spoken(trace.until("closed: "))
    start = lines.index("C: RETR 2") + 1
    assert lines[start].startswith("-- broken off within the first ")
    assert len(lines) == start + 2
    assert "payroll" not in "".join(lines)


def test_a_message_that_cannot_be_sent_is_told_as_that(bridge: RunningBridge) -> None:
    (body,) = (bridge.home.state / "bodies").iterdir()
    body.write_bytes(body.read_bytes()[:-1])
    with tracing(bridge.home, "printer") as trace:
        client = bridge.log_in()
        assert client.command("RETR 1").startswith(b"-ERR [SYS/PERM]")
        lines = spoken(trace.until("-ERR"))
    assert lines[-2:] == ["C: RETR 1", "S: -ERR [SYS/PERM] The message cannot be sent"]


def test_json_is_one_object_a_line(bridge: RunningBridge) -> None:
    with tracing(bridge.home, "printer", "--json") as trace:
        client = bridge.log_in()
        client.retrieve(1)
        lines: list[dict[str, Any]] = [json.loads(line) for line in trace.until("sha256")]
    content = lines[-1]
    assert (content["kind"], content["octets"], content["lines"]) == ("content", len(ONE), 3)
    assert content["sha256"] == hashlib.sha256(ONE).hexdigest()
    assert content["time"].endswith("Z")
    assert {"time", "connection", "address", "kind", "text"} < set(content)


def test_it_ends_with_the_bridge_and_says_so(home: Home) -> None:
    with running(home) as bridge, tracing(home, "printer") as trace:
        client = bridge.log_in()
        bridge.stop()
        lines = trace.until("Trace ended")
        assert spoken(lines[-2:-1]) == ["-- closed: stopped"]
        assert lines[-1] == "Trace ended: the bridge stopped."
        assert trace.end() == 0
        client.close()


def test_it_ends_with_a_bridge_that_was_killed_and_says_so(home: Home) -> None:
    with running(home) as bridge, tracing(home, "printer") as trace:
        bridge.signal(signal.SIGKILL)
        ended = trace.until("Trace ended")[-1]
        assert ended == "Trace ended: the bridge stopped, or waited too long for this reader."
        assert trace.end() == 0


def test_one_that_left_makes_room_for_another(bridge: RunningBridge) -> None:
    home = bridge.home
    with tracing(home, "printer") as first:
        with tracing(home, "printer"), tracing(home, "printer"), tracing(home, "printer"):
            done = home.run("trace", "printer")
            assert (done.returncode, done.stdout) == (1, "")
            assert "4 traces are running already" in done.stderr
        first.process.send_signal(signal.SIGINT)
        assert first.end() == 130
    client = bridge.log_in()
    with tracing(home, "printer") as trace:
        assert_ok(client.command("NOOP"))
        trace.until("C: NOOP")


@pytest.mark.parametrize("name", ["nobody", ".health", "PRINTER"])
def test_a_name_that_is_no_devices_is_one_sentence(bridge: RunningBridge, name: str) -> None:
    done = bridge.home.run("trace", name)
    assert (done.returncode, done.stdout) == (1, "")
    said = f"popbridge: There is no device {name}; see `popbridge device list`.\n"
    assert done.stderr == said


def test_the_bridges_own_login_is_never_shown(bridge: RunningBridge) -> None:
    with tracing(bridge.home, "printer") as trace:
        assert bridge.home.run("health").returncode == 0
        assert_ok(bridge.log_in().quit())
        lines = trace.until("closed: quit")
    assert len({line.split("  ")[1] for line in lines}) == 1


def test_a_reader_who_does_not_read_holds_up_no_device(bridge: RunningBridge) -> None:
    with tracing(bridge.home, "printer") as trace:
        trace.process.send_signal(signal.SIGSTOP)
        client = bridge.log_in()
        pipelined = b"NOOP\r\n" * 500
        for _ in range(40):  # some MiB of transcript, more than any buffer on the way
            client.send(pipelined)
            for _ in range(500):
                assert_ok(client.line())
        trace.process.send_signal(signal.SIGCONT)
        assert trace.until("lines lost")[-1].startswith("... ")
        assert_ok(client.quit())
        assert "C: QUIT" in spoken(trace.until("closed: quit"))


def test_a_reader_who_does_not_read_holds_up_no_end(home: Home) -> None:
    with running(home) as bridge, tracing(home, "printer") as trace:
        trace.process.send_signal(signal.SIGSTOP)
        client = bridge.log_in()
        pipelined = b"NOOP\r\n" * 500
        for _ in range(8):  # more of a transcript than the buffers of a socket take
            client.send(pipelined)
            for _ in range(500):
                assert_ok(client.line())
        bridge.signal(signal.SIGTERM)
        assert bridge.process.wait(DEADLINE_SECONDS) == 0


def test_a_password_is_in_no_encoding_in_what_is_told(bridge: RunningBridge) -> None:
    encoded = base64.b64encode(PASSWORD.encode()).decode()
    with tracing(bridge.home, "printer", "--json") as trace:
        client = bridge.connect()
        for line in (
            f"PASS {PASSWORD}",
            f"USER {PASSWORD}",
            f"pass\t{PASSWORD}",
            PASSWORD,
            encoded,
        ):
            client.command(line)
        assert client.command("AUTH LOGIN").startswith(b"+ ")
        client.command(base64.b64encode(b"printer").decode())
        assert_ok(client.command(encoded))
        assert_ok(client.quit())
        told = "\n".join(trace.until("closed: quit"))
    for secret in (PASSWORD, encoded, encoded.rstrip("="), plain_token("printer", PASSWORD)):
        assert secret not in told
