from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from bridge.accounts import standing
from bridge.errors import RegisterError
from bridge.storage.register import Disabled, WhyDisabled
from tests.contract.storage_harness import PANEL, SqliteUnderTest, device, fill

NOW = 1_800_000_000.0


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[SqliteUnderTest]:
    made = SqliteUnderTest(tmp_path)
    yield made
    made.close()


async def test_a_device_is_disabled_and_enabled_and_it_is_said_whether_that_is_news(
    storage: SqliteUnderTest,
) -> None:
    await fill(storage)
    await storage.register.add_device(device(PANEL))
    done = [await standing.disable(storage.register, PANEL, NOW) for _ in range(2)]
    (stored,) = (await storage.register.snapshot()).devices
    assert (done, stored.disabled) == ([True, False], Disabled(NOW, WhyDisabled.BY_HAND))
    done = [await standing.enable(storage.register, PANEL, NOW + 5) for _ in range(2)]
    (stored,) = (await storage.register.snapshot()).devices
    assert (done, stored.disabled, stored.enabled) == ([True, False], None, NOW + 5)


@pytest.mark.parametrize("change", [standing.disable, standing.enable])
async def test_nobody_can_be_neither(
    storage: SqliteUnderTest, change: Callable[..., Awaitable[bool]]
) -> None:
    with pytest.raises(RegisterError, match="popbridge device list"):
        await change(storage.register, "nobody", NOW)
