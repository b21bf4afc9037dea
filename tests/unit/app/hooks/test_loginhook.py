"""A neighbour hears of every login, and whatever it does, no login waits and nothing is flooded."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from bridge import logs
from bridge.app.hooks import loginhook
from bridge.app.hooks.loginhook import AT_ONCE, COMPLAINT_SECONDS, WAITING_LOGINS, LoginHook
from bridge.config import LoginHookConfig
from bridge.names import PROBE, DeviceName
from bridge.storage.sightings import Login
from tests.fakes.clock import FakeClock

LOGIN = Login(DeviceName("fax"), "192.168.1.20", "pop3s", "TLSv1.3", "TLS_AES_256_GCM_SHA384")


def hook(clock: FakeClock | None = None, **config: Any) -> LoginHook:  # noqa: ANN401 - settings
    return LoginHook(LoginHookConfig(**config), clock or FakeClock(), logs.get("login-hook"))


@asynccontextmanager
async def running(place: LoginHook) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(place.run())
        try:
            yield
        finally:
            task.cancel()


class Neighbour:
    """What listens on a Unix socket and writes down what it is told."""

    def __init__(self, folder: Path) -> None:
        self.path = str(folder / "logins")
        self.told: asyncio.Queue[bytes] = asyncio.Queue()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        async with await asyncio.start_unix_server(self._hear, self.path):
            yield

    async def _hear(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.told.put_nowait(await reader.read())
        writer.close()


def complaints(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    assert {record.msg for record in caplog.records} <= {"login-hook-failed"}
    return [vars(record)["event_fields"] for record in caplog.records]


async def test_a_socket_gets_each_login_as_a_line_of_json(tmp_path: Path) -> None:
    neighbour = Neighbour(tmp_path)
    place = hook(FakeClock(1_700_000_000.1234), socket=neighbour.path)
    async with neighbour.listening(), running(place):
        place.tell(LOGIN)
        line = await neighbour.told.get()
        assert line.endswith(b"}\n")
        assert json.loads(line) == {
            "device": "fax",
            "address": "192.168.1.20",
            "listener": "pop3s",
            "tls": "TLSv1.3",
            "cipher": "TLS_AES_256_GCM_SHA384",
            "time": 1_700_000_000.123,
        }
        place.tell(LOGIN)
        assert json.loads(await neighbour.told.get())["device"] == "fax"


async def test_an_address_is_told_as_a_mail_relay_knows_it(tmp_path: Path) -> None:
    """On a listener of :: IPv4 peers come mapped (RFC 4291 section 2.5.5.2)."""
    neighbour = Neighbour(tmp_path)
    place = hook(socket=neighbour.path)
    async with neighbour.listening(), running(place):
        place.tell(Login(LOGIN.device, "::ffff:192.168.1.20", "pop3s", "", ""))
        assert json.loads(await neighbour.told.get())["address"] == "192.168.1.20"


async def test_a_program_gets_it_on_standard_input_and_in_its_environment(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    program, said = tmp_path / "open-for", tmp_path / "said"
    body = f'cat > {tmp_path}/json; echo "$POPBRIDGE_ADDRESS $POPBRIDGE_TIME $1" > {said}'
    program.write_text(f"#!/bin/sh\n{body}\n", "utf-8")
    program.chmod(0o700)
    place = hook(FakeClock(12.0), command=(str(program), "an argument"))
    async with running(place):
        place.tell(LOGIN)
        await place.settled()
    assert said.read_text("utf-8") == "192.168.1.20 12.0 an argument\n"
    assert json.loads((tmp_path / "json").read_bytes())["listener"] == "pop3s"
    assert complaints(caplog) == []


async def test_the_bridges_own_login_is_not_told(tmp_path: Path) -> None:
    neighbour = Neighbour(tmp_path)
    place = hook(socket=neighbour.path)
    async with neighbour.listening(), running(place):
        place.tell(Login(PROBE, "127.0.0.1", "pop3s", "", ""))
        place.tell(LOGIN)
        assert json.loads(await neighbour.told.get())["device"] == "fax"


async def test_only_a_few_programs_run_at_once(tmp_path: Path) -> None:
    """Each makes a file for its time, and counts those that are there."""
    here, counts = tmp_path / "here", tmp_path / "counts"
    here.mkdir()
    body = f"touch {here}/$$; ls {here} | wc -l >> {counts}; sleep 0.2; rm {here}/$$"
    place = hook(command=("/bin/sh", "-c", body))
    async with running(place):
        for _ in range(AT_ONCE + 3):
            place.tell(LOGIN)
        await place.settled()
    found = [int(line) for line in counts.read_text("utf-8").split()]
    assert len(found) == AT_ONCE + 3
    assert max(found) <= AT_ONCE


async def test_a_neighbour_that_is_gone_is_said_once_a_minute_with_how_many_were_lost(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock = FakeClock()
    place = hook(clock, socket=str(tmp_path / "nobody"))

    async def fail(times: int) -> None:
        for _ in range(times):
            place.tell(LOGIN)
        await place.settled()

    async with running(place):
        await fail(5)
        clock.advance(COMPLAINT_SECONDS - 1)
        await fail(2)
        assert len(complaints(caplog)) == 1
        clock.advance(1)
        await fail(1)
    first, second = complaints(caplog)
    assert first["why"] == "the socket takes nothing: No such file or directory"
    assert (first["device"], first["unsaid"], second["unsaid"]) == ("fax", 0, 6)


async def test_a_program_that_fails_is_told_with_what_it_says(
    caplog: pytest.LogCaptureFixture,
) -> None:
    place = hook(command=("/bin/sh", "-c", "echo no relay >&2; exit 4"))
    async with running(place):
        place.tell(LOGIN)
        await place.settled()
    [one] = complaints(caplog)
    assert one["why"] == "it ended with exit code 4: no relay"


async def test_what_takes_too_long_is_given_up(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loginhook, "TOLD_SECONDS", 0.1)
    place = hook(command=("/bin/sleep", "600"))
    async with running(place):
        place.tell(LOGIN)
        await place.settled()
    [one] = complaints(caplog)
    assert "was killed" in one["why"]


async def test_a_fault_is_a_complaint_and_the_next_login_is_told(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = FakeClock()
    monkeypatch.setattr(loginhook, "run_program", None)
    place = hook(clock, command=("/bin/true",))
    async with running(place):
        for _ in range(AT_ONCE + 1):
            place.tell(LOGIN)
            clock.advance(COMPLAINT_SECONDS)
            await place.settled()
    assert [one["why"] for one in complaints(caplog)] == ["TypeError"] * (AT_ONCE + 1)


async def test_what_comes_too_fast_is_dropped_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody runs it here, so that nothing is taken out."""
    place = hook(socket=str(tmp_path / "nobody"))
    for _ in range(WAITING_LOGINS + 3):
        place.tell(LOGIN)
    [one] = complaints(caplog)
    assert one["why"] == "too many logins wait for it"


async def test_without_a_neighbour_nothing_waits() -> None:
    place = hook()
    place.tell(LOGIN)
    await place.settled()  # nobody runs it: this would not return
