"""Finds config.toml and loads it, or tells every fault of it at once.

Accounts, maildrops and devices are not in it: they live in the register, and the CLI changes them.
"""

import ipaddress
import os
from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations
from pathlib import Path
from typing import Any

import attrs

from bridge.config.settings import (
    MASTER_KEY_NAME,
    Config,
    ListenerConfig,
    VaultConfig,
)
from bridge.config.tomlfile import read_toml, spelled
from bridge.config.tomllines import KeyPath
from bridge.config.tomlvalues import Fault, Faulty, Network, build, lies_inside
from bridge.errors import ConfigError

SYSTEM_CONFIG = Path("/etc/popbridge/config.toml")


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
                raise ConfigError(
                    f"{path}, which {source} names, does not exist; correct {source}"
                )
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
    file = read_toml(path)
    folder = path.absolute().parent
    raw, key_file_is_named = _with_key_file_named(file.raw)
    wrong: list[Fault] = []
    try:
        config = build(raw, Config, folder)
    except Faulty as error:
        wrong = error.faults
        # Look on, with defaults for what is wrong, so that one run tells everything.
        config = build(_without(raw, wrong), Config, folder)
    wrong += [clash.fault for clash in _clashes(config) if not clash.rests_on(wrong)]
    if wrong:
        raise file.complaint(wrong)
    if key_file_is_named:
        return config
    return attrs.evolve(config, vault=VaultConfig(config.state_dir / MASTER_KEY_NAME))


def _with_key_file_named(raw: dict[str, object]) -> tuple[dict[str, object], bool]:
    """Return `raw` without an empty key_file, and whether it names one."""
    vault = raw.get("vault")
    if not isinstance(vault, dict) or "key_file" not in vault:
        return raw, False
    if vault["key_file"] != "":
        return raw, True
    return raw | {"vault": {key: vault[key] for key in vault if key != "key_file"}}, False


def _setting(path: KeyPath) -> KeyPath:
    """Return the part of `path` that a default can stand in for."""
    whole = path[: 3 if path[0] == "listener" else 2]
    return whole[:-1] if isinstance(whole[-1], int) else whole


def _without(raw: dict[str, object], faults: Iterable[Fault]) -> dict[str, object]:
    """Return a copy of `raw` in which every faulty setting is left out."""
    rest: Any = {key: _with_own_tables(value) for key, value in raw.items()}
    for fault in faults:
        *parents, key = _setting(fault.path)
        table = rest
        try:
            for part in parents:
                table = table[part]
        except LookupError:
            continue  # it went with a setting around it
        table.pop(key, None)
    return dict(rest)


def _with_own_tables(value: object) -> object:
    if isinstance(value, dict):
        return dict(value)
    if isinstance(value, list):
        return [dict(item) if isinstance(item, dict) else item for item in value]
    return value


# ---- rules of several values


@attrs.frozen
class _Clash:
    """Values that are right alone, and wrong together."""

    fault: Fault
    rests: tuple[KeyPath, ...]

    def rests_on(self, faults: Iterable[Fault]) -> bool:
        """Tell whether a faulty setting has a say in it, so that nothing is known."""
        settings = [_setting(fault.path) for fault in faults]
        return any(path[: len(known)] == known for path in self.rests for known in settings)


def _clashes(config: Config) -> Iterator[_Clash]:
    for index, listener in enumerate(config.listener):
        yield from _listener_clashes(listener, ("listener", index))
    yield from _same_names(config.listener)
    yield from _same_ports(config.listener)
    if config.login_hook.command and config.login_hook.socket:
        wrong = "must be empty where command is set: every login is told in one way"
        keys: tuple[KeyPath, ...] = (("login_hook", "command"), ("login_hook", "socket"))
        yield _Clash(Fault(keys[1], wrong), keys)


def _listener_clashes(listener: ListenerConfig, path: KeyPath) -> Iterator[_Clash]:
    for key, wrong, others in _listener_rules(listener):
        yield _Clash(Fault((*path, key), wrong), tuple((*path, k) for k in (key, *others)))


def _listener_rules(listener: ListenerConfig) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Yield a key, what is wrong with its value, and the other keys that make it so."""
    if listener.tls == "none" and listener.require_tls_for_auth and not listener.apop:
        yield (
            "tls",
            (
                "lets nobody log in, because passwords need TLS; use implicit or starttls, or set "
                "require_tls_for_auth = false with plaintext_from"
            ),
            ("require_tls_for_auth", "apop"),
        )
    if listener.policy == "legacy10" and any(map(_is_wide, listener.allow)):
        yield (
            "policy",
            (
                "needs an allow of its own that names only the old devices' networks, none wider "
                "than a /16 (IPv6: /64), because TLS 1.0 can be broken"
            ),
            ("allow",),
        )
    yield from _plaintext_rules(listener)


def _is_wide(network: Network) -> bool:
    """Tell whether a network is more than one site's: a fence around old machines must be narrow."""
    return not network.is_loopback and network.prefixlen < (16 if network.version == 4 else 64)  # noqa: PLR2004 - IPv4


def _plaintext_rules(listener: ListenerConfig) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    if not listener.require_tls_for_auth and not listener.plaintext_from:
        yield (
            "require_tls_for_auth",
            "needs plaintext_from to name the networks that may log in without TLS",
            ("plaintext_from",),
        )
    if listener.require_tls_for_auth and listener.plaintext_from:
        yield (
            "plaintext_from",
            "must be empty, or require_tls_for_auth must be false",
            ("require_tls_for_auth",),
        )
    for network in listener.plaintext_from:
        if not lies_inside(network, listener.allow):
            yield (
                "plaintext_from",
                f"names {network}, which must lie inside a network of allow",
                ("allow",),
            )


def _same_names(listeners: tuple[ListenerConfig, ...]) -> Iterator[_Clash]:
    holders: dict[str, KeyPath] = {}
    for index, listener in enumerate(listeners):
        mine: KeyPath = ("listener", index, "name")
        holder = holders.setdefault(listener.name, mine)
        if holder != mine:
            wrong = (
                f'"{listener.name}" names {spelled(holder[:2])} already; must be another name'
            )
            yield _Clash(Fault(mine, wrong), (holder, mine))


def _same_ports(listeners: tuple[ListenerConfig, ...]) -> Iterator[_Clash]:
    for (one, first), (two, second) in combinations(enumerate(listeners), 2):
        if first.port == second.port != 0 and _overlap(first.bind, second.bind):
            wrong = f"{second.port} is taken on {first.bind} by listener[{one}]; must be another port"
            keys = tuple(("listener", at, key) for at in (one, two) for key in ("bind", "port"))
            yield _Clash(Fault(("listener", two, "port"), wrong), keys)


def _overlap(first: str, second: str) -> bool:
    """Tell whether the kernel would refuse the second address (ip(7): a wildcard is all of them)."""
    one, two = ipaddress.ip_address(first), ipaddress.ip_address(second)
    same_kind = one.version == two.version
    return one == two or (same_kind and (one.is_unspecified or two.is_unspecified))
