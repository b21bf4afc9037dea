"""Fetches side by side: how many, in which order, and how an end comes to all of them."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from bridge.errors import SpoolUnavailable
from bridge.names import MaildropName, SpoolId
from bridge.sync.errand import FAILURES_IN_A_ROW, Errand
from providers.contract import (
    Envelope,
    GrantLost,
    MessageGone,
    MessageUnreadable,
    Throttled,
    Unreachable,
)
from tests.contract.storage_harness import FAX, PRINTER
from tests.fakes.clock import LoopClock, run_without_waiting
from tests.fakes.mailbox import PIECE_OCTETS
from tests.unit.sync.fetches import Fetching
from tests.unit.sync.looking import MESSAGE_OCTETS, mail


def down() -> Exception:
    return Unreachable("not now")


def fields(caplog: pytest.LogCaptureFixture, event: str) -> list[dict[str, Any]]:
    return [vars(r)["event_fields"] for r in caplog.records if r.message == event]


@asynccontextmanager
async def under_way(
    fetching: Fetching, *maildrops: MaildropName
) -> AsyncGenerator[asyncio.Task[Errand], None]:
    """Begin the errand, and go on when everything in it waits; the end of the block waits for it."""
    task = asyncio.ensure_future(fetching.run(*maildrops))  # noqa: TID251 - a test's own
    await fetching.settle()
    try:
        yield task
    finally:
        await asyncio.wait([task], timeout=30)
    assert task.done()
    assert fetching.service.open_fetches == 0


# ---- how many, in which order


@pytest.mark.parametrize("at_once", [2, 3, 8])
async def test_one_more_is_under_way_than_the_service_bears_and_the_service_is_not_overrun(
    at_once: int,
) -> None:
    fetching = Fetching(20, at_once)
    gates = fetching.hold(*range(20))
    async with under_way(fetching):
        assert fetching.service.open_fetches == at_once + 1
        assert fetching.asked() == list(range(at_once))
        for gate in gates:
            gate.set()
    assert fetching.service.most_open_fetches == at_once + 1
    assert sorted(fetching.delivered()) == list(range(20))


async def test_no_more_lanes_are_opened_than_there_are_messages() -> None:
    fetching = Fetching(2)
    task = asyncio.ensure_future(fetching.run())  # noqa: TID251 - a test's own
    await LoopClock().sleep(0)  # the lanes are there now, and none has begun
    names = sorted(one.get_name() for one in asyncio.all_tasks() - {task})
    await task
    assert [name for name in names if name.startswith("fetch")] == [
        "fetch office 1",
        "fetch office 2",
    ]


async def test_a_service_that_bears_one_is_asked_only_once_the_body_before_is_durable() -> None:
    fetching = Fetching(3, at_once=1)
    first, second = fetching.hold_here(0, 1)
    async with under_way(fetching):
        assert fetching.asked() == [0]
        first.set()
        await fetching.settle()
        assert fetching.asked() == [0, 1]
        second.set()
    assert fetching.service.most_open_fetches == 1
    assert fetching.delivered() == [0, 1, 2]


async def test_fetches_begin_in_listing_order_however_they_end() -> None:
    fetching = Fetching(12)
    gates = fetching.hold(0, 1)
    async with under_way(fetching) as task:
        assert fetching.asked() == list(range(12))
        for gate in gates:
            gate.set()
    assert fetching.delivered() == [*range(2, 12), 0, 1]
    assert task.result().delivered == 12


async def test_the_next_message_is_asked_for_while_those_before_are_made_durable() -> None:
    fetching = Fetching(10)
    gates = fetching.hold_here(*range(10))
    async with under_way(fetching):
        assert fetching.asked() == [0, 1, 2, 3]
        gates[2].set()
        await fetching.settle()
        assert fetching.asked() == [0, 1, 2, 3, 4]
        for gate in gates:
            gate.set()


def test_making_bodies_durable_costs_the_service_no_idle_time() -> None:
    """200 messages of 100 ms, three of them at once, each 15 ms on its way to the disk."""
    seconds, messages, at_once = 0.1, 200, 3

    class SlowMailbox:
        def __init__(self) -> None:
            self.at_once, self.attests = at_once, None
            self.lanes = asyncio.Semaphore(at_once)

        async def fetch(self, _folder: object, _remote: object) -> AsyncGenerator[bytes, None]:
            async with self.lanes:
                await LoopClock().sleep(seconds)
                yield mail("slow")

    async def scenario() -> float:
        fetching = Fetching(messages, at_once)
        fetching.spool.durable_after = 0.015
        object.__setattr__(fetching.fetcher, "provider", SlowMailbox())
        await fetching.run()
        assert len(fetching.delivered()) == messages
        return LoopClock().monotonic()

    assert run_without_waiting(scenario()) <= messages * seconds / at_once / 0.95


# ---- one that concerns them all


@pytest.mark.parametrize(
    "error",
    [
        Throttled("wait", 60.0),
        GrantLost("enrol again"),
        SpoolUnavailable("full"),
    ],
    ids=lambda error: type(error).__name__,
)
@pytest.mark.parametrize("at_once", [1, 3])
async def test_an_error_of_one_cuts_the_others_off_and_is_raised_as_it_is(
    error: Exception, at_once: int
) -> None:
    fetching = Fetching(10, at_once)
    fetching.hold(*(range(1, 10) if at_once > 1 else ()))
    fetching.spool.failures[SpoolId(0)] = error
    async with under_way(fetching) as task:
        assert task.done()
        assert fetching.service.open_fetches == 0
    assert task.exception() is error
    assert fetching.delivered() == []
    assert len(await fetching.spool.pending(PRINTER)) == 10
    assert len(fetching.asked()) <= at_once + 1


async def test_an_error_of_the_service_is_raised_as_it_is() -> None:
    fetching = Fetching(10)
    fetching.hold(0, 1)
    error = Throttled("wait", 60.0)
    fetching.fails(lambda: error, 2)
    async with under_way(fetching) as task:
        assert task.done()
    assert task.exception() is error
    assert error.__cause__ is error.__context__ is None
    assert fetching.delivered() == []


async def test_what_is_cut_off_has_not_failed_and_is_first_next_time() -> None:
    """The one that was throttled comes last: should it always be, it is in nobody's way."""
    fetching = Fetching(6)
    gates = fetching.hold(0, 1)
    fetching.fails(lambda: Throttled("wait", 1.0), 2)
    async with under_way(fetching) as task:
        pass
    assert isinstance(task.exception(), Throttled)
    fetching.service.trouble.clear()
    for gate in gates:
        gate.set()
    before = len(fetching.asked())
    await fetching.run()
    assert fetching.asked()[before:] == [0, 1, 3, 4, 5, 2]


async def test_of_several_errors_the_first_is_raised() -> None:
    fetching = Fetching(4)
    fetching.spool.cut_failure = SpoolUnavailable("while it was cut off")
    fetching.hold_here(1, 2, 3)
    (gate,) = fetching.hold(0)
    first = Throttled("wait", 60.0)
    fetching.fails(lambda: first, 0)
    async with under_way(fetching) as task:
        gate.set()
    assert task.exception() is first


@pytest.mark.parametrize("octets", [2 * PIECE_OCTETS, MESSAGE_OCTETS + PIECE_OCTETS])
async def test_whoever_stops_reading_closes_the_fetch(octets: int) -> None:
    """A full disk stops in the middle of a body, and so does a message beyond the limit."""
    fetching = Fetching(0)
    fetching.add(b"x" * octets)
    if octets < MESSAGE_OCTETS:
        fetching.spool.failures[SpoolId(0)] = SpoolUnavailable("full")
    async with under_way(fetching) as task:
        pass
    assert isinstance(task.exception(), SpoolUnavailable) == (octets < MESSAGE_OCTETS)
    assert len(fetching.spool.notices) == (octets > MESSAGE_OCTETS)


# ---- cancelled from outside


async def test_a_cancelled_errand_leaves_nothing_open_and_nothing_half_done() -> None:
    fetching = Fetching(10)
    fetching.hold(0, 1)
    fetching.hold_here(2, 3)
    async with under_way(fetching) as task:
        assert fetching.service.open_fetches >= 2
        task.cancel()
    assert task.cancelled()
    assert fetching.delivered() == []
    assert len(await fetching.spool.pending(PRINTER)) == 10
    assert not [t for t in asyncio.all_tasks() if t.get_name().startswith("fetch")]


async def test_a_cancellation_that_comes_while_an_error_winds_up_is_not_lost() -> None:
    """A worker that misses it would look again, for ever, and the bridge would never stop."""
    fetching = Fetching(4)
    fetching.spool.cut_gate = asyncio.Event()
    fetching.hold_here(1, 2, 3)
    (gate,) = fetching.hold(0)
    fetching.fails(lambda: Throttled("wait", 60.0), 0)
    async with under_way(fetching) as task:
        gate.set()
        await fetching.settle()
        assert not task.done()
        task.cancel()
        await fetching.settle()
        fetching.spool.cut_gate.set()
    assert task.cancelled()


async def test_an_error_leaves_no_request_to_cancel_with_whoever_caught_it() -> None:
    """Else the worker's next time-out would not know whether it is the worker that is to end."""
    fetching = Fetching(4)
    fetching.fails(lambda: Throttled("wait", 60.0), 0)
    with pytest.raises(Throttled):
        await fetching.run()
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


# ---- failures of single messages


@pytest.mark.parametrize("at_once", [1, 3])
async def test_a_row_of_failures_ends_the_look(at_once: int) -> None:
    fetching = Fetching(40, at_once)
    fetching.fails(down, *range(40))
    with pytest.raises(Unreachable):
        await fetching.run()
    longest = FAILURES_IN_A_ROW + (at_once if at_once > 1 else 0)
    assert FAILURES_IN_A_ROW <= len(fetching.asked()) <= longest
    assert fetching.service.open_fetches == 0


async def test_what_is_under_way_when_a_row_ends_the_look_is_brought_home() -> None:
    fetching = Fetching(20)
    (gate,) = fetching.hold(0)
    fetching.fails(down, *range(1, 20))
    async with under_way(fetching) as task:
        assert not task.done()
        gate.set()
    assert isinstance(task.exception(), Unreachable)
    assert fetching.delivered() == [0]
    assert len(fetching.asked()) <= 1 + FAILURES_IN_A_ROW + 3


async def test_failures_with_successes_between_do_not_end_the_look() -> None:
    fetching = Fetching(30)
    fetching.fails(down, *range(0, 30, 3))
    errand = await fetching.run()
    assert (errand.delivered, len(errand.failed)) == (20, 10)


async def test_nothing_is_asked_for_twice_on_one_errand() -> None:
    fetching = Fetching(6)
    fetching.fails(down, 2)
    errand = await fetching.run()
    fetching.service.trouble.clear()
    await fetching.fetcher.fetch(errand)
    assert sorted(fetching.asked()) == list(range(6))
    await fetching.run()
    assert fetching.delivered() == [0, 1, 3, 4, 5, 2]


async def test_what_failed_before_is_asked_for_when_all_others_have_ended() -> None:
    fetching = Fetching(5)
    fetching.fails(down, 0, 1)
    gates = fetching.hold(3)
    async with under_way(fetching):
        gates[0].set()
    fetching.service.trouble.clear()
    fetching.add(mail("new"))
    (gate,) = fetching.hold(5)
    async with under_way(fetching):
        assert fetching.asked()[5:] == [5]
        gate.set()
    assert fetching.asked()[5:] == [5, 0, 1]


async def test_a_row_of_known_failures_ends_no_look_and_hides_nobody_for_ever() -> None:
    fetching = Fetching(FAILURES_IN_A_ROW + 3, at_once=1)
    last = len(fetching.ids) - 1
    fetching.fails(down, *range(len(fetching.ids)))
    for _ in range(2):  # all of them are known to fail after that
        with pytest.raises(Unreachable):
            await fetching.run()
    del fetching.service.trouble[fetching.ids[last]]
    for _ in range(3):
        await fetching.run()
    assert fetching.delivered() == [last]


async def test_each_maildrop_has_its_turn() -> None:
    fetching = Fetching(FAILURES_IN_A_ROW)
    fetching.add(mail("other"), FAX)
    fetching.fails(down, *range(FAILURES_IN_A_ROW))
    with pytest.raises(Unreachable):
        await fetching.run(PRINTER, FAX)
    assert fetching.delivered() == []
    await fetching.run(PRINTER, FAX)  # they are known to fail now
    assert fetching.delivered() == [FAILURES_IN_A_ROW]


async def test_messages_that_go_or_cannot_be_had_leave_the_others_alone() -> None:
    fetching = Fetching(8)
    fetching.fails(lambda: MessageGone("moved away"), 1)
    gates = fetching.hold(4)
    unreadable = MessageUnreadable("no MIME", Envelope("ada@example.org", "Order 66"))
    fetching.fails(lambda: unreadable, 2)
    async with under_way(fetching) as task:
        fetching.service.remove(fetching.ids[4])
        gates[0].set()
    errand = task.result()
    assert (errand.delivered, errand.gone, errand.quarantined) == (5, 2, 1)
    assert [remote_id for _, remote_id in fetching.spool.forgotten] == [
        fetching.ids[1],
        fetching.ids[4],
    ]
    assert (
        b"From:    ada@example.org\nSubject: Order 66\n" in fetching.spool.notices[SpoolId(2)]
    )


# ---- what is told


@pytest.mark.parametrize(
    ("make", "event"),
    [
        (lambda name: Unreachable("bad", request_id=name), "fetch-failed"),
        (lambda name: MessageUnreadable("bad", request_id=name), "message-quarantined"),
    ],
    ids=["fetch-failed", "message-quarantined"],
)
async def test_a_failure_names_the_services_request_where_that_is_known(
    make: Callable[[str], Exception], event: str, caplog: pytest.LogCaptureFixture
) -> None:
    fetching = Fetching(2)
    fetching.fails(lambda: make("r-7"), 0)
    fetching.fails(lambda: make(""), 1)
    await fetching.run()
    named, nameless = fields(caplog, event)
    assert (named["why"], named["request_id"]) == ("bad", "r-7")
    assert "request_id" not in nameless
