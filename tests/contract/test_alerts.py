"""An alert about what happens once is kept by the transaction that makes it happen, until it was told."""

from collections.abc import AsyncIterator
from pathlib import Path

import attrs
import pytest

from bridge.alerts import Alert, AlertReason, unreadable, unshapeable
from bridge.errors import SpoolUnavailable
from bridge.shaping.errors import Unshapeable
from bridge.storage.addresses import DeviceAddress
from bridge.storage.register import Disabled, WhyDisabled
from bridge.storage.sqlite.alerts import SqliteAlerts
from tests.contract.storage_harness import (
    OFFICE,
    PANEL,
    PRINTER,
    SqliteUnderTest,
    account,
    announcement,
    device,
    maildrop,
    pieces_of,
)
from tests.contract.test_spool_shaping import Reversing

GONE = Alert(AlertReason.DEVICE_DISABLED, "40 days", device=PANEL)
LOST = Alert(AlertReason.GRANT_LOST, "revoked", account=OFFICE)
NEW = Alert(AlertReason.NEW_ADDRESS, "elsewhere", device=PANEL)
UNSEEN = Disabled(7.0, WhyDisabled.UNSEEN)
NOTICE = b"Subject: a notice\r\n\r\nnone\r\n"


@pytest.fixture
async def storage(tmp_path: Path) -> AsyncIterator[SqliteUnderTest]:
    under_test = SqliteUnderTest(tmp_path)
    await under_test.register.add_account(account(), b"sealed")
    await under_test.register.add_maildrop(maildrop())
    await under_test.register.add_device(device())
    yield under_test
    under_test.close()


async def untold(storage: SqliteUnderTest) -> list[Alert]:
    """Return what is kept after a crash that comes at once."""
    storage.crash()
    return await SqliteAlerts(storage.database).untold()


async def test_a_device_that_is_disabled_is_to_be_told_where_that_is_news(
    storage: SqliteUnderTest,
) -> None:
    assert await storage.register.disable_device(PANEL, UNSEEN, GONE)
    assert not await storage.register.disable_device(PANEL, UNSEEN, GONE)
    assert await untold(storage) == [GONE]


async def test_a_grant_that_is_lost_is_to_be_told_where_that_is_news(
    storage: SqliteUnderTest,
) -> None:
    assert await storage.register.lose_grant(OFFICE, 0, "revoked", LOST)
    assert not await storage.register.lose_grant(OFFICE, 0, "revoked", LOST)
    assert await untold(storage) == [LOST]


async def test_what_was_mended_meanwhile_is_not_told_any_more(storage: SqliteUnderTest) -> None:
    await storage.register.lose_grant(OFFICE, 0, "revoked", LOST)
    await storage.register.disable_device(PANEL, UNSEEN, GONE)
    await storage.register.enrol(OFFICE, b"sealed", 8.0)
    assert await untold(storage) == [GONE]
    await storage.register.enable_device(PANEL, 8.0)
    assert await untold(storage) == []


async def test_an_address_that_is_new_is_to_be_told(storage: SqliteUnderTest) -> None:
    one = DeviceAddress(PANEL, "192.0.2.7", 1.0, 1.0, admitted=True)
    await storage.addresses.note(one)
    await storage.addresses.note(attrs.evolve(one, address="192.0.2.8"), NEW)
    assert await untold(storage) == [NEW]


async def test_a_message_that_can_never_be_had_is_to_be_told(storage: SqliteUnderTest) -> None:
    await storage.spool.announce(PRINTER, [announcement("a")])
    (item,) = await storage.spool.pending(PRINTER)
    await storage.spool.quarantine(item.spool_id, NOTICE, "too odd")
    assert await untold(storage) == [unreadable(OFFICE, PRINTER, item.spool_id, "too odd")]


async def test_a_message_that_cannot_be_shaped_is_to_be_told_without_what_is_in_it(
    storage: SqliteUnderTest,
) -> None:
    await storage.spool.announce(PRINTER, [announcement("a")])
    (item,) = await storage.spool.pending(PRINTER)
    shaper = Reversing(Unshapeable("too deep", "payslip.docx"))
    await storage.spool.deliver(item.spool_id, pieces_of(b"x"), None, shaper)
    assert await untold(storage) == [unshapeable(OFFICE, PRINTER, item.spool_id, "too deep")]


async def test_what_could_not_be_written_is_no_alert(storage: SqliteUnderTest) -> None:
    await storage.refuse_writes()
    with pytest.raises(SpoolUnavailable):
        await storage.register.disable_device(PANEL, UNSEEN, GONE)
    assert await untold(storage) == []


async def test_what_was_told_is_let_go_and_nothing_else(storage: SqliteUnderTest) -> None:
    await storage.register.disable_device(PANEL, UNSEEN, GONE)
    await storage.register.lose_grant(OFFICE, 0, "revoked", LOST)
    alerts = SqliteAlerts(storage.database)
    await alerts.told(attrs.evolve(GONE, text="41 days"))
    await alerts.told(GONE)
    assert await untold(storage) == [LOST]


async def test_words_that_are_no_utf_8_are_kept_as_far_as_they_can_be(
    storage: SqliteUnderTest,
) -> None:
    odd = attrs.evolve(LOST, text="no\0way\ud800")
    await storage.register.lose_grant(OFFICE, 0, "revoked", odd)
    assert [one.text for one in await untold(storage)] == ["no\0way?"]
    await SqliteAlerts(storage.database).told(odd)
    assert await untold(storage) == []
