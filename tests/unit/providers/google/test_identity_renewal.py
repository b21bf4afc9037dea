"""Renews access tokens at Google: kept ones while they live, and nothing lost through an outage."""

import asyncio
from collections.abc import AsyncIterator, Generator
from pathlib import Path

import pytest

from providers.contract import GrantLost, Throttled, Unreachable
from providers.google.credential import GoogleGrant
from providers.google.identity import FRESH_SECONDS
from tests.fakes.faults import Answer, Fault, Hang, Refuse, Reset, Truncate, html
from tests.unit.providers.google.gmail_desk import HASTY
from tests.unit.providers.google.signin_desk import MODIFY, ROBOT, Desk, signin_desk


class _Turn:
    """Lets every other task run once."""

    def __await__(self) -> Generator[None, None, None]:
        yield


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with signin_desk(tmp_path) as desk:
        yield desk


async def test_a_kept_token_is_used_while_it_lives_and_asks_nobody(desk: Desk) -> None:
    identity, renewal = await desk.granted()
    before = desk.asked()
    desk.ahead = renewal.lifetime - FRESH_SECONDS - 60
    again = await identity.renew(renewal.grant)
    assert (again.token, again.grant) == (renewal.token, renewal.grant)
    assert again.scopes == {MODIFY}
    assert FRESH_SECONDS < again.lifetime < FRESH_SECONDS + 61
    assert desk.asked() == before
    desk.ahead = renewal.lifetime - FRESH_SECONDS + 60
    assert (await identity.renew(renewal.grant)).token != renewal.token
    assert desk.asked() == before + 1


async def test_a_renewed_grant_keeps_its_refresh_token_and_the_new_access_token(
    desk: Desk,
) -> None:
    identity, renewal = await desk.granted()
    again = await identity.renew(renewal.grant, force=True)
    before, after = GoogleGrant.unpack(renewal.grant), GoogleGrant.unpack(again.grant)
    assert after.refresh_token == before.refresh_token
    assert (after.token, again.token) == (again.token, after.token)
    assert abs(after.expires_at - desk.now() - again.lifetime) < 5
    assert 3500 < again.lifetime <= 3599
    assert again.scopes == {MODIFY}


async def test_a_grant_that_the_service_exchanges_is_kept(desk: Desk) -> None:
    identity, renewal = await desk.granted()
    said = {"access_token": "t", "expires_in": 3599, "refresh_token": "n3w"}
    desk.signin.script("/token$", Answer.of_json(said))
    again = await identity.renew(renewal.grant, force=True)
    assert GoogleGrant.unpack(again.grant).refresh_token == "n3w"
    assert again.scopes == {MODIFY}


async def test_a_claims_challenge_is_nothing_to_google(desk: Desk) -> None:
    identity, renewal = await desk.granted()
    assert (await identity.renew(renewal.grant, force=True, claims='{"a": 1}')).token


async def test_an_account_to_which_nobody_has_consented_asks_nobody(desk: Desk) -> None:
    identity, grant, _ = await desk.invited()
    with pytest.raises(GrantLost, match="nobody has consented"):
        await identity.renew(grant)
    assert desk.asked() == 0


@pytest.mark.parametrize(
    ("end", "said"),
    [
        ("revoked", r"password.*7 days.*\(invalid_grant\)"),
        ("rapt", r"session policy.*\(invalid_rapt\)"),
        ("deleted_client", r"client was deleted.*\(deleted_client\)"),
        ("invalid_client", r"does not know this client.*\(invalid_client\)"),
    ],
)
async def test_a_dead_grant_is_explained(desk: Desk, end: str, said: str) -> None:
    identity, renewal = await desk.granted()
    match end:
        case "revoked":
            desk.signin.revoke()
        case "rapt":
            desk.signin.require_reauthentication()
        case _:
            desk.signin.client_error = end
    before = desk.asked()
    with pytest.raises(GrantLost, match=said) as caught:
        await identity.renew(renewal.grant, force=True)
    assert desk.asked() == before + 1
    assert GoogleGrant.unpack(renewal.grant).refresh_token not in str(caught.value)
    assert caught.value.__cause__ is None


async def test_a_delegation_that_was_taken_back_is_explained(desk: Desk) -> None:
    identity, grant = await desk.acting()
    renewal = await identity.renew(grant)
    desk.signin.delegate(ROBOT)
    with pytest.raises(GrantLost, match="unauthorized_client"):
        await identity.renew(renewal.grant, force=True)


async def test_a_clock_that_is_off_is_named_and_costs_no_grant(desk: Desk) -> None:
    identity, grant = await desk.acting()
    desk.signin.clock_offset = 7200
    with pytest.raises(Unreachable, match="clock"):
        await identity.renew(grant)
    desk.signin.clock_offset = 0
    assert (await identity.renew(grant)).token


async def test_an_error_that_nobody_knows_costs_no_grant(desk: Desk) -> None:
    identity, renewal = await desk.granted()
    desk.signin.script("/token$", Answer.of_json({"error": "brand_new"}, 400))
    with pytest.raises(Unreachable, match="brand_new"):
        await identity.renew(renewal.grant, force=True)


_OUTAGES: dict[str, tuple[Fault, type[Exception]]] = {
    "408": (Answer.of_json({"error": "slow"}, 408), Unreachable),
    "500": (Answer.of_json({"error": "x"}, 500), Unreachable),
    "503": (Answer(503), Unreachable),
    "503-retry-after": (Answer(503, headers={"Retry-After": "30"}), Throttled),
    "429": (Answer(429, is_legal=False), Throttled),
    "disguised": (Answer.of_json({"error": "internal_failure"}, 400), Unreachable),
    "page-200": (html(200), Unreachable),
    "page-400": (html(400), Unreachable),
    "page-502": (html(502), Unreachable),
    "not-json": (Answer(200, b"hello", is_legal=False), Unreachable),
    "list": (Answer.of_json(["x"]), Unreachable),
    "empty": (Answer(200, b"", is_legal=False), Unreachable),
    "no-token": (Answer.of_json({"expires_in": 3599}), Unreachable),
    "hang": (Hang(), Unreachable),
    "refuse": (Refuse(), Unreachable),
    "reset": (Reset(10), Unreachable),
    "truncate": (Truncate(10), Unreachable),
}


@pytest.mark.parametrize("name", _OUTAGES)
async def test_an_outage_of_the_sign_in_costs_no_grant_and_is_asked_for_once(
    desk: Desk, name: str
) -> None:
    fault, kind = _OUTAGES[name]
    _, renewal = await desk.granted()
    identity = desk.identity(HASTY)
    desk.signin.always("/token$", fault)
    before = desk.asked()
    with pytest.raises(kind):
        await identity.renew(renewal.grant, force=True)
    assert desk.asked() == before + 1
    desk.signin.heal()
    assert (await identity.renew(renewal.grant, force=True)).token


async def test_renewals_that_are_asked_for_together_run_one_after_the_other(
    desk: Desk,
) -> None:
    identity, renewal = await desk.granted()
    desk.signin.latency = 0.01
    async with asyncio.TaskGroup() as group:
        for _ in range(3):
            group.create_task(identity.renew(renewal.grant, force=True), name="renew")
    assert desk.signin.most_in_flight == 1


async def test_a_cancelled_renewal_lets_go_at_once(desk: Desk) -> None:
    identity, renewal = await desk.granted()
    desk.signin.script("/token$", Hang())
    async with asyncio.TaskGroup() as group:
        task = group.create_task(identity.renew(renewal.grant, force=True), name="renew")
        while not desk.signin.in_flight:
            await _Turn()
        task.cancel()
    assert (await identity.renew(renewal.grant, force=True)).token
