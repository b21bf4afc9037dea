"""Every change an owner can make to accounts and devices; the doors contain no rule."""

import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import attrs

from bridge.accounts.directory import Network, apop_context
from bridge.errors import RegisterError
from bridge.names import AccountName, DeviceName, MaildropName
from bridge.pop3.quirks import CHOICES, STANDARD, with_settings
from bridge.storage.register import (
    Account,
    Device,
    MaildropRecord,
    Register,
    RegisterSnapshot,
)
from bridge.throttle import logindelay

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


def new_account(name: str, provider: str, settings: dict[str, str]) -> Account:
    """Return an account of that name.

    Raises:
        RegisterError: the name is not one.
    """
    return Account(AccountName(owners_name("account", name)), provider, settings)


def owners_name(noun: str, name: str) -> str:
    """Return a name that an owner chose for something of that noun.

    Raises:
        RegisterError: it is none.
    """
    if not OWNERS_NAME.fullmatch(name):
        raise RegisterError(
            f"{name!r} is no name for a {noun}; use 1 to 64 of A-Z a-z 0-9 . _ -,"
            " beginning with a letter or digit."
        )
    return name


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
