"""Signs in at Entra in every way there is, through MSAL, against a fake that plays the tenant."""

import asyncio
import json
from collections.abc import AsyncIterator, Generator
from pathlib import Path

import attrs
import pytest

from providers.contract import GrantLost, Throttled, Unreachable
from providers.identity import (
    AddressInvitation,
    CodeInvitation,
    Grant,
    Renewal,
    SetupInvitation,
    SignInRefused,
)
from providers.microsoft.clouds import read_settings
from providers.microsoft.grant import GraphGrant
from providers.microsoft.identity import EntraIdentity
from providers.transport import Patience
from tests.fakes.cloud import Cloud
from tests.fakes.entra import EntraPage
from tests.fakes.faults import Answer, Fault, Hang, Refuse, Reset, Truncate, html

NOW = 1_800_000_000.0
HASTY = Patience(connect=2.0, silence=0.5, whole=0.5)


class _Turn:
    """Lets every other task run once."""

    def __await__(self) -> Generator[None, None, None]:
        yield


@attrs.define
class Desk:
    """The fake cloud, and sign-ins that a test opens; `now` is the wall clock of both sides."""

    cloud: Cloud
    now: float = NOW
    opened: list[EntraIdentity] = attrs.field(factory=list)

    def identity(self, patience: Patience | None = None, **settings: str) -> EntraIdentity:
        given = {
            "client_id": self.cloud.entra.client_id,
            "tenant": "example.com",
            "graph_url": self.cloud.graph.url,
            "authority": self.cloud.entra.url,
            "ca": str(self.cloud.ca_file),
            **settings,
        }
        made = EntraIdentity(read_settings(given), lambda: self.now, patience)
        self.opened.append(made)
        return made

    async def granted(self, **settings: str) -> tuple[EntraIdentity, Renewal]:
        """Enrol by device code."""
        identity = self.identity(**settings)
        grant = identity.prepare("")
        invitation = await identity.invite(grant)
        assert isinstance(invitation, CodeInvitation)
        self.cloud.entra.approve(invitation.code)
        renewal = await identity.redeem(grant, invitation)
        assert renewal is not None
        return identity, renewal


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with Cloud(tmp_path) as cloud:
        desk = Desk(cloud)
        yield desk
        for identity in desk.opened:
            await identity.close()
    cloud.assert_kept()


# ---- device code


async def test_a_device_code_is_shown_waited_for_and_redeemed(desk: Desk) -> None:
    identity = desk.identity()
    grant = identity.prepare("")
    invitation = await identity.invite(grant)
    assert isinstance(invitation, CodeInvitation)
    assert invitation.address == f"{desk.cloud.entra.url}/devicelogin"
    assert (invitation.lifetime, invitation.interval) == (900, 5)
    assert await identity.redeem(grant, invitation) is None
    desk.cloud.entra.approve(invitation.code)
    renewal = await identity.redeem(grant, invitation)
    assert renewal is not None
    assert identity.missing(renewal.scopes) == frozenset()
    assert desk.cloud.entra.access_of(renewal.token) is not None


async def test_the_narrowest_permission_is_asked_for(desk: Desk) -> None:
    for settings, permission in (
        ({"access": "read"}, "Mail.Read"),
        ({}, "Mail.ReadWrite"),
        ({"access": "purge"}, "Mail.ReadWrite"),
        ({"mailbox": "scans@example.com"}, "Mail.ReadWrite.Shared"),
        ({"mailbox": "scans@example.com", "access": "read"}, "Mail.Read.Shared"),
    ):
        await desk.granted(**settings)
        asked = desk.cloud.entra.requests("devicecode$")[-1].body.decode()
        named = {part.rpartition("%2F")[2] for part in asked.split("scope=")[1].split("+")}
        mail = {one.partition("&")[0] for one in named if one.startswith("Mail")}
        assert mail == {permission}


async def test_slow_down_is_told_so_that_the_interval_grows(desk: Desk) -> None:
    identity = desk.identity()
    grant = identity.prepare("")
    invitation = await identity.invite(grant)
    desk.cloud.entra.slow_downs = 1
    with pytest.raises(Throttled) as caught:
        await identity.redeem(grant, invitation)
    assert caught.value.retry_after == 5


@pytest.mark.parametrize(
    ("end", "said"),
    [
        ("decline", "declined"),
        ("expire", "begin again"),
        ("refuse", "--auth browser"),
    ],
)
async def test_a_code_that_comes_to_nothing_says_why(desk: Desk, end: str, said: str) -> None:
    identity = desk.identity()
    grant = identity.prepare("")
    invitation = await identity.invite(grant)
    assert isinstance(invitation, CodeInvitation)
    entra = desk.cloud.entra
    match end:
        case "decline":
            entra.decline(invitation.code)
        case "expire":
            entra.expire_device(invitation.code)
        case _:
            entra.device_policy = "refused"
            with pytest.raises(EntraPage):
                entra.approve(invitation.code)
    with pytest.raises(SignInRefused, match=said):
        await identity.redeem(grant, invitation)


# ---- browser


async def test_an_address_is_opened_and_the_one_where_the_browser_ends_is_redeemed(
    desk: Desk,
) -> None:
    identity = desk.identity(auth="browser")
    grant = identity.prepare("")
    invitation = await identity.invite(grant)
    assert isinstance(invitation, AddressInvitation)
    returned = desk.cloud.entra.authorize(invitation.address)
    assert returned.startswith("http://localhost")
    renewal = await identity.redeem(grant, invitation, returned)
    assert renewal is not None
    assert (await identity.renew(renewal.grant, force=True)).token != renewal.token


async def test_a_confidential_client_gives_its_secret_too(desk: Desk) -> None:
    desk.cloud.entra.client.secrets["s3cret"] = None
    desk.cloud.entra.client.allows_public_flows = False
    desk.cloud.entra.client.public_redirects.clear()
    desk.cloud.entra.client.web_redirects.add("http://localhost")
    identity = desk.identity(auth="browser")
    grant = identity.prepare("s3cret\n")
    invitation = await identity.invite(grant)
    assert isinstance(invitation, AddressInvitation)
    returned = desk.cloud.entra.authorize(invitation.address)
    renewal = await identity.redeem(grant, invitation, returned)
    assert renewal is not None
    assert (await identity.renew(renewal.grant, force=True)).token


async def test_what_is_pasted_is_checked_before_anything_is_sent(desk: Desk) -> None:
    identity = desk.identity(auth="browser")
    grant = identity.prepare("")
    invitation = await identity.invite(grant)
    other = await identity.invite(grant)
    assert isinstance(invitation, AddressInvitation)
    assert isinstance(other, AddressInvitation)
    foreign = desk.cloud.entra.authorize(other.address)
    for pasted in ("", "http://localhost", foreign, "https://evil.example/?code=x&state=y"):
        with pytest.raises(SignInRefused):
            await identity.redeem(grant, invitation, pasted)
    assert desk.cloud.entra.requests("/token$") == []


async def test_a_declined_consent_says_so(desk: Desk) -> None:
    identity = desk.identity(auth="browser")
    grant = identity.prepare("")
    invitation = await identity.invite(grant)
    assert isinstance(invitation, AddressInvitation)
    returned = desk.cloud.entra.authorize(invitation.address, decline=True)
    with pytest.raises(SignInRefused, match="consent was declined"):
        await identity.redeem(grant, invitation, returned)


async def test_a_permission_that_was_not_granted_is_noticed(desk: Desk) -> None:
    identity = desk.identity(auth="browser")
    grant = identity.prepare("")
    invitation = await identity.invite(grant)
    assert isinstance(invitation, AddressInvitation)
    returned = desk.cloud.entra.authorize(invitation.address, drop={"Mail.ReadWrite"})
    with pytest.raises(SignInRefused, match=r"Mail\.ReadWrite was not granted"):
        await identity.redeem(grant, invitation, returned)


# ---- the app itself


async def test_an_app_shows_its_certificate_and_signs_in_once_that_is_uploaded(
    desk: Desk,
) -> None:
    identity = desk.identity(auth="app", mailbox="fax@example.com")
    desk.now = desk.cloud.entra.now()
    grant = identity.prepare("")
    invitation = await identity.invite(grant)
    assert isinstance(invitation, SetupInvitation)
    assert any("New-ManagementScope" in line for line in invitation.instructions)
    with pytest.raises(SignInRefused, match="upload it"):
        await identity.redeem(grant, invitation)
    desk.cloud.entra.app_certificates.append(invitation.certificate)
    renewal = await identity.redeem(grant, invitation)
    assert renewal is not None
    assert (await identity.renew(renewal.grant, force=True)).token != renewal.token
    ends = identity.ends(renewal.grant)
    assert ends is not None
    assert 700 < (ends - desk.now) / 86400 < 731


async def test_an_app_with_a_secret_knows_when_the_admin_said_it_ends(desk: Desk) -> None:
    desk.cloud.entra.client.secrets["s3cret"] = None
    identity = desk.identity(auth="app", mailbox="fax@example.com", secret_ends="2027-05-31")
    grant = identity.prepare("s3cret")
    renewal = await identity.redeem(grant, await identity.invite(grant))
    assert renewal is not None
    assert identity.ends(renewal.grant) == 1_811_721_600


@pytest.mark.parametrize(
    ("secret", "ends", "said"), [("wrong", None, "secret's value"), ("s3cret", 1.0, "expired")]
)
async def test_a_secret_that_is_wrong_or_over_says_so(
    desk: Desk, secret: str, ends: float | None, said: str
) -> None:
    desk.cloud.entra.client.secrets["s3cret"] = ends
    identity = desk.identity(auth="app", mailbox="fax@example.com")
    grant = identity.prepare(secret)
    with pytest.raises(SignInRefused, match=said):
        await identity.redeem(grant, await identity.invite(grant))


async def test_a_clock_ten_minutes_off_is_named_and_loses_no_grant(desk: Desk) -> None:
    identity = desk.identity(auth="app", mailbox="fax@example.com")
    desk.now = desk.cloud.entra.now()
    grant = identity.prepare("")
    desk.cloud.entra.app_certificates.append(GraphGrant.unpack(grant).certificate)
    desk.cloud.entra.clock_offset = 1200
    with pytest.raises(SignInRefused, match="clock"):
        await identity.redeem(grant, await identity.invite(grant))
    with pytest.raises(Unreachable, match="clock"):
        await identity.renew(grant, force=True)


# ---- renewal


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


# ---- what is wrong with the settings


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"client_id": "11111111-1111-1111-1111-111111111111"}, "--client-id"),
        ({"tenant": "nowhere.example"}, "no tenant nowhere"),
    ],
)
async def test_a_wrong_client_or_tenant_says_which(
    desk: Desk, settings: dict[str, str], said: str
) -> None:
    identity = desk.identity(**settings)
    with pytest.raises(SignInRefused, match=said):
        await identity.invite(identity.prepare(""))


async def test_an_app_without_public_flows_says_which_switch_to_turn(desk: Desk) -> None:
    desk.cloud.entra.client.allows_public_flows = False
    identity = desk.identity()
    grant = identity.prepare("")
    with pytest.raises(SignInRefused, match="public client flows"):
        await _signed_in(desk, identity, grant)


async def _signed_in(desk: Desk, identity: EntraIdentity, grant: Grant) -> None:
    invitation = await identity.invite(grant)
    assert isinstance(invitation, CodeInvitation)
    desk.cloud.entra.approve(invitation.code)
    await identity.redeem(grant, invitation)


def test_a_secret_for_a_device_code_is_refused(tmp_path: Path) -> None:
    del tmp_path
    settings = read_settings({"client_id": "x"})
    with pytest.raises(ValueError, match="no client secret"):
        EntraIdentity(settings, lambda: NOW).prepare("s3cret")


async def test_the_host_tells_its_clock_without_a_sign_in(desk: Desk) -> None:
    desk.cloud.entra.clock_offset = -600
    answer = await desk.identity().reach()
    assert answer.clock_ahead is not None
    assert abs(answer.clock_ahead + 600) < 5


async def test_nothing_secret_shows_in_what_is_returned(desk: Desk) -> None:
    _, renewal = await desk.granted()
    assert renewal.token not in repr(renewal)
    assert renewal.grant not in repr(renewal)
