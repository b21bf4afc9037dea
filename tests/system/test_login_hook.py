"""A neighbour hears of each login of a running bridge, and a login waits for no neighbour."""

import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bridge.app.hooks.loginhook import TOLD_SECONDS
from bridge.clock import SystemClock
from tests.system.pop_client import DEADLINE_SECONDS, assert_ok
from tests.system.running_bridge import Home, RunningBridge

pytestmark = pytest.mark.slow

Start = Callable[[], RunningBridge]
LOGINS = 20


@pytest.fixture
def neighbour(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "logins"))
        listening.listen()
        listening.settimeout(DEADLINE_SECONDS)
        yield listening


def heard(neighbour: socket.socket) -> dict[str, object]:
    connection, _ = neighbour.accept()
    with connection, connection.makefile("rb") as lines:
        return dict(json.loads(lines.read()))


def test_a_login_is_told_once_the_device_is_in(
    home: Home, start: Start, neighbour: socket.socket
) -> None:
    home.configure(login_hook={"socket": neighbour.getsockname()})
    home.add_device("camera", None)
    bridge = start()
    assert bridge.connect().log_in("camera", "wrong").startswith(b"-ERR")
    for name, source in (("printer", "127.0.0.1"), ("camera", "127.0.0.2")):
        client = bridge.log_in(name, source=source)
        told = heard(neighbour)
        assert (told["device"], told["address"], told["listener"]) == (name, source, "pop3s")
        assert (told["tls"], isinstance(told["time"], float)) == ("TLSv1.3", True)
        assert_ok(client.quit())
    # The bridge's own login is nobody's, or it would be heard before the next.
    assert home.run("health").returncode == 0
    assert_ok(bridge.log_in("printer").quit())
    assert heard(neighbour)["device"] == "printer"


def test_no_login_waits_for_a_program_that_hangs(home: Home, start: Start) -> None:
    """Waited for, these would take as long as the program may, each."""
    home.configure(login_hook={"command": ["/bin/sleep", "600"]})
    bridge, clock = start(), SystemClock()
    began = clock.monotonic()
    for _ in range(LOGINS):
        assert_ok(bridge.log_in().quit())
    assert clock.monotonic() - began < LOGINS * TOLD_SECONDS / 2


def test_a_neighbour_that_is_gone_is_an_event_and_no_refusal(
    home: Home, start: Start, tmp_path: Path
) -> None:
    home.configure(login_hook={"socket": str(tmp_path / "nobody")})
    bridge = start()
    for _ in range(3):
        assert_ok(bridge.log_in().quit())
    failed = bridge.log.wait_for("login-hook-failed")
    assert failed["device"] == "printer"
    assert "No such file" in failed["why"]
    assert len(bridge.log.events("login-hook-failed")) == 1
