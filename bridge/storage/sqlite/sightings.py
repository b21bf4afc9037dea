"""Sightings of devices on SQLite: one row for each way in which a device logs in."""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from bridge.names import DeviceName
from bridge.storage.sightings import Sighting, SightingStore, day_of
from bridge.storage.sqlite.database import Database

REMEMBERED_DAYS = 3650
"""How many days more than sightings it is kept when a bridge watched: the most that `[watch] unseen_days` may be."""

_WRITE = (
    "INSERT INTO sighting SELECT name, ?, ?, ?, ?, ?, ? FROM device WHERE name = ?"
    " ON CONFLICT DO UPDATE SET cipher = excluded.cipher, address = excluded.address,"
    # A machine without a battery for its clock starts in a year long gone: what is older than the watch
    # itself is no time at all, and must not make a device look unseen ever since.
    " last = CASE WHEN excluded.last < (SELECT since FROM watched) THEN last ELSE excluded.last END"
)


class SqliteSightings:
    """Who logged in where, at rest."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def record(self, sightings: Sequence[Sighting]) -> None:
        """Write sightings down durably; a device that is gone is passed over."""
        rows = [
            (one.listener, one.tls, one.cipher, one.address, one.first, one.last, one.device)
            for one in sightings
        ]

        def work(db: sqlite3.Connection) -> None:
            db.executemany(_WRITE, rows)

        await self._database.write(work)

    async def sightings(self) -> list[Sighting]:
        """Return all that is kept, the last seen first."""
        rows = await self._database.read(
            lambda db: db.execute(
                "SELECT device, listener, tls, cipher, address, first, last FROM sighting"
                " ORDER BY last DESC, device, listener, tls"
            ).fetchall()
        )
        return [Sighting(DeviceName(device), *rest) for device, *rest in rows]

    async def watched_since(self) -> float:
        """Return since when logins are written down."""
        (since,) = await self._database.read(
            lambda db: db.execute("SELECT since FROM watched").fetchone()
        )
        return float(since)

    async def add_watched(self, minutes: Mapping[int, int]) -> None:
        """Add minutes to those for which a bridge watched on each day, durably."""

        def work(db: sqlite3.Connection) -> None:
            db.executemany(
                "INSERT INTO watched_day VALUES (?, ?)"
                " ON CONFLICT DO UPDATE SET minutes = minutes + excluded.minutes",
                list(minutes.items()),
            )

        await self._database.write(work)

    async def watched_minutes(self) -> dict[int, int]:
        """Return for how many minutes a bridge watched on each day."""
        return dict(
            await self._database.read(
                lambda db: db.execute("SELECT day, minutes FROM watched_day").fetchall()
            )
        )

    async def forget(self, before: float) -> None:
        """Forget sightings older than that, but not the last of each device; and days ten years before that."""

        def work(db: sqlite3.Connection) -> None:
            db.execute(
                "DELETE FROM sighting WHERE last < ? AND last <"
                " (SELECT max(last) FROM sighting AS other WHERE other.device = sighting.device)",
                (before,),
            )
            db.execute(
                "DELETE FROM watched_day WHERE day < ?", (day_of(before) - REMEMBERED_DAYS,)
            )

        await self._database.write(work)


if TYPE_CHECKING:
    _sightings: type[SightingStore] = SqliteSightings
