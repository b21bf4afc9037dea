"""What strangers send: the bridge refuses it, needs no memory for it, and serves the next device.

Every bridge of these tests must have written no traceback when it stops (`Log.assert_calm`).
"""

import base64
import hashlib
import resource
import socket
import ssl
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress

import pytest

from tests.system.pop_client import PopClient, assert_ok, connect, plain_token, trusting
from tests.system.running_bridge import PASSWORD, Home, RunningBridge, wait_for_connections

pytestmark = pytest.mark.slow

Start = Callable[[], RunningBridge]
MIB = 1 << 20

FULL_HOUSE = 2 * 19 * MIB + 500 * (100 << 10)
"""Octets that a bridge may need on top of its own, whoever comes: a password hash on each of two
threads (bridge/app/process/memory.py) and 100 KiB, handshake included, for each of its 500 places."""


@pytest.fixture
def client(shared: RunningBridge) -> Iterator[PopClient]:
    """A connection for a stranger; afterwards the next device must be served at once."""
    with connect(shared.ports["pop3s"], trusting(shared.home.ca)) as one:
        assert_ok(one.line())
        yield one
    assert_serves(shared)


def assert_serves(bridge: RunningBridge, source: str = "127.0.0.1") -> None:
    with connect(bridge.ports["pop3s"], trusting(bridge.home.ca), source=source) as device:
        assert_ok(device.line())
        assert_ok(device.log_in("printer", PASSWORD))
        assert_ok(device.quit())


# ---- one line


@pytest.mark.parametrize(
    "line",
    [
        b"\0",
        b"NO\0OP",
        b"USER a\0b",
        b"\xff\xfe\x80",
        b"",
        b" ",
        b"XYZZY",
        b"RETR 1",
        b"DELE 1",
        b"STAT",
        b"PASS early",
        b"USER",
        b"TOP 1",
        b"STLS",
        b"AUTH PLAIN !!!",
        b"AUTH PLAIN " + b"A" * 13000,
        b"APOP printer 0123456789abcdef0123456789abcdef",
        b"USER " + b"u" * 300,
        b"NOOP" + b" " * 300,
    ],
)
def test_a_line_that_makes_no_sense_is_refused(client: PopClient, line: bytes) -> None:
    client.send(line + b"\r\n")
    assert client.line().startswith(b"-ERR ")
    assert_ok(client.quit())


@pytest.mark.parametrize(
    "command",
    [
        "RETR 0",
        "RETR -1",
        "RETR 1",
        "RETR 99999999999999999999999999",
        "RETR " + "9" * 240,
        "DELE +1",
        "LIST 1e3",
        "UIDL 0x1",
        "TOP 1 -1",
        "TOP 1 " + "9" * 200,
        "RETR \u0661",
        "USER again",
        "PASS again",
        "STLS",
    ],
)
def test_a_number_or_command_out_of_place_is_refused_in_a_session(
    shared: RunningBridge, command: str
) -> None:
    client = shared.connect()
    assert_ok(client.log_in("printer", PASSWORD))
    assert client.command(command).startswith(b"-ERR ")
    assert_ok(client.quit())


def test_nonsense_without_end_is_given_up(client: PopClient) -> None:
    client.send(b"XYZZY\r\n" * 50)
    assert client.silence().splitlines()[-1] == b"-ERR Too many bad commands, closing"


def test_ten_megabytes_without_a_newline_are_given_up_and_cost_no_memory(
    shared: RunningBridge, client: PopClient
) -> None:
    before = shared.memory()
    with suppress(ConnectionError, ssl.SSLError):
        client.send(b"A" * 10 * MIB)
    client.silence()
    shared.log.wait_for("session-closed", reason="line-flood")
    assert shared.memory() - before < 8 * MIB


def send_for_ever(client: PopClient, octets: bytes) -> None:
    for _ in range(2000):
        client.send(octets)


def test_pipelined_commands_without_end_cost_no_memory(
    shared: RunningBridge, client: PopClient
) -> None:
    # The stranger never reads: its answers fill the sockets, and then it is read from no more.
    assert_ok(client.log_in("printer", PASSWORD))
    before = shared.memory()
    client.socket.settimeout(0)
    with pytest.raises((ssl.SSLWantWriteError, BlockingIOError)):
        send_for_ever(client, b"UIDL\r\nCAPA\r\n" * 2000)
    assert shared.memory() - before < 8 * MIB
    client.reset()
    shared.log.wait_for("session-closed", device="printer", reason="lost")


# ---- many


@pytest.fixture
def bridge(home: Home, start: Start) -> RunningBridge:
    """A bridge with its usual caps, whose real device has an address of its own."""
    home.configure(limits={"failed_login_delay_max": 30.0})
    return start()


def knock(bridge: RunningBridge, number: int) -> None:
    """Connect, in the way of one of several kinds of stranger, and leave."""
    try:
        with socket.create_connection(("127.0.0.1", bridge.ports["pop3s"]), 30) as stranger:
            if number % 3 == 1:
                stranger.sendall(b"\x16\x03\x01" * 100)
            elif number % 3 == 2:
                stranger.sendall(b"GET / HTTP/1.1\r\n\r\n")
            while stranger.recv(4096):
                pass
    except ConnectionError:
        pass


def test_a_flood_of_connections_leaves_room_for_the_device(bridge: RunningBridge) -> None:
    before = bridge.memory()
    with ExitStack() as stack:
        for _ in range(300):
            address = ("127.0.0.1", bridge.ports["pop3s"])
            stack.enter_context(socket.create_connection(address, 30))
        with ThreadPoolExecutor(8) as strangers:
            knocks = [strangers.submit(knock, bridge, number) for number in range(1, 300, 3)]
            assert_serves(bridge, source="127.0.0.2")
            for one in knocks:
                one.result()
        assert_serves(bridge, source="127.0.0.2")
    assert bridge.memory() - before < 40 * MIB
    wait_for_connections(bridge, 0)


def guess(bridge: RunningBridge, number: int) -> None:
    """Try wrong passwords, all at once, and leave without waiting for the answers."""
    source = f"127.0.1.{number % 200 + 1}"
    try:
        with connect(bridge.ports["pop3s"], trusting(bridge.home.ca), source=source) as client:
            name = "printer" if number % 2 else f"nobody{number}"
            client.send(f"USER {name}\r\nPASS wrong{number}\r\n".encode() * 4)
            client.socket.shutdown(socket.SHUT_WR)
    except (ConnectionError, ssl.SSLError, TimeoutError):
        pass


def test_a_thousand_wrong_passwords_leave_the_device_its_login(bridge: RunningBridge) -> None:
    before = bridge.memory()
    with ThreadPoolExecutor(8) as strangers:
        guesses = [strangers.submit(guess, bridge, number) for number in range(1000)]
        served = 0
        while not all(one.done() for one in guesses):
            assert_serves(bridge, source="127.0.0.2")
            served += 1
        for one in guesses:
            one.result()
    assert served > 0
    assert_serves(bridge, source="127.0.0.2")
    assert bridge.memory() - before < FULL_HOUSE
    assert "wrong9" not in bridge.log.text


def test_waiting_wrong_logins_hold_up_nobody(bridge: RunningBridge) -> None:
    strangers = [bridge.connect() for _ in range(15)]
    for number, stranger in enumerate(strangers):
        assert_ok(stranger.command("USER printer"))
        stranger.send(f"PASS guess{number}\r\n".encode())
    assert_serves(bridge, source="127.0.0.2")
    assert_serves(bridge)


def test_slow_strangers_are_shown_out_and_the_device_is_served_meanwhile(
    home: Home, start: Start
) -> None:
    home.configure(
        [{"name": "pop3s"}], limits={"login_timeout": 5}, tls={"handshake_timeout": 1}
    )
    bridge = start()
    silent = [connect(bridge.ports["pop3s"]) for _ in range(5)]
    slow = [bridge.connect() for _ in range(5)]
    for client in slow:
        client.send(b"US")
    assert_serves(bridge)
    for client in (*silent, *slow):
        with client:
            assert client.is_over()
    bridge.log.wait_for("handshake-failed", 5)
    bridge.log.wait_for("session-closed", 5, reason="timed out")


def test_a_bridge_out_of_descriptors_recovers(home: Home, start: Start) -> None:
    home.configure(limits={"connections_per_address": 500})
    bridge = start()
    resource.prlimit(bridge.process.pid, resource.RLIMIT_NOFILE, (48, 48))
    with ExitStack() as stack:
        for _ in range(100):
            address = ("127.0.0.1", bridge.ports["pop3s"])
            stack.enter_context(socket.create_connection(address, 30))
        bridge.log.wait_for("accept-failed")
    assert_serves(bridge)


# ---- secrets

GUESSES = {
    "PASS {}": "hunter-one",
    "pass {}": "hunter-two",
    "PaSs  {}": "hunter-three",
    "PASS\t{}": "hunter-four",
    "XPASS {}": "hunter-five",
    "APOP printer {}": hashlib.md5(b"hunter-six", usedforsecurity=False).hexdigest(),
    "aPoP  printer  {}": hashlib.md5(b"hunter-seven", usedforsecurity=False).hexdigest(),
    "AUTH PLAIN {}": plain_token("printer", "hunter-eight"),
    "auth plain {}": plain_token("printer", "hunter-nine"),
    "AuTh LOGIN {}": base64.b64encode(b"hunter-ten").decode(),
}
CONTINUED = {
    "AUTH PLAIN": [plain_token("printer", "hunter-eleven")],
    "auth login": [base64.b64encode(text).decode() for text in (b"printer", b"hunter-twelve")],
}


def test_no_password_is_logged_however_it_is_spelled(home: Home, start: Start) -> None:
    home.configure(log={"level": "debug"}, limits={"failed_logins": 100})
    bridge = start()
    secrets = [PASSWORD, plain_token("printer", PASSWORD)]
    for spelling, secret in GUESSES.items():
        client = bridge.connect()
        client.command("USER printer")
        client.command(spelling.format(secret))
        client.close()
        secrets.append(secret)
    for opening, answers in CONTINUED.items():
        client = bridge.connect()
        assert client.command(opening).startswith(b"+ ")
        for answer in answers:
            client.command(answer)
            secrets.append(answer)
        client.close()
    client = bridge.connect()
    assert_ok(client.command(f"AUTH PLAIN {plain_token('printer', PASSWORD)}"))
    client.quit()
    bridge.log.wait_for("session-closed", len(GUESSES) + len(CONTINUED) + 1)
    names = {base64.b64encode(b"printer").decode()}
    assert not [one for one in set(secrets) - names if one in bridge.log.text]
    assert "hunter" not in bridge.log.text
