"""What devices deleted here is carried out there: in batches, again where it must, never twice too many."""

import logging

import pytest

from bridge.storage.messages import MessageState
from bridge.sync.disposing import BATCH
from providers.contract import AccessRefused, DispositionOutcome, ProviderError, Unreachable
from tests.contract.storage_harness import OFFICE, PRINTER, maildrop
from tests.fakes.mailbox import TRASH
from tests.unit.sync.looking import Looking, mail

A, B = mail("a"), mail("b")


async def test_a_deletion_is_carried_out_by_the_next_look(looking: Looking) -> None:
    await looking.register(maildrop(PRINTER, on_dele="trash"))
    looking.service.put(A)
    looking.service.put(B)
    await looking.look()
    await looking.delete(1)
    report = await looking.look()
    assert [m.octets for m in looking.service.folder(TRASH).values()] == [A]
    assert (report.disposed, report.vanished) == (1, 0)
    assert await looking.storage.spool.queued(OFFICE, 10) == []


async def test_dispositions_go_out_in_batches(looking: Looking) -> None:
    await looking.register()
    for _ in range(2 * BATCH + 5):
        looking.service.put(A)
    await looking.look()
    await looking.delete(*range(1, 2 * BATCH + 6))
    await looking.look()
    assert [len(batch) for batch in looking.service.orders] == [BATCH, BATCH, 5]
    assert looking.service.folder() == {}


async def test_an_order_that_has_to_wait_is_given_again(looking: Looking) -> None:
    await looking.register()
    later, now = looking.service.put(A), looking.service.put(B)
    await looking.look()
    await looking.delete(1, 2)
    looking.service.outcomes[later] = DispositionOutcome.RETRY
    assert (await looking.look()).disposed == 1
    assert [item.remote_id for item in await looking.storage.spool.queued(OFFICE, 9)] == [later]
    assert now not in looking.service.folder()
    looking.service.outcomes.clear()
    assert (await looking.look()).disposed == 1
    assert looking.service.folder() == {}


async def test_orders_that_have_to_wait_do_not_stop_the_mail(looking: Looking) -> None:
    await looking.register()
    later = looking.service.put(A)
    await looking.look()
    await looking.delete(1)
    looking.service.outcomes[later] = DispositionOutcome.RETRY
    looking.service.put(B)
    await looking.look()
    assert await looking.listed() == [B]


async def test_a_full_batch_that_has_to_wait_does_not_hold_up_those_behind_it(
    looking: Looking,
) -> None:
    await looking.register()
    for _ in range(BATCH):
        stuck = looking.service.put(A)
        looking.service.outcomes[stuck] = DispositionOutcome.RETRY
    free = looking.service.put(B)
    await looking.look()
    await looking.delete(*range(1, BATCH + 2))
    await looking.look()
    assert free not in looking.service.folder()


async def test_a_refused_order_is_logged_and_never_given_again(
    looking: Looking, caplog: pytest.LogCaptureFixture
) -> None:
    await looking.register()
    refused = looking.service.put(A)
    await looking.look()
    await looking.delete(1)
    looking.service.outcomes[refused] = DispositionOutcome.REFUSED
    for _ in range(2):
        looking.service.expire_cursors()
        await looking.look()
    assert len(looking.service.orders) == 1
    (record,) = (r for r in caplog.records if r.message == "disposition-refused")
    assert (record.levelno, vars(record)["event_fields"]["remote_id"]) == (
        logging.ERROR,
        refused,
    )
    assert await looking.listed() == []
    known = await looking.storage.spool.known(PRINTER)
    assert known == {refused: MessageState.DISPOSED}


async def test_an_order_whose_answer_was_lost_is_given_again_without_harm(
    looking: Looking,
) -> None:
    await looking.register()
    looking.service.put(A)
    await looking.look()
    await looking.delete(1)

    def lose(name: str) -> None:
        if name == "disposed":
            raise Unreachable("the answer was lost")

    looking.service.on_step = lose
    with pytest.raises(Unreachable):
        await looking.look()
    looking.service.on_step = lambda _name: None
    await looking.look()
    assert [m.octets for m in looking.service.folder(TRASH).values()] == [A]
    assert len(looking.service.orders) == 2


@pytest.mark.parametrize(
    "error",
    [Unreachable("the folder may not be written to"), AccessRefused("no right to move")],
    ids=lambda error: type(error).__name__,
)
async def test_what_cannot_be_disposed_does_not_keep_new_mail_from_coming(
    looking: Looking, error: ProviderError
) -> None:
    await looking.register()
    looking.service.put(A)
    await looking.look()
    await looking.delete(1)
    looking.service.failures["dispose"] = [error]
    looking.service.put(B)
    with pytest.raises(type(error)):
        await looking.look()
    assert await looking.listed() == [B]


async def test_a_refused_right_is_told_before_what_may_pass(looking: Looking) -> None:
    """The worker then asks seldom, and the owner reads what there is to do."""
    await looking.register()
    looking.service.put(A)
    await looking.look()
    await looking.delete(1)
    looking.service.failures["dispose"] = [AccessRefused("no right to move")]
    looking.service.failures["changes"] = [Unreachable("a bad moment")]
    with pytest.raises(AccessRefused):
        await looking.look()


@pytest.mark.parametrize("error", [AccessRefused("no right"), Unreachable("400")])
async def test_one_order_that_always_fails_holds_up_no_other(
    looking: Looking, error: ProviderError
) -> None:
    await looking.register()
    bad, *_ = [looking.service.put(A) for _ in range(2 * BATCH + 5)]
    await looking.look()
    await looking.delete(*range(1, 2 * BATCH + 6))
    looking.service.poison[bad] = error
    assert (await looking.look()).disposed == 2 * BATCH + 4
    assert [item.remote_id for item in await looking.storage.spool.queued(OFFICE, 9)] == [bad]
    looking.service.poison.clear()
    assert (await looking.look()).disposed == 1


async def test_a_mailbox_in_which_nothing_may_be_done_is_not_asked_about_each_order(
    looking: Looking,
) -> None:
    await looking.register()
    for _ in range(2 * BATCH):
        bad = looking.service.put(A)
        looking.service.poison[bad] = AccessRefused("no right")
    await looking.look()
    await looking.delete(*range(1, 2 * BATCH + 1))
    with pytest.raises(AccessRefused):
        await looking.look()
    assert [len(batch) for batch in looking.service.orders] == [BATCH, 1, 1, 1]


async def test_orders_that_all_have_to_wait_are_not_all_asked_for(looking: Looking) -> None:
    await looking.register()
    for _ in range(5 * BATCH):
        looking.service.outcomes[looking.service.put(A)] = DispositionOutcome.RETRY
    await looking.look()
    await looking.delete(*range(1, 5 * BATCH + 1))
    assert (await looking.look()).disposed == 0
    assert len(looking.service.orders) == 3
