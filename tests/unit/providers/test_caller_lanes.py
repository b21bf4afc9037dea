"""No more requests of a caller are on their way than its service bears, however they end."""

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack

import pytest
import stamina

from providers.caller import Caller, Request
from providers.contract import ProviderError, Unreachable
from tests.fakes.faults import Answer, Fault, Hang, Reset, Truncate
from tests.fakes.plain import AT_ONCE, PlainService

MAIL = b"Subject: x\r\n\r\n" + b"text\r\n" * 20_000


@pytest.fixture(autouse=True)
def no_waiting() -> Iterator[None]:
    """Try as often as always, but wait for nothing in between."""
    with stamina.set_testing(testing=True, attempts=99, cap=True):
        yield


def get(service: PlainService, path: str = "/x") -> Request:
    return Request("GET", service.url + path)


# ---- lanes


async def test_no_more_are_in_flight_than_the_service_bears(
    service: PlainService, caller: Caller
) -> None:
    service.latency = 0.02

    async def streamed() -> None:
        async with caller.stream(get(service)) as answer:
            assert [piece async for piece in answer.pieces]

    await asyncio.gather(
        *(caller.ask(get(service)) for _ in range(5)), *(streamed() for _ in range(5))
    )
    assert len(service.asked) == 10
    assert service.most_in_flight == AT_ONCE


async def test_a_stream_holds_its_lane_until_it_is_left(
    service: PlainService, caller: Caller
) -> None:
    service.truth = Answer(200, MAIL)
    async with asyncio.TaskGroup() as group, AsyncExitStack() as held:
        for _ in range(AT_ONCE - 1):
            await held.enter_async_context(caller.stream(get(service)))
        async with caller.stream(get(service)):
            waiting = group.create_task(caller.ask(get(service, "/fourth")))
            await asyncio.wait([waiting], timeout=0.1)
            assert service.requests("fourth") == []
        assert (await waiting).body == MAIL


async def all_lanes_are_free(service: PlainService, caller: Caller) -> bool:
    """Hold every lane at once."""
    service.heal()
    service.truth = Answer(200, MAIL)
    async with asyncio.timeout(5), AsyncExitStack() as held:
        for _ in range(AT_ONCE - 1):
            await held.enter_async_context(caller.stream(get(service)))
        last = await held.enter_async_context(caller.stream(get(service)))
        return b"".join([piece async for piece in last.pieces]) == MAIL


@pytest.mark.parametrize("fault", [Reset(500), Truncate(500)])
async def test_a_stream_that_breaks_is_its_readers_to_ask_for_again_and_frees_its_lane(
    service: PlainService, caller: Caller, fault: Fault
) -> None:
    """What was passed on already cannot be taken back."""

    async def read() -> None:
        async with caller.stream(get(service)) as answer:
            async for piece in answer.pieces:
                assert piece

    service.truth = Answer(200, MAIL)
    service.always("", fault)
    for _ in range(AT_ONCE + 1):
        with pytest.raises(Unreachable):
            await read()
    assert len(service.asked) == AT_ONCE + 1
    assert await all_lanes_are_free(service, caller)


async def test_a_stream_that_is_left_early_frees_its_lane(
    service: PlainService, caller: Caller
) -> None:
    service.truth = Answer(200, MAIL)
    for _ in range(AT_ONCE + 1):
        async with caller.stream(get(service)) as answer:
            await anext(answer.pieces)
    assert await all_lanes_are_free(service, caller)


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500])
async def test_a_request_that_fails_frees_its_lane(
    service: PlainService, caller: Caller, status: int
) -> None:
    service.truth = Answer(status)

    async def read() -> None:
        async with caller.stream(get(service)):
            raise AssertionError("no such answer is passed on")

    for _ in range(AT_ONCE + 1):
        with pytest.raises(ProviderError):
            await caller.ask(get(service))
        with pytest.raises(ProviderError):
            await read()
    assert await all_lanes_are_free(service, caller)


async def test_requests_that_are_cancelled_free_their_lanes_and_those_that_wait_are_never_sent(
    service: PlainService, caller: Caller
) -> None:
    service.always("", Hang())
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await asyncio.gather(*(caller.ask(get(service)) for _ in range(2 * AT_ONCE)))
    assert len(service.asked) == AT_ONCE
    assert await all_lanes_are_free(service, caller)
