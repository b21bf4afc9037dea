"""What an earlier release stored with raw headers is made ASCII once, or stays as a device was told of it."""

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import attrs
import pytest

from bridge.logs import get
from bridge.names import DeviceName, MaildropName, Octets, SpoolId
from bridge.shaper.processes import COMMAND, ShapingProcesses
from bridge.storage.holding import Holder
from bridge.storage.locks import MemoryLocks
from bridge.storage.sqlite.database import schema_scripts
from bridge.storage.sqlite.unread import SqliteUnreadHeaders
from bridge.sync import oldheaders
from bridge.sync.oldheaders import OldHeaders
from tests.contract.storage_harness import (
    PRINTER,
    SqliteUnderTest,
    deliver,
    fill,
    flip,
    listed,
    read_whole,
    states,
)
from tests.fakes.clock import FakeClock
from tests.unit.sync.test_maildropshaper import BOUNDS

RAW = "Subject: Müll\r\n\r\n..Grüße\r\n".encode()
ASCII = "Subject: =?utf-8?Q?M=C3=BCll?=\r\n\r\n..Grüße\r\n".encode()
PLAIN = "Subject: a\r\n\r\nGrüße\r\n".encode()
FAX = Holder(DeviceName("fax"), "10.0.0.7")

pytestmark = pytest.mark.slow


@pytest.fixture
async def storage(tmp_path: Path) -> AsyncIterator[SqliteUnderTest]:
    under_test = SqliteUnderTest(tmp_path)
    await fill(under_test)
    yield under_test
    under_test.close()


async def stored_by_an_earlier_release(
    storage: SqliteUnderTest, octets: bytes = RAW, name: str = "a"
) -> SpoolId:
    spool_id = await deliver(storage, name, octets.replace(b"\r\n..", b"\r\n."))
    await storage.run_sql("UPDATE message SET unread_headers = 1 WHERE id = ?", [spool_id])
    return spool_id


def reader(
    storage: SqliteUnderTest,
    locks: MemoryLocks | None = None,
    command: tuple[str, ...] = COMMAND,
) -> OldHeaders:
    return OldHeaders(
        storage.spool,
        SqliteUnreadHeaders(storage.database, storage.spool.refresh),
        locks or MemoryLocks(0),
        ShapingProcesses(BOUNDS, command),
        FakeClock(),
        get("test"),
    )


async def left(storage: SqliteUnderTest) -> int:
    [(count,)] = await storage.run_sql("SELECT count(*) FROM message WHERE unread_headers")
    return int(str(count))


async def test_one_that_nobody_was_told_of_becomes_ascii_under_its_unique_id(
    storage: SqliteUnderTest,
) -> None:
    spool_id = await stored_by_an_earlier_release(storage)
    [before] = (await storage.spool.listing(PRINTER)).entries
    await reader(storage).read(PRINTER)
    [after] = (await storage.spool.listing(PRINTER)).entries
    assert (after.spool_id, after.unique_id) == (spool_id, before.unique_id)
    assert await read_whole(storage.spool, spool_id) == ASCII
    assert await read_whole(storage.spool, spool_id, as_it_came=True) == RAW
    assert (after.octets, after.utf8_octets) == (len(ASCII) - 1, len(RAW) - 1)
    assert await left(storage) == 0
    storage.crash()
    await storage.spool.sweep_orphans()
    assert await read_whole(storage.spool, spool_id) == ASCII


async def test_one_that_a_device_was_told_of_stays_as_it_was_told(
    storage: SqliteUnderTest,
) -> None:
    spool_id = await stored_by_an_earlier_release(storage)
    told = await storage.spool.listing(PRINTER)
    await storage.spool.note_listed(told, FAX, 1.0)
    await reader(storage).read(PRINTER)
    assert (await storage.spool.listing(PRINTER)).entries == told.entries
    assert await read_whole(storage.spool, spool_id) == RAW
    assert await left(storage) == 0


@pytest.mark.parametrize(
    "unknown",
    [
        "DELETE FROM message_event",  # stored before lives were kept
        "UPDATE message SET told_octets = 9",  # its body was lost and fetched anew
    ],
)
async def test_one_of_which_it_is_not_known_who_was_told_stays_too(
    storage: SqliteUnderTest, unknown: str
) -> None:
    spool_id = await stored_by_an_earlier_release(storage)
    await storage.run_sql(unknown)
    await reader(storage).read(PRINTER)
    assert await read_whole(storage.spool, spool_id) == RAW
    assert await left(storage) == 0


async def test_one_whose_headers_are_ascii_needs_no_process(storage: SqliteUnderTest) -> None:
    spool_id = await stored_by_an_earlier_release(storage, PLAIN)
    before = storage.body_file(spool_id).stat()
    await reader(storage, command=("/nonexistent",)).read(PRINTER)
    assert storage.body_file(spool_id).stat() == before
    assert await left(storage) == 0


async def test_under_a_session_and_after_it_nothing_changes_until_the_next_start(
    storage: SqliteUnderTest,
) -> None:
    spool_id = await stored_by_an_earlier_release(storage, PLAIN, "plain")
    raw = await stored_by_an_earlier_release(storage)
    locks = MemoryLocks(0)
    session = await locks.acquire(PRINTER, FAX, lambda: None)
    session.pin()
    await reader(storage, locks).read(PRINTER)
    assert sorted(await listed(storage)) == [spool_id, raw]
    assert await read_whole(storage.spool, raw) == RAW
    session.release()
    await reader(storage, locks).read(PRINTER)
    assert await left(storage) == 2  # its notes may not be written yet
    await reader(storage).read(PRINTER)  # at the next start
    assert await read_whole(storage.spool, raw) == ASCII


async def test_a_session_that_comes_while_headers_are_read_keeps_all_as_it_is(
    storage: SqliteUnderTest,
) -> None:
    raw = await stored_by_an_earlier_release(storage)
    locks = MemoryLocks(0)

    class ComingMeanwhile(SqliteUnreadHeaders):
        async def unread(
            self, maildrop: MaildropName, limit: int
        ) -> list[tuple[SpoolId, Octets]]:
            found = await super().unread(maildrop, limit)
            (await locks.acquire(maildrop, FAX, lambda: None)).release()
            return found

    unread = ComingMeanwhile(storage.database, storage.spool.refresh)
    await attrs.evolve(reader(storage, locks), unread=unread).read(PRINTER)
    assert await read_whole(storage.spool, raw) == RAW
    assert await left(storage) == 1
    assert not locks.is_held(PRINTER)


async def test_where_no_process_can_be_had_it_waits_like_any_that_is_to_be_fetched(
    storage: SqliteUnderTest,
) -> None:
    await stored_by_an_earlier_release(storage)
    await reader(storage, command=("/nonexistent",)).read(PRINTER)
    assert await states(storage) == {"a": "announced"}
    await deliver(storage, "a", PLAIN)
    assert await states(storage) == {"a": "ready"}


async def test_killed_between_the_two_steps_it_is_fetched_anew_and_never_of_another_size(
    storage: SqliteUnderTest,
) -> None:
    spool_id = await stored_by_an_earlier_release(storage)
    assert await reader(storage).unread.take_back(spool_id)
    assert await listed(storage) == []
    storage.crash()
    assert await storage.spool.sweep_orphans() == 1
    assert [one.spool_id for one in await storage.spool.pending(PRINTER)] == [spool_id]
    await deliver(storage, "a", PLAIN)  # shorter than it was: nobody was told
    assert await listed(storage) == [spool_id]
    assert not await reader(storage).unread.take_back(spool_id)


async def test_a_damaged_one_is_fetched_anew(storage: SqliteUnderTest) -> None:
    spool_id = await stored_by_an_earlier_release(storage)
    flip(storage.body_file(spool_id), 9)
    await reader(storage).read(PRINTER)
    await storage.spool.sweep_vanished(PRINTER)
    assert await states(storage) == {"a": "announced"}


@pytest.mark.parametrize(
    ("name", "most"), [("READ_AT_ONCE", 2), ("OCTETS_AT_ONCE", 2 * len(PLAIN))]
)
async def test_one_look_reads_so_many_and_the_next_goes_on(
    storage: SqliteUnderTest, monkeypatch: pytest.MonkeyPatch, name: str, most: int
) -> None:
    monkeypatch.setattr(oldheaders, name, most)
    for one in "abcde":
        await stored_by_an_earlier_release(storage, PLAIN, one)
    found = []
    for _ in range(3):
        await reader(storage).read(PRINTER)
        found.append(await left(storage))
    assert found == [3, 1, 0]


def test_an_upgrade_marks_what_lies_here_as_it_came_and_nothing_else(tmp_path: Path) -> None:
    scripts = schema_scripts()
    db = sqlite3.connect(tmp_path / "x.db", isolation_level=None)
    for script in scripts[:18]:
        db.executescript(script)
    db.executescript(
        "INSERT INTO account VALUES ('a', 'folder', '{}');"
        "INSERT INTO maildrop (name, account, folder, disposition) VALUES ('d', 'a', '', 'trash');"
    )
    for number in range(1, 5):
        db.execute(
            "INSERT INTO message (id, maildrop, remote_id, unique_id, sort_key, state)"
            " VALUES (?1, 'd', 'r' || ?1, 'u' || ?1, '', 'announced')",
            (number,),
        )
    db.execute("UPDATE message SET state = 'ready', octets = 1 WHERE id = 1")
    db.execute(
        "UPDATE message SET state = 'ready', octets = 1, original_octets = 2 WHERE id = 2"
    )
    db.execute("UPDATE message SET state = 'quarantined', octets = 1 WHERE id = 3")
    db.executescript(scripts[18])
    assert db.execute("SELECT id FROM message WHERE unread_headers").fetchall() == [(1,)]
    db.close()
