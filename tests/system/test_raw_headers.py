"""A message with UTF-8 in its headers, two devices: one says UTF8, one does not; each gets exact octets."""

import pytest

from tests.system.pop_client import PopClient, assert_ok
from tests.system.running_bridge import PASSWORD, RunningBridge

pytestmark = pytest.mark.slow

RAW = (
    "From: Jörg Müller <jörg@bücher.example>\r\n"
    "To: printer@example.org\r\n"
    "Subject: Prüfbericht für März\r\n"
    "MIME-Version: 1.0\r\n"
    "Content-Type: multipart/mixed; boundary=b\r\n\r\n"
    "--b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    ".Größe\r\n"
    "--b\r\nContent-Type: application/pdf\r\nContent-Description: Prüfung\r\n\r\n%PDF-\r\n--b--\r\n"
).encode()
ASCII = (
    "From: =?utf-8?Q?J=C3=B6rg_M=C3=BCller?= <unreadable@address.invalid>\r\n"
    "To: printer@example.org\r\n"
    "Subject: =?utf-8?B?UHLDvGZiZXJpY2h0IGbDvHIgTcOkcno=?=\r\n"
    "MIME-Version: 1.0\r\n"
    "Content-Type: multipart/mixed; boundary=b\r\n\r\n"
    "--b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    ".Größe\r\n"
    "--b\r\nContent-Type: application/pdf\r\nContent-Description: =?utf-8?Q?Pr=C3=BCfung?=\r\n\r\n"
    "%PDF-\r\n--b--\r\n"
).encode()
PLAIN = "Subject: plain\r\n\r\nGröße\r\n".encode()


def everything(client: PopClient) -> list[bytes]:
    """Return all messages, whose octets are those that STAT, LIST, RETR and TOP say."""
    sizes = client.octets()
    messages = [client.retrieve(number) for number in range(1, len(sizes) + 1)]
    assert [len(one) for one in messages] == sizes
    assert client.command("STAT") == b"+OK %d %d" % (len(sizes), sum(sizes))
    for number, message in enumerate(messages, 1):
        assert client.command(f"RETR {number}") == b"+OK %d octets" % len(message)
        assert client.lines_to_end() == message
        assert_ok(client.command(f"TOP {number} 9999"))
        assert client.lines_to_end() == message
    return messages


def in_utf8(bridge: RunningBridge, user: str) -> PopClient:
    client = bridge.connect()
    assert "UTF8" in [line.decode() for line in client.listing("CAPA")]
    assert_ok(client.command("UTF8"))
    assert_ok(client.log_in(user, PASSWORD))
    return client


def test_who_says_utf8_gets_what_came_and_who_does_not_gets_ascii(
    shared: RunningBridge, maildrop: str
) -> None:
    """RFC 6856 section 2.1."""
    shared.home.put("1.eml", RAW, maildrop)
    shared.home.put("2.eml", PLAIN, maildrop)
    assert shared.home.sync(maildrop)["delivered"] == 2
    other = f"{maildrop}-b"
    shared.home.add_device(other, maildrop)
    plain = shared.log_in(maildrop)
    assert everything(plain) == [ASCII, PLAIN]
    ids = plain.unique_ids()
    assert_ok(plain.quit())
    asking = in_utf8(shared, other)
    assert everything(asking) == [RAW, PLAIN]
    assert asking.unique_ids() == ids
    assert_ok(asking.command("DELE 1"))
    assert_ok(asking.quit())
    again = shared.log_in(maildrop)
    assert everything(again) == [PLAIN]
    assert again.unique_ids() == ids[1:]
    assert_ok(again.quit())


def test_a_damaged_original_is_refused_and_fetched_again(
    shared: RunningBridge, maildrop: str
) -> None:
    shared.home.put("1.eml", RAW, maildrop)
    assert shared.home.sync(maildrop)["delivered"] == 1
    asking = in_utf8(shared, maildrop)
    ids = asking.unique_ids()
    newest = max((shared.home.state / "bodies").glob("*.original"), key=lambda p: int(p.stem))
    newest.write_bytes(newest.read_bytes()[:-1])
    assert asking.command("RETR 1").startswith(b"-ERR [SYS/PERM]")
    assert_ok(asking.quit())
    shared.log.wait_for("session-closed", maildrop=maildrop)
    shared.home.sync(maildrop)
    asking = in_utf8(shared, maildrop)
    assert everything(asking) == [RAW]
    assert asking.unique_ids() == ids
    assert_ok(asking.quit())
