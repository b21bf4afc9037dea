"""Renews grants at Entra for years: rotation, outages that cost nothing, and deaths that are explained."""

import asyncio
import json
from collections.abc import AsyncIterator, Generator
from pathlib import Path

import pytest

from providers.contract import GrantLost, Throttled, Unreachable
from tests.fakes.faults import Answer, Fault, Hang, Refuse, Reset, Truncate, html
from tests.unit.providers.microsoft.entra_desk import HASTY, Desk, entra_desk


class _Turn:
    """Lets every other task run once."""

    def __await__(self) -> Generator[None, None, None]:
        yield


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with entra_desk(tmp_path) as desk:
        yield desk


async def test_a_kept_token_is_used_while_it_lives_and_asks_nobody(desk: Desk) -> None:
    identity, renewal = await desk.granted()
    before = len(desk.cloud.entra.asked)
    again = await identity.renew(renewal.grant)
    assert (again.token, again.grant) == (renewal.token, renewal.grant)
    assert len(desk.cloud.entra.asked) == before
    desk.now += renewal.lifetime - 300
    assert (await identity.renew(renewal.grant)).token != renewal.token


@pytest.mark.parametrize("rotates", [True, False])
async def test_a_renewed_grant_can_be_renewed_again(desk: Desk, *, rotates: bool) -> None:
    desk.cloud.entra.rotates = rotates
    identity, renewal = await desk.granted()
    seen = {renewal.token}
    for _ in range(3):
        renewal = await identity.renew(renewal.grant, force=True)
        seen.add(renewal.token)
    assert len(seen) == 4


async def test_a_claims_challenge_is_passed_on_to_entra(desk: Desk) -> None:
    identity, renewal = await desk.granted()
    claims = '{"access_token":{"nbf":{"essential":true,"value":"1604106651"}}}'
    await identity.renew(renewal.grant, claims=claims)
    sent = json.loads(desk.cloud.entra.forms("refresh_token")[-1]["claims"])
    assert sent["access_token"]["nbf"]["value"] == "1604106651"
    assert sent["access_token"]["xms_cc"]["values"] == ["CP1"]


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (50173, "password"),
        (700082, "90 days"),
        (70043, "sign-in frequency"),
        (53003, "Condition"),
    ],
)
async def test_a_dead_grant_is_explained(desk: Desk, code: int, said: str) -> None:
    identity, renewal = await desk.granted()
    desk.cloud.entra.kill_grants(code)
    with pytest.raises(GrantLost, match=said) as caught:
        await identity.renew(renewal.grant, force=True)
    assert f"AADSTS{code}" in str(caught.value)
    assert caught.value.request_id
    desk.cloud.entra.revive_grants()
    assert (await identity.renew(renewal.grant, force=True)).token


_OUTAGES: dict[str, tuple[Fault, type[Exception]]] = {
    "500": (Answer.of_json({"error": "x"}, 500), Unreachable),
    "503": (Answer(503), Unreachable),
    "503-retry-after": (Answer(503, headers={"Retry-After": "30"}), Throttled),
    "429": (Answer(429, is_legal=False), Throttled),
    "page-200": (html(200), Unreachable),
    "page-400": (html(400), Unreachable),
    "page-502": (html(502), Unreachable),
    "not-json": (Answer(200, b"hello", is_legal=False), Unreachable),
    "empty": (Answer(200, b"", is_legal=False), Unreachable),
    "hang": (Hang(), Unreachable),
    "refuse": (Refuse(), Unreachable),
    "reset": (Reset(10), Unreachable),
    "truncate": (Truncate(10), Unreachable),
}


@pytest.mark.parametrize("where", ["openid-configuration", "/token$"])
@pytest.mark.parametrize("name", _OUTAGES)
async def test_an_outage_of_entra_costs_no_grant(desk: Desk, name: str, where: str) -> None:
    fault, kind = _OUTAGES[name]
    _, renewal = await desk.granted()
    identity = desk.identity(HASTY)
    desk.cloud.entra.always(where, fault)
    with pytest.raises(kind):
        await identity.renew(renewal.grant, force=True)
    desk.cloud.entra.heal()
    assert (await identity.renew(renewal.grant, force=True)).token


async def test_renewals_that_are_asked_for_together_run_one_after_the_other(
    desk: Desk,
) -> None:
    identity, renewal = await desk.granted()
    desk.cloud.entra.latency = 0.01
    async with asyncio.TaskGroup() as group:
        for _ in range(3):
            group.create_task(identity.renew(renewal.grant, force=True), name="renew")
    assert desk.cloud.entra.most_in_flight == 1


async def test_a_cancelled_renewal_lets_go_at_once(desk: Desk) -> None:
    identity, renewal = await desk.granted()
    desk.cloud.entra.script("openid-configuration", Hang())
    async with asyncio.TaskGroup() as group:
        task = group.create_task(identity.renew(renewal.grant, force=True), name="renew")
        while not desk.cloud.entra.in_flight:
            await _Turn()
        task.cancel()
    desk.cloud.entra.heal()
    assert (await identity.renew(renewal.grant, force=True)).token
