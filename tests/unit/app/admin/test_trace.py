"""Who asks for a trace is told what is wrong with that, or is given what a device's sessions say."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from ipaddress import ip_network
from pathlib import Path

import attrs
import pytest

from bridge.app.admin.trace import MINUTES_MAX, TraceDesk
from bridge.control import Values
from bridge.errors import OwnerError, RegisterError
from bridge.pop3 import replies
from bridge.vault.passwords import hash_password
from tests.contract.storage_harness import PANEL, body, deliver, device, fill
from tests.unit.app.doors import House, here, house

PASSWORD = "secret"
PLAIN = here(tls="none", plaintext_from=(ip_network("127.0.0.1/32"),))


@pytest.fixture
async def made(tmp_path: Path, certificates: Path) -> AsyncIterator[House]:
    async with asyncio.timeout(20), house(tmp_path, certificates, PLAIN) as made:
        await fill(made.storage)
        panel = attrs.evolve(device(), password=hash_password(PASSWORD))
        await made.storage.register.add_device(panel)
        await made.directory.load()
        yield made


@pytest.fixture
def desk(made: House) -> TraceDesk:
    return TraceDesk(made.tracing, made.directory)


async def first(desk: TraceDesk, device: object, minutes: object) -> Values:
    async with aclosing(desk.follow({"device": device, "minutes": minutes})) as lines:
        return await anext(lines)


async def test_it_begins_with_what_is_traced(desk: TraceDesk, made: House) -> None:
    assert await first(desk, PANEL, 2) == {"kind": "begin", "device": PANEL, "minutes": 2}
    assert not made.tracing.on


@pytest.mark.parametrize("name", ["nobody", ".health", "", "PANEL"])
async def test_a_device_that_is_none_is_refused(desk: TraceDesk, name: str) -> None:
    with pytest.raises(RegisterError, match="There is no device"):
        await first(desk, name, 1)


@pytest.mark.parametrize("minutes", [0, -1, MINUTES_MAX + 1, float("inf"), float("nan")])
async def test_a_time_that_is_none_is_refused(desk: TraceDesk, minutes: float) -> None:
    with pytest.raises(OwnerError, match="up to 120 minutes"):
        await first(desk, PANEL, minutes)


async def test_a_listing_that_goes_out_in_pieces_is_told_whole(
    desk: TraceDesk, made: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replies, "LINES_PER_CHUNK", 2)
    for name in "abcde":
        await deliver(made.storage, name)
    port = made.listeners[0].port
    async with aclosing(desk.follow({"device": PANEL, "minutes": 1})) as lines:
        await anext(lines)
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"USER panel\r\nPASS %s\r\nLIST\r\nQUIT\r\n" % PASSWORD.encode())
        told = [await anext(lines)]
        while not told[-1]["text"].startswith("closed"):
            told.append(await anext(lines))
        writer.close()
    texts = [line["text"] for line in told]
    start = texts.index("LIST") + 2
    octets = len(body("a"))
    assert texts[start : start + 6] == [*(f"{n} {octets}" for n in range(1, 6)), "."]
