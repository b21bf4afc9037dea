"""Whatever is offered can be pasted, locks nobody out, and lets in nobody new."""

import ipaddress
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.app.watch.exposure import DAY_MINUTES, Watched, exposed
from bridge.config import ListenerConfig, Network, load_config
from bridge.config.tomlvalues import lies_inside
from bridge.errors import ConfigError
from bridge.names import DeviceName
from bridge.storage.sightings import DAY_SECONDS, Sighting, day_of

NOW = 1_800_000_000.0
NETWORKS = ["192.168.0.0/16", "192.168.1.0/24", "10.0.0.0/16", "203.0.113.0/24", "0.0.0.0/0"]
PLACES = ["192.168.1.40", "192.168.2.50", "10.0.0.7", "203.0.113.9", "198.51.100.3"]


def written(table: dict[str, Any]) -> str:
    lines = [f"{key} = {str(value).replace(chr(39), chr(34))}" for key, value in table.items()]
    return "[[listener]]\n" + "\n".join(lines).replace("True", "true").replace("False", "false")


def pasted(block: str, offer: str) -> str:
    """Return the block with each setting of the offer in place of the one there."""
    lines = dict(line.split(" = ", 1) for line in block.splitlines()[1:])
    lines |= dict(setting.split(" = ", 1) for setting in offer.split(" and "))
    return "[[listener]]\n" + "\n".join(f"{key} = {value}" for key, value in lines.items())


def lets_in(config: ListenerConfig, one: Sighting, by_apop: set[DeviceName]) -> bool:
    place: Network = ipaddress.ip_network(one.address)
    if not lies_inside(place, config.allow):
        return False
    if one.tls:
        return config.tls != "none"
    with_apop = config.apop and one.device in by_apop
    return config.tls != "implicit" and (with_apop or lies_inside(place, config.plaintext_from))


def loaded(path: Path, block: str) -> ListenerConfig:
    path.write_text(block, "utf-8")
    [config] = load_config(path).listener
    return config


subsets = st.lists(st.sampled_from(NETWORKS), unique=True)
blocks = st.fixed_dictionaries(
    {
        "tls": st.sampled_from(["implicit", "starttls", "none"]).map(lambda tls: f'"{tls}"'),
        "allow": subsets.filter(bool),
        "plaintext_from": subsets,
        "apop": st.booleans(),
    }
)
logins = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c"]),
        st.sampled_from(["", "TLSv1.3"]),
        st.sampled_from(PLACES),
    ),
    unique_by=lambda one: one[:2],
)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("offers") / "config.toml"


@pytest.mark.slow  # it writes and reads a file for each offer
@settings(max_examples=100, deadline=None)
@given(table=blocks, seen=logins, secrets=st.sets(st.sampled_from(["a", "b", "c"])))
def test_an_offer_can_be_pasted_and_changes_nothing_for_who_logs_in(
    path: Path, table: dict[str, Any], seen: Sequence[tuple[str, str, str]], secrets: set[str]
) -> None:
    block = written(table | {"require_tls_for_auth": not table["plaintext_from"]})
    try:
        config = loaded(path, block)
    except ConfigError:
        return  # no such listener
    sightings = [
        Sighting(
            DeviceName(who), "pop3s", tls, "TLS_AES_256_GCM_SHA384" if tls else "", at, NOW, NOW
        )
        for who, tls, at in seen
    ]
    by_apop = set(map(DeviceName, secrets))
    minutes = {day_of(NOW): 30 * DAY_MINUTES}
    watched = Watched(sightings, NOW - 30 * DAY_SECONDS, NOW, minutes)
    for found in exposed([config], watched, by_apop):
        offer = found.text.partition("; tighter: ")[2]
        users = [one for one in sightings if lets_in(config, one, by_apop)]
        if offer.startswith("remove"):
            assert users == []
        elif offer:
            then = loaded(path, pasted(block, offer))
            assert then != config
            assert all(lets_in(then, one, by_apop) for one in users)
            assert all(lies_inside(one, config.allow) for one in then.allow)
            assert all(lies_inside(one, config.plaintext_from) for one in then.plaintext_from)
            assert then.apop <= config.apop
