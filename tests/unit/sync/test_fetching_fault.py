"""A message that our own code cannot bear: told with its number, tried last, in nobody's way, and not for ever."""

from pathlib import Path

import attrs
import pytest

from bridge.alerts import AlertReason
from bridge.names import SpoolId
from bridge.storage.lives import LifeEvent
from bridge.storage.messages import MessageState
from bridge.sync.errand import FAILURES_IN_A_ROW
from bridge.sync.fetching import FAULTS
from providers.contract import Attestation, HeaderFields, Unreachable
from tests.contract.storage_harness import PRINTER, states
from tests.unit.sync.fetches import Fetching
from tests.unit.sync.looking import Killed, Looking, SteppedSpool, mail


async def test_a_fault_that_one_message_meets_blocks_no_other(
    caplog: pytest.LogCaptureFixture,
) -> None:
    fetching = Fetching(10, at_once=1)
    fetching.spool.failures[SpoolId(0)] = ZeroDivisionError("a fault of ours")
    await fetching.run()
    assert fetching.delivered() == list(range(1, 10))
    assert "fetch-fault" in [one.msg for one in caplog.records]


async def test_a_message_that_meets_faults_again_and_again_is_given_up() -> None:
    """Architecture, section 5: replaced by a short notice, never retried for ever."""
    fetching = Fetching(2, at_once=1)
    fetching.spool.failures[SpoolId(0)] = ZeroDivisionError("a secret of the message")
    for times in range(1, FAULTS):
        await fetching.run()
        assert [note.event for note in fetching.spool.notes] == [LifeEvent.FAULTED] * times
    assert (fetching.spool.notices, fetching.alerts) == ({}, [])
    errand = await fetching.run()
    assert errand.quarantined == 1
    assert fetching.asked().count(0) == FAULTS
    (alert,) = fetching.alerts
    assert alert.reason is AlertReason.MESSAGE_QUARANTINED
    for told in (alert.text, fetching.spool.notices[SpoolId(0)].decode()):
        assert "ZeroDivisionError" in told
        assert "secret" not in told
    await fetching.run()
    assert fetching.asked().count(0) == FAULTS


async def test_an_outage_is_no_fault_of_ours_and_gives_no_message_up() -> None:
    fetching = Fetching(1, at_once=1)
    fetching.fails(lambda: Unreachable("the service is gone"), 0)
    for _ in range(2 * FAULTS):
        await fetching.run()
    assert fetching.spool.notices == {}


async def test_any_number_of_such_messages_lets_good_mail_through_in_the_end() -> None:
    fetching = Fetching(3 * FAILURES_IN_A_ROW + 1, at_once=1)
    bad = range(3 * FAILURES_IN_A_ROW)
    fetching.spool.failures |= {SpoolId(one): ZeroDivisionError() for one in bad}
    for _ in range(len(bad) * FAULTS):
        try:
            await fetching.run()
        except Unreachable:
            continue
    assert fetching.delivered() == [len(bad)]
    assert sorted(fetching.spool.notices) == [SpoolId(one) for one in bad]


@pytest.mark.slow
@pytest.mark.parametrize(
    "where", ["before note", "after note", "before quarantine", "after quarantine"]
)
async def test_faults_are_counted_across_restarts(tmp_path: Path, where: str) -> None:
    """Killed at every step, the bridge comes to the notice after as many tries, and one more where that was cut off."""
    looking = Looking(tmp_path)
    await looking.register()
    looking.service.attests = _stumbles
    looking.service.put(mail("bad"))
    lives = 0
    while (await states(looking.storage)).get("message-1") != MessageState.QUARANTINED:
        lives += 1
        assert lives < 3 * FAULTS
        killed = attrs.evolve(_KilledOnce(where), at=lives % 2)
        looking.spool = SteppedSpool(looking.storage.spool, killed)
        try:
            await looking.look()
        except* Killed:
            looking.storage.crash()
    fetches = [method for method, _ in looking.service.asked].count("fetch")
    assert FAULTS <= fetches <= 2 * FAULTS
    (notice,) = await looking.listed(PRINTER)
    assert b"ZeroDivisionError" in notice
    looking.storage.close()


@attrs.define
class _KilledOnce:
    """Ends the process where it first comes to a step, or never where `at` is 0."""

    name: str
    at: int = 0

    def __call__(self, step: str) -> None:
        if self.at and step == self.name:
            raise Killed


def _stumbles(_fields: HeaderFields) -> Attestation:
    raise ZeroDivisionError
