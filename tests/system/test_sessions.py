"""What a device may rely on from one session to the next: locks, deletions, octets, unique-ids."""

import hashlib
import select
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.system.pop_client import PopClient, assert_ok, connect
from tests.system.running_bridge import (
    PASSWORD,
    Home,
    RunningBridge,
    make_home,
    running,
    wait_for_connections,
)

pytestmark = pytest.mark.slow

Start = Callable[[], RunningBridge]
ONE = b"Subject: one\r\n\r\nfirst\r\n"
TWO = b"Subject: two\r\n\r\nsecond\r\n"


def deliver(bridge: RunningBridge, maildrop: str, *messages: bytes) -> None:
    for number, octets in enumerate(messages, 1):
        bridge.home.put(f"{number}.eml", octets, maildrop)
    assert bridge.home.sync(maildrop)["delivered"] == len(messages)


def wait_until_closed(bridge: RunningBridge, maildrop: str) -> None:
    bridge.log.wait_for("session-closed", maildrop=maildrop)


# ---- the exclusive-access lock (RFC 1939 section 4, RFC 2449 section 8.1.1)


def test_a_second_device_is_told_that_the_maildrop_is_in_use(
    shared: RunningBridge, maildrop: str
) -> None:
    shared.home.add_device(f"{maildrop}-b", maildrop)
    first = shared.log_in(maildrop)
    second = shared.connect()
    assert second.log_in(f"{maildrop}-b", PASSWORD).startswith(b"-ERR [IN-USE]")
    assert_ok(first.quit())
    wait_until_closed(shared, maildrop)
    assert_ok(second.log_in(f"{maildrop}-b", PASSWORD))


def test_the_same_device_from_another_address_is_told_so_too(
    shared: RunningBridge, maildrop: str
) -> None:
    shared.log_in(maildrop)
    second = shared.connect(source="127.0.0.2")
    assert second.log_in(maildrop, PASSWORD).startswith(b"-ERR [IN-USE]")


def test_a_device_takes_over_from_its_own_silent_connection(
    shared: RunningBridge, maildrop: str
) -> None:
    deliver(shared, maildrop, ONE)
    first = shared.log_in(maildrop)
    assert_ok(first.command("DELE 1"))
    second = shared.log_in(maildrop)
    assert first.is_over()
    assert len(second.unique_ids()) == 1


def test_a_device_does_not_take_over_from_its_own_living_connection(
    shared: RunningBridge, maildrop: str
) -> None:
    first, second = shared.log_in(maildrop), shared.connect()
    assert_ok(second.command(f"USER {maildrop}"))
    second.send(f"PASS {PASSWORD}\r\n".encode())
    while not select.select([second.socket], [], [], 0)[0]:
        assert_ok(first.command("NOOP"))
    assert second.line().startswith(b"-ERR [IN-USE]")
    assert_ok(first.quit())


@pytest.mark.parametrize("leave", [PopClient.close, PopClient.reset])
def test_the_lock_is_free_the_moment_a_connection_dies(
    shared: RunningBridge, maildrop: str, leave: Callable[[PopClient], None]
) -> None:
    deliver(shared, maildrop, ONE)
    shared.home.add_device(f"{maildrop}-b", maildrop)
    client = shared.log_in(maildrop)
    assert_ok(client.command("DELE 1"))
    leave(client)
    wait_until_closed(shared, maildrop)
    other = shared.log_in(f"{maildrop}-b")
    assert len(other.unique_ids()) == 1


def test_a_half_closed_connection_ends_and_deletes_nothing(
    shared: RunningBridge, maildrop: str
) -> None:
    deliver(shared, maildrop, ONE)
    client = shared.connect("plain", source="127.0.0.2")
    assert_ok(client.log_in(maildrop, PASSWORD))
    assert_ok(client.command("DELE 1"))
    client.socket.shutdown(socket.SHUT_WR)
    assert client.is_over()
    wait_until_closed(shared, maildrop)
    assert len(shared.log_in(maildrop).unique_ids()) == 1


# ---- deletion (RFC 1939 section 6)


def test_only_quit_deletes_and_then_the_file_is_moved(
    shared: RunningBridge, maildrop: str
) -> None:
    deliver(shared, maildrop, ONE, TWO)
    mail = shared.home.mail(maildrop)
    client = shared.log_in(maildrop)
    assert_ok(client.command("DELE 1"))
    client.close()
    wait_until_closed(shared, maildrop)
    assert shared.home.sync(maildrop)["disposed"] == 0
    assert (mail / "1.eml").exists()
    client = shared.log_in(maildrop)
    assert client.retrieve(1) == ONE
    assert_ok(client.command("DELE 1"))
    assert_ok(client.quit())
    assert shared.home.sync(maildrop)["disposed"] == 1
    assert (mail / "Printed" / "1.eml").read_bytes() == ONE
    assert not (mail / "1.eml").exists()
    assert shared.log_in(maildrop).retrieve(1) == TWO


def test_mail_that_comes_during_a_session_is_seen_by_the_next(
    shared: RunningBridge, maildrop: str
) -> None:
    deliver(shared, maildrop, ONE)
    client = shared.log_in(maildrop)
    shared.home.put("9.eml", TWO, maildrop)
    assert shared.home.sync(maildrop)["delivered"] == 1
    assert client.command("STAT") == f"+OK 1 {len(ONE)}".encode()
    assert client.command("RETR 2").startswith(b"-ERR")
    assert_ok(client.quit())
    assert shared.log_in(maildrop).command("STAT") == f"+OK 2 {len(ONE + TWO)}".encode()


def test_mail_that_goes_during_a_session_is_still_served_in_it(
    shared: RunningBridge, maildrop: str
) -> None:
    deliver(shared, maildrop, ONE, TWO)
    client = shared.log_in(maildrop)
    (shared.home.mail(maildrop) / "1.eml").unlink()
    assert shared.home.sync(maildrop)["vanished"] == 1
    assert client.retrieve(1) == ONE
    assert_ok(client.command("DELE 1"))
    assert_ok(client.quit())
    assert shared.home.sync(maildrop)["delivered"] == 0
    assert shared.log_in(maildrop).octets() == [len(TWO)]


def test_an_altered_body_is_refused_whole_and_named_in_the_log(
    shared: RunningBridge, maildrop: str
) -> None:
    deliver(shared, maildrop, b"Subject: large\r\n\r\n" + b"x" * 70 * 5000 + b"\r\n", TWO)
    message = shared.log.wait_for("message-delivered", maildrop=maildrop)["message"]
    body = shared.home.state / "bodies" / f"{message}.body"
    octets = bytearray(body.read_bytes())
    octets[-20] ^= 1
    body.write_bytes(octets)
    client = shared.log_in(maildrop)
    assert client.command("RETR 1").startswith(b"-ERR [SYS/PERM]")
    event = shared.log.wait_for("body-unreadable", message=message)
    assert event["unique_id"] == client.unique_ids()[0]
    assert client.retrieve(2) == TWO


# ---- octets (RFC 1939 section 11)

ODD = {
    "bare-lf": (b"A: b\n\none\ntwo\n", b"A: b\r\n\r\none\r\ntwo\r\n"),
    "bare-cr": (b"A: b\r\rone\rtwo\r", b"A: b\r\n\r\none\r\ntwo\r\n"),
    "mixed": (b"A: b\r\n\nx\r\r\ny\n\r", b"A: b\r\n\r\nx\r\n\r\ny\r\n\r\n"),
    "unfinished": (b"A: b\r\n\r\nno end", b"A: b\r\n\r\nno end\r\n"),
    "header-only": (b"A: b\r\n", b"A: b\r\n\r\n"),
    "half-a-header": (b"A: b", b"A: b\r\n\r\n"),
    "eight-bit": (b"A: b\r\n\r\n\x00\x80\xff\r\n", b"A: b\r\n\r\n\x00\x80\xff\r\n"),
    "eight-bit-header": (b"A: \xe9\r\n\r\n\x80\r\n", b"A: =?utf-8?Q?=C3=A9?=\r\n\r\n\x80\r\n"),
    "dots": (b"A: b\r\n\r\n.\r\n..\r\n.x\r\n.\r\n", b"A: b\r\n\r\n.\r\n..\r\n.x\r\n.\r\n"),
    "dot-without-end": (b"A: b\r\n\r\n.", b"A: b\r\n\r\n.\r\n"),
    "long-line": (b"A: b\r\n\r\n" + b"y" * 300000, b"A: b\r\n\r\n" + b"y" * 300000 + b"\r\n"),
}


def test_odd_messages_come_whole_and_are_as_long_as_list_says(
    shared: RunningBridge, maildrop: str
) -> None:
    deliver(shared, maildrop, *(given for given, _ in ODD.values()))
    client = shared.log_in(maildrop)
    # A directory of .eml files is listed in file-name order: 1, 10, 2, ...
    names = sorted(f"{number}.eml" for number in range(1, len(ODD) + 1))
    expected = [list(ODD.values())[int(name.removesuffix(".eml")) - 1][1] for name in names]
    got = [client.retrieve(number) for number in range(1, len(ODD) + 1)]
    assert got == expected
    assert client.octets() == [len(octets) for octets in expected]
    total = sum(map(len, expected))
    assert client.command("STAT") == f"+OK {len(ODD)} {total}".encode()


def large_message(octets: int) -> bytes:
    line = b".leading dot and much else, %09d\r\n"
    return b"Subject: large\r\n\r\n" + b"".join(
        line % number for number in range(octets // len(line % 0))
    )


def test_a_large_message_comes_exactly(shared: RunningBridge, maildrop: str) -> None:
    message = large_message(30 << 20)
    deliver(shared, maildrop, message)
    client = shared.log_in(maildrop)
    assert client.octets() == [len(message)]
    assert client.retrieve(1) == message
    assert client.listing("TOP 1 99999999") == message.splitlines()


def test_a_device_that_does_not_read_holds_up_nobody_and_costs_no_memory(
    shared: RunningBridge, maildrop: str
) -> None:
    message = large_message(30 << 20)
    names = [f"{maildrop}-{number}" for number in range(4)]
    for name in names:
        shared.home.offline.add_maildrop(name, maildrop, "", None)
        shared.home.add_device(name, name)
    shared.home.put("1.eml", message, maildrop)
    shared.home.sync(maildrop)
    before = shared.memory()
    slow = [shared.log_in(name) for name in names[:3]]
    for client in slow:
        client.send(b"RETR 1\r\n")
    assert shared.log_in(names[3]).retrieve(1) == message
    assert shared.memory() - before < len(message)
    assert_ok(slow[0].line())
    assert slow[0].lines_to_end() == message


# ---- unique-ids (RFC 1939 section 7)


def test_unique_ids_outlive_a_restart_and_a_lost_spool(
    home: Home, template: Path, tmp_path: Path
) -> None:
    home.put("1.eml", ONE)
    home.put("2.eml", TWO)
    home.sync()
    seen = []
    for _ in range(2):
        with running(home) as bridge:
            seen.append(bridge.log_in().unique_ids())
    shutil.rmtree(home.state)
    rebuilt = make_home(template, tmp_path, home.loop)
    rebuilt.sync()
    with running(rebuilt) as bridge:
        seen.append(bridge.log_in().unique_ids())
    assert seen[0] == seen[1] == seen[2]
    assert len(set(seen[0])) == 2


# ---- who may come


def test_an_address_not_allowed_is_closed_before_tls(home: Home, start: Start) -> None:
    home.configure([{"name": "pop3s", "allow": ["127.0.0.2/32"]}])
    bridge = start()
    with connect(bridge.ports["pop3s"]) as stranger:
        assert stranger.silence() == b""
    bridge.log.wait_for("address-refused", address="127.0.0.1")
    assert_ok(bridge.connect(source="127.0.0.2").quit())


def test_plaintext_logins_are_taken_from_named_networks_alone(
    shared: RunningBridge, maildrop: str
) -> None:
    stranger = shared.connect("plain")
    assert b"USER" not in stranger.listing("CAPA")
    assert stranger.command(f"USER {maildrop}").startswith(b"-ERR [AUTH]")
    known = shared.connect("plain", source="127.0.0.2")
    assert_ok(known.log_in(maildrop, PASSWORD))


def digest_of(greeting: bytes, password: str = PASSWORD) -> str:
    """Return what APOP answers to a greeting (RFC 1939 section 7)."""
    timestamp = greeting[greeting.index(b"<") :]
    return hashlib.md5(timestamp + password.encode(), usedforsecurity=False).hexdigest()


def test_apop_opens_only_devices_enrolled_for_it_where_a_timestamp_was_shown(
    shared: RunningBridge, maildrop: str
) -> None:
    shared.home.add_device(f"{maildrop}-b", maildrop, apop=True)
    timestamps = set()
    for name, answer in ((f"{maildrop}-b", b"+OK"), (maildrop, b"-ERR [AUTH]")):
        client = shared.open("plain", source="127.0.0.2")
        greeting = assert_ok(client.line())
        timestamps.add(greeting)
        assert client.command(f"APOP {name} {digest_of(greeting)}").startswith(answer)
        client.close()
    assert len(timestamps) == 2
    client = shared.open()
    assert b"<" not in assert_ok(client.line())
    assert client.command(f"APOP {maildrop}-b {'0' * 32}").startswith(b"-ERR")


def test_a_device_is_held_to_its_own_networks(shared: RunningBridge, maildrop: str) -> None:
    shared.home.add_device(f"{maildrop}-b", maildrop, allow=["127.0.0.2/32"])
    stranger = shared.connect()
    assert stranger.log_in(f"{maildrop}-b", PASSWORD).startswith(b"-ERR [AUTH]")
    shared.log_in(f"{maildrop}-b", source="127.0.0.2")


def test_connections_are_capped_per_address_and_in_all(home: Home, start: Start) -> None:
    home.configure(limits={"connections_per_address": 2, "connections": 3})
    bridge = start()
    first, _second = bridge.connect(), bridge.connect()
    assert is_turned_away(bridge, "127.0.0.1")
    third = bridge.connect(source="127.0.0.2")
    assert is_turned_away(bridge, "127.0.0.3")
    first.quit()
    third.quit()
    wait_for_connections(bridge, 1)
    assert_ok(bridge.log_in(source="127.0.0.3").quit())


def test_a_guesser_that_hangs_up_keeps_its_place_until_its_delay_is_over(
    home: Home, start: Start
) -> None:
    """Or guessing would be slowed by nothing: a right password is answered at once."""
    home.configure(limits={"connections_per_address": 2, "failed_login_delay_max": 600.0})
    bridge = start()
    for number in range(1, 9):  # the delay has grown to minutes when these are over
        guesser = bridge.connect(source=f"127.0.1.{number}")
        guesser.send(b"USER nobody\r\nPASS wrong\r\n")
        bridge.log.wait_for("login-failed", number)
    for number in (9, 10):
        guesser = bridge.connect(source="127.0.0.9")
        guesser.send(b"USER nobody\r\nPASS wrong\r\n")
        bridge.log.wait_for("login-failed", number)
        guesser.reset()
    assert is_turned_away(bridge, "127.0.0.9")
    assert_ok(bridge.log_in().quit())


def is_turned_away(bridge: RunningBridge, source: str) -> bool:
    with connect(bridge.ports["pop3s"], source=source) as client:
        return client.silence() == b""


def test_a_silent_stranger_is_shown_out_and_a_logged_in_device_is_not(
    home: Home, start: Start
) -> None:
    home.configure(limits={"login_timeout": 5})
    bridge = start()
    device, stranger = bridge.log_in(), bridge.connect()
    assert stranger.is_over()
    assert bridge.log.wait_for("session-closed")["reason"] == "timed out"
    assert_ok(device.command("NOOP"))
