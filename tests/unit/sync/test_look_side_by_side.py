"""Looks at a service that bears several fetches, into a real spool; tests/unit/sync/test_fetching.py has the rest."""

import asyncio

import pytest

from providers.contract import MessageGone
from tests.contract.storage_harness import PRINTER
from tests.unit.sync.looking import Looking, SteppedSpool, mail

A, B = mail("a"), mail("b")


async def test_fetches_side_by_side_end_in_the_same_listing(looking: Looking) -> None:
    await looking.register()
    looking.service.at_once = 3
    looking.service.page_messages = 5
    mails = [mail(str(number)) for number in range(12)]
    for octets in mails:
        looking.service.put(octets)
    report = await looking.look()
    assert await looking.listed() == mails
    assert (report.announced, report.delivered) == (12, 12)
    assert looking.service.open_fetches == 0
    assert looking.service.most_open_fetches <= 4


async def test_the_cursor_is_saved_only_when_every_body_of_the_page_is_durable(
    looking: Looking,
) -> None:
    await looking.register()
    looking.service.at_once = 3
    last = asyncio.Event()
    looking.service.gates[looking.service.put(A)] = last
    for _ in range(7):
        looking.service.put(B)
    steps: list[str] = []

    def step(name: str) -> None:
        steps.append(name)
        if steps.count("after deliver") == 7:  # all but the first, which is held up
            last.set()

    looking.spool = SteppedSpool(looking.storage.spool, step)
    await looking.look()
    assert steps[-2:] == ["before save_cursor", "after save_cursor"]
    assert steps.count("after deliver") == 8


@pytest.mark.parametrize("at_once", [1, 3])
async def test_no_cursor_is_trusted_after_a_message_went_among_others(
    looking: Looking, at_once: int
) -> None:
    """It may have come back since: only a full list tells."""
    await looking.register()
    looking.service.at_once = at_once
    mails = [looking.service.put(mail(str(number))) for number in range(6)]
    looking.service.trouble[mails[2]] = MessageGone("it is on its way elsewhere")
    report = await looking.look()
    assert (report.delivered, report.vanished) == (5, 1)
    assert await looking.storage.spool.cursor(PRINTER) is None
    looking.service.trouble.clear()
    await looking.look()
    assert len(await looking.listed()) == 6
    assert await looking.storage.spool.cursor(PRINTER) is not None
