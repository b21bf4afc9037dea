"""Orders that fail from look to look: they come last, block nobody, and are told as long as all fail."""

import pytest

from bridge.sync.disposing import BATCH
from bridge.sync.look import Looker
from providers.contract import AccessRefused, DispositionOutcome, RemoteId
from tests.contract.storage_harness import OFFICE, PRINTER, maildrop
from tests.fakes.mailbox import TRASH
from tests.unit.sync.looking import Looking, mail


async def deleted(looking: Looking, count: int) -> tuple[Looker, list[RemoteId]]:
    """Return a looker that lives on, and the messages that a device has deleted."""
    await looking.register(maildrop(PRINTER, on_dele="trash"))
    messages = [looking.service.put(mail(str(number))) for number in range(count)]
    looker = looking.looker()
    await looker.look(await looking.records())
    await looking.delete(*range(1, count + 1))
    return looker, messages


async def test_three_orders_refused_at_the_head_block_none_behind_them(
    looking: Looking,
) -> None:
    looker, messages = await deleted(looking, 30)
    for bad in messages[:3]:
        looking.service.poison[bad] = AccessRefused("no")
    with pytest.raises(AccessRefused):
        await looker.look(await looking.records())
    assert (await looker.look(await looking.records())).disposed == 27
    assert set(looking.service.folder(TRASH)) == set(messages[3:])


async def test_orders_that_are_put_off_block_none_behind_them(looking: Looking) -> None:
    looker, messages = await deleted(looking, 3 * BATCH + 5)
    for late in messages[: 3 * BATCH]:
        looking.service.outcomes[late] = DispositionOutcome.RETRY
    for _ in range(2):
        await looker.look(await looking.records())
    assert set(looking.service.folder(TRASH)) == set(messages[3 * BATCH :])


async def test_one_refused_order_is_the_accounts_trouble_until_another_is_carried_out(
    looking: Looking,
) -> None:
    looker, (bad,) = await deleted(looking, 1)
    looking.service.poison[bad] = AccessRefused("no right to move")
    for _ in range(2):
        with pytest.raises(AccessRefused):
            await looker.look(await looking.records())
    looking.service.put(mail("another"))
    with pytest.raises(AccessRefused):
        await looker.look(await looking.records())
    await looking.delete(1)
    await looker.look(await looking.records())
    await looker.look(await looking.records())
    assert [item.remote_id for item in await looking.storage.spool.queued(OFFICE, 9)] == [bad]
    looking.service.poison.clear()
    assert (await looker.look(await looking.records())).disposed == 1


async def test_what_was_carried_out_before_a_row_of_failures_is_not_asked_again(
    looking: Looking,
) -> None:
    looker, messages = await deleted(looking, 6)
    for bad in messages[2:]:
        looking.service.poison[bad] = AccessRefused("no")
    await looker.look(await looking.records())
    assert set(looking.service.folder(TRASH)) == set(messages[:2])
    left = [item.remote_id for item in await looking.storage.spool.queued(OFFICE, 9)]
    assert left == messages[2:]
