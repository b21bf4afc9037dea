"""A visit is a whole login, and says what was heard where it was not."""

import asyncio
import ipaddress
import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from bridge.accounts.probe import ProbeLogin
from bridge.app.health.selflogin import Door, Turned, own_addresses, visit
from bridge.config import ListenerConfig
from tests.unit.app.doors import here, house

LOGIN = ProbeLogin()


@pytest.mark.parametrize(
    ("bind", "allow", "addresses"),
    [
        ("192.0.2.7", "10.0.0.0/8", ["192.0.2.7"]),
        ("2001:db8::7", "::/0", ["2001:db8::7"]),
        ("0.0.0.0", "127.0.0.0/8", ["127.0.0.1", "127.0.0.1"]),  # noqa: S104 - nothing listens
        ("0.0.0.0", "fe80::/10", ["127.0.0.1"]),  # noqa: S104 - nothing listens
        ("0.0.0.0", "255.255.255.255/32", ["127.0.0.1"]),  # noqa: S104 - nothing listens
        ("::", "::1/128", ["::1", "::1"]),
    ],
)
def test_a_listener_is_reached_at_its_own_address_or_one_of_the_machines(
    bind: str, allow: str, addresses: list[str]
) -> None:
    listener = ListenerConfig(bind=bind, allow=(ipaddress.ip_network(allow),))
    assert list(own_addresses(listener)) == addresses


async def said_to(answers: Sequence[str]) -> list[str]:
    """Visit a server that greets and answers so, and then hangs up; return what it was told."""
    heard: list[str] = []
    over = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for number, line in enumerate(answers, 1):
            writer.write(line.encode() + b"\r\n")
            if number < len(answers):
                heard.append((await reader.readline()).decode().strip())
        writer.close()
        over.set()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server, asyncio.timeout(20):
        port = server.sockets[0].getsockname()[1]
        try:
            await visit(Door("plain", "127.0.0.1", port, "none"), LOGIN)
        finally:
            await over.wait()
    return heard


async def test_a_visit_logs_in_asks_and_leaves_as_a_device_does() -> None:
    said = await said_to(["+OK hello", "+OK", "+OK", "+OK 0 0", "+OK bye"])
    assert [line.split(" ")[0] for line in said] == ["USER", "PASS", "STAT", "QUIT"]
    assert said[:2] == ["USER .health", f"PASS {LOGIN.password}"]


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        ([], "the connection ended before the greeting"),
        (["-ERR no"], "the greeting was -ERR no"),
        (["+OK"], "the connection ended before the answer to USER"),
        (["+OK", "+OK", "-ERR [AUTH] no"], "the answer to PASS was -ERR [AUTH] no"),
        (["+OK", "+OK", "+OK", "nonsense"], "the answer to STAT was nonsense"),
        (["+OK" + 99_999 * "x"], "the greeting has no end"),
    ],
)
async def test_what_is_not_as_it_should_be_is_told(answers: list[str], why: str) -> None:
    with pytest.raises(Turned, match=f"^{re.escape(why)}$"):
        await said_to(answers)


@pytest.mark.parametrize("tls", ["implicit", "starttls"])
async def test_a_visit_over_tls_brings_back_the_certificate(
    tmp_path: Path, certificates: Path, tls: str
) -> None:
    async with house(tmp_path, certificates, here(tls=tls)) as made:
        made.directory.admit(LOGIN)
        door = Door("door", "127.0.0.1", made.listeners[0].port, made.listeners[0].config.tls)
        served = await visit(door, LOGIN)
    assert served is not None
    assert served.startswith(b"\x30\x82")  # DER (X.690): a sequence


async def test_a_login_that_the_door_does_not_know_is_told_without_its_password(
    tmp_path: Path, certificates: Path
) -> None:
    async with house(tmp_path, certificates, here()) as made:
        door = Door("door", "127.0.0.1", made.listeners[0].port, "implicit")
        with pytest.raises(Turned, match=r"^the answer to PASS was -ERR \[AUTH\]") as raised:
            await visit(door, LOGIN)
    assert LOGIN.password not in str(raised.value)
