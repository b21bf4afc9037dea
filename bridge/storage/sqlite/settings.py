"""The settings that a bridge ran with last, on SQLite: kept by the transaction that tells what changed."""

import json
import sqlite3
from typing import TYPE_CHECKING

from bridge.storage.audit import THE_CONFIG_FILE, About
from bridge.storage.settings import SettingsInForce, SettingsStore, changes
from bridge.storage.sqlite.audit import write_entry
from bridge.storage.sqlite.database import Database

IN_FORCE = "settings-in-force"
"""Where the database remembers them."""


class SqliteSettings:
    """Settings at rest, in one database with the entries."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put_in_force(
        self, now: SettingsInForce, usual: SettingsInForce, at: float
    ) -> None:
        """Keep durably what is in force now, and write an entry for each change since the last time."""

        def work(db: sqlite3.Connection) -> None:
            before = _kept(db)
            if before == now:
                return
            for event, differences in changes(before, now, usual):
                write_entry(db, THE_CONFIG_FILE, at, event, About(), differences)
            stored = json.dumps({"values": dict(now.values), "hidden": sorted(now.hidden)})
            db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (IN_FORCE, stored.encode()))

        await self._database.write(work)


def _kept(db: sqlite3.Connection) -> SettingsInForce | None:
    row = db.execute("SELECT value FROM meta WHERE key = ?", (IN_FORCE,)).fetchone()
    if row is None:
        return None
    stored = json.loads(row[0])
    return SettingsInForce(stored["values"], frozenset(stored["hidden"]))


if TYPE_CHECKING:
    _settings: type[SettingsStore] = SqliteSettings
