"""Alerts that are still to be told, on SQLite: written by the transaction of what they are about."""

import sqlite3
from typing import TYPE_CHECKING

import attrs

from bridge.alerts import Alert, AlertReason
from bridge.storage.sqlite.database import Database

_WRITE = "INSERT INTO alert (reason, text, account, maildrop, device) VALUES (?, ?, ?, ?, ?)"
_READ = "SELECT reason, text, account, maildrop, device FROM alert ORDER BY number"
_FORGET = (
    "DELETE FROM alert"
    " WHERE reason = ? AND text = ? AND account = ? AND maildrop = ? AND device = ?"
)


def write_alert(db: sqlite3.Connection, alert: Alert | None) -> None:
    """Keep an alert until it was told, inside the transaction of what it is about; None is none."""
    if alert is not None:
        db.execute(_WRITE, _columns(alert))


def withdraw_alerts(
    db: sqlite3.Connection, reason: AlertReason, *, account: str = "", device: str = ""
) -> None:
    """Let alerts go untold, inside the transaction that undoes what they are about."""
    db.execute(
        "DELETE FROM alert WHERE reason = ? AND account = ? AND device = ?",
        (reason, account, device),
    )


class SqliteAlerts:
    """Alerts at rest."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def untold(self) -> list[Alert]:
        """Return what was not told yet, the oldest first."""
        rows = await self._database.read(lambda db: db.execute(_READ).fetchall())
        return [Alert(AlertReason(reason), *rest) for reason, *rest in rows]

    async def told(self, alert: Alert) -> None:
        """Remember, durably, that an alert was told; one like it is told with it."""

        def work(db: sqlite3.Connection) -> None:
            db.execute(_FORGET, _columns(alert))

        await self._database.write(work)


def _columns(alert: Alert) -> tuple[str, ...]:
    """Return an alert's fields; a service's own words may hold what is no UTF-8."""
    fields = (str(one) for one in attrs.astuple(alert))
    return tuple(one.encode("utf-8", "replace").decode() for one in fields)


if TYPE_CHECKING:
    from bridge.storage.alerts import AlertStore

    _alerts: type[AlertStore] = SqliteAlerts
