"""What a device took is written down however its session ends, once, and soon where it does not end."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import attrs
import pytest

from bridge import logs
from bridge.accounts.directory import Directory
from bridge.clock import SystemClock
from bridge.names import ConnectionId, SpoolId
from bridge.pop3.events import MachineLimits
from bridge.session import takings
from bridge.session.services import Peer, Services, SessionLimits
from bridge.session.session import Session
from bridge.session.takings import HELD_SECONDS, Takings
from bridge.session.tracing import Tracing
from bridge.storage.lives import LifeEvent, Note
from bridge.storage.locks import MemoryLocks
from bridge.vault.seal import SecretSeal
from tests.contract.storage_harness import KEY, PANEL, SqliteUnderTest, deliver, fill
from tests.fakes.clock import FakeClock
from tests.faults.device import DEVICE, PASSWORD, TERMS, PlainVerifier
from tests.unit.connected import BRIEF, SOON, Pair, Turn, connected


@pytest.fixture
async def storage(tmp_path: Path) -> AsyncIterator[SqliteUnderTest]:
    storage = SqliteUnderTest(tmp_path)
    await fill(storage)
    await storage.register.add_device(DEVICE)
    yield storage
    storage.close()


def takings_of(storage: SqliteUnderTest, clock: FakeClock | None = None) -> Takings:
    return Takings(storage.spool, clock or FakeClock(), logs.get("spool"))


def note(spool_id: SpoolId, connection: str = "c1") -> Note:
    return Note(spool_id, LifeEvent.SENT, 7.0, PANEL, "192.0.2.7", connection=connection)


async def written(storage: SqliteUnderTest) -> list[tuple[object, ...]]:
    """Return which messages were taken, in which connection, how often."""
    return await storage.run_sql(
        "SELECT message, connection, times FROM message_event WHERE event = 'sent' ORDER BY 1"
    )


# ---- while sessions go on


async def test_what_all_sessions_took_is_written_once_it_was_held_for_a_while(
    storage: SqliteUnderTest,
) -> None:
    first, second = await deliver(storage, "a"), await deliver(storage, "b")

    @attrs.define
    class Eventful(FakeClock):
        """Has another device take something while the writer sleeps."""

        async def sleep(self, seconds: float) -> None:
            assert seconds == HELD_SECONDS
            assert await written(storage) == []
            held.hold(note(second, "c2"))

    held = takings_of(storage, Eventful())
    held.hold(note(first))
    async with asyncio.timeout(SOON), asyncio.TaskGroup() as group:
        writer = group.create_task(held.run())
        while not await written(storage):
            await Turn()
        writer.cancel()
    storage.crash()
    assert await written(storage) == [(first, "c1", 1), (second, "c2", 1)]
    assert await held.take("c1") == ()


async def test_what_a_session_takes_back_to_write_is_not_written_twice(
    storage: SqliteUnderTest,
) -> None:
    spool_id = await deliver(storage, "a")
    held = takings_of(storage)
    held.hold(note(spool_id), note(spool_id, "c2"))
    notes, _ = await asyncio.gather(held.take("c1"), held.write())
    await storage.spool.note(notes)
    assert await written(storage) == [(spool_id, "c1", 2)]
    held.hold(note(spool_id))
    _, notes = await asyncio.gather(held.write(), held.take("c1"))
    assert notes == ()
    assert await written(storage) == [(spool_id, "c1", 3)]


async def test_what_cannot_be_written_goes_on_being_held_and_is_told_of_once(
    storage: SqliteUnderTest, caplog: pytest.LogCaptureFixture
) -> None:
    spool_id = await deliver(storage, "a")
    held = takings_of(storage)
    held.hold(note(spool_id))
    await storage.refuse_writes()
    await held.write()
    await held.write()
    assert [one.msg for one in caplog.records] == ["takings-not-written"]
    await storage.database.read(lambda db: db.execute("PRAGMA query_only = OFF").fetchall())
    await held.write()
    assert await written(storage) == [(spool_id, "c1", 1)]


async def test_no_more_is_held_than_memory_is_meant_for(
    storage: SqliteUnderTest, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(takings, "MOST_HELD", 2)
    held = takings_of(storage)
    one = note(SpoolId(1))
    held.hold(one)
    held.hold(one, one)
    assert len(await held.take("c1")) == 2
    assert [record.msg for record in caplog.records] == ["takings-forgotten"]


# ---- however a session ends


class Visit:
    """A device that has taken one message, in a session that is still open."""

    def __init__(self, pair: Pair, serving: asyncio.Task[None]) -> None:
        self.pair = pair
        self.serving = serving

    async def ask(self, line: str, end: bytes = b"\r\n") -> bytes:
        await self.pair.say(line.encode() + b"\r\n")
        return await self.hear(end)

    async def hear(self, end: bytes = b"\r\n") -> bytes:
        heard = b""
        while not heard.endswith(end):
            heard += await self.pair.hear()
        return heard


async def visit(storage: SqliteUnderTest, ending: Callable[[Visit], Awaitable[object]]) -> None:
    """Take a message in a session that ends as `ending` has it end."""
    clock = SystemClock()
    directory = Directory(storage.register, PlainVerifier(), SecretSeal(KEY), clock, 0.0)
    await directory.load()
    services = Services(
        storage.spool,
        MemoryLocks(0.0),
        directory,
        clock,
        lambda _account: None,
        MachineLimits(),
        SessionLimits(20.0, 10 * BRIEF, 20.0),
        Tracing(directory.device_of, directory.may_be_shown, clock),
    )
    async with connected() as pair, asyncio.TaskGroup() as group:
        peer = Peer(ConnectionId("c1"), "127.0.0.1", TERMS)
        session = Session(pair.ours, peer, services, logs.get("listener"))
        one = Visit(pair, group.create_task(session.serve()))
        await one.hear()
        await one.ask(f"USER {PANEL}")
        await one.ask(f"PASS {PASSWORD}")
        await one.ask("RETR 1", b"\r\n.\r\n")
        await ending(one)
        await asyncio.wait([one.serving])


async def quits(one: Visit) -> None:
    await one.ask("QUIT")


async def deletes_and_quits(one: Visit) -> None:
    await one.ask("DELE 1")
    await one.ask("QUIT")


async def hangs_up(one: Visit) -> None:
    one.pair.theirs.close()


async def says_nothing_any_more(one: Visit) -> None:
    """Wait for the autologout (RFC 1939 section 3)."""
    await one.pair.hear_all()


async def is_stopped(one: Visit) -> None:
    one.serving.cancel()


@pytest.mark.parametrize(
    "ending", [quits, deletes_and_quits, hangs_up, says_nothing_any_more, is_stopped]
)
async def test_however_a_session_ends_what_it_took_is_written_down_once(
    storage: SqliteUnderTest, ending: Callable[[Visit], Awaitable[object]]
) -> None:
    spool_id = await deliver(storage, "a")
    await visit(storage, ending)
    storage.crash()
    assert await written(storage) == [(spool_id, "c1", 1)]
