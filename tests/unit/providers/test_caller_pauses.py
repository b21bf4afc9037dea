"""How long a caller waits, on a loop whose time takes none, with a client that answers as it is told."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from types import SimpleNamespace
from typing import TypeVar

import pytest

from providers import caller as caller_module
from providers.caller import LONGEST_PAUSE_SECONDS, Caller, Request
from providers.contract import ProviderError, Throttled, Unreachable
from providers.transport import HttpAnswer, HttpClient
from tests.fakes.clock import run_without_waiting
from tests.fakes.identity import FakeTokens
from tests.fakes.plain import judge

T = TypeVar("T")
GOOD = HttpAnswer(200, {})
BUSY = HttpAnswer(429, {})


def busy(seconds: float | str) -> HttpAnswer:
    return HttpAnswer(429, {"Retry-After": str(seconds)})


class ToldClient(HttpClient):
    """Answers as it was told, in order, and then well; writes down what is sent when."""

    def __init__(self, *answers: HttpAnswer | ProviderError, takes: float = 0.0) -> None:
        super().__init__()
        self.answers = deque(answers)
        self.takes = takes
        self.sent: list[tuple[str, float]] = []

    async def ask(
        self, method: str, url: str, *, headers: Mapping[str, str], body: bytes | None = None
    ) -> HttpAnswer:
        del method, headers, body
        self.sent.append((url, asyncio.get_running_loop().time()))
        answer = self.answers.popleft() if self.answers else GOOD
        await asyncio.sleep(self.takes)  # noqa: TID251 - on a loop whose time takes none
        if isinstance(answer, ProviderError):
            raise answer
        return answer

    @property
    def moments(self) -> list[float]:
        return [moment for _, moment in self.sent]


@pytest.fixture(autouse=True)
def loops_own_time(monkeypatch: pytest.MonkeyPatch) -> None:
    def monotonic() -> float:
        return asyncio.get_running_loop().time()

    monkeypatch.setattr(caller_module, "time", SimpleNamespace(monotonic=monotonic))


def play(http: ToldClient, scenario: Callable[[Caller], Awaitable[T]]) -> T:
    async def run() -> T:
        return await scenario(
            Caller(http, FakeTokens(), judge, 2, logging.getLogger("test.caller"))
        )

    return run_without_waiting(run())


async def ask(caller: Caller, url: str = "one") -> HttpAnswer:
    return await caller.ask(Request("GET", url))


@pytest.mark.parametrize("failure", [BUSY, busy(0), HttpAnswer(500, {}), Unreachable("away")])
def test_without_a_word_from_the_service_waits_grow_and_differ(
    failure: HttpAnswer | ProviderError,
) -> None:
    """1, 2 and 4 seconds, and up to one more each: bridges must not march in step."""
    http = ToldClient(*[failure] * 3)
    play(http, ask)
    waits = [
        after - before for before, after in zip(http.moments, http.moments[1:], strict=False)
    ]
    assert len(waits) == 3
    for wait, least in zip(waits, (1.0, 2.0, 4.0), strict=True):
        assert least <= wait <= least + 1.0
    assert all(wait % 1 for wait in waits)


def test_a_pause_that_the_service_names_is_kept_to_the_second() -> None:
    http = ToldClient(busy(0.5), busy(7), busy(LONGEST_PAUSE_SECONDS))
    play(http, ask)
    assert http.moments == [0.0, 0.5, 7.5, 7.5 + LONGEST_PAUSE_SECONDS]


def test_a_longer_pause_surfaces_at_once() -> None:
    http = ToldClient(busy(LONGEST_PAUSE_SECONDS + 0.5))

    async def scenario(caller: Caller) -> float:
        with pytest.raises(Throttled):
            await ask(caller)
        return asyncio.get_running_loop().time()

    assert play(http, scenario) == 0.0
    assert http.moments == [0.0]


def test_a_pause_holds_back_all_others_too() -> None:
    """A service that said "wait" to one request must not be asked by the next in line."""
    http = ToldClient(busy(10))

    async def scenario(caller: Caller) -> None:
        await asyncio.gather(*(ask(caller, str(number)) for number in range(6)))

    play(http, scenario)
    at_once = [url for url, moment in http.sent if moment == 0.0]
    assert at_once == ["0", "1"]  # these two were on their way together
    assert sorted(http.moments[2:]) == [10.0] * 5


def test_who_comes_during_a_pause_waits_for_its_end() -> None:
    http = ToldClient()

    async def scenario(caller: Caller) -> None:
        caller.pause(5.0)
        caller.pause(1.0)  # a shorter one takes nothing away
        await ask(caller, "early")

    play(http, scenario)
    assert http.sent == [("early", 5.0)]


def test_a_pause_that_grows_while_it_is_waited_for_is_waited_for_to_its_new_end() -> None:
    http = ToldClient()

    async def scenario(caller: Caller) -> None:
        caller.pause(5.0)
        async with asyncio.TaskGroup() as group:
            group.create_task(ask(caller))
            await asyncio.sleep(4.0)  # noqa: TID251 - on a loop whose time takes none
            caller.pause(6.0)

    play(http, scenario)
    assert http.moments == [10.0]


def test_when_a_pause_is_over_nothing_is_held_back() -> None:
    http = ToldClient()

    async def scenario(caller: Caller) -> None:
        caller.pause(5.0)
        await asyncio.sleep(6.0)  # noqa: TID251 - on a loop whose time takes none
        await ask(caller)

    play(http, scenario)
    assert http.moments == [6.0]


def test_a_wait_after_a_failure_holds_no_lane() -> None:
    http = ToldClient(Unreachable("away"), Unreachable("away"))

    async def scenario(caller: Caller) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(ask(caller, "fails"))
            group.create_task(ask(caller, "fails"))
            await asyncio.sleep(0.5)  # noqa: TID251 - on a loop whose time takes none
            await ask(caller, "other")

    play(http, scenario)
    assert ("other", 0.5) in http.sent


def test_who_is_cancelled_during_a_pause_is_never_sent() -> None:
    http = ToldClient()

    async def scenario(caller: Caller) -> None:
        caller.pause(60.0)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.0):
                await asyncio.gather(*(ask(caller, "cancelled") for _ in range(4)))
        await asyncio.gather(ask(caller, "later"), ask(caller, "later"))

    play(http, scenario)
    assert http.sent == [("later", 60.0)] * 2
