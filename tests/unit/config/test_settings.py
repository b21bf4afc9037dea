from pathlib import Path
from typing import Any

import pytest

from bridge.config.settings import Config, VaultConfig
from bridge.config.tomlvalues import Faulty, build

FOLDER = Path("/etc/popbridge")


def config_with(path: tuple[str, ...], value: object) -> Config:
    """Return the configuration that sets nothing but `path`."""
    raw: dict[str, Any] = {}
    *tables, key = path
    if tables == ["listener"]:
        raw = {"listener": [{key: value}]}
    else:
        table = raw
        for name in tables:
            table = table.setdefault(name, {})
        table[key] = value
    return build(raw, Config, FOLDER)


NUMBERS = [
    (("listener", "port"), 0, 65535),
    (("tls", "handshake_timeout"), 1, 120),
    (("limits", "command_octets"), 255, 1024),
    (("limits", "sasl_octets"), 4096, 65536),
    (("limits", "login_timeout"), 5, 600),
    (("limits", "autologout"), 600, 86400),
    (("limits", "connections"), 1, 65535),
    (("limits", "connections_per_address"), 1, 65535),
    (("limits", "bad_commands"), 1, 1000),
    (("limits", "failed_logins"), 1, 100),
    (("limits", "failed_login_delay_max"), 0, 600),
    (("limits", "takeover_grace"), 0, 60),
    (("sync", "interval"), 1, 86400),
    (("sync", "nudge_gap"), 0, 3600),
    (("sync", "message_octets"), 1024, 4294967296),
    (("spool", "minimum_free_octets"), 0, 1125899906842624),
    (("shaping", "processes"), 1, 16),
    (("shaping", "cpu_seconds"), 1, 3600),
    (("shaping", "memory_octets"), 134217728, 1099511627776),
]


@pytest.mark.parametrize(("path", "low", "high"), NUMBERS, ids=str)
def test_a_number_may_reach_its_limits_and_not_pass_them(
    path: tuple[str, ...], low: int, high: int
) -> None:
    for inside in (low, high):
        config = config_with(path, inside)
        section = getattr(config, path[0])
        holder = section[0] if path[0] == "listener" else section
        assert getattr(holder, path[1]) == inside
    for outside in (low - 1, high + 1):
        with pytest.raises(Faulty) as caught:
            config_with(path, outside)
        assert f"must be from {low} to {high}" in caught.value.faults[0].wrong


GOOD = [
    ("state_dir", "/" + "x" * 89),
    ("event_loop", "uvloop"),
    ("listener.name", "printers-2"),
    ("listener.bind", "::1"),
    ("listener.bind", "fe80::1%eth0"),
    ("listener.banner", "Hello, printer!"),
    ("listener.banner", "x" * 64),
    ("listener.tls", "starttls"),
    ("listener.policy", "legacy12"),
    ("tls.names", ["pop.example.org", "a", "192.168.1.2", "fd00::1", "xn--bro-hoa.lan"]),
    ("tls.names", ["x" * 63, "a." * 100 + "b"]),
    ("tls.certificates", [{"certificate": "a.pem", "key": "a.key"}]),
    ("log.level", "debug"),
    ("log.format", "json"),
]

BAD = [
    ("state_dir", "/" + "x" * 90),
    ("state_dir", "/" + "ü" * 45),
    ("event_loop", "trio"),
    ("listener", []),
    ("listener", [{}] * 65),
    ("listener.name", ""),
    ("listener.name", "Printers"),
    ("listener.name", "x" * 33),
    ("listener.bind", "localhost"),
    ("listener.bind", "192.168.1.0/24"),
    ("listener.bind", ""),
    ("listener.banner", ""),
    ("listener.banner", "x" * 65),
    ("listener.banner", "POP3 <1@host>"),
    ("listener.banner", "two\r\nlines"),
    ("listener.banner", "tab\there"),
    ("listener.banner", "grüezi"),
    ("listener.tls", "ssl"),
    ("listener.policy", "legacy"),
    ("listener.allow", []),
    ("listener.allow", ["10.0.0.0/8"] * 257),
    ("tls.names", []),
    ("tls.names", [""]),
    ("tls.names", ["*.example.org"]),
    ("tls.names", ["under_score"]),
    ("tls.names", ["-a.example.org"]),
    ("tls.names", ["a-.example.org"]),
    ("tls.names", ["büro.lan"]),
    ("tls.names", ["a..b"]),
    ("tls.names", ["192.168.1"]),
    ("tls.names", ["192.168.1.256"]),
    ("tls.names", ["fe80::1%eth0"]),
    ("tls.names", ["a\n"]),
    ("tls.names", ["a." * 40 + "b"]),
    ("tls.names", ["a", "b." * 127 + "c"]),
    ("tls.certificates", [{"certificate": "a.pem"}]),
    ("log.level", "verbose"),
    ("log.format", "xml"),
]


@pytest.mark.parametrize(("key", "value"), GOOD)
def test_a_value_inside_its_rule_is_taken(key: str, value: object) -> None:
    assert config_with(tuple(key.split(".")), value) != Config()


@pytest.mark.parametrize(("key", "value"), BAD)
def test_a_value_outside_its_rule_is_refused_with_one_fault(key: str, value: object) -> None:
    with pytest.raises(Faulty) as caught:
        config_with(tuple(key.split(".")), value)
    [fault] = caught.value.faults
    assert fault.path[0] == key.partition(".")[0]


def test_a_class_built_in_code_is_taken_at_its_word() -> None:
    assert Config(state_dir=Path("/" + "x" * 200)).state_dir.is_absolute()


def test_the_master_key_lies_in_the_state_folder_unless_named() -> None:
    assert Config(state_dir=Path("/s")).vault == VaultConfig(Path("/s/master.key"))
    assert Config().vault == VaultConfig()
