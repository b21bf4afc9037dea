"""One connection over a real pair of sockets: what it hands over, what it holds back, how it ends."""

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator

import pytest

from bridge import connection as connection_module
from bridge.connection import (
    RECEIVE_OCTETS,
    ConnectionClosed,
)
from tests.unit.connected import BRIEF, Pair, Turn, connected


@pytest.fixture
async def pair() -> AsyncIterator[Pair]:
    async with connected() as made:
        yield made


async def fill(pair: Pair) -> "asyncio.Task[None]":
    """Send until the peer's buffers are full; return the send that waits."""
    while True:
        task = asyncio.ensure_future(pair.ours.send(b"x" * 1_000_000))  # noqa: TID251 - a test's own
        for _ in range(3):
            await Turn()
        if not task.done():
            return task
        await task


# ---- receiving


async def test_what_the_peer_says_is_received_in_order(pair: Pair) -> None:
    await pair.say(b"CAPA\r\n")
    assert await pair.ours.receive() == b"CAPA\r\n"
    await pair.say(b"QUIT\r\n")
    assert await pair.ours.receive() == b"QUIT\r\n"


async def test_receiving_waits_for_the_peer(pair: Pair) -> None:
    async with asyncio.TaskGroup() as group:
        receiving = group.create_task(pair.ours.receive())
        await Turn()
        assert not receiving.done()
        await pair.say(b"x")
    assert receiving.result() == b"x"


async def test_what_came_before_the_end_is_still_received(pair: Pair) -> None:
    await pair.say(b"QUIT\r\n")
    pair.theirs.close()
    assert await pair.ours.receive() == b"QUIT\r\n"
    with pytest.raises(ConnectionClosed, match="left"):
        await pair.ours.receive()


async def test_a_peer_that_sends_without_end_is_held_back(pair: Pair) -> None:
    """What we hold is bounded: our buffer, and one read of asyncio's (256 KiB) on top."""
    flood = b"x" * 16_000_000
    async with asyncio.TaskGroup() as group:
        saying = group.create_task(pair.say(flood))
        received = 0
        while received < len(flood):
            piece = await pair.ours.receive()
            assert len(piece) < RECEIVE_OCTETS + 262_144
            assert received == 0 or received < len(flood)
            received += len(piece)
        await saying
    assert received == len(flood)


async def test_a_flood_that_nobody_receives_stops_at_the_kernel(pair: Pair) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(BRIEF):
            await pair.say(b"x" * 64_000_000)
    assert len(await pair.ours.receive()) < RECEIVE_OCTETS + 262_144


# ---- sending


async def test_what_is_sent_arrives(pair: Pair) -> None:
    await pair.ours.send(b"+OK\r\n")
    assert await pair.hear() == b"+OK\r\n"


async def test_sending_waits_while_the_peer_does_not_read(pair: Pair) -> None:
    waiting = await fill(pair)
    assert not waiting.done()
    while not waiting.done():
        await pair.hear()
    await waiting


async def test_a_send_that_waits_ends_with_the_connection(pair: Pair) -> None:
    waiting = await fill(pair)
    pair.theirs.close()
    with pytest.raises(ConnectionClosed):
        await waiting


async def test_nothing_is_sent_after_the_end(pair: Pair) -> None:
    pair.ours.close()
    with pytest.raises(ConnectionClosed, match="closed"):
        await pair.ours.send(b"late")


async def test_closing_sends_what_waits(pair: Pair) -> None:
    octets = b"x" * 30_000_000
    sending = asyncio.ensure_future(pair.ours.send(octets))  # noqa: TID251 - a test's own
    for _ in range(3):
        await Turn()
    pair.ours.close()
    assert await pair.hear_all() == octets
    with pytest.raises(ConnectionClosed, match="closed"):
        await sending
    await pair.ours.wait_closed()


# ---- the deadline


async def test_a_silent_peer_is_cut_off(pair: Pair) -> None:
    pair.ours.allow(BRIEF)
    with pytest.raises(ConnectionClosed, match="timed out"):
        await pair.ours.receive()
    await pair.ours.wait_closed()


async def test_a_new_allowance_counts_from_now(pair: Pair) -> None:
    pair.ours.allow(1e6)
    pair.ours.allow(BRIEF)
    with pytest.raises(ConnectionClosed, match="timed out"):
        await pair.ours.receive()


async def test_a_longer_allowance_replaces_a_shorter_one(pair: Pair) -> None:
    pair.ours.allow(BRIEF)
    pair.ours.allow(1e6)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(3 * BRIEF):
            await pair.ours.receive()


async def test_a_peer_that_takes_nothing_is_cut_off(pair: Pair) -> None:
    waiting = await fill(pair)
    pair.ours.allow(BRIEF)
    with pytest.raises(ConnectionClosed, match="timed out"):
        await waiting


@pytest.mark.slow
async def test_a_slow_reader_is_given_time_as_long_as_it_reads(pair: Pair) -> None:
    loop = asyncio.get_running_loop()
    waiting = asyncio.ensure_future(pair.ours.send(b"x" * 200_000_000))  # noqa: TID251 - a test's own
    pair.ours.allow(3 * BRIEF)
    begun = loop.time()
    moment = asyncio.Event()
    while loop.time() < begun + 12 * BRIEF:
        # A little at a time, at intervals well within the allowance.
        assert await pair.hear(300_000)
        loop.call_later(BRIEF / 4, moment.set)
        await moment.wait()
        moment.clear()
    assert not waiting.done()
    waiting.cancel()


async def test_closing_does_not_wait_for_ever_for_a_peer_that_does_not_read(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_module, "CLOSE_SECONDS", BRIEF)
    waiting = await fill(pair)
    pair.ours.close()
    with pytest.raises(ConnectionClosed):
        await waiting
    await pair.ours.wait_closed()


# ---- interrupting


async def test_a_wait_is_interrupted_when_the_peer_leaves(pair: Pair) -> None:
    pair.theirs.close()
    with pytest.raises(ConnectionClosed, match="left"):
        async with pair.ours.while_open():
            await asyncio.Event().wait()


async def test_a_wait_is_interrupted_by_an_abort(pair: Pair) -> None:
    asyncio.get_running_loop().call_soon(pair.ours.abort, "taken over")
    with pytest.raises(ConnectionClosed, match="taken over"):
        async with pair.ours.while_open():
            await asyncio.Event().wait()


async def test_a_wait_that_ends_first_is_left_alone(pair: Pair) -> None:
    async with pair.ours.while_open():
        await Turn()
    pair.ours.abort("afterwards")
    for _ in range(3):
        await Turn()


async def test_no_wait_begins_after_the_end(pair: Pair) -> None:
    pair.ours.abort("over")
    with pytest.raises(ConnectionClosed, match="over"):
        async with pair.ours.while_open():
            pytest.fail("the block was entered")


async def test_cancelling_from_outside_stays_a_cancellation(pair: Pair) -> None:
    async def wait() -> None:
        async with pair.ours.while_open():
            await asyncio.Event().wait()

    async with asyncio.TaskGroup() as group:
        task = group.create_task(wait())
        await Turn()
        task.cancel()
    assert task.cancelled()


async def test_an_abort_voids_what_was_received(pair: Pair) -> None:
    await pair.say(b"QUIT\r\n")
    while not pair.ours._received:  # noqa: SLF001 - to know that the octets are here
        await Turn()
    pair.ours.abort("taken over")
    with pytest.raises(ConnectionClosed, match="taken over"):
        await pair.ours.receive()


async def test_ending_twice_keeps_the_first_reason(pair: Pair) -> None:
    pair.ours.abort("first")
    pair.ours.abort("second")
    pair.ours.close()
    with pytest.raises(ConnectionClosed, match="first"):
        await pair.ours.receive()


async def test_a_connection_that_is_gone_leaves_nothing_behind() -> None:
    async with connected() as pair:
        ours = weakref.ref(pair.ours)
        pair.ours.allow(1e6)
        pair.theirs.close()
        with pytest.raises(ConnectionClosed):
            await pair.ours.receive()
    del pair
    gc.collect()
    assert ours() is None
