"""What a maildrop does not admit is held with the reason, and counts for nothing else."""

import attrs
import pytest

from bridge.admission import Admission
from bridge.names import DeviceName, MaildropName, UniqueId
from bridge.shaping.wish import Deliver, Wish
from providers.contract import Attestation, Disposition, DispositionKind, HeaderFields
from tests.contract.storage_harness import (
    FAX,
    OFFICE,
    PRINTER,
    SqliteUnderTest,
    announcement,
    deliver,
    device,
    listed,
    pieces_of,
    states,
)

FROM_FAR = b"From: a@far.example\r\nMessage-ID: <1@far.example>\r\n\r\nsame\r\n"


async def admit(
    storage: SqliteUnderTest, admission: Admission, name: MaildropName = PRINTER
) -> None:
    (record,) = [r for r in (await storage.register.snapshot()).maildrops if r.name == name]
    await storage.register.change_maildrop(attrs.evolve(record, admission=admission))


async def test_what_a_maildrop_does_not_admit_is_held_with_the_reason(
    storage: SqliteUnderTest,
) -> None:
    await admit(storage, Admission(deny=("far.example",)))
    spool_id = await deliver(storage, "a", FROM_FAR)
    assert await states(storage) == {"a": "held"}
    assert await listed(storage) == []
    assert storage.body_files() == []
    details = await storage.run_sql("SELECT detail FROM message_event WHERE event = 'held'")
    assert details == [("its sender is denied",)]
    assert await storage.spool.redeliver(spool_id, UniqueId("again"), pieces_of(FROM_FAR))
    assert await listed(storage) == [spool_id]


async def test_what_was_not_admitted_is_nothings_first_copy(storage: SqliteUnderTest) -> None:
    await admit(storage, Admission(deny=("far.example",)))
    await deliver(storage, "a", FROM_FAR)
    await admit(storage, Admission())
    second = await deliver(storage, "b", FROM_FAR)
    assert await listed(storage) == [second]


async def test_what_was_listed_stays_admitted_when_its_body_is_fetched_anew(
    storage: SqliteUnderTest,
) -> None:
    spool_id = await deliver(storage, "a", FROM_FAR)
    await admit(storage, Admission(deny=("far.example",)))
    await storage.spool.note_damaged(spool_id, "its file is missing", 0.0)
    await storage.spool.sweep_vanished(PRINTER)
    assert await states(storage) == {"a": "announced"}
    await storage.spool.deliver(spool_id, pieces_of(FROM_FAR))
    assert await listed(storage) == [spool_id]


async def test_only_a_sender_that_the_service_vouches_for_is_listed_where_it_must(
    storage: SqliteUnderTest,
) -> None:
    await admit(storage, Admission(authenticated=True))
    await storage.spool.announce(PRINTER, [announcement("a"), announcement("b")])
    good, bad = await storage.spool.pending(PRINTER)

    def vouch(fields: HeaderFields) -> Attestation:
        assert dict(fields)["From"] == "a@far.example"
        return Attestation(("far.example",), "dmarc=pass")

    def never(fields: HeaderFields) -> Attestation:
        del fields
        return Attestation((), "dmarc=fail")

    assert not (await storage.spool.deliver(good.spool_id, pieces_of(FROM_FAR), vouch)).held
    delivery = await storage.spool.deliver(bad.spool_id, pieces_of(FROM_FAR), never)
    assert delivery.held == "its sender is not authenticated: dmarc=fail"


@pytest.mark.parametrize(
    ("chosen", "seen"),
    [
        (Admission(at_most=2), [1, 2]),
        (Admission(at_most=2, newest_first=True), [3, 2]),
        (Admission(newest_first=True), [3, 2, 1]),
        (Admission(at_most=9), [1, 2, 3]),
    ],
)
async def test_a_session_sees_as_many_in_the_order_that_was_chosen(
    storage: SqliteUnderTest, chosen: Admission, seen: list[int]
) -> None:
    for name in ("a", "b", "c"):
        await deliver(storage, name)
    await admit(storage, chosen)
    storage.spool.refresh()
    assert await listed(storage) == seen
    assert await storage.spool.at_rest(PRINTER) == [1, 2, 3]


async def test_what_a_session_did_not_see_the_next_one_sees(storage: SqliteUnderTest) -> None:
    for name in ("a", "b", "c"):
        await deliver(storage, name)
    await admit(storage, Admission(at_most=2))
    storage.spool.refresh()
    first = await storage.spool.listing(PRINTER)
    assert first.octets == sum(entry.octets for entry in first.entries)
    assert await storage.spool.listing(PRINTER) is first
    await storage.spool.expunge(PRINTER, [first.entries[0].spool_id])
    assert await listed(storage) == [2, 3]
    assert [entry.spool_id for entry in first.entries] == [1, 2]


async def test_what_is_refused_is_moved_where_its_owner_says_and_tells_why(
    storage: SqliteUnderTest,
) -> None:
    await admit(storage, Admission(deny=("far.example",), refused_to="Refused"))
    spool_id = await deliver(storage, "a", FROM_FAR)
    assert await states(storage) == {"a": "expunged"}
    assert storage.body_files() == []
    storage.crash()
    [order] = await storage.spool.queued(OFFICE, 10)
    assert order.disposition == Disposition(DispositionKind.MOVE, "Refused")
    await storage.spool.disposed([spool_id])
    assert await states(storage) == {"a": "disposed"}
    details = await storage.run_sql("SELECT detail FROM message_event WHERE event = 'disposed'")
    assert details == [("moved away, since its sender is denied",)]
    await storage.spool.announce(PRINTER, [announcement("a")])
    assert await storage.spool.pending(PRINTER) == []
    assert await storage.spool.redeliver(spool_id, UniqueId("again"), pieces_of(FROM_FAR))
    assert await listed(storage) == [spool_id]
    await storage.spool.expunge(PRINTER, [spool_id])
    await storage.spool.disposed([spool_id])
    details = await storage.run_sql("SELECT detail FROM message_event WHERE event = 'disposed'")
    assert details == [("",)]


async def refusing_twice(storage: SqliteUnderTest, *, again: str, body: bytes) -> str:
    """Return why FAX holds a message that PRINTER has moved away; empty where it moves it too."""
    for name in (PRINTER, FAX):
        await admit(storage, Admission(deny=("far.example",), refused_to=f"not {name}"), name)
    first = await deliver(storage, "a", FROM_FAR)
    await storage.spool.disposed([first])
    await storage.spool.announce(FAX, [announcement(again)])
    [waiting] = await storage.spool.pending(FAX)
    await storage.spool.deliver(waiting.spool_id, pieces_of(body))
    [(state, detail)] = await storage.run_sql(
        "SELECT state, detail FROM message JOIN message_event ON message = id AND event = 'held'"
        " WHERE maildrop = 'fax'"
    )
    assert (state == "held") == ("not moved" in str(detail))
    return str(detail) if state == "held" else ""


OTHER = FROM_FAR.replace(b"same", b"other")


@pytest.mark.parametrize(
    ("again", "body", "is_held"),
    [
        ("a", OTHER, True),  # its id stays where it is moved, whatever it says now
        ("b", FROM_FAR, True),  # its id changes
        ("b", OTHER, False),
        ("b", FROM_FAR.replace(b"<1@", b"<2@"), False),
    ],
)
async def test_what_one_maildrop_moved_away_another_of_the_account_holds(
    storage: SqliteUnderTest,
    again: str,
    body: bytes,
    is_held: bool,  # noqa: FBT001 - a row of the table
) -> None:
    """Two folders would hand it to and fro for ever; where it arrived first it is seen, with the reason."""
    said = await refusing_twice(storage, again=again, body=body)
    wanted = (
        "its sender is denied; not moved to not fax, since maildrop printer (message 1) moved it"
        " here as refused"
    )
    assert said == (wanted if is_held else "")


async def test_a_copy_that_came_to_two_folders_is_moved_from_both(
    storage: SqliteUnderTest,
) -> None:
    """So is the next one to the same folder, and what upstream has not moved yet."""
    await admit(storage, Admission(deny=("far.example",), refused_to="Refused"))
    await admit(storage, Admission(deny=("far.example",), refused_to="Refused"), FAX)
    first = await deliver(storage, "a", FROM_FAR)
    await storage.spool.announce(FAX, [announcement("b")])
    [waiting] = await storage.spool.pending(FAX)
    await storage.spool.deliver(waiting.spool_id, pieces_of(FROM_FAR))
    await storage.spool.disposed([first])
    await deliver(storage, "c", FROM_FAR)
    assert await states(storage) == {"a": "disposed", "b": "expunged", "c": "expunged"}
    assert len(await storage.spool.queued(OFFICE, 10)) == 2


async def test_a_second_copy_stays_where_it_is_whatever_becomes_of_the_refused(
    storage: SqliteUnderTest,
) -> None:
    await admit(storage, Admission(refused_to="Refused"))
    await deliver(storage, "a", FROM_FAR)
    await deliver(storage, "b", FROM_FAR)
    assert await states(storage) == {"a": "ready", "b": "held"}
    assert await storage.spool.queued(OFFICE, 10) == []


@pytest.mark.parametrize(("automatic", "state"), [(None, "held"), (True, "ready")])
async def test_a_fax_that_answers_is_not_shown_what_programs_write_unless_allowed(
    storage: SqliteUnderTest,
    automatic: bool | None,  # noqa: FBT001 - a row of the table
    state: str,
) -> None:
    await admit(storage, Admission(automatic=automatic))
    (record,) = [r for r in (await storage.register.snapshot()).maildrops if r.name == PRINTER]
    fax = attrs.evolve(record, wish=Wish(deliver=Deliver.IFAX))
    await storage.register.change_maildrop(fax)
    await deliver(storage, "a", b"Auto-Submitted: auto-replied\r\n\r\nI am away\r\n")
    assert await states(storage) == {"a": state}


@pytest.mark.parametrize(
    ("profile", "admission", "state"),
    [
        ("ricoh-ifax", Admission(), "held"),
        ("zebra", Admission(), "ready"),
        ("ricoh-ifax", Admission(automatic=True), "ready"),
    ],
)
async def test_the_loop_guard_knows_a_fax_among_the_maildrops_devices(
    storage: SqliteUnderTest, profile: str, admission: Admission, state: str
) -> None:
    await admit(storage, admission)
    await storage.register.add_device(device(DeviceName("label")))
    await storage.register.add_device(attrs.evolve(device(DeviceName("fax")), profile=profile))
    await deliver(storage, "a", b"Auto-Submitted: auto-replied\r\n\r\nback on Monday\r\n")
    assert await states(storage) == {"a": state}
