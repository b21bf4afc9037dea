"""A message that our own code cannot bear: told with its number, tried last, in nobody's way."""

import pytest

from bridge.names import SpoolId
from tests.unit.sync.fetches import Fetching


async def test_a_fault_that_one_message_meets_blocks_no_other(
    caplog: pytest.LogCaptureFixture,
) -> None:
    fetching = Fetching(10, at_once=1)
    fetching.spool.failures[SpoolId(0)] = ZeroDivisionError("a fault of ours")
    await fetching.run()
    assert fetching.delivered() == list(range(1, 10))
    assert "fetch-fault" in [one.msg for one in caplog.records]
