"""A duty that fails every day keeps none of the others from being done."""

import pytest

from bridge import logs
from bridge.app.upkeep.daily import carry_out
from bridge.errors import SpoolUnavailable


async def test_each_duty_is_done_whatever_became_of_the_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    done: list[str] = []

    async def refuses() -> None:
        done.append("refuses")
        raise SpoolUnavailable("the disk is full")

    async def breaks() -> None:
        done.append("breaks")
        raise OverflowError

    async def forgets() -> None:
        done.append("forgets")

    await carry_out([refuses, breaks, forgets], logs.get("bridge"))
    assert done == ["refuses", "breaks", "forgets"]
    assert [one.message for one in caplog.records] == ["daily-look-failed"] * 2
