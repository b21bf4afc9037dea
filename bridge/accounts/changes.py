"""Every change an owner can make to accounts, maildrops and devices; the doors contain no rule."""

import ipaddress
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Protocol

import attrs

from bridge.accounts.directory import Network, apop_context
from bridge.admission import DAY_SECONDS, PATTERN, Admission
from bridge.errors import RegisterError
from bridge.names import AccountName, DeviceName, MaildropName
from bridge.pop3.quirks import CHOICES, STANDARD, with_settings
from bridge.shaping import wishtext
from bridge.storage.register import (
    Account,
    Device,
    MaildropRecord,
    OnOutage,
    Register,
    RegisterSnapshot,
)
from bridge.throttle import logindelay
from providers.contract import Disposition, DispositionKind, FolderName

OWNERS_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""Names the owner chooses: safe in a shell, a log line and a file name."""

DEVICE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,62}")
"""User names that panels can type and hold: 63 octets (Xerox WorkCentre 6015 e-mail server help)."""

ALIAS = re.compile(r"[!-~](?:[ -~]{0,126}[!-~])?")
"""Other spellings a device sends: printable ASCII, `DOMAIN\\user` and full addresses included."""

ANY = "any"
"""Takes away what was said of senders or of the subject."""

PROFILE = "profile"
"""What a quirk is set to so that the profile's counts again."""

PASSWORD_OCTETS = 128
"""Longest password taken: far more than any panel holds."""


HOUR_SECONDS = 3600
MIB_OCTETS = 1 << 20

_MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")


class SecretSealer(Protocol):
    """Seals secrets; bridge.vault.seal.SecretSeal does."""

    def seal(self, plaintext: bytes, context: bytes) -> bytes:
        """Return `plaintext` sealed to `context`."""
        ...


@attrs.frozen
class DeviceOrder:
    """What an owner says of a new device; without a maildrop it only logs in."""

    name: str
    maildrop: str | None
    aliases: Sequence[str] = ()
    allow: Sequence[str] = ()
    apop: bool = False
    profile: str = ""
    login_delay: str | None = None
    quirks: Mapping[str, str] = attrs.field(factory=dict)


@attrs.frozen
class Knobs:
    """What an owner may choose of a maildrop; None leaves it as it is.

    `print_once` in hours, `ceiling` in MiB, `max_age` in days, `not_before` in seconds since the epoch;
    0 takes either of the last two away, and `any` what was said of senders or of the subject. `wish` holds
    what is chosen of a Wish, by its fields, as it is stored.
    """

    on_dele: str | None = None
    on_outage: str | None = None
    print_once: int | None = None
    ceiling: int | None = None
    allow_senders: Sequence[str] | None = None
    deny_senders: Sequence[str] | None = None
    subject: str | None = None
    max_age: int | None = None
    not_before: float | None = None
    automatic: str | None = None
    authenticated: bool | None = None
    at_most: int | None = None
    newest_first: bool | None = None
    printable: bool | None = None
    refused: str | None = None
    wish: Mapping[str, Any] = attrs.field(factory=dict)


NO_KNOBS = Knobs()
"""Nothing is chosen."""


def new_account(name: str, provider: str, settings: dict[str, str]) -> Account:
    """Return an account of that name.

    Raises:
        RegisterError: the name is not one.
    """
    return Account(AccountName(_owners_name("account", name)), provider, settings)


def new_maildrop(
    name: str, account: str, folder: str, on_dele: str, can: Collection[DispositionKind]
) -> MaildropRecord:
    """Return a maildrop whose disposition is one of those the account's mailbox `can` do.

    Raises:
        RegisterError: the name is not one, or the disposition is none, or not possible there.
    """
    disposition = _disposition(account, on_dele, can)
    return MaildropRecord(
        MaildropName(_owners_name("maildrop", name)),
        AccountName(account),
        FolderName(folder),
        disposition,
    )


def changed_maildrop(
    old: MaildropRecord, knobs: Knobs, can: Collection[DispositionKind]
) -> MaildropRecord:
    """Return the maildrop with what is given put in place of what it had.

    Raises:
        RegisterError: the disposition is none, or not possible there.
    """
    changed = old
    if knobs.on_dele is not None:
        wanted = _disposition(old.account, knobs.on_dele, can)
        changed = attrs.evolve(changed, disposition=wanted)
    if knobs.on_outage is not None:
        changed = attrs.evolve(changed, on_outage=OnOutage(knobs.on_outage))
    if knobs.print_once is not None:
        changed = attrs.evolve(changed, print_once=knobs.print_once * HOUR_SECONDS)
    if knobs.ceiling is not None:
        changed = attrs.evolve(changed, ceiling=knobs.ceiling * MIB_OCTETS)
    return attrs.evolve(
        changed,
        admission=_admission(changed.admission, knobs),
        wish=wishtext.changed(changed.wish, knobs.wish),
    )


def new_device(
    order: DeviceOrder,
    password: str,
    hasher: Callable[[str], str],
    sealer: SecretSealer,
    now: float,
) -> Device:
    """Return a device, made now, with that password, hashed; with APOP also sealed, since APOP needs it back.

    Raises:
        RegisterError: a name, a network or the password cannot be used.
    """
    if not DEVICE_NAME.fullmatch(order.name):
        raise RegisterError(
            f"{order.name!r} is no name for a device; use 1 to 63 of A-Z a-z 0-9 . _ @ + -,"
            " beginning with a letter or digit."
        )
    device = Device(
        DeviceName(order.name),
        None if order.maildrop is None else MaildropName(order.maildrop),
        hasher(_password(password)),
        made_aliases(order.aliases),
        made_networks(order.allow),
        profile=order.profile,
        quirks=own_quirks({}, order.quirks),
        login_delay=None if order.login_delay is None else logindelay.parse(order.login_delay),
        made=now,
        password_made=now,
    )
    return _with_apop(device, password, sealer) if order.apop else device


def with_password(
    device: Device,
    password: str,
    hasher: Callable[[str], str],
    sealer: SecretSealer,
    now: float,
    apop: bool | None = None,  # noqa: FBT001 - None is the third answer
) -> Device:
    """Return the device with another password, made now; for APOP too as is said, or as it had it.

    Raises:
        RegisterError: the password cannot be used.
    """
    hashed = hasher(_password(password))
    changed = attrs.evolve(device, password=hashed, password_made=now, apop_secret=None)
    by_apop = device.apop_secret is not None if apop is None else apop
    return _with_apop(changed, password, sealer) if by_apop else changed


def made_aliases(texts: Sequence[str]) -> tuple[str, ...]:
    """Return aliases as they are kept.

    Raises:
        RegisterError: one of them is none.
    """
    for alias in texts:
        if not ALIAS.fullmatch(alias):
            raise RegisterError(
                f"{alias!r} is no alias; use 1 to 128 printable ASCII characters."
            )
    return tuple(texts)


def made_networks(texts: Sequence[str]) -> tuple[str, ...]:
    """Return networks as they are kept, an IPv4-mapped one as IPv4.

    Raises:
        RegisterError: one of them is none.
    """
    return tuple(_network(text) for text in texts)


def own_quirks(old: Mapping[str, str], chosen: Mapping[str, str]) -> dict[str, str]:
    """Return a device's own quirks with what is chosen; one set to PROFILE is no longer its own.

    Raises:
        RegisterError: there is no such quirk, or it cannot be that.
    """
    taken_back = {
        name for name, value in chosen.items() if value == PROFILE and name in CHOICES
    }
    own = {name: value for name, value in {**old, **chosen}.items() if name not in taken_back}
    with_settings(STANDARD, own)
    return own


def find_device(snapshot: RegisterSnapshot, name: str) -> Device:
    """Return the device of that name.

    Raises:
        RegisterError: there is none.
    """
    for device in snapshot.devices:
        if device.name == name:
            return device
    raise RegisterError(f"There is no device {name}; see `popbridge device list`.")


def find_maildrop(snapshot: RegisterSnapshot, name: str) -> MaildropRecord:
    """Return the maildrop of that name.

    Raises:
        RegisterError: there is none.
    """
    for maildrop in snapshot.maildrops:
        if maildrop.name == name:
            return maildrop
    raise RegisterError(f"There is no maildrop {name}; see `popbridge maildrop list`.")


def find_account(snapshot: RegisterSnapshot, name: str) -> Account:
    """Return the account of that name.

    Raises:
        RegisterError: there is none.
    """
    for account in snapshot.accounts:
        if account.name == name:
            return account
    raise RegisterError(f"There is no account {name}; see `popbridge account list`.")


async def replace_password(
    register: Register, name: str, replaced: Callable[[Device], Device]
) -> None:
    """Give the device of that name another password, by `with_password`, durably.

    Raises:
        RegisterError: there is no such device, or the password cannot be used.
    """
    device = find_device(await register.snapshot(), name)
    await register.change_device(replaced(device))


def _disposition(account: str, on_dele: str, can: Collection[DispositionKind]) -> Disposition:
    try:
        disposition = Disposition.parse(on_dele)
    except ValueError as error:
        raise RegisterError(
            f"{on_dele} is no disposition; choose keep, trash, move:FOLDER, archive, mark-read,"
            " label:NAME or purge."
        ) from error
    if disposition.kind not in can:
        choices = ", ".join(sorted(can))
        raise RegisterError(
            f"The mailbox of account {account} cannot do {disposition.kind}; it can do {choices}."
        )
    return disposition


def _admission(old: Admission, knobs: Knobs) -> Admission:
    chosen: dict[str, Any] = {
        "allow": None if knobs.allow_senders is None else _senders(knobs.allow_senders),
        "deny": None if knobs.deny_senders is None else _senders(knobs.deny_senders),
        "subject": "" if knobs.subject == ANY else knobs.subject,
        "max_age": None if knobs.max_age is None else knobs.max_age * DAY_SECONDS,
        "not_before": knobs.not_before,
        "authenticated": knobs.authenticated,
        "at_most": knobs.at_most,
        "newest_first": knobs.newest_first,
        "printable": knobs.printable,
    }
    given = {k: value for k, value in chosen.items() if value is not None}
    if knobs.refused is not None:
        given["refused_to"] = _refused_to(knobs.refused)
    if knobs.automatic is not None:
        given["automatic"] = {"list": True, "hold": False, ANY: None}[knobs.automatic]
    return attrs.evolve(old, **given)


def _refused_to(text: str) -> str:
    """Return the folder that is meant by `move:FOLDER`, and none by `stay`."""
    kind, _, folder = text.partition(":")
    if (kind, bool(folder)) not in {("stay", False), ("move", True)}:
        raise RegisterError(
            f"{text} is nothing to do with what is refused; choose stay or move:FOLDER."
        )
    return folder


def _senders(patterns: Sequence[str]) -> tuple[str, ...]:
    if list(patterns) == [ANY]:
        return ()
    for pattern in patterns:
        if not PATTERN.fullmatch(pattern) or pattern == ANY:
            raise RegisterError(
                f"{pattern!r} names no sender; write an address, a domain such as example.com, or"
                f" .example.com for it and all below it, or {ANY} alone to take what was said away."
            )
    return tuple(pattern.lower() for pattern in patterns)


def _owners_name(noun: str, name: str) -> str:
    if not OWNERS_NAME.fullmatch(name):
        raise RegisterError(
            f"{name!r} is no name for a {noun}; use 1 to 64 of A-Z a-z 0-9 . _ -,"
            " beginning with a letter or digit."
        )
    return name


def _password(password: str) -> str:
    octets = len(password.encode("utf-8", "surrogateescape"))
    if not 1 <= octets <= PASSWORD_OCTETS or not password.isprintable():
        raise RegisterError(
            f"That password cannot be used; it needs 1 to {PASSWORD_OCTETS} printable characters."
        )
    return password


def _network(text: str) -> str:
    try:
        return str(_as_ipv4(ipaddress.ip_network(text)))
    except ValueError as error:
        raise RegisterError(
            f"{text} is no network; write it like 192.168.1.20 or 192.168.1.0/24."
        ) from error


def _as_ipv4(network: Network) -> Network:
    """Return an IPv4-mapped network as IPv4, which is how its peers are known (RFC 4291 section 2.5.5)."""
    if isinstance(network, ipaddress.IPv6Network) and network.subnet_of(_MAPPED):
        host = ipaddress.IPv4Address(int(network.network_address) & 0xFFFFFFFF)
        return ipaddress.IPv4Network((host, network.prefixlen - 96))
    return network


def _with_apop(device: Device, password: str, sealer: SecretSealer) -> Device:
    secret = password.encode("utf-8", "surrogateescape")
    return attrs.evolve(device, apop_secret=sealer.seal(secret, apop_context(device.name)))
