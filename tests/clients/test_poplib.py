"""Python's poplib, which many small tools and scanners' companions are built on."""

import poplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from bridge.accounts.changes import DeviceOrder
from tests.clients.bridge_for_clients import HOST, PASSWORD, ClientsBridge, Mailbox, as_sent

pytestmark = [pytest.mark.clients, pytest.mark.slow]

TIMEOUT = 30


def trusting(bridge: ClientsBridge) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(bridge.ca))


@contextmanager
def connected(bridge: ClientsBridge) -> Iterator[poplib.POP3_SSL]:
    client = poplib.POP3_SSL(
        HOST, bridge.ports["pop3s"], context=trusting(bridge), timeout=TIMEOUT
    )
    try:
        yield client
    finally:
        client.close()


@contextmanager
def logged_in(bridge: ClientsBridge, mailbox: Mailbox) -> Iterator[poplib.POP3_SSL]:
    with connected(bridge) as client:
        client.user(mailbox.user)
        client.pass_(PASSWORD)
        yield client


def retrieved(client: poplib.POP3, number: int) -> bytes:
    return b"".join(line + b"\r\n" for line in client.retr(number)[1])


def test_every_message_comes_byte_exact_and_as_long_as_list_says(
    bridge: ClientsBridge, mailbox: Mailbox
) -> None:
    with logged_in(bridge, mailbox) as client:
        count, octets = client.stat()
        sizes = [int(line.split()[1]) for line in client.list()[1]]
        messages = [retrieved(client, number + 1) for number in range(count)]
        client.quit()
    assert messages == mailbox.expected
    assert sizes == [len(message) for message in messages]
    assert octets == sum(sizes)


def test_stls_leads_to_the_same_maildrop(bridge: ClientsBridge, mailbox: Mailbox) -> None:
    client = poplib.POP3(HOST, bridge.ports["stls"], timeout=TIMEOUT)
    try:
        assert "USER" not in client.capa()
        client.stls(context=trusting(bridge))
        assert "USER" in client.capa()
        client.user(mailbox.user)
        client.pass_(PASSWORD)
        assert retrieved(client, 2) == mailbox.expected[1]
        client.quit()
    finally:
        client.close()


def test_no_password_is_taken_before_stls(bridge: ClientsBridge, mailbox: Mailbox) -> None:
    client = poplib.POP3(HOST, bridge.ports["stls"], timeout=TIMEOUT)
    try:
        with pytest.raises(poplib.error_proto, match=r"-ERR \[AUTH\].*STLS"):
            client.user(mailbox.user)
    finally:
        client.close()


def test_the_plaintext_listener_takes_a_password_from_the_network_it_names(
    bridge: ClientsBridge, mailbox: Mailbox
) -> None:
    client = poplib.POP3(HOST, bridge.ports["plain"], timeout=TIMEOUT)
    try:
        client.user(mailbox.user)
        client.pass_(PASSWORD)
        assert client.stat()[0] == len(mailbox.expected)
        client.quit()
    finally:
        client.close()


def test_apop_opens_the_maildrop_of_a_device_enrolled_with_it(
    bridge: ClientsBridge, apop_mailbox: Mailbox
) -> None:
    client = poplib.POP3(HOST, bridge.ports["apop"], timeout=TIMEOUT)
    try:
        client.apop(apop_mailbox.user, PASSWORD)
        assert retrieved(client, 1) == apop_mailbox.expected[0]
        client.quit()
    finally:
        client.close()


def test_apop_refuses_a_device_that_was_not_enrolled_with_it(
    bridge: ClientsBridge, mailbox: Mailbox
) -> None:
    client = poplib.POP3(HOST, bridge.ports["apop"], timeout=TIMEOUT)
    try:
        with pytest.raises(poplib.error_proto, match=r"-ERR \[AUTH\]"):
            client.apop(mailbox.user, PASSWORD)
    finally:
        client.close()


def test_apop_needs_a_listener_that_offers_it(
    bridge: ClientsBridge, apop_mailbox: Mailbox
) -> None:
    with connected(bridge) as client, pytest.raises(poplib.error_proto, match="not supported"):
        client.apop(apop_mailbox.user, PASSWORD)


def test_a_wrong_password_is_refused_with_its_response_code(
    bridge: ClientsBridge, mailbox: Mailbox
) -> None:
    with connected(bridge) as client:
        client.user(mailbox.user)
        with pytest.raises(poplib.error_proto, match=r"-ERR \[AUTH\]"):
            client.pass_("not the password")


def test_another_device_is_told_that_the_maildrop_is_in_use(
    bridge: ClientsBridge, mailbox: Mailbox
) -> None:
    neighbour = f"{mailbox.user}-b"
    mailbox.offline.add_device(DeviceOrder(neighbour, mailbox.user), PASSWORD)
    with logged_in(bridge, mailbox) as first, connected(bridge) as second:
        second.user(neighbour)
        with pytest.raises(poplib.error_proto, match=r"-ERR \[IN-USE\]"):
            second.pass_(PASSWORD)
        first.quit()


def test_unique_ids_are_those_of_the_next_session_too(
    bridge: ClientsBridge, mailbox: Mailbox
) -> None:
    with logged_in(bridge, mailbox) as client:
        first = client.uidl()[1]
        assert client.uidl(1) == b"+OK " + first[0]
        client.quit()
    with logged_in(bridge, mailbox) as client:
        assert client.uidl()[1] == first
        client.quit()
    assert len({line.split()[1] for line in first}) == len(mailbox.expected)


def test_top_sends_the_header_and_as_many_lines_as_asked(
    bridge: ClientsBridge, mailbox: Mailbox
) -> None:
    dots = as_sent((mailbox.folder / "04-leading-dots.eml").read_bytes())
    head, _, body = dots.partition(b"\r\n\r\n")
    with logged_in(bridge, mailbox) as client:
        lines = client.top(4, 2)[1]
        whole = client.top(4, 99999999)[1]
        client.quit()
    assert lines == [*head.split(b"\r\n"), b"", *body.split(b"\r\n")[:2]]
    assert b"".join(line + b"\r\n" for line in whole) == dots


def test_what_was_deleted_and_reset_is_there_again(
    bridge: ClientsBridge, mailbox: Mailbox
) -> None:
    with logged_in(bridge, mailbox) as client:
        before = client.stat()
        client.dele(1)
        assert client.stat()[0] == before[0] - 1
        with pytest.raises(poplib.error_proto):
            client.retr(1)
        client.rset()
        assert client.stat() == before
        client.quit()
    assert mailbox.printed == []


def test_what_was_deleted_is_gone_after_quit_and_moved_upstream(
    bridge: ClientsBridge, mailbox: Mailbox
) -> None:
    with logged_in(bridge, mailbox) as client:
        kept = client.uidl()[1][1].split()[1]
        client.dele(1)
        client.dele(3)
        client.quit()
    assert mailbox.printed == ["01-text.eml", "03-fax.eml"]
    with logged_in(bridge, mailbox) as client:
        assert client.uidl()[1][0].split()[1] == kept
        client.quit()


def test_a_connection_that_ends_without_quit_deletes_nothing(
    bridge: ClientsBridge, mailbox: Mailbox
) -> None:
    with logged_in(bridge, mailbox) as client:
        count = client.stat()[0]
        client.dele(1)
    with logged_in(bridge, mailbox) as client:
        assert client.stat()[0] == count
        client.quit()
    assert mailbox.printed == []


RAW = "From: a@example.org\r\nSubject: Müll\r\n\r\n.text\r\n".encode()


def test_who_says_utf8_gets_headers_as_they_came_and_others_in_ascii(
    bridge: ClientsBridge,
) -> None:
    """RFC 6856 section 2.1."""
    mailbox = bridge.mailbox({"raw.eml": RAW})
    with connected(bridge) as client:
        assert client.capa()["UTF8"] == []
        client.utf8()
        client.user(mailbox.user)
        client.pass_(PASSWORD)
        assert client.stat() == (1, len(RAW))
        assert client.list(1).split()[-1] == b"%d" % len(RAW)
        assert retrieved(client, 1) == RAW
        assert "UTF8" not in client.capa()
        with pytest.raises(poplib.error_proto):
            client.utf8()
        client.quit()
    with logged_in(bridge, mailbox) as client:
        plain = RAW.replace("Müll".encode(), b"=?utf-8?Q?M=C3=BCll?=")
        assert client.stat() == (1, len(plain))
        assert retrieved(client, 1) == plain
        client.quit()
