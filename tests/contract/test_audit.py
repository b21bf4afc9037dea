"""Every change of the register leaves one entry, made by the transaction that makes the change."""

from collections.abc import AsyncIterator
from pathlib import Path

import attrs
import pytest

from bridge.errors import RegisterError, SpoolUnavailable
from bridge.names import DeviceName, MaildropName, SpoolId, UniqueId
from bridge.storage.audit import (
    THE_BRIDGE,
    About,
    Actor,
    AuditEntry,
    Taking,
    TakingEvent,
    Wanted,
)
from bridge.storage.holding import Holder
from bridge.storage.lives import LifeEvent, Note
from bridge.storage.register import Disabled, OnOutage, WhyDisabled
from bridge.storage.sqlite import audit
from bridge.storage.sqlite.audit import Scribe, SqliteAuditLog
from bridge.storage.sqlite.register import SqliteRegister
from providers.contract import Disposition, RemoteId
from tests.contract.storage_harness import (
    FAX,
    OFFICE,
    PANEL,
    PRINTER,
    SqliteUnderTest,
    account,
    deliver,
    device,
    maildrop,
    pieces_of,
)
from tests.fakes.clock import FakeClock

DAY = 86400.0
ADA = Actor(1000, "ada")
SEALED = b"sealed"


@pytest.fixture
async def storage(tmp_path: Path) -> AsyncIterator[SqliteUnderTest]:
    under_test = SqliteUnderTest(tmp_path)
    yield under_test
    under_test.close()


async def told(storage: SqliteUnderTest, **wanted: object) -> list[AuditEntry]:
    asked = attrs.evolve(Wanted(1000), **wanted)
    return await SqliteAuditLog(storage.database).entries(asked)


async def events(storage: SqliteUnderTest, **wanted: object) -> list[str]:
    return [entry.event for entry in await told(storage, **wanted)]


async def fill(storage: SqliteUnderTest) -> None:
    await storage.register.add_account(account(), SEALED)
    await storage.register.add_maildrop(maildrop())
    await storage.register.add_device(device())


async def test_each_change_leaves_one_entry_that_survives_a_crash(
    storage: SqliteUnderTest,
) -> None:
    await fill(storage)
    register = storage.register
    await register.enrol(OFFICE, SEALED, 1.0, {"path": "/other"})
    assert await register.lose_grant(OFFICE, 1, "revoked")
    await register.change_maildrop(attrs.evolve(maildrop(), on_outage=OnOutage.ERROR))
    await register.change_device(device(aliases=("other",)))
    await register.change_device(attrs.evolve(device(aliases=("other",)), password="$x"))
    assert await register.disable_device(PANEL, Disabled(1.0, WhyDisabled.UNSEEN))
    assert await register.enable_device(PANEL, 2.0)
    await register.remove_device(PANEL)
    await register.remove_maildrop(PRINTER)
    await register.remove_account(OFFICE)
    storage.crash()
    told_of = await told(storage)
    assert [(one.event, [d.spelled() for d in one.differences]) for one in told_of] == [
        ("account-added", ["provider: folder", "settings.path: /mail"]),
        ("maildrop-added", ["folder: none", "disposition: trash"]),
        ("device-added", []),
        ("account-enrolled", ["settings.path: /mail -> /other", "enrolment: 0 -> 1"]),
        ("grant-lost", []),
        ("maildrop-changed", ["on_outage: serve -> error"]),
        ("device-changed", ["aliases: none -> other"]),
        ("device-password-changed", ["password changed"]),
        ("device-disabled", ["why: unseen"]),
        ("device-enabled", []),
        ("device-removed", ["aliases: other"]),
        (
            "maildrop-removed",
            ["folder: none", "disposition: trash", "on_outage: error"],
        ),
        ("account-removed", ["provider: folder", "settings.path: /other", "enrolment: 1"]),
    ]
    assert [one.number for one in told_of] == list(range(1, len(told_of) + 1))
    assert told_of[2].about == About(maildrop=PRINTER, device=PANEL)
    assert told_of[5].about == About(account=OFFICE, maildrop=PRINTER)


async def test_an_entry_says_who_and_when(storage: SqliteUnderTest) -> None:
    clock = FakeClock()
    behind = Actor(0, "root", 1000, "ada")
    for actor in (ADA, behind, THE_BRIDGE):
        register = SqliteRegister(storage.database, Scribe(actor, clock))
        await register.add_account(account())
        await register.remove_account(OFFICE)
        await clock.sleep(DAY)
    entries = await told(storage)
    assert [one.actor for one in entries[::2]] == [ADA, behind, THE_BRIDGE]
    assert entries[2].at == entries[1].at + DAY


async def test_what_changes_nothing_leaves_no_entry(storage: SqliteUnderTest) -> None:
    await fill(storage)
    before = await events(storage)
    await storage.register.change_device(device())
    await storage.register.change_maildrop(maildrop())
    assert not await storage.register.lose_grant(OFFICE, 7, "revoked")
    assert not await storage.register.enable_device(PANEL, 2.0)
    with pytest.raises(RegisterError):
        await storage.register.add_device(device())
    with pytest.raises(RegisterError):
        await storage.register.remove_maildrop(PRINTER)
    assert await events(storage) == before


async def test_a_change_that_cannot_be_told_is_not_made(storage: SqliteUnderTest) -> None:
    await fill(storage)
    await storage.run_sql(
        "CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(FAIL, 'full'); END"
    )
    before = await storage.register.snapshot()
    with pytest.raises(Exception, match="full"):
        await storage.register.remove_device(PANEL)
    assert await storage.register.snapshot() == before


async def test_entries_are_chosen_by_time_device_and_maildrop_the_newest_of_them(
    storage: SqliteUnderTest,
) -> None:
    clock = FakeClock()
    register = SqliteRegister(storage.database, Scribe(ADA, clock))
    await register.add_account(account())
    await register.add_maildrop(maildrop())
    await clock.sleep(DAY)
    noon = clock.now()
    await register.add_maildrop(maildrop(FAX))
    await register.add_device(device())
    await register.add_device(device(DeviceName("other"), FAX))
    assert await events(storage, since=noon) == ["maildrop-added", *2 * ["device-added"]]
    assert [one.about.maildrop for one in await told(storage, device=PANEL)] == [PRINTER]
    assert await events(storage, maildrop=FAX) == ["maildrop-added", "device-added"]
    assert await events(storage, maildrop="nowhere") == []
    assert [one.about.device for one in await told(storage, limit=2)] == [PANEL, "other"]


async def test_an_order_about_a_message_is_told_with_who_gave_it(
    storage: SqliteUnderTest,
) -> None:
    await fill(storage)
    dropped, again = await deliver(storage, "a"), await deliver(storage, "b")
    keep = Disposition.parse("keep")
    assert await storage.spool.drop(dropped, keep, ADA)
    assert not await storage.spool.drop(dropped, keep, ADA)
    await storage.spool.expunge(PRINTER, [again])
    await storage.spool.disposed([again])
    assert await storage.spool.redeliver(again, UniqueId("u"), pieces_of(b"x\r\n"), by=ADA)
    assert not await storage.spool.retry(again, UniqueId("v"), ADA)
    made = await storage.spool.announce_local(PRINTER, RemoteId("local:1"), UniqueId("w"), ADA)
    storage.crash()
    orders = (await told(storage))[3:]
    assert [(one.event, one.actor, one.about) for one in orders] == [
        ("message-dropped", ADA, About(maildrop=PRINTER, message=dropped)),
        ("message-redelivered", ADA, About(maildrop=PRINTER, message=again)),
        ("message-made", ADA, About(maildrop=PRINTER, message=made)),
    ]
    assert [one.spelled() for one in orders[0].differences] == ["upstream: keep"]


async def test_what_the_log_was_not_told_is_known_across_a_crash(
    storage: SqliteUnderTest,
) -> None:
    await fill(storage)
    log = SqliteAuditLog(storage.database)
    assert [one.number for one in await log.untold(2)] == [1, 2]
    await log.told(2)
    storage.crash()
    log = SqliteAuditLog(storage.database)
    assert [one.number for one in await log.untold(9)] == [3]
    await log.told(3)
    assert await log.untold(9) == []


SENT = 1_000_001.0
QUIT = 1_000_002.0
BY = Holder(PANEL, "192.0.2.7", "c7")


async def takings(storage: SqliteUnderTest, **wanted: object) -> list[Taking]:
    asked = attrs.evolve(Wanted(1000), **wanted)
    return await SqliteAuditLog(storage.database).takings(asked)


async def take(storage: SqliteUnderTest, name: str = "a") -> tuple[SpoolId, list[Taking]]:
    """Let a device take a message and delete it; return what is to be told of that."""
    spool_id = await deliver(storage, name)
    [entry] = (await storage.spool.listing(PRINTER)).entries
    note = Note(
        spool_id, LifeEvent.SENT, SENT, PANEL, "192.0.2.7", octets=entry.octets, connection="c7"
    )
    storage.clock.advance(QUIT - storage.clock.now())
    await storage.spool.expunge(PRINTER, [spool_id], BY, [note])
    taken = Taking(
        TakingEvent.TAKEN,
        PANEL,
        PRINTER,
        spool_id,
        entry.unique_id,
        entry.octets,
        "192.0.2.7",
        "c7",
        SENT,
        SENT,
        1,
    )
    deleted = attrs.evolve(taken, event=TakingEvent.DELETED, octets=None, first=QUIT, last=QUIT)
    return spool_id, [taken, deleted]


async def test_what_a_device_took_and_deleted_is_told_once_quit_was_obeyed(
    storage: SqliteUnderTest,
) -> None:
    await fill(storage)
    _, expected = await take(storage)
    storage.crash()
    assert await takings(storage) == expected
    assert await takings(storage, device=PANEL, maildrop=PRINTER, limit=1) == expected[1:]
    assert await takings(storage, since=SENT + 0.5) == expected[1:]
    assert await takings(storage, device="other") == []
    assert await takings(storage, maildrop=FAX) == []


async def test_a_message_that_is_taken_again_and_again_is_told_once(
    storage: SqliteUnderTest,
) -> None:
    await fill(storage)
    spool_id = await deliver(storage, "a")
    for second in range(3):
        note = Note(spool_id, LifeEvent.SENT, SENT + second, PANEL, f"192.0.2.{second}")
        await storage.spool.note([note])
    [taken] = await takings(storage)
    assert (taken.first, taken.last, taken.times) == (SENT, SENT + 2, 3)
    assert taken.address == "192.0.2.2"


async def test_who_took_a_message_outlives_its_life(storage: SqliteUnderTest) -> None:
    await fill(storage)
    spool_id, expected = await take(storage)
    await storage.spool.disposed([spool_id])
    await storage.spool.prune(QUIT + DAY)
    assert await storage.run_sql("SELECT * FROM message_event") == []
    assert await takings(storage) == expected


async def test_who_took_a_message_outlives_what_was_taken_away_upstream(
    storage: SqliteUnderTest,
) -> None:
    await fill(storage)
    spool_id = await deliver(storage, "a")
    await storage.spool.note([Note(spool_id, LifeEvent.SENT, SENT, PANEL, "192.0.2.7")])
    before = await takings(storage)
    await storage.spool.forget(PRINTER, [RemoteId("a")])
    await storage.spool.sweep_vanished(PRINTER)
    await storage.spool.prune(QUIT + DAY)
    assert await storage.run_sql("SELECT * FROM message") == []
    assert await takings(storage) == before != []


async def test_who_took_a_message_outlives_its_maildrop(storage: SqliteUnderTest) -> None:
    await fill(storage)
    spool_id, expected = await take(storage)
    await storage.spool.disposed([spool_id])
    await storage.register.remove_device(PANEL)
    await storage.register.remove_maildrop(PRINTER)
    assert await takings(storage) == expected


async def test_takings_are_forgotten_by_their_age(storage: SqliteUnderTest) -> None:
    await fill(storage)
    spool_id, expected = await take(storage)
    await storage.spool.disposed([spool_id])
    await storage.spool.prune(QUIT + DAY)
    await SqliteAuditLog(storage.database).forget(QUIT)
    assert await takings(storage) == expected[1:]


async def test_what_is_old_is_forgotten_some_at_a_time(
    storage: SqliteUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "FORGOTTEN_AT_ONCE", 2)
    clock = FakeClock()
    register = SqliteRegister(storage.database, Scribe(ADA, clock))
    await register.add_account(account())
    for name in "abc":
        await clock.sleep(1)
        await register.add_maildrop(maildrop(MaildropName(name)))
    last = clock.now()
    log = SqliteAuditLog(storage.database)
    await log.forget(last)
    assert [one.about.maildrop for one in await told(storage)] == ["b", "c"]
    await log.forget(last)
    assert [one.about.maildrop for one in await told(storage)] == ["c"]


async def test_what_a_day_brings_is_forgotten_in_a_day_however_much_it_is(
    storage: SqliteUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "FORGOTTEN_AT_ONCE", 2)
    await storage.run_sql(
        "WITH RECURSIVE row (at) AS (SELECT 1.0 UNION ALL SELECT at + 1 FROM row WHERE at < 301)"
        " INSERT INTO audit (at, user, sudo_user, event, account, maildrop, device, differences)"
        " SELECT at, 'x', '', 'e', '', '', '', '[]' FROM row"
    )
    await SqliteAuditLog(storage.database).forget(1e6)
    [(oldest,)] = await storage.run_sql("SELECT min(at) FROM audit")
    assert oldest == 11.0, "a thirtieth of 301, in transactions of two"


async def test_what_is_of_the_last_30_days_is_kept_however_wrong_the_clock_is(
    storage: SqliteUnderTest,
) -> None:
    await storage.run_sql(
        "INSERT INTO audit (at, user, sudo_user, event, account, maildrop, device, differences)"
        " VALUES ((julianday('now') - 2440587.5 - 1) * 86400, 'x', '', 'e', '', '', '', '[]')"
    )
    await SqliteAuditLog(storage.database).forget(1e12)
    assert await events(storage) == ["e"]


async def test_a_disk_that_takes_nothing_is_an_error_of_the_spool(
    storage: SqliteUnderTest,
) -> None:
    await storage.refuse_writes()
    with pytest.raises(SpoolUnavailable):
        await SqliteAuditLog(storage.database).forget(1.0)
