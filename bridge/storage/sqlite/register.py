"""The register on SQLite: accounts, maildrops and devices, each change one durable transaction."""

import json
import sqlite3
from typing import TYPE_CHECKING

from bridge.alerts import Alert, AlertReason
from bridge.errors import RegisterError
from bridge.names import AccountName, DeviceName, MaildropName
from bridge.shaping import wishtext
from bridge.storage.audit import About, AuditEvent, Difference, begun, changed, ended
from bridge.storage.register import (
    Account,
    Device,
    Disabled,
    MaildropRecord,
    Register,
    RegisterSnapshot,
    StoredGrant,
)
from bridge.storage.sqlite import registered
from bridge.storage.sqlite.alerts import withdraw_alerts, write_alert
from bridge.storage.sqlite.audit import Scribe
from bridge.storage.sqlite.database import Database


class SqliteRegister:
    """Who may fetch what, at rest; each change with the entry that tells who made it."""

    def __init__(self, database: Database, scribe: Scribe) -> None:
        self._database = database
        self._scribe = scribe

    async def snapshot(self) -> RegisterSnapshot:
        """Return everything, ordered by name."""
        return await self._database.read(registered.snapshot)

    async def add_account(self, account: Account, sealed: bytes | None = None) -> None:
        """Add an account, and the grant it begins with."""

        def work(db: sqlite3.Connection) -> None:
            _refuse_if(db, "account", account.name, "There is an account {} already.")
            db.execute(
                "INSERT INTO account VALUES (?, ?, ?)",
                (account.name, account.provider, json.dumps(account.settings)),
            )
            if sealed is not None:
                db.execute(
                    "INSERT INTO account_grant VALUES (?, ?, 0, 0, NULL)",
                    (account.name, sealed),
                )
            about = About(account=account.name)
            self._scribe.write(db, AuditEvent.ACCOUNT_ADDED, about, begun(account))

        await self._database.write(work)

    async def grant(self, account: AccountName) -> StoredGrant | None:
        """Return the grant of an account, or None where it has none."""
        row = await self._database.read(
            lambda db: db.execute(
                "SELECT sealed, enrolment, renewed, lost FROM account_grant WHERE account = ?",
                (account,),
            ).fetchone()
        )
        return StoredGrant(*row) if row else None

    async def enrol(
        self,
        account: AccountName,
        sealed: bytes,
        now: float,
        settings: dict[str, str] | None = None,
    ) -> None:
        """Put the grant of a new enrolment in place of what was there."""

        def work(db: sqlite3.Connection) -> None:
            old = registered.account(db, account)
            enrolled = db.execute(
                "UPDATE account_grant SET sealed = ?, enrolment = enrolment + 1, renewed = ?,"
                " lost = NULL WHERE account = ?",
                (sealed, now, account),
            )
            if not enrolled.rowcount:
                raise RegisterError(f"The account {account} needs no enrolment.")
            if settings is not None:
                db.execute(
                    "UPDATE account SET settings = ? WHERE name = ?",
                    (json.dumps(settings), account),
                )
            # Somebody else may have signed in: where the last look at another mailbox ended, means
            # nothing here. A full list reprints nothing.
            db.execute("UPDATE maildrop SET cursor = NULL WHERE account = ?", (account,))
            withdraw_alerts(db, AlertReason.GRANT_LOST, account=account)
            what = changed(old, registered.account(db, account))
            about = About(account=account)
            self._scribe.write(db, AuditEvent.ACCOUNT_ENROLLED, about, what)

        await self._database.write(work)

    async def renew_grant(
        self, account: AccountName, enrolment: int, sealed: bytes, now: float
    ) -> bool:
        """Replace the grant by its successor, unless the account was enrolled anew meanwhile."""
        renewed = await self._database.write(
            lambda db: (
                db.execute(
                    "UPDATE account_grant SET sealed = ?, renewed = ?, lost = NULL"
                    " WHERE account = ? AND enrolment = ?",
                    (sealed, now, account, enrolment),
                ).rowcount
            )
        )
        return bool(renewed)

    async def lose_grant(
        self, account: AccountName, enrolment: int, why: str, alert: Alert | None = None
    ) -> bool:
        """Record that the service no longer honours the grant of that enrolment."""

        def work(db: sqlite3.Connection) -> bool:
            lost = db.execute(
                "UPDATE account_grant SET lost = ?"
                " WHERE account = ? AND enrolment = ? AND lost IS NULL",
                (why, account, enrolment),
            ).rowcount
            if lost:
                self._scribe.write(db, AuditEvent.GRANT_LOST, About(account=account))
                write_alert(db, alert)
            return bool(lost)

        return await self._database.write(work)

    async def remove_account(self, name: AccountName) -> None:
        """Remove an account that no maildrop uses."""

        def work(db: sqlite3.Connection) -> None:
            old = registered.account(db, name)
            _refuse_users(db, "maildrop", "account", name)
            db.execute("DELETE FROM account WHERE name = ?", (name,))
            about = About(account=name)
            self._scribe.write(db, AuditEvent.ACCOUNT_REMOVED, about, ended(old))

        await self._database.write(work)

    async def add_maildrop(self, maildrop: MaildropRecord) -> None:
        """Add a maildrop."""

        def work(db: sqlite3.Connection) -> None:
            _refuse_if(db, "maildrop", maildrop.name, "There is a maildrop {} already.")
            registered.need(db, "account", maildrop.account)
            db.execute(
                "INSERT INTO maildrop"
                " (name, account, folder, disposition, on_outage, print_once, ceiling, admission, wish)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (maildrop.name, maildrop.account, maildrop.folder, *_choices(maildrop)),
            )
            about = About(maildrop.account, maildrop.name)
            self._scribe.write(db, AuditEvent.MAILDROP_ADDED, about, begun(maildrop))

        await self._database.write(work)

    async def change_maildrop(self, maildrop: MaildropRecord) -> None:
        """Replace what an owner may change of a maildrop."""

        def work(db: sqlite3.Connection) -> None:
            old = registered.maildrop(db, maildrop.name)
            db.execute(
                "UPDATE maildrop SET disposition = ?, on_outage = ?, print_once = ?, ceiling = ?,"
                " admission = ?, wish = ? WHERE name = ?",
                (*_choices(maildrop), maildrop.name),
            )
            if what := changed(old, registered.maildrop(db, maildrop.name)):
                about = About(maildrop.account, maildrop.name)
                self._scribe.write(db, AuditEvent.MAILDROP_CHANGED, about, what)

        await self._database.write(work)

    async def remove_maildrop(self, name: MaildropName) -> None:
        """Remove a maildrop that no device uses, with everything spooled for it."""

        def work(db: sqlite3.Connection) -> None:
            old = registered.maildrop(db, name)
            _refuse_users(db, "device", "maildrop", name)
            (waiting,) = db.execute(
                "SELECT count(*) FROM message WHERE maildrop = ? AND state = 'expunged'",
                (name,),
            ).fetchone()
            if waiting:
                raise RegisterError(
                    f"{waiting} deletions in maildrop {name} are not carried out upstream yet;"
                    " run `popbridge account sync` for its account first."
                )
            db.execute("DELETE FROM maildrop WHERE name = ?", (name,))
            about = About(old.account, name)
            self._scribe.write(db, AuditEvent.MAILDROP_REMOVED, about, ended(old))

        await self._database.write(work)

    async def add_device(self, device: Device) -> None:
        """Add a device."""

        def work(db: sqlite3.Connection) -> None:
            _refuse_if(db, "device", device.name, "There is a device {} already.")
            _need_maildrop(db, device)
            _store_device(db, device)
            about = _about(device)
            self._scribe.write(db, AuditEvent.DEVICE_ADDED, about, begun(device))

        await self._database.write(work)

    async def change_device(self, device: Device) -> None:
        """Replace the stored device of the same name."""

        def work(db: sqlite3.Connection) -> None:
            old = registered.device(db, device.name)
            _need_maildrop(db, device)
            # Not deleted and made anew: what is known of the device hangs on its row.
            db.execute("DELETE FROM login WHERE device = ?", (device.name,))
            _store_device(db, device)
            if what := changed(old, registered.device(db, device.name)):
                only_secrets = all(one.is_secret for one in what)
                event = (
                    AuditEvent.DEVICE_PASSWORD_CHANGED
                    if only_secrets
                    else AuditEvent.DEVICE_CHANGED
                )
                about = _about(device)
                self._scribe.write(db, event, about, what)

        await self._database.write(work)

    async def disable_device(
        self, name: DeviceName, disabled: Disabled, alert: Alert | None = None
    ) -> bool:
        """Let a device log in no more; return whether that is news."""

        def work(db: sqlite3.Connection) -> bool:
            done = db.execute(
                "UPDATE device SET disabled = ?, why_disabled = ?"
                " WHERE name = ? AND disabled IS NULL",
                (disabled.since, disabled.why, name),
            ).rowcount
            if done:
                why = Difference("why", None, disabled.why.value)
                self._scribe.write(
                    db, AuditEvent.DEVICE_DISABLED, _about(registered.device(db, name)), (why,)
                )
                write_alert(db, alert)
            return bool(done)

        return await self._database.write(work)

    async def enable_device(self, name: DeviceName, now: float) -> bool:
        """Let a disabled device log in again; return whether that is news."""

        def work(db: sqlite3.Connection) -> bool:
            done = db.execute(
                "UPDATE device SET enabled = ?, disabled = NULL, why_disabled = NULL"
                " WHERE name = ? AND disabled NOT NULL",
                (now, name),
            ).rowcount
            if done:
                withdraw_alerts(db, AlertReason.DEVICE_DISABLED, device=name)
                self._scribe.write(
                    db, AuditEvent.DEVICE_ENABLED, _about(registered.device(db, name))
                )
            return bool(done)

        return await self._database.write(work)

    async def remove_device(self, name: DeviceName) -> None:
        """Remove a device."""

        def work(db: sqlite3.Connection) -> None:
            old = registered.device(db, name)
            db.execute("DELETE FROM device WHERE name = ?", (name,))
            about = _about(old)
            self._scribe.write(db, AuditEvent.DEVICE_REMOVED, about, ended(old))

        await self._database.write(work)


def _about(device: Device) -> About:
    return About(maildrop=device.maildrop or "", device=device.name)


def _need_maildrop(db: sqlite3.Connection, device: Device) -> None:
    if device.maildrop is not None:
        registered.need(db, "maildrop", device.maildrop)


def _refuse_if(db: sqlite3.Connection, table: str, name: str, text: str) -> None:
    if registered.exists(db, table, name):
        raise RegisterError(text.format(name))


def _refuse_users(db: sqlite3.Connection, table: str, column: str, name: str) -> None:
    # Table and column are our own words, never input.
    query = f"SELECT name FROM {table} WHERE {column} = ? ORDER BY name"  # noqa: S608 - see above
    users = [row[0] for row in db.execute(query, (name,))]
    if users:
        raise RegisterError(
            f"The {column} {name} is still used by {table} {', '.join(users)}; remove that first."
        )


def _choices(maildrop: MaildropRecord) -> tuple[str, str, int, int, str, str]:
    """Return what an owner may change, in the order of the columns."""
    return (
        maildrop.disposition.spelled(),
        maildrop.on_outage,
        maildrop.print_once,
        maildrop.ceiling,
        maildrop.admission.stored(),
        wishtext.stored(maildrop.wish),
    )


def _store_device(db: sqlite3.Connection, device: Device) -> None:
    db.execute(
        "INSERT INTO device"
        " (name, maildrop, password, apop_secret, allow, profile, quirks, made, password_made,"
        " login_delay)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET maildrop = excluded.maildrop, password = excluded.password,"
        " apop_secret = excluded.apop_secret, allow = excluded.allow,"
        " profile = excluded.profile, quirks = excluded.quirks,"
        " password_made = excluded.password_made, login_delay = excluded.login_delay",
        (
            device.name,
            device.maildrop,
            device.password,
            device.apop_secret,
            json.dumps(device.allow),
            device.profile,
            json.dumps(device.quirks),
            device.made,
            device.password_made,
            device.login_delay,
        ),
    )
    logins: list[tuple[str, str | None]] = [(device.name, None)]
    logins += [(alias, alias) for alias in device.aliases]
    for login, alias in logins:
        taken = db.execute(
            "SELECT device FROM login WHERE login = ?", (login.casefold(),)
        ).fetchone()
        if taken:
            raise RegisterError(
                f"The login {login} belongs to device {taken[0]} already; choose another."
            )
        db.execute("INSERT INTO login VALUES (?, ?, ?)", (login.casefold(), device.name, alias))


if TYPE_CHECKING:
    _register: type[Register] = SqliteRegister
