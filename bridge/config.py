"""Describes the appliance: config.toml as frozen classes, and every fault of it at once.

The rules in the types are asked by `load_config` alone; a class built in code, as a test does, is
taken at its word. Accounts, maildrops and devices are not here: they live in the register.
"""

import copy
import ipaddress
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

import attrs

from bridge.errors import ConfigError
from bridge.tomllines import KeyPath, key_lines, line_of
from bridge.tomlvalues import (
    Between,
    Fault,
    Faulty,
    Matches,
    Network,
    build,
    not_empty,
    shown,
    spelled,
)

__all__ = [
    "CertificateFiles",
    "Config",
    "EventLoop",
    "LimitsConfig",
    "ListenerConfig",
    "LogConfig",
    "Network",
    "SpoolConfig",
    "SyncConfig",
    "TlsConfig",
    "TlsMode",
    "TlsPolicy",
    "VaultConfig",
    "find_config",
    "load_config",
]

EventLoop: TypeAlias = Literal["auto", "asyncio", "uvloop"]
TlsMode: TypeAlias = Literal["implicit", "starttls", "none"]
TlsPolicy: TypeAlias = Literal["modern", "legacy12", "legacy10"]

MAX_FILE_OCTETS = 1024 * 1024  # of config.toml: hundreds of times what it needs
MAX_STATE_DIR_OCTETS = 90  # a Unix socket lives in it, and its whole path has 108 (unix(7))
SYSTEM_CONFIG = Path("/etc/popbridge/config.toml")

_STATE_DIR = Path("/var/lib/popbridge")
_KEY_NAME = "master.key"

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


# ---- rules of single values


def _short_enough(folder: Path) -> str | None:
    octets = len(os.fsencode(folder))
    if octets <= MAX_STATE_DIR_OCTETS:
        return None
    return (
        f"is {octets} octets long in full; must be at most {MAX_STATE_DIR_OCTETS}, because a "
        "Unix socket lives in it"
    )


def _address_literal(text: str) -> str | None:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return 'must be an address of this machine, such as "192.168.1.10", "0.0.0.0" or "::"'
    return None


_LABEL = r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)"
_HOST_NAME = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*")  # RFC 1123 section 2.1


def _certificate_name(text: str) -> str | None:
    if _address_literal(text) is None and "%" not in text:
        return None
    # A last label of digits alone is a mistyped address (RFC 3696 section 2).
    if _HOST_NAME.fullmatch(text) and not text.rpartition(".")[2].isdigit():
        return None
    return 'must be a host name such as "printbridge.lan" (xn-- form, no *), or an address'


def _short_first(names: tuple[str, ...]) -> str | None:
    if not names or len(names[0]) <= 64:
        return None
    return (
        "must begin with a name of at most 64 characters, because it becomes the common name "
        "(RFC 5280 appendix A.1)"
    )


_ListenerName = Annotated[
    str, Matches(r"[a-z0-9-]{1,32}", "1 to 32 small letters, digits and hyphens")
]
# A <...> makes clients try APOP where there is none, and then give up (RFC 1939 section 7).
_Banner = Annotated[
    str,
    Matches(r"(?:(?![<>])[ -~]){1,64}", "1 to 64 printable ASCII characters without < and >"),
]
_Networks = Annotated[tuple[Network, ...], not_empty]
_CertificateNames = Annotated[
    tuple[Annotated[str, _certificate_name], ...], not_empty, _short_first
]
_StateDir = Annotated[Path, _short_enough]
_Seconds = Annotated[float, Between(0, 600, "seconds")]


# ---- the classes


@attrs.frozen
class ListenerConfig:
    """One address and port that devices connect to."""

    name: _ListenerName = "pop3s"
    """Names the listener in the log; no two have the same."""
    bind: Annotated[str, _address_literal] = "0.0.0.0"  # noqa: S104 - `allow` keeps strangers out
    """An address of this machine; 0.0.0.0 is every IPv4 address, :: every IPv6 address."""
    port: Annotated[int, Between(0, 65535)] = 995
    """TCP port; 995 is POP3 over TLS (RFC 8314 section 7.3), 110 POP3; 0 is any free one."""
    tls: TlsMode = "implicit"
    """TLS from the first octet (RFC 8314), from STLS on (RFC 2595 section 4), or never."""
    policy: TlsPolicy = "modern"
    """TLS 1.2 and later with AEAD (RFC 8997); 1.2 with old ciphers; 1.0 and later."""
    allow: _Networks = PRIVATE_NETWORKS
    """Networks that may connect; others are closed before TLS."""
    require_tls_for_auth: bool = True
    """No password is taken without TLS (RFC 2595 section 2.1)."""
    plaintext_from: tuple[Network, ...] = ()
    """The only networks that may log in without TLS; all inside `allow`."""
    apop: bool = False
    """Offers APOP (RFC 1939 section 7) to devices that were enrolled with it."""
    banner: _Banner = "POP3 ready"
    """What the greeting says after +OK."""


@attrs.frozen
class CertificateFiles:
    """A certificate of the owner's own, in PEM."""

    certificate: Path
    """The server certificate, followed by its intermediates."""
    key: Path
    """Its private key, not encrypted."""


@attrs.frozen
class TlsConfig:
    """What devices see of this machine's identity."""

    names: _CertificateNames = ("localhost", "127.0.0.1", "::1")
    """Names and addresses in the certificate (RFC 6125); the first is its common name too."""
    certificates: tuple[CertificateFiles, ...] = ()
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
    failed_login_delay_max: _Seconds = 30.0
    """Seconds that the answer to a failed login is held back at most, growing from one."""
    takeover_grace: Annotated[float, Between(0, 60, "seconds")] = 3.0
    """Seconds a session may stay silent before the same device at the same address replaces it."""


@attrs.frozen
class SyncConfig:
    """How often, and how much, the mailboxes behind the bridge are asked."""

    interval: Annotated[float, Between(1, 86400, "seconds")] = 60.0
    """Seconds between two looks at a mailbox."""
    nudge_gap: Annotated[float, Between(0, 3600, "seconds")] = 5.0
    """Seconds at least between two looks that logins ask for."""
    message_octets: Annotated[int, Between(1024, 4294967296, "octets")] = 157286400
    """Octets of a message; a larger one is quarantined. 150 MiB: the most Exchange Online takes."""


@attrs.frozen
class SpoolConfig:
    """Messages at rest."""

    minimum_free_octets: Annotated[int, Between(0, 1 << 50, "octets")] = 67108864
    """Octets the file system must have left, or nothing more is fetched; 64 MiB."""


@attrs.frozen
class VaultConfig:
    """The key that seals everything at rest."""

    key_file: Path = _STATE_DIR / _KEY_NAME
    """The master key; an empty value in the file means master.key in the state folder."""


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
    listener: Annotated[tuple[ListenerConfig, ...], not_empty] = (ListenerConfig(),)
    """Where devices connect."""
    tls: TlsConfig = TlsConfig()
    limits: LimitsConfig = LimitsConfig()
    sync: SyncConfig = SyncConfig()
    spool: SpoolConfig = SpoolConfig()
    vault: VaultConfig = attrs.field(
        default=attrs.Factory(
            lambda self: VaultConfig(self.state_dir / _KEY_NAME), takes_self=True
        )
    )
    log: LogConfig = LogConfig()


# ---- from the file


def find_config(option: Path | None, environ: Mapping[str, str], cwd: Path) -> Path:
    """Return the file to load: the named one, else the first that exists.

    Raises:
        ConfigError: the named file is not there, or none was found.
    """
    named = environ.get("POPBRIDGE_CONFIG")
    for source, path in (
        ("--config", option),
        ("$POPBRIDGE_CONFIG", Path(named) if named else None),
    ):
        if path is not None:
            if not os.path.exists(cwd / path):  # noqa: PTH110 - this one never raises
                raise ConfigError(f"{path}, which {source} names, does not exist; correct {source}")
            return cwd / path
    places = (cwd / "config.toml", SYSTEM_CONFIG)
    for path in places:
        if os.path.exists(path):  # noqa: PTH110 - this one never raises
            return path
    raise ConfigError(
        f"found no configuration in {places[0]} or {places[1]}, and neither --config nor "
        "$POPBRIDGE_CONFIG names one; copy config.example.toml to one of these places"
    )


def load_config(path: Path) -> Config:
    """Return what the file says, defaults filled in; relative paths start at its folder.

    Raises:
        ConfigError: with one line for every fault, in the order of the file.
    """
    text = _read(path)
    raw = _parse(path, text)
    config, faults = _structured(raw, path.absolute().parent)
    if not faults:
        return config
    lines = key_lines(text)
    told = {(line_of(lines, fault.path), _told(fault, raw)) for fault in faults}
    raise ConfigError("\n".join(f"{path}:{line}: {words}" for line, words in sorted(told)))


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            octets = file.read(MAX_FILE_OCTETS + 1)
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be read ({error.strerror}); name a file that this user may read"
        ) from error
    if len(octets) > MAX_FILE_OCTETS:
        raise ConfigError(
            f"{path}: is larger than {MAX_FILE_OCTETS} octets; name a configuration file"
        )
    try:
        return octets.decode("utf-8-sig")  # Windows editors begin a file with a byte order mark
    except UnicodeDecodeError as error:
        line = octets.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}:{line}: is not UTF-8; save the file as UTF-8") from error


def _parse(path: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        what, line, column = _syntax_error(str(error), text)
        raise ConfigError(
            f"{path}:{line}:{column}: {what}; correct the TOML here (https://toml.io)"
        ) from None
    except RecursionError:
        raise ConfigError(f"{path}: is nested too deeply; write lists inside lists no deeper than needed") from None


def _syntax_error(message: str, text: str) -> tuple[str, int, int]:
    """Return words, line and column of what tomllib says; the text is all that 3.11 gives."""
    found = re.fullmatch(r"(.*) \(at line (\d+), column (\d+)\)", message, re.DOTALL)
    if found:
        return shown_words(found[1]), int(found[2]), int(found[3])
    words = message.removesuffix(" (at end of document)")
    return words, text.count("\n") + 1, len(text) - text.rfind("\n")
