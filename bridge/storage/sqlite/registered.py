"""Reads what is registered, inside a transaction of its caller or outside of any."""

import json
import sqlite3
from collections.abc import Sequence
from typing import Any

from bridge.admission import Admission
from bridge.errors import RegisterError
from bridge.names import AccountName, DeviceName, MaildropName
from bridge.shaping import wishtext
from bridge.storage.register import (
    Account,
    Device,
    Disabled,
    MaildropRecord,
    OnOutage,
    RegisterSnapshot,
    WhyDisabled,
)
from providers.contract import Disposition, FolderName


def snapshot(db: sqlite3.Connection) -> RegisterSnapshot:
    """Return everything, ordered by name."""
    return RegisterSnapshot(_accounts(db), _maildrops(db), _devices(db))


def account(db: sqlite3.Connection, name: str) -> Account:
    """Return the account of that name.

    Raises:
        RegisterError: there is none.
    """
    need(db, "account", name)
    return next(one for one in _accounts(db) if one.name == name)


def maildrop(db: sqlite3.Connection, name: str) -> MaildropRecord:
    """Return the maildrop of that name.

    Raises:
        RegisterError: there is none.
    """
    need(db, "maildrop", name)
    return next(one for one in _maildrops(db) if one.name == name)


def device(db: sqlite3.Connection, name: str) -> Device:
    """Return the device of that name.

    Raises:
        RegisterError: there is none.
    """
    need(db, "device", name)
    return next(one for one in _devices(db) if one.name == name)


def exists(db: sqlite3.Connection, table: str, name: str) -> bool:
    """Tell whether there is an account, a maildrop or a device of that name."""
    # The table's name is one of our own three, never input.
    query = f"SELECT 1 FROM {table} WHERE name = ?"  # noqa: S608 - see above
    return db.execute(query, (name,)).fetchone() is not None


def need(db: sqlite3.Connection, table: str, name: str) -> None:
    """Promise that there is one of that name.

    Raises:
        RegisterError: there is none.
    """
    if not exists(db, table, name):
        raise RegisterError(f"There is no {table} {name}; see `popbridge {table} list`.")


def _accounts(db: sqlite3.Connection) -> tuple[Account, ...]:
    return tuple(
        Account(AccountName(name), provider, json.loads(settings), enrolment)
        for name, provider, settings, enrolment in db.execute(
            "SELECT name, provider, settings, enrolment FROM account"
            " LEFT JOIN account_grant ON account = name ORDER BY name"
        )
    )


def _maildrops(db: sqlite3.Connection) -> tuple[MaildropRecord, ...]:
    return tuple(
        MaildropRecord(
            MaildropName(name),
            AccountName(account),
            FolderName(folder),
            Disposition.parse(disposition),
            OnOutage(on_outage),
            print_once,
            ceiling,
            Admission.parse(admission),
            wishtext.parse(wish),
        )
        for name, account, folder, disposition, on_outage, print_once, ceiling, admission, wish in db.execute(
            "SELECT name, account, folder, disposition, on_outage, print_once, ceiling, admission, wish"
            " FROM maildrop ORDER BY name"
        )
    )


def _devices(db: sqlite3.Connection) -> tuple[Device, ...]:
    aliases: dict[str, list[str]] = {}
    for name, alias in db.execute(
        "SELECT device, alias FROM login WHERE alias NOT NULL ORDER BY rowid"
    ):
        aliases.setdefault(name, []).append(alias)
    rows = db.execute(
        "SELECT name, maildrop, password, apop_secret, allow, profile, quirks, made, password_made, enabled,"
        " disabled, why_disabled, login_delay FROM device ORDER BY name"
    )
    return tuple(_device(row, tuple(aliases.get(row[0], ()))) for row in rows)


def _device(row: Sequence[Any], aliases: tuple[str, ...]) -> Device:
    name, maildrop, password, apop_secret, allow, profile, quirks, *rest = row
    made, password_made, enabled, disabled, why, login_delay = rest
    return Device(
        DeviceName(name),
        None if maildrop is None else MaildropName(maildrop),
        password,
        aliases,
        tuple(json.loads(allow)),
        apop_secret,
        profile,
        json.loads(quirks),
        made,
        password_made,
        enabled,
        None if disabled is None else Disabled(disabled, WhyDisabled(why)),
        login_delay,
    )
