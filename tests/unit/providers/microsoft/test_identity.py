"""Signs in at Entra in every way there is, through MSAL, against a fake that plays the tenant."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from providers.contract import Throttled, Unreachable
from providers.identity import (
    AddressInvitation,
    CodeInvitation,
    Grant,
    SetupInvitation,
    SignInRefused,
)
from providers.microsoft.clouds import read_settings
from providers.microsoft.grant import GraphGrant
from providers.microsoft.identity import EntraIdentity
from tests.fakes.entra import EntraPage
from tests.unit.providers.microsoft.entra_desk import NOW, Desk, entra_desk


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with entra_desk(tmp_path) as desk:
        yield desk


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
