"""What is kept of who changed what: one entry for each change, and what may be asked of them.

A field that an object keeps out of its repr is a secret here too: of it is told that it changed, never what it was.
"""

import enum
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Protocol, cast

import attrs

from bridge.names import DeviceName, MaildropName, Octets, SpoolId, UniqueId
from providers.contract import Disposition

VALUE_CHARACTERS = 200
"""Longest value told: enough to recognise it; a list of a thousand senders is in the register."""

MOMENTS_FROM = 1e8
"""Fractions from here on are seconds since the epoch: March 1973; nothing else of ours is so large."""


class AuditEvent(enum.StrEnum):
    """What can be done, as it is called in `popbridge audit` and in the log."""

    ACCOUNT_ADDED = "account-added"
    ACCOUNT_ENROLLED = "account-enrolled"
    ACCOUNT_REMOVED = "account-removed"
    GRANT_LOST = "grant-lost"
    MAILDROP_ADDED = "maildrop-added"
    MAILDROP_CHANGED = "maildrop-changed"
    MAILDROP_REMOVED = "maildrop-removed"
    DEVICE_ADDED = "device-added"
    DEVICE_CHANGED = "device-changed"
    DEVICE_PASSWORD_CHANGED = "device-password-changed"  # noqa: S105 - its name alone
    DEVICE_ADMITTED = "device-admitted"
    DEVICE_DISABLED = "device-disabled"
    DEVICE_ENABLED = "device-enabled"
    DEVICE_REMOVED = "device-removed"
    MESSAGE_REDELIVERED = "message-redelivered"
    MESSAGE_DROPPED = "message-dropped"
    CERTIFICATES_BEGUN = "certificates-begun"  # without the next: it failed, or was killed
    CERTIFICATES_ISSUED = "certificates-issued"
    BACKUP_BEGUN = "backup-begun"  # without the next: it failed, or was killed
    BACKUP_MADE = "backup-made"
    RESTORED = "restored"
    INITIALISED = "initialised"
    SETTINGS_NOTED = "settings-noted"  # from here on it is told what changes
    SETTING_CHANGED = "setting-changed"
    LISTENER_ADDED = "listener-added"
    LISTENER_REMOVED = "listener-removed"
    MESSAGE_MADE = "message-made"  # a test page, which a kill may leave unmade


@attrs.frozen
class Actor:
    """Who did something: a user of this machine, and who stands behind that by sudo; without a uid the bridge itself.

    Names are those of that time: a uid may be given to somebody else later.
    """

    uid: int | None = None
    user: str = "popbridge"
    sudo_uid: int | None = None
    sudo_user: str = ""

    def spelled(self) -> str:
        """Return a few words for a person."""
        if self.uid is None:
            return self.user
        who = f"{self.user}({self.uid})"
        return (
            who
            if self.sudo_uid is None
            else f"{who} by sudo of {self.sudo_user}({self.sudo_uid})"
        )


THE_BRIDGE = Actor()
"""Who did what nobody asked for."""

THE_CONFIG_FILE = Actor(user="config file")
"""Who changed a setting: whoever edited the file, of whom nothing is known."""


@attrs.frozen
class About:
    """What was concerned, by name."""

    account: str = ""
    maildrop: str = ""
    device: str = ""
    message: SpoolId | None = None


@attrs.frozen
class Difference:
    """What a field was before and is now; None where there was, or is, no such thing. Both None: a secret."""

    field: str
    old: str | None
    new: str | None

    @property
    def is_secret(self) -> bool:
        """Tell whether it is a secret that changed."""
        return self.old is None and self.new is None

    def spelled(self) -> str:
        """Return a few words for a person."""
        if self.is_secret:
            return f"{self.field} changed"
        if self.old is None or self.new is None:
            return f"{self.field}: {self.new if self.old is None else self.old}"
        return f"{self.field}: {self.old} -> {self.new}"


@attrs.frozen
class AuditEntry:
    """One thing that was done, at `at` seconds since the epoch; `number` grows by one, and is never used again.

    `event` is one of AuditEvent, or what a later popbridge has written.
    """

    number: int
    at: float
    actor: Actor
    event: str
    about: About
    differences: tuple[Difference, ...] = ()


class TakingEvent(enum.StrEnum):
    """What a device does with a message, as it is called in `popbridge audit`."""

    TAKEN = "message-taken"  # it got all of it
    DELETED = "message-deleted"  # it said DELE and QUIT, and was told +OK


@attrs.frozen
class Taking:
    """A device took a message, or deleted it: so often, between when and when (seconds since the epoch).

    `address`, `connection` and `octets` are those of the last time; no octets are known of a deletion.
    """

    event: TakingEvent
    device: DeviceName
    maildrop: MaildropName
    message: SpoolId
    unique_id: UniqueId
    octets: Octets | None
    address: str
    connection: str
    first: float
    last: float
    times: int


@attrs.frozen
class Wanted:
    """Which entries are wanted: since when, about what, and at most how many, the newest ones."""

    limit: int
    since: float = 0.0
    maildrop: str | None = None
    device: str | None = None


class AuditLog(Protocol):
    """Entries at rest; what is a change of the database is written by the transaction that makes it."""

    async def entries(self, wanted: Wanted) -> list[AuditEntry]:
        """Return the entries that are wanted, the newest last."""
        ...

    async def takings(self, wanted: Wanted) -> list[Taking]:
        """Return what devices took and deleted, by the last time, the newest last."""
        ...

    async def record(
        self,
        actor: Actor,
        at: float,
        event: AuditEvent,
        differences: tuple[Difference, ...] = (),
    ) -> None:
        """Write an entry of what is no change of the database, durably: before it is begun, and when it is done.

        Raises:
            SpoolUnavailable: nothing was written.
        """
        ...

    async def untold(self, limit: int) -> list[AuditEntry]:
        """Return the oldest entries that the log was not told, at most so many."""
        ...

    async def told(self, number: int) -> None:
        """Remember, durably, that the log was told all entries up to that one."""
        ...

    async def forget(self, before: float) -> None:
        """Forget entries and takings older than that, some at a time; one of the last 30 days is never forgotten.

        Raises:
            SpoolUnavailable: nothing was forgotten.
        """
        ...


def begun(one: attrs.AttrsInstance) -> tuple[Difference, ...]:
    """Return what was chosen of what begins: all that is not as it is by default."""
    return tuple(Difference(name, None, field.shown) for name, field in _chosen(one).items())


def ended(one: attrs.AttrsInstance) -> tuple[Difference, ...]:
    """Return what had been chosen of what ends."""
    return tuple(Difference(name, field.shown, None) for name, field in _chosen(one).items())


def changed(old: attrs.AttrsInstance, new: attrs.AttrsInstance) -> tuple[Difference, ...]:
    """Return what differs between two objects of one attrs class, field by field."""
    before, after = _fields(old), _fields(new)
    return tuple(
        _difference(name, before.get(name, _ABSENT), after.get(name, _ABSENT))
        for name in {**before, **after}
        if before.get(name) != after.get(name)
    )


def shortened(text: str) -> str:
    """Return a value as it is told: cut, where it is long."""
    return text if len(text) <= VALUE_CHARACTERS else f"{text[:VALUE_CHARACTERS]}..."


@attrs.frozen
class _Field:
    """A value to compare, and what may be told of it."""

    value: object = attrs.field(repr=False)
    shown: str = attrs.field(eq=False)
    is_secret: bool = False


_ABSENT = _Field(None, "none")

_NAMES = frozenset({"name", "account", "maildrop"})
"""Fields that `About` tells, of what begins and what ends."""

_MOMENTS = frozenset({"made", "password_made", "enabled"})
"""Fields that say when something was done, which entries tell by their own time."""


def _difference(name: str, old: _Field, new: _Field) -> Difference:
    if old.is_secret or new.is_secret:
        return Difference(name, None, None)
    return Difference(name, old.shown, new.shown)


def _chosen(one: attrs.AttrsInstance) -> dict[str, _Field]:
    usual: dict[str, _Field] = {}
    must: set[str] = set()
    for field in attrs.fields(type(one)):
        default = field.default
        if default is attrs.NOTHING:
            must.add(field.name)
            continue
        make = getattr(default, "factory", None)
        value = default if make is None else make()
        usual |= _flat(field.name, value, is_secret=not field.repr)
    return {
        name: field
        for name, field in _fields(one).items()
        if name not in _NAMES
        and usual.get(name) != field
        and not (field.is_secret and name in must)  # everyone has one: that says nothing
    }


def _fields(one: attrs.AttrsInstance) -> dict[str, _Field]:
    found: dict[str, _Field] = {}
    for field in attrs.fields(type(one)):
        if field.name not in _MOMENTS:
            found |= _flat(field.name, getattr(one, field.name), is_secret=not field.repr)
    return found


def _flat(name: str, value: object, *, is_secret: bool) -> dict[str, _Field]:
    """Return a value by its name; of one that has parts, each part by a name of its own."""
    if is_secret:
        return {name: _Field(value, "none" if value is None else "set", is_secret=True)}
    if isinstance(value, Disposition):
        return {name: _Field(value, shortened(value.spelled()))}
    if attrs.has(type(value)):
        parts = _fields(cast("attrs.AttrsInstance", value))
        return {f"{name}.{inner}": field for inner, field in parts.items()}
    if isinstance(value, Mapping):
        return {f"{name}.{key}": _Field(one, _said(one)) for key, one in value.items()}
    return {name: _Field(value, _said(value))}


def _said(value: object) -> str:
    match value:
        case None | "" | ():
            return "none"
        case float() if not value:
            return "none"
        case bool():
            return "yes" if value else "no"
        case float() if value >= MOMENTS_FROM:
            return f"{datetime.fromtimestamp(value, UTC):%Y-%m-%d %H:%M:%SZ}"
        case tuple() | list():
            return shortened(", ".join(map(str, value)))
        case _:
            return shortened(str(value))
