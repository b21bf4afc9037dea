"""What the rest of the house may ask of accounts, maildrops and devices at rest, and what these are.

Durable means what it means of the spool (bridge/storage/ports.py).
"""

import enum
from typing import Protocol

import attrs

from bridge.admission import EVERYTHING, Admission
from bridge.alerts import Alert
from bridge.names import AccountName, DeviceName, MaildropName
from bridge.shaping.wish import Wish
from providers.contract import Disposition, FolderName


@attrs.frozen
class Account:
    """One enrolled cloud identity, or a local folder.

    `enrolment` counts how often it was enrolled, 0 before the first time; None where none is needed.
    """

    name: AccountName
    provider: str
    settings: dict[str, str]
    enrolment: int | None = None


@attrs.frozen
class StoredGrant:
    """A grant at rest: sealed, of which enrolment, when last renewed (seconds since the epoch).

    `lost` says why the service no longer honours it, and is None while it does.
    """

    sealed: bytes = attrs.field(repr=False)
    enrolment: int
    renewed: float
    lost: str | None = None


class OnOutage(enum.StrEnum):
    """What a device sees of a maildrop while its account cannot be looked at."""

    SERVE = "serve"  # what is here
    EMPTY = "empty"  # no message
    ERROR = "error"  # a refused login, [SYS/TEMP]


PRINT_ONCE_SECONDS = 86400
"""For how long a second copy of a message is held where its owner does not say: a day."""

CEILING_OCTETS = 1 << 31
"""What may lie here for one maildrop where its owner does not say: 2 GiB, some 100 large scans."""


@attrs.frozen
class MaildropRecord:
    """One folder of one account, as devices see it.

    For `print_once` seconds a second copy of a message is held, 0 lists every copy; what `admission`
    refuses is held too. At `ceiling` octets of bodies at rest nothing more is fetched. As `wish` says,
    what is fetched from then on arrives at the devices.
    """

    name: MaildropName
    account: AccountName
    folder: FolderName
    disposition: Disposition
    on_outage: OnOutage = OnOutage.SERVE
    print_once: int = PRINT_ONCE_SECONDS
    ceiling: int = CEILING_OCTETS
    admission: Admission = EVERYTHING
    wish: Wish = attrs.field(factory=Wish)


class WhyDisabled(enum.StrEnum):
    """Why a device may not log in."""

    UNSEEN = "unseen"  # it had not logged in for `[watch] unseen_days`
    BY_HAND = "by hand"


@attrs.frozen
class Disabled:
    """Since when a device may not log in (seconds since the epoch), and why."""

    since: float
    why: WhyDisabled


@attrs.frozen
class Device:
    """A machine's own user name and password, tied to one maildrop, or to none where it only logs in.

    `password` is a hash in PHC form. `apop_secret` is sealed, and None where APOP is off.
    `allow` lists networks in CIDR notation; empty means every network the listener serves. `profile` names
    the kind of machine, and is empty where nobody said; `quirks` changes that profile's for this device alone.
    `made` and `password_made` are None where they are from before that was written down; `enabled` is when
    an admin last enabled the device, and `disabled` is None while it may log in. For `login_delay` seconds after
    a login it may not log in again; None is what its listener has.
    """

    name: DeviceName
    maildrop: MaildropName | None
    password: str = attrs.field(repr=False)
    aliases: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    apop_secret: bytes | None = attrs.field(default=None, repr=False)
    profile: str = ""
    quirks: dict[str, str] = attrs.field(factory=dict)
    made: float | None = None
    password_made: float | None = None
    enabled: float | None = None
    disabled: Disabled | None = None
    login_delay: int | None = None


@attrs.frozen
class RegisterSnapshot:
    """All that the register holds, at one moment."""

    accounts: tuple[Account, ...]
    maildrops: tuple[MaildropRecord, ...]
    devices: tuple[Device, ...]

    def profiles(self, maildrop: MaildropName) -> tuple[str, ...]:
        """Return of what kinds the devices are that a maildrop is for."""
        return tuple(one.profile for one in self.devices if one.maildrop == maildrop)


class Register(Protocol):
    """Accounts, maildrops and devices at rest; every change is durable before it returns."""

    async def snapshot(self) -> RegisterSnapshot:
        """Return everything, ordered by name."""
        ...

    async def add_account(self, account: Account, sealed: bytes | None = None) -> None:
        """Add an account; `sealed` is the grant it begins with, where it needs enrolment.

        Raises:
            RegisterError: the name is taken.
        """
        ...

    async def remove_account(self, name: AccountName) -> None:
        """Remove an account that no maildrop uses.

        Raises:
            RegisterError: there is no such account, or maildrops still use it.
        """
        ...

    async def grant(self, account: AccountName) -> StoredGrant | None:
        """Return the grant of an account; None where it has none."""
        ...

    async def enrol(
        self,
        account: AccountName,
        sealed: bytes,
        now: float,
        settings: dict[str, str] | None = None,
    ) -> None:
        """Put the grant of a new enrolment in place of what was there; whatever was lost is found.

        `settings`, where given, replace those of the account. The cursors of its maildrops are forgotten.

        Raises:
            RegisterError: there is no such account, or it needs no enrolment.
        """
        ...

    async def renew_grant(
        self, account: AccountName, enrolment: int, sealed: bytes, now: float
    ) -> bool:
        """Replace the grant by its successor; return False where the account was enrolled anew."""
        ...

    async def lose_grant(
        self, account: AccountName, enrolment: int, why: str, alert: Alert | None = None
    ) -> bool:
        """Record that the service no longer honours the grant of that enrolment; return whether it is news.

        Where it is, `alert` is kept along with it until it was told; so too below.
        """
        ...

    async def add_maildrop(self, maildrop: MaildropRecord) -> None:
        """Add a maildrop.

        Raises:
            RegisterError: the name is taken, or there is no such account.
        """
        ...

    async def change_maildrop(self, maildrop: MaildropRecord) -> None:
        """Replace what an owner may change of a maildrop: all but its account and its folder.

        Raises:
            RegisterError: there is no such maildrop.
        """
        ...

    async def remove_maildrop(self, name: MaildropName) -> None:
        """Remove a maildrop that no device uses, with everything spooled for it.

        Raises:
            RegisterError: there is no such maildrop, devices use it, or deletions promised to
                devices still wait to be carried out upstream.
        """
        ...

    async def add_device(self, device: Device) -> None:
        """Add a device.

        Raises:
            RegisterError: the name or an alias is taken (letter case does not matter), or there
                is no such maildrop.
        """
        ...

    async def change_device(self, device: Device) -> None:
        """Replace the stored device of the same name; when it was made and whether it may log in stay.

        Raises:
            RegisterError: there is no such device.
        """
        ...

    async def disable_device(
        self, name: DeviceName, disabled: Disabled, alert: Alert | None = None
    ) -> bool:
        """Let a device log in no more; return False where it is disabled already, or gone."""
        ...

    async def enable_device(self, name: DeviceName, now: float) -> bool:
        """Let a disabled device log in again; return False where it is not disabled, or gone."""
        ...

    async def remove_device(self, name: DeviceName) -> None:
        """Remove a device.

        Raises:
            RegisterError: there is no such device.
        """
        ...
