"""A session's notes say what a device took, what it marked in vain, and what it was told of."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge import logs
from bridge.errors import SpoolUnavailable
from bridge.maildrop import Listing, Maildrop
from bridge.names import PROBE, ConnectionId, DeviceName, MessageNumber, SpoolId
from bridge.session.log import SessionLog
from bridge.session.takings import Takings
from bridge.storage.holding import Holder
from tests.contract.storage_harness import PANEL, PRINTER, SqliteUnderTest, deliver, fill
from tests.fakes.clock import FakeClock
from tests.unit.connected import connected

BY = Holder(PANEL, "192.0.2.7")


@pytest.fixture
async def storage(tmp_path: Path) -> Iterator[SqliteUnderTest]:
    storage = SqliteUnderTest(tmp_path)
    await fill(storage)
    yield storage
    storage.close()


@pytest.fixture
def session(storage: SqliteUnderTest) -> SessionLog:
    clock, log = FakeClock(), logs.get("listener")
    takings = Takings(storage.spool, clock, log)
    return SessionLog(ConnectionId("c1"), BY.address, clock, log, takings)


async def begin(session: SessionLog, storage: SqliteUnderTest) -> Maildrop:
    return session.begin(BY, PRINTER, await storage.spool.listing(PRINTER))


async def noted(storage: SqliteUnderTest, spool_id: SpoolId) -> dict[str, str]:
    rows = await storage.run_sql(
        "SELECT event, detail FROM message_event WHERE message = ? AND device = ?",
        [spool_id, PANEL],
    )
    return {str(event): str(detail) for event, detail in rows}


async def test_what_was_listed_and_sent_is_noted(
    session: SessionLog, storage: SqliteUnderTest
) -> None:
    first, second = await deliver(storage, "a"), await deliver(storage, "b")
    await begin(session, storage)
    session.note_sent(first, 10)
    await session.write_notes(storage.spool)
    assert await noted(storage, first) == {"listed": "", "sent": ""}
    assert await noted(storage, second) == {"listed": ""}
    assert (session.retrieved, session.octets) == (1, 10)


async def test_what_was_sent_is_noted_with_its_size_and_the_connection(
    session: SessionLog, storage: SqliteUnderTest
) -> None:
    spool_id = await deliver(storage, "a")
    await begin(session, storage)
    session.note_sent(spool_id, 10)
    await session.write_notes(storage.spool)
    rows = "SELECT octets, connection FROM message_event WHERE event = 'sent'"
    assert await storage.run_sql(rows) == [(10, "c1")]


async def test_what_quit_has_written_down_is_not_written_again(
    session: SessionLog, storage: SqliteUnderTest
) -> None:
    spool_id = await deliver(storage, "a")
    await begin(session, storage)
    session.note_sent(spool_id, 10)
    async with session.taken() as notes:
        await storage.spool.expunge(PRINTER, [spool_id], BY, notes)
    session.note_deleted(1)
    await session.write_notes(storage.spool)
    rows = "SELECT times FROM message_event WHERE event = 'sent'"
    assert await storage.run_sql(rows) == [(1,)]


async def test_what_quit_could_not_write_down_is_written_at_the_end(
    session: SessionLog, storage: SqliteUnderTest
) -> None:
    spool_id = await deliver(storage, "a")
    await begin(session, storage)
    session.note_sent(spool_id, 10)
    with pytest.raises(SpoolUnavailable):
        async with session.taken() as notes:
            await storage.spool.expunge(PRINTER, [spool_id, SpoolId(99)], BY, notes)
    await session.write_notes(storage.spool)
    rows = "SELECT times FROM message_event WHERE event = 'sent'"
    assert await storage.run_sql(rows) == [(1,)]


async def test_what_was_marked_in_vain_is_noted_with_the_reason(
    session: SessionLog, storage: SqliteUnderTest
) -> None:
    spool_id = await deliver(storage, "a")
    drop = await begin(session, storage)
    drop.mark(MessageNumber(1))
    session.reason = "lost"
    await session.write_notes(storage.spool)
    marked = (await noted(storage, spool_id))["marked"]
    assert marked == "not deleted: the session ended without QUIT (lost)"


async def test_what_quit_deleted_was_not_marked_in_vain(
    session: SessionLog, storage: SqliteUnderTest
) -> None:
    spool_id = await deliver(storage, "a")
    drop = await begin(session, storage)
    drop.mark(MessageNumber(1))
    await storage.spool.expunge(PRINTER, drop.marked(), BY)
    session.note_deleted(1)
    await session.write_notes(storage.spool)
    assert set(await noted(storage, spool_id)) == {"listed", "expunged"}


async def test_a_session_that_never_logged_in_notes_nothing(
    session: SessionLog, storage: SqliteUnderTest
) -> None:
    await storage.refuse_everything()
    await session.write_notes(storage.spool)


async def test_a_spool_that_takes_no_notes_does_no_harm(
    session: SessionLog, storage: SqliteUnderTest, caplog: pytest.LogCaptureFixture
) -> None:
    await deliver(storage, "a")
    await begin(session, storage)
    await storage.refuse_writes()
    await session.write_notes(storage.spool)
    assert [one.msg for one in caplog.records] == ["session-not-noted"]


@pytest.mark.parametrize(("device", "level"), [(PANEL, "INFO"), (PROBE, "DEBUG")])
async def test_a_session_of_the_bridges_own_is_told_to_who_looks_for_faults_alone(
    session: SessionLog, device: DeviceName, level: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    session.begin(Holder(device, "127.0.0.1"), "m", Listing.of([]))
    async with connected() as pair:
        session.summarise(pair.ours, 1.0)
    assert [(one.msg, one.levelname) for one in caplog.records] == [("session-closed", level)]
