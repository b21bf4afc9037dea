"""Every setting of the appliance, as frozen classes, with the rule its value must keep.

The rules in the types are asked where config.toml is loaded, and there alone; a class built in code,
as a test does, is taken at its word.
"""

import ipaddress
import os
import re
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import attrs

from bridge.config.tomlvalues import Between, Count, Matches, Network

EventLoop: TypeAlias = Literal["auto", "asyncio", "uvloop"]
TlsMode: TypeAlias = Literal["implicit", "starttls", "none"]
TlsPolicy: TypeAlias = Literal["modern", "legacy12", "legacy10"]
"""What a listener accepts; the weaker ones are for devices that can do no better."""

MASTER_KEY_NAME = "master.key"
"""The master key's file in the state folder, where no other is named."""

PRIVATE_NETWORKS: tuple[Network, ...] = tuple(
    ipaddress.ip_network(text)
    for text in (
        "127.0.0.0/8",  # loopback, RFC 1122 section 3.2.1.3
        "::1/128",  # loopback, RFC 4291 section 2.5.3
        "10.0.0.0/8",  # private, RFC 1918 section 3, and the next two
        "172.16.0.0/12",
        "192.168.0.0/16",
        "169.254.0.0/16",  # link-local, RFC 3927
        "fc00::/7",  # unique local, RFC 4193
        "fe80::/10",  # link-local, RFC 4291 section 2.5.6
    )
)
"""Who may connect where a listener does not say: the machine itself and private networks."""

_STATE_DIR = Path(
    "/var/lib/popbridge"
)  # the Filesystem Hierarchy Standard's place, section 5.8
_MAX_STATE_DIR_OCTETS = 90  # a Unix socket lives in it, whose whole path has 108 (unix(7))
_MAX_SOCKET_OCTETS = 107  # unix(7): 108 with the NUL behind it
_MAX_COMMON_NAME = 64  # characters (RFC 5280 appendix A.1, ub-common-name)


# ---- rules: half a sentence to stand behind "key = value:", or None where the value is right

_LABEL = r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)"
_HOST_NAME = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*")  # RFC 1123 section 2.1


def _short_enough(folder: Path) -> str | None:
    """Accept folders whose full path leaves room for a socket's name."""
    octets = len(os.fsencode(folder))
    if octets <= _MAX_STATE_DIR_OCTETS:
        return None
    return (
        f"is {octets} octets long in full; must be at most {_MAX_STATE_DIR_OCTETS}, because a "
        "Unix socket lives in it"
    )


def _address_literal(text: str) -> str | None:
    """Accept IP addresses; a name could mean another machine tomorrow."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return 'must be an address of this machine, such as "192.168.1.10", "0.0.0.0" or "::"'
    return None


def _certificate_name(text: str) -> str | None:
    """Accept what a subject alternative name can hold: a host name or an address."""
    if "%" not in text and _address_literal(text) is None:
        return None
    # A last label of digits alone is a mistyped address (RFC 3696 section 2).
    if _HOST_NAME.fullmatch(text) and not text.rpartition(".")[2].isdigit():
        return None
    return 'must be a host name such as "popbridge.lan" (no *, umlauts as xn--), or an address'


def _short_first(names: tuple[str, ...]) -> str | None:
    """Accept lists whose first name fits into a common name."""
    if not names or len(names[0]) <= _MAX_COMMON_NAME:
        return None
    return (
        f"must begin with a name of at most {_MAX_COMMON_NAME} characters, because it becomes "
        "the certificate's common name"
    )


def _program(command: tuple[str, ...]) -> str | None:
    """Accept commands whose program is named in full: no PATH decides what is run."""
    if not command or command[0].startswith("/"):
        return None
    return 'must begin with the full path of a program, such as "/usr/local/bin/tell-me"'


def _socket_path(path: str) -> str | None:
    """Accept full paths that fit into the address of a Unix socket."""
    if not path or (
        path.startswith("/")
        and "\0" not in path
        and len(os.fsencode(path)) <= _MAX_SOCKET_OCTETS
    ):
        return None
    return (
        f"must be the full path of a Unix socket, of at most {_MAX_SOCKET_OCTETS} octets, such as"
        ' "/run/pop-before-smtp/logins"'
    )


_ListenerName = Annotated[
    str, Matches(r"[a-z0-9-]{1,32}", "1 to 32 small letters, digits and hyphens")
]
# A <...> makes clients try APOP where there is none, and then give up (RFC 1939 section 7).
_Banner = Annotated[
    str,
    Matches(r"(?:(?![<>])[ -~]){1,64}", "1 to 64 printable ASCII characters without < and >"),
]
_ProfileName = Annotated[
    str,
    Matches(r"[a-z0-9-]{0,32}", "the name of a profile (`popbridge profile list`), or empty"),
]
_Address = Annotated[str, _address_literal]
_Port = Annotated[int, Between(0, 65535)]
_Networks = Annotated[tuple[Network, ...], Count(1, 256)]
_MaybeNetworks = Annotated[tuple[Network, ...], Count(0, 256)]
_CertificateNames = Annotated[
    tuple[Annotated[str, _certificate_name], ...], Count(1, 64), _short_first
]
_StateDir = Annotated[Path, _short_enough]


# ---- the classes


@attrs.frozen
class ListenerConfig:
    """One address and port that devices connect to."""

    name: _ListenerName = "pop3s"
    """Names the listener in the log; no two have the same."""
    bind: _Address = "0.0.0.0"  # noqa: S104 - `allow` keeps strangers out
    """An address of this machine; 0.0.0.0 is every IPv4 address, :: every IPv6 address."""
    port: _Port = 995
    """TCP port; 995 is POP3 over TLS (RFC 8314 section 7.3), 110 POP3; 0 is any free one."""
    tls: TlsMode = "implicit"
    """TLS from the first octet (RFC 8314), from STLS on (RFC 2595 section 4), or never."""
    policy: TlsPolicy = "modern"
    """TLS 1.2 and later with AEAD (RFC 8997); 1.2 with old ciphers; 1.0 and later."""
    allow: _Networks = PRIVATE_NETWORKS
    """Networks that may connect; others are closed before TLS."""
    require_tls_for_auth: bool = True
    """No password is taken without TLS (RFC 2595 section 2.1)."""
    plaintext_from: _MaybeNetworks = ()
    """The only networks that may log in without TLS; all inside `allow`."""
    apop: bool = False
    """Offers APOP (RFC 1939 section 7) to devices that were enrolled with it."""
    banner: _Banner = "POP3 ready"
    """What the greeting says after +OK."""
    login_delay: Annotated[int, Between(0, 86400, "seconds")] = 0
    """Seconds after a login in which a device may not log in again (RFC 2449 section 6.5); 0 is none."""
    profile: _ProfileName = ""
    """The kind of machine that connects here: how it is spoken to before it has logged in."""


@attrs.frozen
class CertificateFiles:
    """A certificate chain and its private key, in PEM: the owner's own, or those of the LAN CA."""

    certificate: Path
    """The server certificate, followed by its intermediates."""
    key: Path
    """Its private key, not encrypted; one file may hold both."""


@attrs.frozen
class TlsConfig:
    """What devices see of this machine's identity."""

    names: _CertificateNames = ("localhost", "127.0.0.1", "::1")
    """Names and addresses in the certificate (RFC 6125); the first is its common name too."""
    certificates: Annotated[tuple[CertificateFiles, ...], Count(0, 8)] = ()
    """Own certificates; without any, the bridge's LAN CA issues one."""
    handshake_timeout: Annotated[float, Between(1, 120, "seconds")] = 10.0
    """Seconds for one TLS handshake; an old printer's processor needs two or three."""


@attrs.frozen
class LimitsConfig:
    """What one device, one address and all together may ask for."""

    command_octets: Annotated[int, Between(255, 1024, "octets")] = 255
    """Octets of a command line, CRLF counted (RFC 2449 section 4)."""
    sasl_octets: Annotated[int, Between(4096, 65536, "octets")] = 12288
    """Octets of an AUTH exchange's line (RFC 5034 section 4, RFC 4422 section 3.6)."""
    login_timeout: Annotated[int, Between(5, 600, "seconds")] = 60
    """Seconds from the greeting to the TRANSACTION state."""
    autologout: Annotated[int, Between(600, 86400, "seconds (RFC 1939 section 3)")] = 600
    """Seconds of silence that end a session; RFC 1939 section 3 asks for 10 minutes at least."""
    connections: Annotated[int, Between(1, 65535)] = 500
    """Connections at one time, all listeners together; a waiting one takes about 40 kB."""
    connections_per_address: Annotated[int, Between(1, 65535)] = 20
    """Connections at one time from one address; a device needs one, an office behind NAT more."""
    bad_commands: Annotated[int, Between(1, 1000)] = 20
    """Commands of a session that may fail to parse; the next one closes it."""
    failed_logins: Annotated[int, Between(1, 100)] = 3
    """Failed logins of a connection; the last of them closes it."""
    failed_login_delay_max: Annotated[float, Between(0, 600, "seconds")] = 30.0
    """Seconds that the answer to a failed login is held back at most, growing from one."""
    takeover_grace: Annotated[float, Between(0, 60, "seconds")] = 3.0
    """Seconds a session may stay silent before the same device at the same address replaces it."""


@attrs.frozen
class SyncConfig:
    """How often, and how much, the mailboxes behind the bridge are asked."""

    interval: Annotated[float, Between(1, 86400, "seconds")] = 60.0
    """Seconds between two looks at a mailbox."""
    nudge_gap: Annotated[float, Between(0, 3600, "seconds")] = 60.0
    """Seconds at least between two looks that logins ask for; as long as the interval by default."""
    message_octets: Annotated[int, Between(1024, 4294967296, "octets")] = 157286400
    """Octets of a message; a larger one is quarantined. 150 MiB: the most Exchange Online takes."""


@attrs.frozen
class SpoolConfig:
    """Messages at rest."""

    minimum_free_octets: Annotated[int, Between(0, 1 << 50, "octets")] = 67108864
    """Octets the file system must have left, or nothing more is fetched; 64 MiB."""
    history_days: Annotated[int, Between(1, 3650, "days")] = 90
    """Days for which it can be told what happened to a message that is done with."""


@attrs.frozen
class ShapingConfig:
    """What the processes may use that make of a message what a device can print."""

    processes: Annotated[int, Between(1, 16)] = 1
    """How many messages are shaped at a time, each by a process of its own."""
    cpu_seconds: Annotated[int, Between(1, 3600, "seconds")] = 60
    """Seconds of processor time for one message; one that takes more is replaced by a notice."""
    memory_octets: Annotated[int, Between(134217728, 1 << 40, "octets")] = 536870912
    """Octets of address space for one message; 512 MiB."""


@attrs.frozen
class VaultConfig:
    """The key that seals everything at rest."""

    key_file: Path = _STATE_DIR / MASTER_KEY_NAME
    """The master key; an empty value in the file means master.key in the state folder."""


@attrs.frozen
class AlertsConfig:
    """What an admin hears of at once, and how."""

    command: Annotated[tuple[str, ...], Count(0, 64), _program] = attrs.field(
        default=(), repr=False
    )
    """A program and its arguments, run for each alert; empty means the log alone."""
    failing_minutes: Annotated[int, Between(1, 10080, "minutes")] = 15
    """Minutes that an account may fail before it is an alert."""
    certificate_days: Annotated[int, Between(1, 365, "days")] = 21
    """Days before its end at which a certificate or an app's secret is an alert."""


@attrs.frozen
class LoginHookConfig:
    """Who is told of every login that went well, so that a neighbour can open for its address."""

    command: Annotated[tuple[str, ...], Count(0, 64), _program] = attrs.field(
        default=(), repr=False
    )
    """A program and its arguments, run for each login; empty means none."""
    socket: Annotated[str, _socket_path] = ""
    """A Unix stream socket to which each login is written as a line of JSON; empty means none."""


@attrs.frozen
class WatchConfig:
    """What is told of devices and their logins."""

    unseen_days: Annotated[int, Between(0, 3650, "days")] = 30
    """Days without a login, of those on which the bridge ran, after which `status` names a device; 0 names none."""
    unseen: Literal["warn", "disable"] = "warn"
    """Whether such a device is only named, or can also log in no more."""
    new_address: Literal["log", "alert", "refuse"] = "log"
    """What becomes of a login from an address that its device never came from before."""
    password_days: Annotated[int, Between(0, 3650, "days")] = 365
    """Days after which `status` names a device for the age of its password; 0 names none."""


@attrs.frozen
class AuditConfig:
    """Who changed what."""

    keep_days: Annotated[int, Between(30, 3650, "days")] = 400
    """Days for which it is told; a year, and the weeks until somebody looks back at it."""


@attrs.frozen
class LogConfig:
    """What is told on standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least that is told."""
    format: Literal["text", "json"] = "text"
    """One line of key=value for people, or of JSON for machines."""


@attrs.frozen
class Config:
    """The whole of config.toml; every path in it is absolute once it was loaded."""

    state_dir: _StateDir = _STATE_DIR
    """The one folder that holds the register, the spool and the keys."""
    event_loop: EventLoop = "auto"
    """auto is uvloop where the `speed` extra is installed, and stock asyncio elsewhere."""
    listener: Annotated[tuple[ListenerConfig, ...], Count(1, 64)] = (ListenerConfig(),)
    """Where devices connect."""
    tls: TlsConfig = TlsConfig()
    """What devices see of this machine's identity."""
    limits: LimitsConfig = LimitsConfig()
    """What one device, one address and all together may ask for."""
    sync: SyncConfig = SyncConfig()
    """How often, and how much, the mailboxes are asked."""
    spool: SpoolConfig = SpoolConfig()
    """Messages at rest."""
    shaping: ShapingConfig = ShapingConfig()
    """What the processes may use that shape messages for devices."""
    vault: VaultConfig = attrs.field(
        default=attrs.Factory(
            lambda self: VaultConfig(self.state_dir / MASTER_KEY_NAME), takes_self=True
        )
    )
    """The key that seals everything at rest."""
    alerts: AlertsConfig = AlertsConfig()
    """What an admin hears of at once, and how."""
    login_hook: LoginHookConfig = LoginHookConfig()
    """Who is told of every login."""
    watch: WatchConfig = WatchConfig()
    """What is told of devices and their logins."""
    audit: AuditConfig = AuditConfig()
    """Who changed what."""
    log: LogConfig = LogConfig()
    """What is told on standard error."""
