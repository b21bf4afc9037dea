from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import attrs
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


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8::7", "2001:db8::/64"),
        ("2001:db8::/64", "2001:db8::/64"),
    ],
)
async def test_an_address_is_admitted_as_it_is_kept(
    storage: SqliteUnderTest, given: str, kept: str
) -> None:
    await fill(storage)
    await storage.register.add_device(device(PANEL))
    done = await standing.admit(
        storage.register, storage.addresses, PANEL, given, NOW, only=False
    )
    [one] = await storage.addresses.of(PANEL)
    assert (done, one.address, one.admitted, one.last) == (kept, kept, True, NOW)


@pytest.mark.parametrize(
    "given",
    ["", "nowhere", "192.0.2.0/24", "192.0.2.7/64", "2001:db8::/48", "1.2.3", "fe80::1/"],
)
async def test_what_is_no_address_is_not_admitted(storage: SqliteUnderTest, given: str) -> None:
    await fill(storage)
    await storage.register.add_device(device(PANEL))
    with pytest.raises(RegisterError, match=r"is no address; write it like"):
        await standing.admit(storage.register, storage.addresses, PANEL, given, NOW, only=False)


async def test_a_device_that_is_bound_needs_no_admission(storage: SqliteUnderTest) -> None:
    await fill(storage)
    await storage.register.add_device(attrs.evolve(device(PANEL), allow=("192.0.2.0/24",)))
    with pytest.raises(RegisterError, match=r"is bound to 192\.0\.2\.0/24"):
        await standing.admit(
            storage.register, storage.addresses, PANEL, "10.0.0.1", NOW, only=False
        )
