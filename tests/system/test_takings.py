"""What a device took is told though the bridge is killed before the device quits."""

import json
import signal
from collections.abc import Callable

import pytest

from tests.system.pop_client import DEADLINE_SECONDS
from tests.system.running_bridge import Home, RunningBridge

pytestmark = pytest.mark.slow

MESSAGE = b"Subject: one\r\n\r\nfirst\r\n"


def test_what_was_taken_some_seconds_before_a_kill_is_told(
    home: Home, start: Callable[[], RunningBridge]
) -> None:
    home.configure(log={"level": "debug"})
    home.put("1.eml", MESSAGE)
    home.sync()
    bridge = start()
    assert bridge.log_in().retrieve(1) == MESSAGE
    assert bridge.log.wait_for("takings-written")["count"] == 1
    bridge.signal(signal.SIGKILL)
    bridge.process.wait(DEADLINE_SECONDS)
    told = json.loads(home.run("audit", "--device", "printer", "--json").stdout)
    taken = [one for one in told if one["event"] == "message-taken"]
    assert [(one["octets"], one["times"]) for one in taken] == [(len(MESSAGE), 1)]
