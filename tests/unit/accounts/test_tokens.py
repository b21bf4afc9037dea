"""Tokens as long as the sign-in answers; test_tokens_outage.py has what happens when it does not."""

import asyncio

import pytest

from bridge.accounts.tokens import AGAIN_SECONDS, DAILY_SECONDS, FRESH_SECONDS
from bridge.errors import SpoolUnavailable, StateError
from providers.contract import GrantLost, Unreachable
from providers.identity import Grant
from tests.contract.storage_harness import OFFICE
from tests.fakes.identity import Asked
from tests.unit.accounts.enrolled import GRANTED, Enrolled, events

FIRST, SECOND = "secret-token-1", "secret-token-2"


# ---- a token in hand


async def test_the_first_token_comes_from_the_grant_that_is_kept(enrolled: Enrolled) -> None:
    await enrolled.enrol()
    assert await enrolled.tokens.access_token() == FIRST
    assert enrolled.identity.renewals == [Asked(GRANTED, force=False, claims=None)]
    assert enrolled.tokens.scopes == enrolled.identity.scopes


async def test_a_token_is_used_until_it_has_ten_minutes_left_and_then_renewed(
    enrolled: Enrolled,
) -> None:
    await enrolled.enrol()
    await enrolled.tokens.access_token()
    enrolled.clock.advance(3600.0 - FRESH_SECONDS - 0.1)
    assert await enrolled.tokens.access_token() == FIRST
    enrolled.clock.advance(0.1)
    assert await enrolled.tokens.access_token() == SECOND
    assert await enrolled.tokens.access_token() == SECOND
    assert [asked.force for asked in enrolled.identity.renewals] == [False, False]


async def test_ten_who_ask_together_cause_one_renewal(enrolled: Enrolled) -> None:
    await enrolled.enrol()
    enrolled.identity.gate = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        asking = [group.create_task(enrolled.tokens.access_token()) for _ in range(10)]
        await enrolled.identity.entered.wait()
        await asyncio.sleep(0)  # noqa: TID251 - lets all the others come
        enrolled.identity.gate.set()
    assert {task.result() for task in asking} == {FIRST}
    assert len(enrolled.identity.renewals) == 1


async def test_a_renewal_whose_asker_is_cancelled_leaves_the_turn_to_the_next(
    enrolled: Enrolled,
) -> None:
    await enrolled.enrol()
    enrolled.identity.gate = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        first = group.create_task(enrolled.tokens.access_token())
        second = group.create_task(enrolled.tokens.access_token())
        await enrolled.identity.entered.wait()
        first.cancel()
        enrolled.identity.gate.set()
    assert first.cancelled()
    assert second.result() == FIRST


@pytest.mark.parametrize("lifetime", [1.0, 300.0, FRESH_SECONDS])
async def test_a_token_that_is_short_lived_by_nature_is_not_renewed_for_every_request(
    enrolled: Enrolled, lifetime: float
) -> None:
    """A tenant may let its tokens live for ten minutes."""
    await enrolled.enrol()
    enrolled.identity.lifetime = lifetime
    for _ in range(5):
        assert await enrolled.tokens.access_token() == FIRST
    enrolled.clock.advance(AGAIN_SECONDS)
    assert await enrolled.tokens.access_token() == SECOND


async def test_a_clock_that_is_set_makes_no_token_older_or_younger(enrolled: Enrolled) -> None:
    await enrolled.enrol()
    await enrolled.tokens.access_token()
    for wrong_by in (1e9, -1e9):
        enrolled.clock.wrong_by = wrong_by
        assert await enrolled.tokens.access_token() == FIRST
    enrolled.clock.advance(3599.0)
    assert await enrolled.tokens.access_token() == SECOND


# ---- grants and their successors


async def test_a_rotated_grant_is_on_the_disk_before_its_token_is_used(
    enrolled: Enrolled,
) -> None:
    await enrolled.enrol()
    enrolled.clock.advance(50.0)
    await enrolled.tokens.access_token()
    enrolled.storage.crash()
    stored = await enrolled.storage.register.grant(OFFICE)
    assert stored is not None
    assert (stored.enrolment, stored.renewed) == (1, enrolled.clock.now())
    opened = enrolled.grants.box.open(stored.sealed, b"grant of account office")
    assert opened == b"secret-grant-1"


async def test_a_grant_whose_successor_cannot_be_kept_gives_no_token(
    enrolled: Enrolled,
) -> None:
    await enrolled.enrol()
    await enrolled.storage.refuse_writes()
    for _ in range(2):
        with pytest.raises(SpoolUnavailable):
            await enrolled.tokens.access_token()
    enrolled.storage.crash()
    enrolled.grants = type(enrolled.grants)(enrolled.storage.register, enrolled.grants.box)
    assert (await enrolled.kept()).grant == GRANTED
    assert await enrolled.new_tokens().access_token() == "secret-token-3"


async def test_a_grant_that_did_not_change_is_not_written_again(enrolled: Enrolled) -> None:
    await enrolled.enrol()
    enrolled.identity.rotates = False
    await enrolled.storage.refuse_writes()
    assert await enrolled.tokens.access_token() == FIRST


async def test_the_next_renewal_begins_where_the_last_one_ended(enrolled: Enrolled) -> None:
    await enrolled.enrol()
    await enrolled.tokens.access_token()
    await enrolled.new_tokens().access_token()
    assert [asked.grant for asked in enrolled.identity.renewals] == [GRANTED, "secret-grant-1"]


async def test_a_new_enrolment_is_not_undone_by_a_renewal_of_the_old_one(
    enrolled: Enrolled, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    await enrolled.enrol()
    enrolled.identity.gate = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        asking = group.create_task(enrolled.tokens.access_token())
        await enrolled.identity.entered.wait()
        await enrolled.enrol(Grant("secret-grant-new"))
        enrolled.identity.gate.set()
    assert asking.result() == FIRST
    kept = await enrolled.kept()
    assert (kept.grant, kept.enrolment) == ("secret-grant-new", 2)
    assert events(caplog) == [("INFO", "grant-superseded")]


async def test_an_account_that_is_not_enrolled_says_how_to_enrol_it(enrolled: Enrolled) -> None:
    with pytest.raises(GrantLost, match="account enrol office"):
        await enrolled.tokens.access_token()
    await enrolled.prepare()
    with pytest.raises(
        GrantLost, match="not enrolled yet; run `popbridge account enrol office`"
    ):
        await enrolled.tokens.access_token()
    assert enrolled.identity.renewals == []
    assert (await enrolled.kept()).lost is None


async def test_a_grant_that_cannot_be_opened_is_the_owners_to_mend(enrolled: Enrolled) -> None:
    await enrolled.prepare()
    await enrolled.storage.register.enrol(OFFICE, b"altered", 1.0)
    with pytest.raises(StateError):
        await enrolled.tokens.access_token()
    assert enrolled.identity.renewals == []


# ---- tokens that a service did not take


async def test_a_refused_token_is_replaced_by_force_and_with_its_claims(
    enrolled: Enrolled,
) -> None:
    await enrolled.enrol()
    await enrolled.tokens.access_token()
    assert await enrolled.tokens.replace(FIRST, '{"nbf": 1}') == SECOND
    assert enrolled.identity.renewals[1:] == [
        Asked(Grant("secret-grant-1"), force=True, claims='{"nbf": 1}')
    ]
    assert await enrolled.tokens.access_token() == SECOND


async def test_ten_that_were_refused_together_cause_one_renewal(enrolled: Enrolled) -> None:
    await enrolled.enrol()
    await enrolled.tokens.access_token()
    enrolled.identity.entered.clear()
    enrolled.identity.gate = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        replaced = [group.create_task(enrolled.tokens.replace(FIRST)) for _ in range(10)]
        await enrolled.identity.entered.wait()
        enrolled.identity.gate.set()
    assert {task.result() for task in replaced} == {SECOND}
    assert len(enrolled.identity.renewals) == 2


async def test_a_refused_token_of_long_ago_is_replaced_by_the_one_in_hand(
    enrolled: Enrolled,
) -> None:
    await enrolled.enrol()
    await enrolled.tokens.access_token()
    assert await enrolled.tokens.replace("secret-token-0") == FIRST
    enrolled.clock.advance(3599.0)  # it is not fresh any more, but it lives
    assert await enrolled.tokens.replace("secret-token-0") == FIRST
    enrolled.clock.advance(1.0)
    assert await enrolled.tokens.replace("secret-token-0") == SECOND
    assert enrolled.identity.renewals[-1].force


async def test_a_refused_token_is_never_used_again(enrolled: Enrolled) -> None:
    await enrolled.enrol()
    await enrolled.tokens.access_token()
    enrolled.identity.failures["renew"].append(Unreachable("away"))
    with pytest.raises(Unreachable):
        await enrolled.tokens.replace(FIRST)
    assert await enrolled.tokens.access_token() == SECOND


# ---- proof


async def test_a_proof_is_a_new_token_whatever_is_in_hand(enrolled: Enrolled) -> None:
    await enrolled.enrol()
    await enrolled.tokens.access_token()
    assert await enrolled.tokens.prove() == SECOND
    assert enrolled.identity.renewals[-1].force
    assert await enrolled.tokens.access_token() == SECOND


@pytest.mark.parametrize("rotates", [True, False])
async def test_a_proof_heals_a_grant_that_was_taken_for_lost(
    enrolled: Enrolled, *, rotates: bool
) -> None:
    """A sign-in that an admin has unlocked again must not need a new enrolment."""
    await enrolled.enrol()
    enrolled.identity.rotates = rotates
    await enrolled.grants.lose(OFFICE, 1, "blocked")
    with pytest.raises(GrantLost, match="blocked"):
        await enrolled.tokens.access_token()
    assert await enrolled.tokens.prove() == FIRST
    assert (await enrolled.kept()).lost is None
    assert await enrolled.new_tokens().access_token() == SECOND


async def test_a_proof_without_an_enrolment_asks_nobody(enrolled: Enrolled) -> None:
    await enrolled.prepare()
    with pytest.raises(GrantLost, match="account enrol office"):
        await enrolled.tokens.prove()
    assert enrolled.identity.renewals == []


# ---- every day


@pytest.mark.parametrize("rotates", [True, False])
async def test_a_grant_is_used_once_a_day_even_if_nobody_asks(
    enrolled: Enrolled, *, rotates: bool
) -> None:
    await enrolled.enrol()
    enrolled.identity.rotates = rotates
    renewed: list[int] = []
    for hour in range(3 * 24 + 1):
        before = len(enrolled.identity.renewals)
        await enrolled.tokens.keep_alive()
        renewed += [hour] * (len(enrolled.identity.renewals) - before)
        enrolled.clock.advance(3600.0)
    assert renewed == [24, 48, 72]
    assert all(asked.force for asked in enrolled.identity.renewals)


async def test_a_grant_that_was_used_today_is_left_alone(enrolled: Enrolled) -> None:
    await enrolled.enrol()
    enrolled.clock.advance(DAILY_SECONDS - 1)
    await enrolled.tokens.keep_alive()
    assert enrolled.identity.renewals == []
    enrolled.clock.advance(1)
    await enrolled.tokens.keep_alive()
    await enrolled.tokens.keep_alive()
    assert len(enrolled.identity.renewals) == 1
    assert (await enrolled.kept()).renewed == enrolled.clock.now()


async def test_a_grant_that_was_kept_while_the_clock_was_wrong_is_used_all_the_same(
    enrolled: Enrolled,
) -> None:
    enrolled.clock.wrong_by = 1e8
    await enrolled.enrol()
    enrolled.clock.wrong_by = 0.0
    await enrolled.tokens.keep_alive()
    await enrolled.tokens.keep_alive()
    assert len(enrolled.identity.renewals) == 1


async def test_accounts_that_are_not_enrolled_or_lost_are_left_alone(
    enrolled: Enrolled, caplog: pytest.LogCaptureFixture
) -> None:
    enrolled.clock.advance(10 * DAILY_SECONDS)
    await enrolled.tokens.keep_alive()
    await enrolled.prepare()
    await enrolled.tokens.keep_alive()
    await enrolled.enrol()
    await enrolled.grants.lose(OFFICE, 1, "revoked")
    enrolled.clock.advance(10 * DAILY_SECONDS)
    await enrolled.tokens.keep_alive()
    assert enrolled.identity.renewals == []
    assert events(caplog) == []


async def test_nothing_secret_is_in_what_tokens_show_of_themselves(enrolled: Enrolled) -> None:
    await enrolled.enrol()
    await enrolled.tokens.access_token()
    assert "secret" not in repr(vars(enrolled.tokens))
