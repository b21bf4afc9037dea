"""A bridge that runs says whether it is well, having logged in to itself."""

import json
import resource
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.system.running_bridge import Home, RunningBridge

pytestmark = pytest.mark.slow

Start = Callable[[], RunningBridge]


def states(told: str) -> dict[str, Any]:
    return {part["name"]: part["state"] for part in json.loads(told)["parts"]}


@pytest.mark.parametrize("tls", ["implicit", "starttls"])
def test_a_bridge_that_is_well_says_so_and_tells_no_one_else(
    home: Home, start: Start, tls: str
) -> None:
    home.configure([{"name": "door", "tls": tls}])
    bridge = start()
    done = home.run("health")
    assert done.returncode == 0, done
    assert [line.partition(":")[0] for line in done.stdout.splitlines()] == [
        "ok    login at door",
        "ok    certificate",
        "ok    database",
        "ok    disk",
    ]
    assert bridge.log.events("session-closed") == []


def test_a_bridge_with_no_place_left_is_busy_and_well(home: Home, start: Start) -> None:
    home.configure(limits={"connections": 1})
    bridge = start()
    bridge.log_in()
    done = home.run("health", "--json")
    assert done.returncode == 0
    assert states(done.stdout)["login at pop3s"] == "busy"


@pytest.fixture
def dumps_wanted() -> Iterator[None]:
    """Let processes that are started leave core dumps, as far as this machine permits any."""
    before = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (before[1], before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_CORE, before)


@pytest.mark.usefixtures("dumps_wanted")
def test_no_crash_would_leave_a_core_dump(start: Start) -> None:
    limits = Path(f"/proc/{start().process.pid}/limits").read_text("ascii")
    [line] = [one for one in limits.splitlines() if one.startswith("Max core file size")]
    assert line.split()[4] in ("0", "1")  # at 1 octet no program is handed one either


def test_a_state_folder_that_others_can_change_is_told_of_and_served(
    home: Home, start: Start
) -> None:
    home.state.chmod(0o777)
    bridge = start()
    told = bridge.log.wait_for("state-folder-open")
    assert told["why"].endswith(f"run `chmod go-w {home.state}`")
    bridge.log_in()
