"""Memory that runs out, and signals at the worst moment."""

import resource
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.pop_client import DEADLINE_SECONDS, assert_ok
from tests.system.running_bridge import Home, RunningBridge, make_home, running

pytestmark = pytest.mark.slow

SMALL = b"Subject: small\r\n\r\nsmall\r\n"
LARGE = b"Subject: large\r\n\r\n" + b"0123456789abcdef\r\n" * 500_000


@pytest.fixture
def home(template: Path, tmp_path: Path) -> Home:
    return make_home(template, tmp_path, "asyncio")


@pytest.fixture
def bridge(home: Home) -> Iterator[RunningBridge]:
    home.put("1.eml", SMALL)
    home.put("2.eml", LARGE)
    home.sync()
    with running(home) as bridge:
        yield bridge


def test_a_hangup_in_the_middle_of_a_message_harms_no_octet(bridge: RunningBridge) -> None:
    client = bridge.log_in()
    assert_ok(client.command("RETR 2"))
    for count in range(1, 4):
        bridge.signal(signal.SIGHUP)
        bridge.log.wait_for("reloaded", count)
    assert client.lines_to_end() == LARGE
    assert_ok(client.command("DELE 2"))
    assert_ok(client.quit())
    assert bridge.log_in().octets() == [len(SMALL)]


def limit_memory(bridge: RunningBridge, more: int) -> None:
    """Let the process have so many octets more of address space than it has now, and no more."""
    status = Path(f"/proc/{bridge.process.pid}/status").read_text("ascii")
    (line,) = (line for line in status.splitlines() if line.startswith("VmSize:"))
    octets = int(line.split()[1]) * 1024 + more
    resource.prlimit(bridge.process.pid, resource.RLIMIT_AS, (octets, resource.RLIM_INFINITY))


@pytest.mark.parametrize("more", [0, 1 << 18, 1 << 20, 1 << 22, 1 << 24])
def test_memory_that_runs_out_loses_nothing_and_doubles_nothing(
    home: Home, bridge: RunningBridge, more: int
) -> None:
    warm = bridge.log_in()  # so that every thread is there: what is scarce is memory
    assert_ok(warm.command("RETR 1"))
    warm.lines_to_end()
    assert_ok(warm.quit())
    home.sync()
    limit_memory(bridge, more)
    promised = False
    try:
        client = bridge.log_in()
        assert client.retrieve(2) == LARGE
        assert_ok(client.command("DELE 1"))
        promised = client.quit().startswith(b"+OK")
    except (EOFError, OSError, AssertionError):
        pass  # whatever it cannot do, it may refuse
    home.put("3.eml", LARGE)
    home.run("account", "sync", "office")
    bridge.signal(signal.SIGKILL)
    bridge.process.wait(DEADLINE_SECONDS)
    with running(home) as again:
        home.sync()
        client = again.log_in()
        found = [client.retrieve(number + 1) for number in range(len(client.octets()))]
        assert_ok(client.quit())
    assert found == [LARGE, LARGE] if promised else [SMALL, LARGE, LARGE]
