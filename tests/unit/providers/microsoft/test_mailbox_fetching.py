"""Fetches messages of a mailbox of Graph, whole or not at all, whatever goes wrong on the way."""

import tracemalloc
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import stamina

from providers.caller import TRIES
from providers.contract import (
    MessageGone,
    MessageUnreadable,
    RemoteId,
    Throttled,
    Unreachable,
)
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
from tests.fakes.graph import refusal, throttled
from tests.fakes.graph_store import made_of
from tests.unit.providers.microsoft.graph_desk import HASTY, INBOX, MAIL, Desk, graph_desk


@pytest.fixture(autouse=True)
def impatient() -> Iterator[None]:
    """Try as often as ever, without the pauses in between."""
    stamina.set_testing(True, attempts=TRIES, cap=True)
    yield
    stamina.set_testing(False)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with graph_desk(tmp_path, HASTY) as desk:
        yield desk


async def test_a_message_that_exchange_cannot_convert_is_named_and_asked_for_once(
    desk: Desk,
) -> None:
    head = b"From: Bob <bob@example.com>\r\nSubject: signed\r\n\r\nx\r\n"
    message = desk.cloud.graph.mailbox.put(head, unconvertible=True)
    with pytest.raises(MessageUnreadable) as caught:
        await desk.fetch(RemoteId(message.id))
    envelope = caught.value.envelope
    assert (envelope.sender, envelope.subject) == ("Bob <bob@example.com>", "signed")
    assert envelope.date.startswith("2026-")
    assert caught.value.request_id
    assert desk.count("value$") == 1


_BROKEN: dict[str, Fault] = {
    "page-200": html(200),
    "page-403": html(403),
    "page-404": html(404),
    "page-502": html(502),
    "empty": Answer(200, b"", is_legal=False),
    "error-200": Answer(200, b'{"error": {"code": "x"}}', is_legal=False),
    "500": refusal(500, "ErrorInternalServerError"),
    "503": refusal(503, "serviceNotAvailable"),
    "504": refusal(504, "GatewayTimeout"),
    "429": throttled("0"),
    "429-without-retry-after": throttled(None),
    "hang": Hang(),
    "refuse": Refuse(),
    "reset": Reset(100),
    "truncate": Truncate(100),
    "longer-than-said": WrongLength(10),
    "shorter-than-said": WrongLength(-10),
    "trickle": Trickle(10),
    "gzip-cut": Gzip(8),
    "no-end": NoEnd(),
}


@pytest.mark.parametrize("name", _BROKEN)
async def test_whatever_goes_wrong_on_the_way_never_becomes_a_mail(
    desk: Desk, name: str
) -> None:
    body = b"Subject: x\r\n\r\n" + b"line\r\n" * 20_000
    message = desk.cloud.graph.mailbox.put(body)
    desk.cloud.graph.limit = 100  # the fake does not notice that a hanging request was given up
    desk.cloud.graph.always("value$", _BROKEN[name])
    with pytest.raises((Unreachable, Throttled)):
        await desk.fetch(RemoteId(message.id))
    assert (
        1 <= desk.count("value$") <= 2 * TRIES
    )  # aiohttp repeats a GET that was cut off at once
    desk.cloud.graph.heal()
    assert await desk.fetch(RemoteId(message.id)) == body


async def test_a_body_that_is_compressed_unasked_is_unpacked(desk: Desk) -> None:
    message = desk.cloud.graph.mailbox.put(MAIL * 1000)
    desk.cloud.graph.script("value$", Gzip())
    assert await desk.fetch(RemoteId(message.id)) == MAIL * 1000


async def test_an_endless_body_comes_in_pieces_and_can_be_left(desk: Desk) -> None:
    message = desk.cloud.graph.mailbox.put(MAIL)
    desk.cloud.graph.script("value$", Endless())
    pieces = desk.mailbox.fetch(INBOX, RemoteId(message.id))
    octets = 0
    async for piece in pieces:
        octets += len(piece)
        if octets > 10_000_000:
            break
    await pieces.aclose()
    assert await desk.fetch(RemoteId(message.id)) == MAIL


async def test_a_message_that_is_removed_just_before_it_is_fetched_is_gone(desk: Desk) -> None:
    message = desk.cloud.graph.mailbox.put(MAIL)
    graph = desk.cloud.graph
    graph.meanwhile("value$", lambda: graph.mailbox.remove(message.id))
    with pytest.raises(MessageGone):
        await desk.fetch(RemoteId(message.id))


async def test_a_message_that_was_moved_since_is_still_found_under_its_id(desk: Desk) -> None:
    message = desk.cloud.graph.mailbox.put(MAIL)
    graph = desk.cloud.graph.mailbox
    graph.move(message.id, graph.folder("archive").id)
    assert await desk.fetch(RemoteId(message.id)) == MAIL


async def test_a_large_message_is_never_held_whole(desk: Desk) -> None:
    message = desk.cloud.graph.mailbox.put(made_of(b"x" * 76 + b"\r\n", 20_000_000))
    tracemalloc.start()
    try:
        octets = 0
        async for piece in desk.mailbox.fetch(INBOX, RemoteId(message.id)):
            octets += len(piece)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert octets == message.length
    assert peak < 6_000_000  # the fake's own buffers included
