"""A maildrop at its ceiling fetches nothing more, says so once, and goes on when there is room."""

import attrs
import pytest

from bridge.alerts import AlertReason
from tests.contract.storage_harness import PRINTER, maildrop
from tests.unit.sync.fetches import Fetching
from tests.unit.sync.looking import Looking, mail

SIZE = len(mail("0"))


async def test_no_more_is_fetched_than_may_lie_here() -> None:
    fetching = Fetching(5, at_once=1, ceiling=3 * SIZE)
    errand = await fetching.run()
    assert (errand.delivered, errand.quarantined) == (3, 0)
    assert fetching.delivered() == [0, 1, 2]


async def test_a_full_maildrop_is_not_even_asked_for(caplog: pytest.LogCaptureFixture) -> None:
    fetching = Fetching(2, at_once=1, ceiling=SIZE)
    for _ in range(3):
        await fetching.run()
    assert fetching.asked() == [0]
    assert [one.msg for one in caplog.records].count("ceiling-reached") == 1
    assert [(one.reason, one.maildrop) for one in fetching.alerts] == [
        (AlertReason.DISK_CEILING, PRINTER)
    ]


async def test_lanes_together_keep_the_ceiling() -> None:
    fetching = Fetching(9, at_once=3, ceiling=4 * SIZE)
    gates = fetching.hold_here(*range(9))
    for gate in gates:
        gate.set()
    await fetching.run()
    assert len(fetching.delivered()) == 4


async def test_what_did_not_fit_is_fetched_once_there_is_room(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    fetching = Fetching(2, at_once=1, ceiling=SIZE + 1)
    await fetching.run()
    assert fetching.delivered() == [0]
    fetching.ceiling = 2 * SIZE
    await fetching.run()
    assert fetching.delivered() == [0, 1]
    assert "ceiling-left" in [one.msg for one in caplog.records]


async def test_what_did_not_fit_is_not_fetched_again_until_it_may_fit() -> None:
    """Else it would be fetched in part at every look, for as long as no device deletes anything."""
    fetching = Fetching(2, at_once=1, ceiling=2 * SIZE - 1)
    for _ in range(3):
        await fetching.run()
    assert fetching.asked() == [0, 1]
    fetching.ceiling = 2 * SIZE
    await fetching.run()
    assert fetching.asked() == [0, 1, 1]
    assert fetching.delivered() == [0, 1]


async def test_what_does_not_fit_now_blocks_no_smaller_one_behind_it() -> None:
    fetching = Fetching(1, at_once=1, ceiling=6 * SIZE)
    await fetching.run()
    fetching.add(b"Subject: large\r\n\r\n" + b"x" * 6 * SIZE)
    fetching.service.piece_octets = SIZE
    fetching.add(mail("2"))
    fetching.add(mail("3"))
    for _ in range(3):
        await fetching.run()
    assert fetching.delivered() == [0, 2, 3]
    assert fetching.asked().count(1) == 1


async def test_a_message_that_would_never_fit_is_a_notice_and_blocks_nobody() -> None:
    fetching = Fetching(0, at_once=1, ceiling=3 * SIZE)
    fetching.add(b"Subject: large\r\n\r\n" + b"x" * 4 * SIZE)
    fetching.add(mail("1"))
    errand = await fetching.run()
    assert (errand.quarantined, errand.delivered) == (1, 1)
    (notice,) = fetching.spool.notices.values()
    assert b"ceiling" in notice
    (alert,) = fetching.alerts
    assert alert.reason is AlertReason.MESSAGE_QUARANTINED
    assert "message 0" in alert.text


async def test_a_fetch_that_fails_gives_its_room_back() -> None:
    fetching = Fetching(2, at_once=1, ceiling=SIZE)
    fetching.spool.failures[fetching.spool.waiting["printer"][0].spool_id] = OSError("no")
    with pytest.raises(OSError, match="no"):
        await fetching.run()
    fetching.spool.failures.clear()
    await fetching.run()
    assert fetching.delivered() == [0]


async def test_what_is_too_large_takes_no_room_and_gives_none() -> None:
    fetching = Fetching(0, at_once=1, ceiling=3 * SIZE)
    fetching.add(b"Subject: large\r\n\r\n" + b"x" * 4 * SIZE)
    for number in range(5):
        fetching.add(mail(str(number)))
    errand = await fetching.run()
    assert (errand.quarantined, errand.delivered) == (1, 3)


async def test_line_ends_that_grow_count_as_they_lie_here(looking: Looking) -> None:
    """A Maildir has one octet per line end, the spool two."""
    short = b"Subject: a\n\n" + b"\n" * 100
    stored = len(short) + short.count(b"\n")
    await looking.register(attrs.evolve(maildrop(PRINTER), ceiling=2 * stored, print_once=0))
    for _ in range(3):
        looking.service.put(short)
    await looking.look()
    assert await looking.storage.spool.octets_at_rest(PRINTER) == 2 * stored


async def test_a_copy_that_is_not_kept_takes_no_room(looking: Looking) -> None:
    once = b"Message-ID: <1@test>\r\n" + mail("a")
    await looking.register(attrs.evolve(maildrop(PRINTER), ceiling=2 * len(once)))
    for octets in (once, once, mail("b")):
        looking.service.put(octets)
    assert (await looking.look()).delivered == 2
