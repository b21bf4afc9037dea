"""Threads that ask over the loop's own client, on real sockets."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from providers.blocking import Blocking, Line
from providers.contract import Unreachable
from providers.transport import HttpAnswer, HttpClient
from tests.fakes.faults import Answer, Hang, Refuse
from tests.fakes.plain import JSON, PlainService


@pytest.fixture
def blocking(client: HttpClient) -> Blocking:
    return Blocking(client)


@pytest.fixture
def go_on() -> Iterator[threading.Event]:
    """Give what a thread waits for, and let none outlive its test."""
    event = threading.Event()
    yield event
    event.set()


async def test_work_is_done_beside_the_loop_and_its_result_comes_back(
    blocking: Blocking,
) -> None:
    ident = await blocking.run(lambda _line: threading.get_ident())
    assert ident != threading.get_ident()


async def test_the_loop_goes_on_while_a_thread_is_at_work(
    blocking: Blocking, go_on: threading.Event
) -> None:
    async with asyncio.TaskGroup() as group:
        work = group.create_task(blocking.run(lambda _line: go_on.wait(5)))
        await asyncio.sleep(0)  # noqa: TID251 - lets the work begin
        go_on.set()  # said by the loop, which is free to
    assert work.result() is True


async def test_a_line_asks_through_the_one_client(
    service: PlainService, blocking: Blocking
) -> None:
    service.truth = Answer(400, b'{"error": "invalid_grant"}', {"X-Trace": "t"})
    url = f"{service.url}/token?a=b"
    answer = await blocking.run(lambda line: line.ask("POST", url, {"X-One": "1"}, b"grant=x"))
    assert (answer.status, answer.body) == (400, b'{"error": "invalid_grant"}')
    assert answer.headers["x-trace"] == "t"
    [asked] = service.asked
    assert (asked.method, asked.raw_path, asked.body) == ("POST", "/token?a=b", b"grant=x")
    assert asked.headers["X-One"] == "1"


async def test_one_work_may_ask_more_than_once(
    service: PlainService, blocking: Blocking
) -> None:
    def work(line: Line) -> list[int]:
        return [line.ask("GET", f"{service.url}/{n}", {}, None).status for n in range(3)]

    assert await blocking.run(work) == [200, 200, 200]
    assert [asked.path for asked in service.asked] == ["/0", "/1", "/2"]


async def test_what_fails_in_a_thread_fails_for_its_caller(
    service: PlainService, blocking: Blocking
) -> None:
    def broken(_line: Line) -> None:
        raise KeyError("the library's own")

    with pytest.raises(KeyError, match="the library's own"):
        await blocking.run(broken)
    service.always("", Refuse())
    with pytest.raises(Unreachable, match="localhost"):
        await blocking.run(lambda line: line.ask("POST", service.url, {}, b""))


async def test_an_account_has_one_thread_at_a_time(
    blocking: Blocking, go_on: threading.Event
) -> None:
    at_work, most, guard = 0, 0, threading.Lock()

    def work(_line: Line) -> None:
        nonlocal at_work, most
        with guard:
            at_work += 1
            most = max(most, at_work)
        go_on.wait(0.02)
        with guard:
            at_work -= 1

    await asyncio.gather(*(blocking.run(work) for _ in range(4)))
    assert (at_work, most) == (0, 1)


async def test_a_cancelled_caller_cuts_its_request_off_and_goes_on_when_the_thread_has_ended(
    service: PlainService, blocking: Blocking
) -> None:
    service.script("", Hang())
    said: list[str] = []

    def work(line: Line) -> None:
        try:
            line.ask("GET", service.url, {}, None)
        except Unreachable as error:
            said.append(str(error))
        with suppress(Unreachable):
            line.ask("GET", f"{service.url}/again", {}, None)
        said.append("ended")

    async with asyncio.timeout(5):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await blocking.run(work)
        assert said == ["the request was given up", "ended"]
        answer = await blocking.run(lambda line: line.ask("GET", service.url, {}, None))
    assert answer.body == JSON
    assert service.requests("again") == []


async def test_a_cancelled_caller_goes_on_only_when_the_thread_has_ended_however_often_it_is_told(
    blocking: Blocking, go_on: threading.Event
) -> None:
    async with asyncio.TaskGroup() as group:
        begun = threading.Event()

        def work(_line: Line) -> None:
            begun.set()
            go_on.wait(5)

        caller = group.create_task(blocking.run(work))
        await asyncio.to_thread(begun.wait, 5)
        for _ in range(3):
            caller.cancel()
            await asyncio.wait([caller], timeout=0.02)
            assert not caller.done()
        go_on.set()
        await asyncio.wait([caller])
    assert caller.cancelled()


async def test_what_fails_after_its_caller_was_cancelled_bothers_nobody(
    blocking: Blocking, go_on: threading.Event, caplog: pytest.LogCaptureFixture
) -> None:
    def work(_line: Line) -> None:
        go_on.wait(0.05)
        raise KeyError("nobody waits for this")

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await blocking.run(work)
    assert await blocking.run(lambda _line: "next") == "next"
    assert caplog.records == []


async def test_who_is_cancelled_before_its_turn_never_begins(
    blocking: Blocking, go_on: threading.Event
) -> None:
    begun: list[str] = []
    async with asyncio.TaskGroup() as group:
        group.create_task(blocking.run(lambda _line: go_on.wait(5)))
        waiting = group.create_task(blocking.run(lambda _line: begun.append("never")))
        await asyncio.wait([waiting], timeout=0.02)
        waiting.cancel()
        await asyncio.wait([waiting])
        go_on.set()
    assert waiting.cancelled()
    assert begun == []


async def test_a_line_that_is_cut_asks_nothing_more(
    service: PlainService, client: HttpClient
) -> None:
    line = Line(client, asyncio.get_running_loop())
    line.cut()
    line.cut()

    def ask() -> HttpAnswer:
        return line.ask("GET", service.url, {}, None)

    with pytest.raises(Unreachable, match="given up"):
        await asyncio.to_thread(ask)
    assert service.asked == []
