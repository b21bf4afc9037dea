"""Addresses of devices on SQLite."""

import sqlite3
from typing import TYPE_CHECKING

from bridge.alerts import Alert
from bridge.names import DeviceName
from bridge.storage.addresses import ADDRESSES_KEPT, AddressStore, DeviceAddress
from bridge.storage.audit import About, AuditEvent, Difference
from bridge.storage.sqlite.alerts import write_alert
from bridge.storage.sqlite.audit import Scribe
from bridge.storage.sqlite.database import Database

_READ = "SELECT device, address, first, last, admitted, by_hand FROM device_address"

_WRITE = (
    "INSERT INTO device_address SELECT name, ?, ?, ?, ?, ? FROM device WHERE name = ?"
    " ON CONFLICT DO UPDATE SET last = excluded.last, admitted = max(admitted, excluded.admitted),"
    " by_hand = max(by_hand, excluded.by_hand)"
)

_FORGET = (
    "DELETE FROM device_address WHERE device = ?1 AND admitted = ?2 AND address NOT IN"
    " (SELECT address FROM device_address WHERE device = ?1 AND admitted = ?2"
    "  ORDER BY last DESC, first DESC, address LIMIT ?3)"
)


class SqliteAddresses:
    """Where devices log in from, at rest."""

    def __init__(self, database: Database, scribe: Scribe) -> None:
        """Write down in the name of `scribe` whom an owner lets in."""
        self._database = database
        self._scribe = scribe

    async def of(self, device: DeviceName) -> list[DeviceAddress]:
        """Return what is kept of one device, the last used first."""
        rows = await self._database.read(
            lambda db: db.execute(
                f"{_READ} WHERE device = ? ORDER BY last DESC, address", (device,)
            ).fetchall()
        )
        return [_address(row) for row in rows]

    async def addresses(self) -> list[DeviceAddress]:
        """Return all that is kept, by device, the last used first."""
        rows = await self._database.read(
            lambda db: db.execute(f"{_READ} ORDER BY device, last DESC, address").fetchall()
        )
        return [_address(row) for row in rows]

    async def note(self, one: DeviceAddress, alert: Alert | None = None) -> None:
        """Keep an address durably; the one unused longest is forgotten where there are too many."""

        def work(db: sqlite3.Connection) -> None:
            _keep(db, one)
            write_alert(db, alert)

        await self._database.write(work)

    async def admit(self, device: DeviceName, address: str, now: float, *, only: bool) -> None:
        """Let a device log in from an address, durably; with `only`, forget all others it has."""

        def work(db: sqlite3.Connection) -> None:
            before = _admitted(db, device)
            if only:
                db.execute("DELETE FROM device_address WHERE device = ?", (device,))
            _keep(db, DeviceAddress(device, address, now, now, admitted=True, by_hand=True))
            what = Difference("addresses", before, _admitted(db, device))
            about = About(device=device)
            self._scribe.write(db, AuditEvent.DEVICE_ADMITTED, about, (what,))

        await self._database.write(work)


def _keep(db: sqlite3.Connection, one: DeviceAddress) -> None:
    flags = int(one.admitted), int(one.by_hand)
    db.execute(_WRITE, (one.address, one.first, one.last, *flags, one.device))
    db.execute(_FORGET, (one.device, int(one.admitted), ADDRESSES_KEPT))


def _admitted(db: sqlite3.Connection, device: DeviceName) -> str:
    rows = db.execute(f"{_READ} WHERE device = ? AND admitted ORDER BY address", (device,))
    return ", ".join(_address(row).address for row in rows) or "none"


def _address(row: tuple[str, str, float, float, int, int]) -> DeviceAddress:
    device, address, first, last, admitted, by_hand = row
    return DeviceAddress(
        DeviceName(device), address, first, last, bool(admitted), bool(by_hand)
    )


if TYPE_CHECKING:
    _addresses: type[AddressStore] = SqliteAddresses
