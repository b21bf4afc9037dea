"""Who traces a device hears its sessions, and no session waits for who listens."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from bridge.connection import ConnectionClosed
from bridge.errors import OwnerError
from bridge.names import PROBE, ConnectionId, DeviceName
from bridge.pop3.events import CheckDigest, CheckPassword, Send, SendMany
from bridge.pop3.table import State
from bridge.session.tracing import (
    HELD_LINES,
    QUEUED_LINES,
    TRACES_AT_ONCE,
    SessionTrace,
    Trace,
    Tracing,
    Values,
)
from tests.fakes.clock import FakeClock
from tests.unit.connected import connected

PRINTER, COPIER = DeviceName("printer"), DeviceName("copier")
A = State.AUTHORIZATION
LONG = 3600.0


def device_of(login: str) -> DeviceName | None:
    return {"printer": PRINTER, "alias": PRINTER, "copier": COPIER}.get(login)


@pytest.fixture
def tracing() -> Tracing:
    return Tracing(device_of, lambda login: device_of(login) is not None, FakeClock())


@pytest.fixture
async def session(tracing: Tracing) -> AsyncIterator[SessionTrace]:
    async with connected() as pair:
        yield SessionTrace(tracing, pair.ours, ConnectionId("c1"), "192.0.2.7")


async def told(trace: Trace) -> list[Values]:
    """Return what waits to be read, to the end."""
    trace.end("over")
    return [line async for line in trace.lines()]


async def texts(trace: Trace) -> list[str]:
    return [line["text"] for line in await told(trace)][:-1]


# ---- readers


async def test_what_waits_is_read_without_waiting_for_more(tracing: Tracing) -> None:
    with tracing.trace(PRINTER, LONG) as trace:
        assert list(trace.waiting()) == []
        trace.put({"kind": "fact", "text": "one"})
        assert [line["text"] for line in trace.waiting()] == ["one"]
        assert list(trace.waiting()) == []


async def test_it_is_on_while_somebody_listens(tracing: Tracing) -> None:
    assert not tracing.on
    with tracing.trace(PRINTER, LONG):
        with tracing.trace(COPIER, LONG):
            assert tracing.on
        assert tracing.on
    assert not tracing.on


async def test_so_many_may_listen_and_no_more(tracing: Tracing) -> None:
    traces = [tracing.trace(PRINTER, LONG) for _ in range(TRACES_AT_ONCE)]
    for trace in traces:
        trace.__enter__()
    with pytest.raises(OwnerError, match="are running already"), tracing.trace(COPIER, LONG):
        pass
    traces[0].__exit__(None, None, None)
    with tracing.trace(COPIER, LONG):
        pass


async def test_it_ends_by_itself_when_its_time_is_over(tracing: Tracing) -> None:
    with tracing.trace(PRINTER, 0.001) as trace:
        lines = [line async for line in trace.lines()]
    assert lines == [{"kind": "end", "text": "the time is over"}]


async def test_all_end_with_the_bridge(tracing: Tracing) -> None:
    with tracing.trace(PRINTER, LONG) as one, tracing.trace(COPIER, LONG) as other:
        tracing.end("the bridge stopped")
        for trace in (one, other):
            assert [line["text"] async for line in trace.lines()] == ["the bridge stopped"]


async def test_a_line_that_comes_while_one_waits_wakes_the_reader(tracing: Tracing) -> None:
    with tracing.trace(PRINTER, LONG) as trace:
        async with asyncio.TaskGroup() as group:
            first = group.create_task(anext(aiter(trace.lines())))
            await asyncio.wait({first}, timeout=0)
            trace.put({"text": "x"})
        assert first.result() == {"text": "x"}


async def test_a_slow_reader_is_told_how_many_lines_it_lost_and_where() -> None:
    trace = Trace(PRINTER)
    for number in range(QUEUED_LINES + 3):
        trace.put({"text": str(number)})
    lines = trace.lines()
    heard = [(await anext(lines))["text"] for _ in range(2)]
    trace.put({"text": "later"})
    trace.end("over")
    heard += [line["text"] async for line in lines]
    said = "3 lines lost: they came faster than they were read"
    assert heard[:2] == ["0", "1"]
    assert heard[-3:] == [said, "later", "over"]
    assert len(heard) == QUEUED_LINES + 3


async def test_what_was_lost_is_said_though_nothing_more_comes() -> None:
    trace = Trace(PRINTER)
    for number in range(QUEUED_LINES + 1):
        trace.put({"text": str(number)})
    lines = trace.lines()
    last = [await anext(lines) for _ in range(QUEUED_LINES + 1)][-1]
    assert (last["kind"], last["lines"]) == ("lost", 1)


# ---- sessions


async def test_what_was_said_before_the_name_is_told_with_it(
    tracing: Tracing, session: SessionTrace
) -> None:
    with tracing.trace(PRINTER, LONG) as trace, tracing.trace(COPIER, LONG) as other:
        session.begin(b"+OK ready\r\n")
        session.heard(b"CAPA", A)
        session.heard(b"USER alias", A)
        session.said(Send(b"+OK\r\n"))
        assert await texts(trace) == [
            "connected from 192.0.2.7, not encrypted",
            "+OK ready",
            "CAPA",
            "USER alias",
            "+OK",
        ]
        assert await texts(other) == []


@pytest.mark.parametrize(
    "effect", [CheckPassword("printer", "secret"), CheckDigest("printer", "<1@x>", "0" * 32)]
)
async def test_a_name_in_an_exchange_counts_too(
    tracing: Tracing, session: SessionTrace, effect: CheckPassword | CheckDigest
) -> None:
    with tracing.trace(PRINTER, LONG) as trace:
        session.heard(b"AGEAYg==", State.SASL)
        session.said(effect)
        assert await texts(trace) == ["(SASL response, not shown)"]


async def test_a_session_that_takes_another_name_is_another_devices(
    tracing: Tracing, session: SessionTrace
) -> None:
    with tracing.trace(PRINTER, LONG) as one, tracing.trace(COPIER, LONG) as other:
        session.heard(b"USER printer", A)
        session.heard(b"USER copier", A)
        session.heard(b"USER stranger", A)
        session.fact("closed: left")
        assert await texts(one) == ["USER printer"]
        assert await texts(other) == ["USER copier"]


async def test_who_is_logged_in_is_that_device_and_no_other(
    tracing: Tracing, session: SessionTrace
) -> None:
    assert not session.on
    with tracing.trace(COPIER, LONG):
        session.belongs_to("printer")
        assert session.on  # it may fail to log in, and be another's next
        session.logged_in(PRINTER)
        assert not session.on
        with tracing.trace(PRINTER, LONG):
            assert session.on


async def test_the_bridges_own_session_is_nobodys(
    tracing: Tracing, session: SessionTrace
) -> None:
    with tracing.trace(PRINTER, LONG) as trace:
        session.begin(b"+OK\r\n")
        session.logged_in(PROBE)
        assert not session.on
        assert await texts(trace) == []


async def test_only_the_newest_lines_are_kept_of_who_names_nobody(
    tracing: Tracing, session: SessionTrace
) -> None:
    with tracing.trace(PRINTER, LONG) as trace:
        for _ in range(HELD_LINES + 5):
            session.heard(b"NOOP", A)
        session.belongs_to("printer")
        assert await texts(trace) == [
            "5 earlier lines were not kept",
            *["NOOP"] * HELD_LINES,
        ]


async def test_a_line_has_time_and_place(tracing: Tracing, session: SessionTrace) -> None:
    with tracing.trace(PRINTER, LONG) as trace:
        session.belongs_to("printer")
        session.heard(b"NOOP", State.TRANSACTION)
        [line, _] = await told(trace)
    assert line == {
        "time": 1_000_000.0,
        "connection": "c1",
        "address": "192.0.2.7",
        "kind": "client",
        "text": "NOOP",
    }


async def test_facts_are_told_only_while_somebody_listens(
    tracing: Tracing, session: SessionTrace
) -> None:
    session.belongs_to("printer")
    session.begin(b"+OK\r\n")
    session.secured()
    with tracing.trace(PRINTER, LONG) as trace:
        assert await texts(trace) == []
        session.said(SendMany(iter([])))
    with tracing.trace(PRINTER, LONG) as trace:
        session.secured()
        assert await texts(trace) == ["not encrypted"]


# ---- messages


async def test_a_message_is_told_once_it_went_out(
    tracing: Tracing, session: SessionTrace
) -> None:
    with tracing.trace(PRINTER, LONG) as trace:
        session.belongs_to("printer")
        with session.sending(b"+OK 8 octets\r\n") as tally:
            assert tally is not None
            tally.feed(b"..x\r\ny\r\n")
        head, content, end, _ = await told(trace)
    assert (head["text"], end["text"]) == ("+OK 8 octets", ".")
    assert (content["octets"], content["lines"], len(content["sha256"])) == (7, 2, 64)


async def test_a_message_that_broke_off_is_told_as_that(
    tracing: Tracing, session: SessionTrace
) -> None:
    with tracing.trace(PRINTER, LONG) as trace:
        session.belongs_to("printer")
        with suppress(ConnectionClosed), session.sending(b"+OK\r\n") as tally:
            assert tally is not None
            tally.feed(b"x" * 1000)
            raise ConnectionClosed("lost")
        assert await texts(trace) == ["broken off within the first 1,000 octets of a message"]


async def test_a_message_of_another_device_is_not_even_counted(
    tracing: Tracing, session: SessionTrace
) -> None:
    with tracing.trace(COPIER, LONG):
        session.belongs_to("printer")
        with session.sending(b"+OK\r\n") as tally:
            assert tally is None
