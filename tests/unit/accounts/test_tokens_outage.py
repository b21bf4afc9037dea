"""Tokens while the sign-in service is away, and once it says that a grant is dead."""

import asyncio

import pytest

from bridge.accounts.tokens import AGAIN_SECONDS, DAILY_SECONDS, FRESH_SECONDS
from bridge.alerts import AlertReason
from bridge.errors import SpoolUnavailable
from providers.contract import GrantLost, ProviderError, Throttled, Unreachable
from providers.identity import Grant
from tests.contract.storage_harness import OFFICE
from tests.unit.accounts.enrolled import Enrolled, events

FIRST, SECOND = "secret-token-1", "secret-token-2"
AWAY = [
    Unreachable("sign.in did not answer in time", request_id="r-1"),
    Throttled("sign.in is busy", 30.0, request_id="r-1"),
]
away = pytest.mark.parametrize("outage", AWAY, ids=["unreachable", "throttled"])
REVOKED = "the person's password was changed (AADSTS50173)"


async def grow_old(enrolled: Enrolled) -> None:
    """Get a token and let it come to the minutes in which it should be renewed."""
    await enrolled.enrol()
    await enrolled.tokens.access_token()
    enrolled.clock.advance(3600.0 - FRESH_SECONDS)


# ---- outages


@away
async def test_a_token_that_lives_is_used_through_an_outage(
    enrolled: Enrolled, outage: ProviderError, caplog: pytest.LogCaptureFixture
) -> None:
    await grow_old(enrolled)
    enrolled.identity.outage = outage
    assert await enrolled.tokens.access_token() == FIRST
    enrolled.clock.advance(FRESH_SECONDS - 0.1)
    assert await enrolled.tokens.access_token() == FIRST
    assert set(events(caplog)) == {("WARNING", "renewal-failed")}
    fields = vars(caplog.records[0])["event_fields"]
    assert fields == {"account": OFFICE, "why": str(outage), "request_id": "r-1"}


@away
async def test_a_token_that_has_ended_is_no_token(
    enrolled: Enrolled, outage: ProviderError
) -> None:
    await grow_old(enrolled)
    enrolled.identity.outage = outage
    await enrolled.tokens.access_token()
    enrolled.clock.advance(FRESH_SECONDS)
    with pytest.raises(type(outage)):
        await enrolled.tokens.access_token()


async def test_an_outage_is_asked_about_once_a_minute_and_not_with_every_request(
    enrolled: Enrolled,
) -> None:
    await grow_old(enrolled)
    enrolled.identity.outage = Unreachable("away")
    before = len(enrolled.identity.renewals)
    for _ in range(4 * int(AGAIN_SECONDS)):
        await asyncio.gather(*(enrolled.tokens.access_token() for _ in range(3)))
        enrolled.clock.advance(1.0)
    assert len(enrolled.identity.renewals) - before == 4


async def test_when_the_outage_is_over_the_token_is_renewed_within_a_minute(
    enrolled: Enrolled,
) -> None:
    await grow_old(enrolled)
    enrolled.identity.outage = Unreachable("away")
    await enrolled.tokens.access_token()
    enrolled.identity.outage = None
    enrolled.clock.advance(AGAIN_SECONDS - 0.1)
    assert await enrolled.tokens.access_token() == FIRST
    enrolled.clock.advance(0.1)
    assert await enrolled.tokens.access_token() == SECOND


async def test_a_clock_that_is_set_ends_no_pause_and_no_token(enrolled: Enrolled) -> None:
    await grow_old(enrolled)
    enrolled.identity.outage = Unreachable("away")
    await enrolled.tokens.access_token()
    before = len(enrolled.identity.renewals)
    for wrong_by in (1e9, -1e9):
        enrolled.clock.wrong_by = wrong_by
        assert await enrolled.tokens.access_token() == FIRST
    assert len(enrolled.identity.renewals) == before


@away
async def test_without_a_token_an_outage_is_told_and_marks_nothing(
    enrolled: Enrolled, outage: ProviderError
) -> None:
    await enrolled.enrol()
    enrolled.identity.outage = outage
    for work in (enrolled.tokens.access_token, enrolled.tokens.prove):
        with pytest.raises(type(outage)) as told:
            await work()
        assert told.value is outage
    assert (await enrolled.kept()).lost is None
    enrolled.identity.outage = None
    assert await enrolled.tokens.access_token() == FIRST


@away
async def test_a_refused_token_is_not_used_through_an_outage(
    enrolled: Enrolled, outage: ProviderError
) -> None:
    await enrolled.enrol()
    await enrolled.tokens.access_token()
    enrolled.identity.outage = outage
    with pytest.raises(type(outage)):
        await enrolled.tokens.replace(FIRST)
    with pytest.raises(type(outage)):
        await enrolled.tokens.access_token()


@away
async def test_an_outage_on_the_day_of_a_renewal_is_told_and_tried_again(
    enrolled: Enrolled, outage: ProviderError, caplog: pytest.LogCaptureFixture
) -> None:
    await enrolled.enrol()
    enrolled.clock.advance(DAILY_SECONDS)
    enrolled.identity.outage = outage
    await enrolled.tokens.keep_alive()
    assert events(caplog) == [("WARNING", "renewal-failed")]
    enrolled.identity.outage = None
    enrolled.clock.advance(3600.0)
    await enrolled.tokens.keep_alive()
    assert (await enrolled.kept()).renewed == enrolled.clock.now()
    assert len(events(caplog)) == 1


async def test_a_register_that_is_away_on_the_day_of_a_renewal_is_told_to_who_looks_after_all(
    enrolled: Enrolled,
) -> None:
    await enrolled.enrol()
    enrolled.clock.advance(DAILY_SECONDS)
    await enrolled.storage.refuse_everything()
    with pytest.raises(SpoolUnavailable):
        await enrolled.tokens.keep_alive()


# ---- grants that are dead


async def test_a_dead_grant_is_marked_told_once_and_not_asked_for_again(
    enrolled: Enrolled, caplog: pytest.LogCaptureFixture
) -> None:
    await enrolled.enrol()
    enrolled.identity.outage = GrantLost(REVOKED, request_id="r-9")
    for _ in range(3):
        with pytest.raises(GrantLost) as told:
            await enrolled.tokens.access_token()
        assert str(told.value) == REVOKED
    with pytest.raises(GrantLost):
        await enrolled.tokens.replace("secret-token-0")
    with pytest.raises(GrantLost):
        await enrolled.new_tokens().access_token()
    assert len(enrolled.identity.renewals) == 1
    assert (await enrolled.kept()).lost == REVOKED
    assert events(caplog) == [("ERROR", "grant-lost")]
    fields = vars(caplog.records[0])["event_fields"]
    assert fields == {"account": OFFICE, "why": REVOKED, "request_id": "r-9"}
    (alert,) = enrolled.alerts
    assert (alert.reason, alert.account) == (AlertReason.GRANT_LOST, OFFICE)
    assert alert.text.startswith(REVOKED)


async def test_a_dead_grant_is_found_by_ten_and_told_once(
    enrolled: Enrolled, caplog: pytest.LogCaptureFixture
) -> None:
    await enrolled.enrol()
    enrolled.identity.outage = GrantLost(REVOKED)
    ended = await asyncio.gather(
        *(enrolled.tokens.access_token() for _ in range(10)), return_exceptions=True
    )
    assert {type(one) for one in ended} == {GrantLost}
    assert len(enrolled.identity.renewals) == 1
    assert events(caplog) == [("ERROR", "grant-lost")]


async def test_a_grant_that_dies_unasked_is_told_once(
    enrolled: Enrolled, caplog: pytest.LogCaptureFixture
) -> None:
    await enrolled.enrol()
    enrolled.clock.advance(DAILY_SECONDS)
    enrolled.identity.outage = GrantLost(REVOKED)
    for _ in range(3):
        await enrolled.tokens.keep_alive()
    assert (await enrolled.kept()).lost == REVOKED
    assert events(caplog) == [("ERROR", "grant-lost")]
    assert len(enrolled.identity.renewals) == 1


async def test_nothing_of_a_dead_grant_is_deleted(enrolled: Enrolled) -> None:
    await enrolled.enrol()
    before = await enrolled.kept()
    enrolled.identity.outage = GrantLost(REVOKED)
    with pytest.raises(GrantLost):
        await enrolled.tokens.access_token()
    after = await enrolled.kept()
    assert (after.grant, after.enrolment, after.renewed) == (
        before.grant,
        before.enrolment,
        before.renewed,
    )


async def test_a_new_enrolment_makes_a_dead_account_live(enrolled: Enrolled) -> None:
    await enrolled.enrol()
    enrolled.identity.failures["renew"].append(GrantLost(REVOKED))
    with pytest.raises(GrantLost):
        await enrolled.tokens.access_token()
    await enrolled.enrol(Grant("secret-grant-new"))
    assert await enrolled.tokens.access_token() == FIRST
    assert enrolled.identity.renewals[-1].grant == "secret-grant-new"


async def test_the_death_of_an_old_grant_is_no_death_of_the_new_enrolment(
    enrolled: Enrolled, caplog: pytest.LogCaptureFixture
) -> None:
    await enrolled.enrol()
    enrolled.identity.gate = asyncio.Event()
    enrolled.identity.failures["renew"].append(GrantLost(REVOKED))
    async with asyncio.TaskGroup() as group:
        asking = group.create_task(_refused(enrolled))
        await enrolled.identity.entered.wait()
        await enrolled.enrol(Grant("secret-grant-new"))
        enrolled.identity.gate.set()
    assert asking.result() == REVOKED
    assert (await enrolled.kept()).lost is None
    assert events(caplog) == []
    assert await enrolled.tokens.access_token() == FIRST


async def _refused(enrolled: Enrolled) -> str:
    with pytest.raises(GrantLost) as told:
        await enrolled.tokens.access_token()
    return str(told.value)


async def test_a_proof_that_fails_leaves_a_dead_grant_dead_and_tells_nobody_again(
    enrolled: Enrolled, caplog: pytest.LogCaptureFixture
) -> None:
    await enrolled.enrol()
    enrolled.identity.outage = GrantLost(REVOKED)
    for _ in range(2):
        with pytest.raises(GrantLost, match="AADSTS50173"):
            await enrolled.tokens.prove()
    assert len(enrolled.identity.renewals) == 2
    assert (await enrolled.kept()).lost == REVOKED
    assert events(caplog) == [("ERROR", "grant-lost")]


async def test_a_loss_that_cannot_be_marked_is_not_told_as_if_it_were(
    enrolled: Enrolled, caplog: pytest.LogCaptureFixture
) -> None:
    await enrolled.enrol()
    enrolled.identity.outage = GrantLost(REVOKED)
    await enrolled.storage.refuse_writes()
    with pytest.raises(SpoolUnavailable):
        await enrolled.tokens.access_token()
    assert events(caplog) == []
