"""What a bridge ran with last survives with the entries that tell what changed, or neither does."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bridge.errors import SpoolUnavailable
from bridge.storage.audit import THE_CONFIG_FILE, Wanted
from bridge.storage.settings import SettingsInForce
from bridge.storage.sqlite.audit import SqliteAuditLog
from bridge.storage.sqlite.settings import SqliteSettings
from tests.contract.storage_harness import SqliteUnderTest

USUAL = SettingsInForce(
    {"limits.connections": "500", "alerts.command": "d0"}, frozenset({"alerts.command"})
)
FEWER = SettingsInForce({**USUAL.values, "limits.connections": "300"}, USUAL.hidden)


@pytest.fixture
async def storage(tmp_path: Path) -> AsyncIterator[SqliteUnderTest]:
    under_test = SqliteUnderTest(tmp_path)
    yield under_test
    under_test.close()


async def run_with(
    storage: SqliteUnderTest, settings: SettingsInForce, at: float = 7.0
) -> None:
    await SqliteSettings(storage.database).put_in_force(settings, USUAL, at)


async def told(storage: SqliteUnderTest) -> list[tuple[str, str]]:
    entries = await SqliteAuditLog(storage.database).entries(Wanted(100))
    assert {entry.actor for entry in entries} <= {THE_CONFIG_FILE}
    return [
        (entry.event, "; ".join(one.spelled() for one in entry.differences))
        for entry in entries
    ]


async def test_a_change_is_told_once_and_survives_a_crash(storage: SqliteUnderTest) -> None:
    await run_with(storage, USUAL)
    storage.crash()
    await run_with(storage, FEWER)
    storage.crash()
    await run_with(storage, FEWER)
    assert await told(storage) == [
        ("settings-noted", ""),
        ("setting-changed", "limits.connections: 500 -> 300"),
    ]


async def test_what_cannot_be_written_is_told_the_next_time(storage: SqliteUnderTest) -> None:
    await run_with(storage, USUAL)
    await storage.refuse_writes()
    with pytest.raises(SpoolUnavailable):
        await run_with(storage, FEWER)
    storage.crash()
    await run_with(storage, FEWER)
    assert len(await told(storage)) == 2


async def test_a_setting_that_is_new_to_this_version_is_kept_without_an_entry(
    storage: SqliteUnderTest,
) -> None:
    await run_with(storage, SettingsInForce({"alerts.command": "d0"}, USUAL.hidden))
    await run_with(storage, USUAL)
    await run_with(storage, FEWER)
    assert [event for event, _ in await told(storage)] == ["settings-noted", "setting-changed"]
