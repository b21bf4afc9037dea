"""Fetches messages of Gmail, whole or not at all, whatever goes wrong on the way."""

import asyncio
import os
import tracemalloc
from collections.abc import Iterator
from contextlib import aclosing

import pytest

from providers.caller import TRIES
from providers.contract import MessageGone, RemoteId, Throttled, Unreachable
from tests.fakes.faults import (
    Answer,
    Endless,
    Fault,
    Gzip,
    Hang,
    NoEnd,
    Refuse,
    Reset,
    Trickle,
    Truncate,
    WrongLength,
    html,
)
from tests.fakes.gmail import refusal, too_many_at_once
from tests.fakes.gmail_store import Pieces
from tests.unit.providers.google.gmail_desk import INBOX, MAIL, Desk

RAW = "format=raw"


@pytest.mark.parametrize("length", [1, 2, 3, 49_999, 300_001])
@pytest.mark.parametrize("form", ["bare", "padded", "escaped", "first"])
async def test_a_message_comes_as_it_was_received(desk: Desk, length: int, form: str) -> None:
    desk.store.padding = form == "padded"
    desk.store.escaped_padding = form == "escaped"
    desk.store.raw_first = form == "first"
    octets = os.urandom(length)
    assert await desk.fetch(desk.put(octets)) == octets


async def test_a_fetch_is_one_request_that_asks_for_nothing_else(desk: Desk) -> None:
    message = desk.put()
    await desk.fetch(message)
    (asked,) = desk.gmail.asked
    assert asked.query["fields"] == "raw"
    assert desk.gmail.units.total == 20


@pytest.mark.parametrize("name", ["removed", "never was", "another"])
async def test_a_message_that_is_not_there_is_gone(desk: Desk, name: str) -> None:
    remote_id = desk.put()
    if name == "removed":
        desk.store.remove(remote_id)
    elif name == "never was":
        remote_id = RemoteId("no such message/..")
    else:
        remote_id = RemoteId("1" * 16)
    with pytest.raises(MessageGone):
        await desk.fetch(remote_id)
    assert desk.count() == 1


async def test_a_message_that_is_removed_just_before_it_is_fetched_is_gone(desk: Desk) -> None:
    message = desk.put()
    desk.gmail.meanwhile(RAW, lambda: desk.store.remove(message))
    with pytest.raises(MessageGone):
        await desk.fetch(message)


@pytest.mark.parametrize("label", ["Printed", "TRASH"])
async def test_a_message_that_is_moved_just_before_it_is_fetched_is_still_found(
    desk: Desk, label: str
) -> None:
    message, other = desk.put(), desk.put(b"x", "Printed")
    to = next(iter(desk.store.message(other).label_ids)) if label == "Printed" else label
    desk.gmail.meanwhile(RAW, lambda: desk.store.modify(message, [to], ["INBOX"]))
    assert await desk.fetch(message) == MAIL
    assert label in desk.store.label_names(message)


_BROKEN: dict[str, Fault] = {
    "page-200": html(200),
    "page-403": html(403),
    "page-404": html(404),
    "page-502": html(502),
    "empty": Answer(200, b"", is_legal=False),
    "no-raw": Answer.of_json({}),
    "empty-raw": Answer.of_json({"raw": ""}),
    "not-base64": Answer(200, b'{"raw": "a b"}', is_legal=False),
    "no-end-of-object": Answer(200, b'{"raw": "QUJD"', is_legal=False),
    "error-200": Answer(200, b'{"error": {"code": 500}}', is_legal=False),
    "500": refusal(500, "backendError"),
    "503": refusal(503, "backendError"),
    "403-rate": refusal(403, "rateLimitExceeded"),
    "429": too_many_at_once(),
    "429-now": refusal(429, "rateLimitExceeded", retry_after="0"),
    "hang": Hang(),
    "refuse": Refuse(),
    "reset": Reset(1000),
    "truncate": Truncate(1000),
    "longer-than-said": WrongLength(10),
    "shorter-than-said": WrongLength(-10),
    "trickle": Trickle(1000),
    "gzip-cut": Gzip(8),
    "no-end": NoEnd(),
}


@pytest.mark.parametrize("name", _BROKEN)
async def test_whatever_goes_wrong_on_the_way_never_becomes_a_mail(
    desk: Desk, name: str
) -> None:
    octets = b"Subject: x\r\n\r\n" + b"line\r\n" * 20_000
    message = desk.put(octets)
    desk.gmail.limit = 100  # the fake does not notice that a hanging request was given up
    desk.gmail.always(RAW, _BROKEN[name])
    with pytest.raises((Unreachable, Throttled)):
        await desk.fetch(message)
    assert 1 <= desk.count(RAW) <= 2 * TRIES  # aiohttp repeats a GET that was cut off at once
    desk.gmail.heal()
    assert await desk.fetch(message) == octets


async def test_a_body_that_is_compressed_unasked_is_unpacked(desk: Desk) -> None:
    message = desk.put(MAIL * 1000)
    desk.gmail.script(RAW, Gzip())
    assert await desk.fetch(message) == MAIL * 1000


async def test_an_answer_that_goes_on_for_ever_has_an_end_here(desk: Desk) -> None:
    message = desk.put()
    desk.gmail.script(RAW, Endless())
    with pytest.raises(Unreachable, match="no message"):
        await desk.fetch(message)
    assert await desk.fetch(message) == MAIL


async def test_a_passing_failure_is_not_even_noticed(desk: Desk) -> None:
    message = desk.put()
    desk.gmail.script(RAW, refusal(500, "backendError"), refusal(403, "rateLimitExceeded"))
    assert await desk.fetch(message) == MAIL
    assert desk.count(RAW) == 3


async def test_no_more_than_four_messages_are_fetched_at_once(desk: Desk) -> None:
    ids = [desk.put() for _ in range(12)]
    desk.gmail.latency = 0.02
    async with asyncio.TaskGroup() as tasks:
        for one in ids:
            tasks.create_task(desk.fetch(one), name="fetch")
    assert desk.gmail.most_in_flight == 4


async def test_a_large_message_is_never_held_whole(desk: Desk) -> None:
    line = b"x" * 76 + b"\r\n"

    def make() -> Iterator[bytes]:
        for _ in range(10_000_000 // (len(line) * 1000)):
            yield line * 1000

    length = 10_000_000 // (len(line) * 1000) * len(line) * 1000
    message = RemoteId(desk.store.put(Pieces(length, make)))
    octets, longest = 0, 0
    tracemalloc.start()
    try:
        async with aclosing(desk.mailbox.fetch(INBOX, message)) as pieces:
            async for piece in pieces:
                octets += len(piece)
                longest = max(longest, len(piece))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert octets == length
    assert longest <= 256 << 10
    assert peak < 5_000_000  # the fake's own buffers included
