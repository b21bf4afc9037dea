"""The clock is set while the bridge runs: by minutes as a time server does, by years as a dead battery does."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.system.pop_client import PopClient, assert_ok
from tests.system.running_bridge import Home, RunningBridge, make_home, running

pytestmark = pytest.mark.slow

MINUTES = 600.0
YEARS = 2 * 365 * 86400.0

Jump = Callable[[float], None]


def message(text: str) -> bytes:
    return f"Subject: {text}\r\nMessage-ID: <{text}>\r\n\r\n{text}\r\n".encode()


@pytest.fixture
def home(template: Path, tmp_path: Path) -> Home:
    return make_home(template, tmp_path, "asyncio")


@pytest.fixture
def jump(home: Home) -> Jump:
    """Return what sets the clock so many seconds off."""

    def jump(seconds: float) -> None:
        draft = home.folder / "offset.new"
        draft.write_text(str(seconds), "ascii")
        draft.rename(home.folder / "offset")

    jump(0)
    return jump


@pytest.fixture
def bridge(home: Home, jump: Jump) -> Iterator[RunningBridge]:
    del jump  # the file must be there first
    program = (sys.executable, "-m", "tests.system.jumping_bridge", str(home.folder / "offset"))
    with running(home, program) as bridge:
        yield bridge


def take_first(client: PopClient) -> bytes:
    octets = client.retrieve(1)
    assert_ok(client.command("DELE 1"))
    assert_ok(client.quit())
    return octets


@pytest.mark.parametrize("seconds", [MINUTES, -MINUTES, YEARS, -YEARS])
def test_a_clock_that_is_set_loses_nothing_and_repeats_nothing(
    home: Home, bridge: RunningBridge, jump: Jump, seconds: float
) -> None:
    one, two, three = map(message, ("one", "two", "three"))
    home.put("1.eml", one)
    home.put("2.eml", two)
    home.sync()
    client = bridge.log_in()
    jump(seconds)
    assert take_first(client) == one
    home.put("3.eml", three)
    home.sync()
    assert take_first(bridge.log_in()) == two
    jump(0)
    home.put("4.eml", three)  # a second copy, of what was delivered by a wrong clock
    home.sync()
    client = bridge.log_in()
    assert len(client.octets()) == 1 + (abs(seconds) == YEARS)
    assert take_first(client) == three
    home.sync()
    printed = sorted(path.name for path in (home.mail() / "Printed").iterdir())
    assert printed == ["1.eml", "2.eml", "3.eml"]
    assert home.run("message", "list", "--json").returncode == 0


@pytest.mark.parametrize("seconds", [YEARS, -YEARS])
def test_a_bridge_that_starts_with_a_wrong_clock_serves_as_ever(
    home: Home, jump: Jump, seconds: float, request: pytest.FixtureRequest
) -> None:
    home.put("1.eml", message("one"))
    home.sync()
    certificate = (home.state / "tls" / "server-rsa.pem").read_bytes()
    jump(seconds)
    bridge: RunningBridge = request.getfixturevalue("bridge")
    assert take_first(bridge.log_in()) == message("one")
    home.sync()
    assert (home.mail() / "Printed" / "1.eml").exists()
    assert (home.state / "tls" / "server-rsa.pem").read_bytes() == certificate
