"""A long answer goes on until there is no more, or until who asked for it has left."""

import asyncio
import socket
import threading
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path

import attrs
import pytest

from bridge import logs
from bridge.control import Control, Values, control_path, follow
from bridge.errors import OwnerError, RegisterError, StateError
from tests.unit.connected import BRIEF

PATIENCE = 20.0


@attrs.define
class Streams:
    """What may be followed, and which of it has come to its end."""

    ended: asyncio.Event = attrs.field(factory=asyncio.Event)
    begun: asyncio.Event = attrs.field(factory=asyncio.Event)

    async def count(self, request: Values) -> AsyncGenerator[Values, None]:
        for number in range(int(request["to"])):
            yield {"number": number}

    async def refuse(self, _request: Values) -> AsyncGenerator[Values, None]:
        raise RegisterError("There is no such device.")
        yield {}

    async def break_down(self, _request: Values) -> AsyncGenerator[Values, None]:
        yield {"number": 0}
        raise OSError("secret detail")

    async def wait(self, _request: Values) -> AsyncGenerator[Values, None]:
        try:
            yield {"number": 0}
            self.begun.set()
            await asyncio.Event().wait()
        finally:
            self.ended.set()

    async def flood(self, _request: Values) -> AsyncGenerator[Values, None]:
        try:
            while True:
                yield {"text": "x" * 1000}
                self.begun.set()
        finally:
            self.ended.set()


@pytest.fixture
async def streams(tmp_path: Path) -> AsyncIterator[Streams]:
    made = Streams()
    table = {
        "count": made.count,
        "refuse": made.refuse,
        "break": made.break_down,
        "wait": made.wait,
        "flood": made.flood,
    }
    control = Control(control_path(tmp_path), {}, logs.get("control"), table)
    opened = asyncio.Event()
    async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as group:
        serving = group.create_task(control.serve(opened))
        await opened.wait()
        yield made
        serving.cancel()


async def followed(state_dir: Path, verb: str, **values: object) -> list[Values]:
    def read() -> list[Values]:
        lines = follow(state_dir, verb, PATIENCE, **values)
        assert lines is not None
        return list(lines)

    return await asyncio.to_thread(read)


@pytest.mark.usefixtures("streams")
@pytest.mark.parametrize("count", [0, 1, 3, 5000])
async def test_all_lines_come_and_then_it_ends(tmp_path: Path, count: int) -> None:
    lines = await followed(tmp_path, "count", to=count)
    assert lines == [{"number": number} for number in range(count)]


@pytest.mark.usefixtures("streams")
async def test_a_refusal_reaches_the_owner_in_its_own_words(tmp_path: Path) -> None:
    with pytest.raises(OwnerError, match=r"^There is no such device\.$"):
        await followed(tmp_path, "refuse")


@pytest.mark.usefixtures("streams")
async def test_a_fault_on_the_way_is_told_without_its_details(tmp_path: Path) -> None:
    with pytest.raises(OwnerError, match="OSError; see its log") as raised:
        await followed(tmp_path, "break")
    assert "secret detail" not in str(raised.value)


@pytest.mark.usefixtures("streams")
async def test_what_an_older_bridge_does_not_know_is_said(tmp_path: Path) -> None:
    with pytest.raises(OwnerError, match="does not know this request"):
        await followed(tmp_path, "unheard-of")


def test_where_no_bridge_runs_there_is_nothing_to_follow(tmp_path: Path) -> None:
    assert follow(tmp_path, "count", PATIENCE) is None


@pytest.mark.parametrize("verb", ["wait", "flood"])
async def test_it_ends_when_who_asked_for_it_has_left(
    tmp_path: Path, streams: Streams, verb: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Though nothing more is to be said, or though it waits for the reader just then."""
    _, writer = await asyncio.open_unix_connection(str(control_path(tmp_path)), limit=1)
    writer.write(b'{"verb": "%s"}\n' % verb.encode())
    await streams.begun.wait()
    writer.transport.abort()
    await streams.ended.wait()
    assert caplog.records == []


async def test_it_ends_when_who_asked_for_it_takes_nothing_any_more(
    tmp_path: Path, streams: Streams, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a suspended terminal does, whose line would be occupied for ever."""
    monkeypatch.setattr("bridge.control.STALLED_SECONDS", BRIEF)
    monkeypatch.setattr("bridge.control.FAREWELL_SECONDS", BRIEF)
    with socket.socket(socket.AF_UNIX) as stalling:
        stalling.connect(str(control_path(tmp_path)))
        stalling.sendall(b'{"verb": "flood"}\n')
        await streams.ended.wait()


def test_a_reader_that_stalls_does_not_hold_up_the_end(tmp_path: Path) -> None:
    """The end of the loop waits for every task, this reader's too."""
    over = threading.Event()

    async def serve_a_stalling_reader(stalling: socket.socket) -> None:
        made = Streams()
        control = Control(
            control_path(tmp_path), {}, logs.get("control"), {"flood": made.flood}
        )
        opened = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            serving = group.create_task(control.serve(opened))
            await opened.wait()
            stalling.connect(str(control_path(tmp_path)))
            stalling.sendall(b'{"verb": "flood"}\n')
            await made.begun.wait()
            serving.cancel()

    def run() -> None:
        with socket.socket(socket.AF_UNIX) as stalling:
            asyncio.run(serve_a_stalling_reader(stalling))
            over.set()

    threading.Thread(target=run, daemon=True).start()
    assert over.wait(PATIENCE)


async def test_an_answer_that_is_no_json_is_an_error(tmp_path: Path) -> None:
    async def give(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b'{"number": 0}\n{"half')
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_unix_server(give, control_path(tmp_path))
    async with server:
        with pytest.raises(StateError, match="gave no answer"):
            await followed(tmp_path, "count")


def test_a_bridge_that_says_nothing_is_not_waited_for_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.control.ANSWER_SECONDS", 0.01)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(control_path(tmp_path)))
        listening.listen()
        lines = follow(tmp_path, "count", 0.01)
        assert lines is not None
        with pytest.raises(StateError, match="gave no answer"):
            next(lines)
