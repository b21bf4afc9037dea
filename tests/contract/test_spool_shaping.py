"""A message that is shaped: what devices get is exact, the original is kept, nothing is half done."""

from collections.abc import AsyncGenerator, AsyncIterator

import attrs
import pytest

from bridge.admission import Admission
from bridge.errors import BodyUnreadable, ShaperUnavailable, SpoolUnavailable
from bridge.imprint.rawheaders import RawHeaders
from bridge.names import Octets, SpoolId, UniqueId
from bridge.pop3.wireform import unstuffed
from bridge.shaping.errors import Skipped, Unshapeable
from bridge.storage.messages import Delivery
from bridge.storage.sqlite.bodies import Held
from providers.contract import Disposition, Envelope
from tests.contract.storage_harness import (
    OFFICE,
    PRINTER,
    SqliteUnderTest,
    announcement,
    flip,
    listed,
    pieces_of,
    read_whole,
    states,
)

ORIGINAL = b"Subject: a\r\n\r\n.dots\r\n..and more\r\n"
RAW = ORIGINAL.replace(b" a", " ä".encode())
SHAPED = b"Subject: a\r\n\r\n.shaped\r\n"


@attrs.define
class Reversing:
    """Shapes in a way of a test's own: the lines backwards, or not at all."""

    error: Exception | None = None
    made: bytes = SHAPED
    seen: bytes = b""
    octets: int = 0
    shapes_all: bool = True
    looks_inside: bool = False
    has: bool = False

    async def has_pages(self, octets: Octets, message: AsyncIterator[bytes]) -> bool:
        self.octets = octets
        self.seen = b"".join([piece async for piece in message])
        if self.error is not None:
            raise self.error
        return self.has

    def has_work(self, _octets: Octets, raw_headers: RawHeaders) -> bool:
        return self.shapes_all or raw_headers is not RawHeaders.NONE

    async def shape(
        self, octets: Octets, message: AsyncIterator[bytes]
    ) -> AsyncGenerator[bytes, None]:
        self.octets = octets
        self.seen = b"".join([piece async for piece in message])
        yield self.made[:5]
        if self.error is not None:
            raise self.error
        yield self.made[5:]

    def notice(self, envelope: Envelope, why: str) -> bytes:
        return f"Subject: no {envelope.subject}\r\n\r\n{why}\r\n".encode()


async def deliver(
    storage: SqliteUnderTest, shaper: Reversing | None, text: bytes = ORIGINAL
) -> tuple[SpoolId, Delivery]:
    await storage.spool.announce(PRINTER, [announcement("a")])
    (item,) = await storage.spool.pending(PRINTER)
    made = await storage.spool.deliver(item.spool_id, pieces_of(text), None, shaper)
    return item.spool_id, made


async def original(storage: SqliteUnderTest, spool_id: SpoolId) -> bytes:
    opened = await storage.bodies.open(spool_id, Held.ORIGINAL)
    try:
        return b"".join([piece async for piece in unstuffed(opened.pieces())])
    finally:
        opened.close()


def files(storage: SqliteUnderTest) -> list[str]:
    return [path.suffix for path in storage.body_files()]


async def test_devices_get_what_was_made_with_its_own_octets_and_the_original_is_kept(
    storage: SqliteUnderTest,
) -> None:
    shaper = Reversing()
    spool_id, made = await deliver(storage, shaper)
    (entry,) = (await storage.spool.listing(PRINTER)).entries
    assert entry.octets == len(SHAPED) == made.octets
    assert await read_whole(storage.spool, spool_id) == SHAPED.replace(b"\r\n.", b"\r\n..")
    assert shaper.seen == ORIGINAL
    assert shaper.octets == len(ORIGINAL) == made.original_octets
    assert await original(storage, spool_id) == ORIGINAL
    assert await storage.spool.octets_at_rest(PRINTER) == len(SHAPED) + len(ORIGINAL)


async def test_the_original_outlives_the_body_until_upstream_has_obeyed(
    storage: SqliteUnderTest,
) -> None:
    spool_id, _ = await deliver(storage, Reversing())
    await storage.spool.expunge(PRINTER, [spool_id])
    assert files(storage) == [".original"]
    assert await original(storage, spool_id) == ORIGINAL
    storage.crash()
    await storage.spool.sweep_orphans()
    assert await storage.spool.octets_at_rest(PRINTER) == len(ORIGINAL)
    assert await original(storage, spool_id) == ORIGINAL
    await storage.spool.disposed(
        [one.spool_id for one in await storage.spool.queued(OFFICE, 9)]
    )
    assert files(storage) == []
    assert await storage.spool.octets_at_rest(PRINTER) == 0


@pytest.mark.parametrize("disposition", ["keep", "trash"])
async def test_what_an_admin_drops_keeps_its_original_as_long_as_upstream_has_to_obey(
    storage: SqliteUnderTest, disposition: str
) -> None:
    spool_id, _ = await deliver(storage, Reversing())
    await storage.spool.drop(spool_id, Disposition.parse(disposition))
    assert files(storage) == ([] if disposition == "keep" else [".original"])


async def test_a_notice_stands_for_what_cannot_be_shaped_and_the_original_stays(
    storage: SqliteUnderTest,
) -> None:
    spool_id, made = await deliver(storage, Reversing(Unshapeable("too deep")))
    assert made.quarantined == "too deep"
    assert await states(storage) == {"a": "quarantined"}
    assert b"no a\r\n\r\ntoo deep" in await read_whole(storage.spool, spool_id)
    assert await original(storage, spool_id) == ORIGINAL
    await storage.spool.expunge(PRINTER, [spool_id])
    assert await states(storage) == {"a": "disposed"}
    assert files(storage) == []


async def test_what_a_log_may_not_hold_is_on_the_notice_alone(storage: SqliteUnderTest) -> None:
    error = Unshapeable("Nothing in it can be printed.", "payslip.docx is of no kind.")
    spool_id, made = await deliver(storage, Reversing(error))
    assert made.quarantined == "Nothing in it can be printed."
    assert b"printed. payslip.docx is of no" in await read_whole(storage.spool, spool_id)


async def test_what_is_left_out_is_held_with_the_reason(storage: SqliteUnderTest) -> None:
    _, made = await deliver(storage, Reversing(Skipped("too large")))
    assert made.held == "left out: too large"
    assert await states(storage) == {"a": "held"}
    assert files(storage) == []


@pytest.mark.parametrize("error", [ShaperUnavailable("no memory"), ValueError("a fault")])
async def test_a_shaper_that_fails_leaves_the_message_waiting_and_nothing_behind(
    storage: SqliteUnderTest, error: Exception
) -> None:
    with pytest.raises(type(error)):
        await deliver(storage, Reversing(error))
    assert await states(storage) == {"a": "announced"}
    assert files(storage) == []
    spool_id, _ = await deliver(storage, Reversing())
    assert await listed(storage) == [spool_id]


async def test_what_is_not_admitted_is_judged_by_its_original_and_not_shaped(
    storage: SqliteUnderTest,
) -> None:
    (record,) = [r for r in (await storage.register.snapshot()).maildrops if r.name == PRINTER]
    changed = attrs.evolve(record, admission=Admission(subject="invoice"))
    await storage.register.change_maildrop(changed)
    shaper = Reversing()
    _, made = await deliver(storage, shaper)
    assert "invoice" in made.held
    assert shaper.seen == b""
    assert files(storage) == []


async def test_one_that_is_listed_again_is_shaped_again(storage: SqliteUnderTest) -> None:
    spool_id, _ = await deliver(storage, Reversing(Skipped("too large")))
    again = UniqueId("again")
    assert await storage.spool.redeliver(spool_id, again, pieces_of(ORIGINAL), Reversing())
    assert await read_whole(storage.spool, spool_id) == SHAPED.replace(b"\r\n.", b"\r\n..")
    assert await original(storage, spool_id) == ORIGINAL


async def test_with_ascii_headers_nothing_is_made_and_one_file_is_kept(
    storage: SqliteUnderTest,
) -> None:
    shaper = Reversing(shapes_all=False)
    spool_id, made = await deliver(storage, shaper, ORIGINAL + "ü\r\n".encode())
    assert (shaper.seen, made.original_octets) == (b"", 0)
    assert files(storage) == [".body"]
    assert (await read_whole(storage.spool, spool_id)).endswith("more\r\nü\r\n".encode())


async def test_of_raw_headers_devices_get_what_was_made_and_both_are_kept(
    storage: SqliteUnderTest,
) -> None:
    raw = RAW
    spool_id, made = await deliver(storage, Reversing(shapes_all=False), raw)
    (entry,) = (await storage.spool.listing(PRINTER)).entries
    assert entry.octets == len(SHAPED) == made.octets
    assert await read_whole(storage.spool, spool_id) == SHAPED.replace(b"\r\n.", b"\r\n..")
    assert await original(storage, spool_id) == raw
    assert await storage.spool.octets_at_rest(PRINTER) == len(SHAPED) + len(raw)


@pytest.mark.parametrize(
    ("text", "shapes_all", "is_offered"),
    [
        (RAW, False, True),
        (RAW, True, False),  # a session gets what its maildrop's owner wishes, whatever it says
        (RAW.decode().encode("latin-1"), False, False),  # octets of no charset are no UTF-8
        (ORIGINAL, False, False),
    ],
)
async def test_what_came_is_listed_to_who_asks_for_utf8_where_it_is_utf8(
    storage: SqliteUnderTest, text: bytes, *, shapes_all: bool, is_offered: bool
) -> None:
    """RFC 6856 section 2.1: messages in UTF-8 are sent as they are."""
    spool_id, _ = await deliver(storage, Reversing(shapes_all=shapes_all), text)
    listing = await storage.spool.listing(PRINTER)
    shown, asked = listing.entries, listing.in_utf8().entries
    if not is_offered:
        assert asked == shown
        return
    assert [one.octets for one in asked] == [len(text)]
    assert [one.unique_id for one in asked] == [one.unique_id for one in shown]
    assert asked[0].is_utf8
    wire = await read_whole(storage.spool, spool_id, as_it_came=True)
    assert wire == text.replace(b"\r\n.", b"\r\n..")
    storage.crash()
    assert (await storage.spool.listing(PRINTER)).in_utf8().entries == asked


async def test_a_notice_is_the_same_to_who_asks_for_utf8(storage: SqliteUnderTest) -> None:
    await deliver(storage, Reversing(Unshapeable("too deep"), shapes_all=False), RAW)
    listing = await storage.spool.listing(PRINTER)
    assert listing.in_utf8() == listing


async def test_one_that_is_listed_again_is_listed_as_it_came_too(
    storage: SqliteUnderTest,
) -> None:
    spool_id, _ = await deliver(storage, Reversing(Skipped("large"), shapes_all=False), RAW)
    shaper = Reversing(shapes_all=False)
    await storage.spool.redeliver(spool_id, UniqueId("again"), pieces_of(RAW), shaper)
    (entry,) = (await storage.spool.listing(PRINTER)).in_utf8().entries
    assert (entry.octets, entry.is_utf8) == (len(RAW), True)


@pytest.mark.parametrize("damaged", [".original", ".body"])
async def test_where_either_is_damaged_both_are_fetched_again(
    storage: SqliteUnderTest, damaged: str
) -> None:
    shaper = Reversing(shapes_all=False)
    spool_id, _ = await deliver(storage, shaper, RAW)
    [path] = [path for path in storage.body_files() if path.suffix == damaged]
    flip(path, path.stat().st_size // 2)
    with pytest.raises(BodyUnreadable):
        await read_whole(storage.spool, spool_id, as_it_came=damaged == ".original")
    before = (await storage.spool.listing(PRINTER)).entries
    await storage.spool.note_damaged(spool_id, "altered", 0.0)
    await storage.spool.sweep_vanished(PRINTER)
    assert files(storage) == []
    (item,) = await storage.spool.pending(PRINTER)
    await storage.spool.deliver(item.spool_id, pieces_of(RAW), None, shaper)
    assert (await storage.spool.listing(PRINTER)).entries == before
    for as_it_came in (True, False):
        assert await read_whole(storage.spool, spool_id, as_it_came=as_it_came)


@pytest.mark.parametrize("error", [ShaperUnavailable("no memory"), ValueError("a fault")])
async def test_raw_headers_that_cannot_be_converted_now_are_not_sent_either(
    storage: SqliteUnderTest, error: Exception
) -> None:
    with pytest.raises(type(error)):
        await deliver(storage, Reversing(error, shapes_all=False), b"X: \xfc\r\n\r\n")
    assert await states(storage) == {"a": "announced"}
    assert files(storage) == []


async def test_of_raw_headers_a_refused_message_keeps_nothing(storage: SqliteUnderTest) -> None:
    too_large = Reversing(Skipped("too large"), shapes_all=False)
    spool_id, made = await deliver(storage, too_large, b"X: \xfc\r\n\r\n")
    assert made.held == "left out: too large"
    assert files(storage) == []
    again = UniqueId("again")
    body = pieces_of(b"X: \xfc\r\n\r\n")
    assert await storage.spool.redeliver(spool_id, again, body, Reversing(shapes_all=False))
    assert await read_whole(storage.spool, spool_id) == SHAPED.replace(b"\r\n.", b"\r\n..")
    assert sorted(files(storage)) == [".body", ".original"]


async def test_what_is_damaged_or_vanished_takes_its_original_along(
    storage: SqliteUnderTest,
) -> None:
    spool_id, _ = await deliver(storage, Reversing())
    await storage.spool.note_damaged(spool_id, "altered", 0.0)
    await storage.spool.sweep_vanished(PRINTER)
    assert files(storage) == []
    assert await storage.spool.octets_at_rest(PRINTER) == 0


async def test_a_maildrop_goes_with_the_originals_of_what_was_deleted_there(
    storage: SqliteUnderTest,
) -> None:
    spool_id, _ = await deliver(storage, Reversing())
    await storage.spool.expunge(PRINTER, [spool_id])
    assert await storage.spool.at_rest(PRINTER) == [spool_id]


async def test_an_original_that_no_row_knows_is_swept_at_a_start(
    storage: SqliteUnderTest,
) -> None:
    await storage.bodies.write(SpoolId(99), pieces_of(ORIGINAL), held=Held.ORIGINAL)
    storage.crash()
    assert await storage.spool.sweep_orphans() == 1
    assert files(storage) == []


async def test_an_original_opens_as_nothing_else(storage: SqliteUnderTest) -> None:
    spool_id, _ = await deliver(storage, Reversing())
    folder = storage.folder / "bodies"
    (folder / f"{spool_id}.original").replace(folder / f"{spool_id}.body")
    with pytest.raises(Exception, match="altered"):
        await storage.spool.open_body(spool_id)


async def test_where_the_spool_takes_nothing_the_message_waits(
    storage: SqliteUnderTest,
) -> None:
    await storage.spool.announce(PRINTER, [announcement("a")])
    (item,) = await storage.spool.pending(PRINTER)
    await storage.refuse_writes()
    with pytest.raises(SpoolUnavailable):
        await storage.spool.deliver(item.spool_id, pieces_of(ORIGINAL), None, Reversing())
    assert files(storage) == []


PACKED = b"Content-Type: application/ms-tnef\r\n\r\n\x78\x9f\x3e\x22\1\0\r\n"


async def choose_pages(storage: SqliteUnderTest) -> None:
    (record,) = [
        one for one in (await storage.register.snapshot()).maildrops if one.name == PRINTER
    ]
    admission = Admission(printable=True)
    await storage.register.change_maildrop(attrs.evolve(record, admission=admission))


@pytest.mark.parametrize("shapes_all", [True, False])
@pytest.mark.parametrize("has", [True, False])
async def test_what_is_packed_is_looked_into_where_that_decides(
    storage: SqliteUnderTest,
    shapes_all: bool,  # noqa: FBT001 - both ways
    has: bool,  # noqa: FBT001 - both answers
) -> None:
    await choose_pages(storage)
    shaper = Reversing(shapes_all=shapes_all, looks_inside=True, has=has)
    _, made = await deliver(storage, shaper, PACKED)
    assert shaper.seen == PACKED
    assert made.held == ("" if has else "it has no attachment that can be printed")


async def test_what_is_packed_is_not_looked_into_where_it_decides_nothing(
    storage: SqliteUnderTest,
) -> None:
    shaper = Reversing(shapes_all=False)
    await deliver(storage, shaper, PACKED)
    assert shaper.seen == b""


async def test_where_it_cannot_be_looked_into_now_the_message_waits(
    storage: SqliteUnderTest,
) -> None:
    await choose_pages(storage)
    with pytest.raises(ShaperUnavailable):
        await deliver(storage, Reversing(ShaperUnavailable("no"), looks_inside=True), PACKED)
    assert await states(storage) == {"a": "announced"}
    assert files(storage) == []
