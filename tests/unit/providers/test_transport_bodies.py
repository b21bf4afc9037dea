"""Bodies over real sockets: whole, streamed, packed, and broken in every way a wire knows."""

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing

import pytest

from providers import transport
from providers.contract import Unreachable
from providers.inflation import PIECE_OCTETS
from providers.transport import ANSWER_OCTETS, HttpClient, Patience, nothing
from tests.fakes.faults import (
    Answer,
    Endless,
    Fault,
    Gzip,
    Hang,
    NoEnd,
    Reset,
    Trickle,
    Truncate,
    WrongLength,
    html,
)
from tests.fakes.plain import JSON, PlainService

SECRET = "a-word-of-the-mail"
MAIL = b"Subject: x\r\n\r\n" + SECRET.encode() * 3000


async def asked(client: HttpClient, url: str) -> bytes:
    return (await client.ask("GET", url, headers={})).body


async def streamed(client: HttpClient, url: str) -> bytes:
    async with client.stream("GET", url, headers={}) as answer:
        return b"".join([piece async for piece in answer.pieces])


Way = Callable[[HttpClient, str], Awaitable[bytes]]
both_ways = pytest.mark.parametrize("way", [asked, streamed])


def in_pieces(*pieces: bytes) -> Callable[[], AsyncIterator[bytes]]:
    async def body() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    return body


# ---- whole ones


@both_ways
@pytest.mark.parametrize("fault", [None, Gzip()])
async def test_a_body_arrives_as_it_was(
    service: PlainService, client: HttpClient, way: Way, fault: Fault | None
) -> None:
    service.truth = Answer(200, MAIL)
    if fault is not None:
        service.script("", fault)
    assert await way(client, service.url) == MAIL


@both_ways
async def test_a_body_in_chunks_arrives_as_it_was(
    service: PlainService, client: HttpClient, way: Way
) -> None:
    pieces = [bytes([number]) * 5000 for number in range(40)]
    service.truth = Answer(200, in_pieces(*pieces))
    assert await way(client, service.url) == b"".join(pieces)


@both_ways
async def test_a_body_of_no_octets_is_one_too(
    service: PlainService, client: HttpClient, way: Way
) -> None:
    service.truth = Answer(200, b"")
    assert await way(client, service.url) == b""


async def test_the_head_is_here_before_the_body(
    service: PlainService, client: HttpClient
) -> None:
    go_on = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield b"first"
        await go_on.wait()
        yield b"second"

    service.truth = Answer(201, body, {"X-Kind": "mail"})
    async with client.stream("GET", service.url, headers={"X-One": "1"}) as answer:
        assert (answer.head.status, answer.head.body) == (201, b"")
        assert answer.head.headers["x-kind"] == "mail"
        assert await anext(answer.pieces) == b"first"
        go_on.set()
        assert [piece async for piece in answer.pieces] == [b"second"]
    assert service.asked[0].headers["X-One"] == "1"


@pytest.mark.parametrize("answer", [Answer(404, JSON), Answer(503, MAIL), html(502)])
async def test_a_failed_answer_is_whole_before_it_is_shown(
    service: PlainService, client: HttpClient, answer: Answer
) -> None:
    """So that a judge sees why, and no error page is ever taken for the beginning of a mail."""
    service.truth = answer
    async with client.stream("GET", service.url, headers={}) as shown:
        assert (shown.head.status, shown.head.body) == (answer.status, answer.body)
        assert [piece async for piece in shown.pieces] == []


async def test_nothing_has_no_pieces() -> None:
    assert [piece async for piece in nothing()] == []


# ---- broken ones


@both_ways
@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Reset(500), "localhost broke off in the middle of its answer"),
        (Reset(0), "localhost broke off in the middle of its answer"),
        (Truncate(500), "localhost broke off in the middle of its answer"),
        (Truncate(len(MAIL) - 1), "localhost broke off in the middle of its answer"),
        (WrongLength(1), "localhost broke off in the middle of its answer"),
        (WrongLength(10_000), "localhost broke off in the middle of its answer"),
        (NoEnd(), "localhost sent a body whose end cannot be told"),
        (Gzip(cut=1), "the answer of localhost is cut short"),
        (Gzip(cut=9), "the answer of localhost is cut short"),
        (
            Answer(200, MAIL, {"Content-Encoding": "gzip"}),
            "the answer of localhost is damaged on the way",
        ),
        (
            Answer(200, MAIL, {"Content-Encoding": "br"}),
            "the answer of localhost is coded as 'br', which was not asked for",
        ),
    ],
)
async def test_a_body_that_is_not_whole_is_no_body(
    service: PlainService, client: HttpClient, way: Way, fault: Fault, said: str
) -> None:
    service.truth = Answer(200, MAIL)
    service.script("", fault)
    with pytest.raises(Unreachable) as told:
        await way(client, service.url)
    assert str(told.value) == said
    assert await way(client, service.url) == MAIL


@both_ways
async def test_chunks_that_break_off_are_no_body(
    service: PlainService, client: HttpClient, way: Way
) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield MAIL
        raise RuntimeError("the service's own fault")

    service.script("", Answer(200, body, is_legal=False))
    with pytest.raises(Unreachable, match="broke off in the middle"):
        await way(client, service.url)
    assert await way(client, service.url) == JSON


@both_ways
@pytest.mark.parametrize("octets", [200, 2_000_000])
async def test_what_follows_the_announced_end_is_never_part_of_a_body(
    service: PlainService, client: HttpClient, way: Way, octets: int
) -> None:
    """A length too short is either noticed, without a word of the mail, or is the body's end.

    RFC 9112 section 6.3 says that the length is the end; who wants to know better must look into the
    message.
    """
    service.truth = Answer(200, (SECRET.encode() * octets)[:octets])
    service.script("", WrongLength(-10))
    try:
        body = await way(client, service.url)
    except Unreachable as error:
        body, text = b"", str(error)
    else:
        text = ""
    assert len(body) in (0, octets - 10)
    assert SECRET[:8] not in text
    assert len(await way(client, service.url)) == octets


async def test_what_was_quoted_of_a_body_is_in_no_exception(
    service: PlainService, client: HttpClient
) -> None:
    """The library quotes the octets it cannot place; a log shows causes too."""
    service.truth = Answer(200, SECRET.encode())
    service.always("", WrongLength(-10))
    with pytest.raises(Unreachable) as told:
        await client.ask("GET", service.url, headers={})
    assert told.value.__cause__ is None
    assert told.value.__suppress_context__
    assert SECRET[-5:] not in str(told.value)


@both_ways
async def test_a_body_that_falls_silent_is_given_up(
    service: PlainService, ca_file: str, way: Way
) -> None:
    client = HttpClient(ca=ca_file, patience=Patience(9.0, 0.1, 9.0))
    service.truth = Answer(200, MAIL)
    service.always("", Trickle(100))
    with pytest.raises(Unreachable, match="localhost did not answer in time"):
        await way(client, service.url)
    await client.close()


@pytest.mark.slow
async def test_a_stream_may_take_longer_than_an_answer_but_not_for_ever(
    service: PlainService, ca_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def slowly() -> AsyncIterator[bytes]:
        for _ in range(8):
            yield b"x"
            await asyncio.sleep(0.05)  # noqa: TID251 - the service is slow in earnest

    client = HttpClient(ca=ca_file, patience=Patience(9.0, 9.0, 0.3))
    service.truth = Answer(200, slowly)
    with pytest.raises(Unreachable, match="did not answer in time"):
        await asked(client, service.url)
    assert await streamed(client, service.url) == b"xxxxxxxx"
    monkeypatch.setattr(transport, "GRACE_SECONDS", 0.1)
    monkeypatch.setattr(transport, "SLOWEST_OCTETS", 100)
    with pytest.raises(Unreachable, match="localhost sends too slowly"):
        await streamed(client, service.url)
    monkeypatch.setattr(transport, "SLOWEST_OCTETS", 1)
    assert await streamed(client, service.url) == b"xxxxxxxx"
    await client.close()


# ---- bounds


async def test_an_answer_without_end_is_cut_off_at_its_bound(
    service: PlainService, client: HttpClient
) -> None:
    service.script("", Endless())
    with pytest.raises(Unreachable, match=f"sent an answer over {ANSWER_OCTETS} octets"):
        await client.ask("GET", service.url, headers={})
    assert (await client.ask("GET", service.url, headers={})).body == JSON


def bomb(octets: int) -> bytes:
    packer = zlib.compressobj(wbits=31)
    zeros = bytes(1 << 20)
    packed = [packer.compress(zeros) for _ in range(octets >> 20)]
    return b"".join(packed) + packer.flush()


async def test_an_answer_that_unpacks_to_too_much_is_cut_off_at_its_bound(
    service: PlainService, client: HttpClient
) -> None:
    service.truth = Answer(200, bomb(64 << 20), {"Content-Encoding": "gzip"})
    with pytest.raises(Unreachable, match="sent an answer over"):
        await client.ask("GET", service.url, headers={})


async def test_a_stream_that_unpacks_to_much_comes_in_bounded_pieces(
    service: PlainService, client: HttpClient
) -> None:
    service.truth = Answer(200, bomb(32 << 20), {"Content-Encoding": "GZIP"})
    total = 0
    async with client.stream("GET", service.url, headers={}) as answer:
        async for piece in answer.pieces:
            assert len(piece) <= PIECE_OCTETS
            total += len(piece)
    assert total == 32 << 20


async def test_an_answer_as_long_as_the_bound_is_taken(
    service: PlainService, client: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "ANSWER_OCTETS", len(MAIL))
    service.truth = Answer(200, MAIL)
    assert await asked(client, service.url) == MAIL
    service.truth = Answer(200, gzip.compress(MAIL + b"x"), {"Content-Encoding": "gzip"})
    with pytest.raises(Unreachable, match="over"):
        await asked(client, service.url)


async def test_a_slow_reader_slows_the_service_down_and_memory_does_not_grow(
    service: PlainService, client: HttpClient
) -> None:
    sent = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(1000):
            sent += 1
            yield bytes(65536)

    service.truth = Answer(200, body)
    async with client.stream("GET", service.url, headers={}) as answer:
        await anext(answer.pieces)
        before = -1
        while before != sent:
            before = sent
            await asyncio.sleep(0.05)  # noqa: TID251 - until the wire is full
    assert sent < 500  # of 64 MB no more than the sockets of both sides hold


# ---- streams that end early


async def test_a_stream_that_is_left_early_is_cut_off_and_frees_its_connection(
    service: PlainService, ca_file: str
) -> None:
    client = HttpClient(ca=ca_file, connections=1)
    ended = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        try:
            while True:
                yield bytes(65536)
        finally:
            ended.set()

    service.script("", Answer(200, body))
    async with (
        client.stream("GET", service.url, headers={}) as answer,
        aclosing(answer.pieces) as pieces,
    ):
        await anext(pieces)
    async with asyncio.timeout(5):
        assert (await client.ask("GET", service.url, headers={})).body == JSON
        await ended.wait()
    await client.close()


@pytest.mark.parametrize("is_read", [False, True])
async def test_what_goes_wrong_in_its_readers_hands_is_not_the_services_fault(
    service: PlainService, ca_file: str, *, is_read: bool
) -> None:
    client = HttpClient(ca=ca_file, connections=1)
    service.script("", Answer(200, in_pieces(*[MAIL] * 50)))

    async def read_badly() -> None:
        async with client.stream("GET", service.url, headers={}) as answer:
            if is_read:
                await anext(answer.pieces)
            raise OSError("the disk is full")

    with pytest.raises(OSError, match="the disk is full"):
        await read_badly()
    async with asyncio.timeout(5):
        assert (await client.ask("GET", service.url, headers={})).body == JSON
    await client.close()


@pytest.mark.parametrize("fault", [Hang(), Trickle(100)])
async def test_a_stream_that_is_cancelled_frees_its_connection(
    service: PlainService, ca_file: str, fault: Fault
) -> None:
    client = HttpClient(ca=ca_file, connections=1)
    service.truth = Answer(200, MAIL)
    service.script("", fault)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await streamed(client, service.url)
    async with asyncio.timeout(5):
        assert await streamed(client, service.url) == MAIL
    await client.close()
