"""The log is told of every change once, those included that were made while nobody could tell."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from bridge import logs
from bridge.app.audit import events as telling
from bridge.app.audit.events import LOOK_SECONDS, Telling
from bridge.storage.audit import Actor
from bridge.storage.sqlite.audit import Scribe, SqliteAuditLog
from bridge.storage.sqlite.register import SqliteRegister
from tests.contract.storage_harness import (
    PANEL,
    PRINTER,
    SqliteUnderTest,
    account,
    device,
    maildrop,
)
from tests.fakes.clock import FakeClock


@pytest.fixture
async def storage(tmp_path: Path) -> AsyncIterator[SqliteUnderTest]:
    under_test = SqliteUnderTest(tmp_path)
    yield under_test
    under_test.close()


def telling_of(storage: SqliteUnderTest, clock: FakeClock | None = None) -> Telling:
    log = SqliteAuditLog(storage.database)
    return Telling(log, clock or FakeClock(), logs.get("audit"))


def told(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    return [vars(one)["event_fields"] for one in caplog.records if one.msg == "audit"]


async def test_each_entry_is_told_once_across_lives(
    storage: SqliteUnderTest, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telling, "AT_ONCE", 2)
    caplog.set_level("INFO")
    await storage.register.add_account(account())
    await storage.register.add_maildrop(maildrop())
    await storage.register.add_device(device())
    await telling_of(storage).tell()
    storage.crash()
    await storage.register.remove_device(PANEL)
    await telling_of(storage).tell()
    assert [one["number"] for one in told(caplog)] == [1, 2, 3, 4]
    assert told(caplog)[-1]["change"] == "device-removed"


async def test_where_nothing_can_be_written_an_entry_is_told_once_in_a_life(
    storage: SqliteUnderTest, caplog: pytest.LogCaptureFixture
) -> None:
    """Else a full disk gets the same lines every half minute."""
    caplog.set_level("INFO")
    await storage.register.add_account(account())
    await storage.refuse_writes()
    one = telling_of(storage)
    for _ in range(3):
        await one.tell()
    assert [entry["number"] for entry in told(caplog)] == [1]


async def test_an_entry_is_told_with_who_and_what_and_without_values(
    storage: SqliteUnderTest, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    ada = Actor(0, "root", 1000, "ada")
    register = SqliteRegister(storage.database, Scribe(ada, FakeClock()))
    await register.add_account(account())
    await register.add_maildrop(maildrop())
    await register.add_device(device())
    await register.change_device(attrs.evolve(device(), password="$x", allow=("10.0.0.0/8",)))
    await telling_of(storage).tell()
    last = told(caplog)[-1]
    assert last == {
        "number": 4,
        "change": "device-changed",
        "uid": 0,
        "user": "root",
        "sudo_uid": 1000,
        "sudo_user": "ada",
        "account": "",
        "maildrop": PRINTER,
        "device": PANEL,
        "message": None,
        "fields": "password,allow",
    }


async def test_what_cannot_be_read_now_is_told_later(
    storage: SqliteUnderTest, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    await storage.register.add_account(account())
    await storage.refuse_everything()
    await telling_of(storage).tell()
    assert told(caplog) == []
    assert [one.msg for one in caplog.records] == ["audit-not-told"]
    storage.crash()
    await telling_of(storage).tell()
    assert [one["change"] for one in told(caplog)] == ["account-added"]


async def test_what_nobody_speaks_of_is_told_before_long(
    storage: SqliteUnderTest, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")

    @attrs.define
    class Impatient(FakeClock):
        """Lets somebody change something while the bridge sleeps, and ends it the second time."""

        async def sleep(self, seconds: float) -> None:
            assert seconds == LOOK_SECONDS
            if told(caplog):
                raise InterruptedError
            await storage.register.add_account(account())

    with pytest.raises(InterruptedError):
        await telling_of(storage, Impatient()).run()
    assert [one["change"] for one in told(caplog)] == ["account-added"]
