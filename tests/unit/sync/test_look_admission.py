"""A look holds what a maildrop does not admit, by what the service itself says, and moves it where it shall go."""

import attrs

from bridge.admission import Admission
from bridge.shaper.processes import Bounds, ShapingProcesses
from bridge.shaper.rlimits import Limits
from bridge.storage.messages import MessageState
from providers.contract import (
    Attestation,
    Disposition,
    DispositionKind,
    DispositionOutcome,
    HeaderFields,
    Unreachable,
)
from tests.contract.storage_harness import PRINTER
from tests.unit.sync.looking import Looking

GENUINE = b"From: a@office.example\r\nX-Found: pass\r\n\r\none\r\n"
PACKED = b"Content-Type: application/ms-tnef\r\n\r\n\x78\x9f\x3e\x22\1\0\r\n"
BOUNDS = Bounds(1, Limits(20, 1 << 29), 60.0, 1 << 22)
NO_PROGRAM = ("/nonexistent",)
FORGED = b"From: a@office.example\r\nX-Found: fail\r\n\r\ntwo\r\n"


def attest(fields: HeaderFields) -> Attestation:
    found = dict(fields)["X-Found"]
    return Attestation(("office.example",) if found == "pass" else (), f"dmarc={found}")


async def admit(looking: Looking, admission: Admission) -> None:
    if not await looking.records():
        await looking.register()
    (record,) = [one for one in await looking.records() if one.name == PRINTER]
    changed = attrs.evolve(record, admission=admission)
    await looking.storage.register.change_maildrop(changed)


async def test_the_mailbox_says_whose_sender_is_genuine(looking: Looking) -> None:
    await admit(looking, Admission(authenticated=True))
    looking.service.attests = attest
    looking.service.put(FORGED)
    looking.service.put(GENUINE)
    report = await looking.look()
    assert (report.delivered, report.held) == (1, 1)
    assert await looking.listed() == [GENUINE]


async def test_where_the_mailbox_says_nothing_of_senders_none_is_genuine(
    looking: Looking,
) -> None:
    await admit(looking, Admission(authenticated=True))
    looking.service.put(GENUINE)
    await looking.look()
    assert await looking.listed() == []


async def test_what_is_refused_is_moved_by_a_later_look_and_tried_again(
    looking: Looking,
) -> None:
    await admit(looking, Admission(deny=("office.example",), refused_to="Refused"))
    refused = looking.service.put(GENUINE)
    await looking.look()
    looking.service.outcomes[refused] = DispositionOutcome.RETRY
    await looking.look()
    assert await states(looking) == {MessageState.EXPUNGED: 1}
    del looking.service.outcomes[refused]
    await looking.look()
    assert await states(looking) == {MessageState.DISPOSED: 1}
    move = Disposition(DispositionKind.MOVE, "Refused")
    wanted = [order.disposition for batch in looking.service.orders for order in batch]
    assert set(wanted) == {move}
    await looking.look()
    assert await states(looking) == {MessageState.DISPOSED: 1}
    assert await looking.listed() == []


async def states(looking: Looking) -> dict[MessageState, int]:
    return (await looking.storage.spool.figures(PRINTER)).count


async def test_what_is_packed_is_judged_by_who_reads_all_of_it_where_that_is_asked_for(
    looking: Looking,
) -> None:
    """Without a process to ask, what may bring something to print waits; elsewhere it is listed."""
    looking.service.put(PACKED)
    for printable, delivered in ((True, 0), (False, 1)):
        await admit(looking, Admission(printable=printable))
        asking = attrs.evolve(looking.looker(), shaping=ShapingProcesses(BOUNDS, NO_PROGRAM))
        try:
            report = await asking.look(await looking.records())
        except Unreachable:
            assert printable
        else:
            assert report.delivered == delivered
    assert await looking.listed() == [PACKED]
