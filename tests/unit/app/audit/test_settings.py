from pathlib import Path

import attrs
import pytest

from bridge import logs
from bridge.app.audit.settings import note_settings, settings_in_force
from bridge.app.setup.initialise import initialise
from bridge.app.state import State, open_state
from bridge.config import AlertsConfig, CertificateFiles, Config, LimitsConfig, TlsConfig
from bridge.storage.audit import Wanted
from tests.canary import CANARY
from tests.fakes.clock import FakeClock

OWN = TlsConfig(certificates=(CertificateFiles(Path("/own.pem"), Path("/own.key")),))


@pytest.fixture
def config(tmp_path: Path) -> Config:
    made = Config(state_dir=tmp_path / "state", tls=OWN)
    initialise(made, {}, FakeClock())
    return made


def calling(password: str) -> AlertsConfig:
    return AlertsConfig(command=("/bin/tell", password))


async def note(config: Config, state: State) -> None:
    log = logs.get("bridge")
    await note_settings(config, state.settings, state.digest_key, FakeClock(), log)


async def told(state: State) -> list[tuple[str, str, str]]:
    return [
        (one.actor.spelled(), one.event, "; ".join(d.spelled() for d in one.differences))
        for one in await state.audit.entries(Wanted(100))
        if one.event != "initialised"
    ]


async def test_an_edit_is_told_once_by_the_name_of_the_file(config: Config) -> None:
    with open_state(config, {}) as state:
        await note(config, state)
        fewer = attrs.evolve(config, limits=LimitsConfig(connections=300))
        await note(fewer, state)
        await note(fewer, state)
        first, *others = await told(state)
    assert first[:2] == ("config file", "settings-noted")
    assert f"state_dir: {config.state_dir}" in first[2]
    assert others == [("config file", "setting-changed", "limits.connections: 500 -> 300")]


async def test_a_secret_that_changes_is_told_and_never_kept(config: Config) -> None:
    with open_state(config, {}) as state:
        for password in (CANARY, CANARY, f"2{CANARY}"):
            await note(attrs.evolve(config, alerts=calling(password)), state)
        _, *others = await told(state)
    assert others == [("config file", "setting-changed", "alerts.command changed")]
    kept = b"".join(p.read_bytes() for p in config.state_dir.iterdir() if p.is_file())
    assert CANARY.encode() not in kept


def test_a_digest_tells_nothing_to_who_has_not_the_key() -> None:
    config = Config(alerts=calling("a"))
    one, other = (settings_in_force(config, key) for key in (bytes(32), bytes([1] * 32)))
    assert one.hidden == other.hidden == {"alerts.command", "login_hook.command"}
    assert one.values["alerts.command"] != other.values["alerts.command"]
    assert (
        one.values["alerts.command"]
        == settings_in_force(config, bytes(32)).values["alerts.command"]
    )


async def test_a_bridge_that_cannot_write_starts_all_the_same(
    config: Config, caplog: pytest.LogCaptureFixture
) -> None:
    with open_state(config, {}) as state:
        await state.database.read(lambda db: db.execute("PRAGMA query_only = ON").fetchall())
        await note(config, state)
        assert await told(state) == []
    assert "not-written-down" in caplog.text
