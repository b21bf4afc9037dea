"""Signs in at Google for the first time: a person's consent, or a service account."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from providers.contract import Throttled, Unreachable
from providers.google.credential import GoogleGrant
from providers.google.identity import REDIRECT, open_identity
from providers.identity import AddressInvitation, SetupInvitation, SignInRefused
from tests.fakes.faults import Answer, Fault, Hang, html
from tests.fakes.google_signin import SignInPage
from tests.unit.providers.google.gmail_desk import HASTY
from tests.unit.providers.google.signin_desk import MODIFY, ROBOT, SERVICE, Desk, signin_desk


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with signin_desk(tmp_path) as desk:
        yield desk


# ---- a person's consent


async def test_an_address_is_opened_and_the_one_where_the_browser_ends_is_redeemed(
    desk: Desk,
) -> None:
    identity, grant, invitation = await desk.invited()
    ended = desk.signin.authorize(invitation.address)
    assert ended.startswith(REDIRECT)
    renewal = await identity.redeem(grant, invitation, ended)
    assert renewal is not None
    assert desk.signin.scopes_of(renewal.token) == frozenset({MODIFY})
    assert identity.missing(renewal.scopes) == frozenset()
    assert identity.ends(renewal.grant) is None
    assert (await identity.renew(renewal.grant, force=True)).token != renewal.token


async def test_consents_share_neither_state_nor_verifier(desk: Desk) -> None:
    identity, grant, first = await desk.invited()
    second = await identity.invite(grant)
    assert isinstance(second, AddressInvitation)
    one, two = json.loads(first.memory), json.loads(second.memory)
    assert not set(one.values()) & set(two.values())
    assert len(one["verifier"]) >= 43  # RFC 7636 section 4.1
    assert one["verifier"] not in first.address


@pytest.mark.parametrize(
    ("access", "scope"),
    [("read", "gmail.readonly"), ("change", "gmail.modify"), ("purge", "mail.google.com")],
)
async def test_the_narrowest_scope_is_asked_for_alone(
    desk: Desk, access: str, scope: str
) -> None:
    _, _, invitation = await desk.invited(access=access)
    (asked,) = parse_qs(urlsplit(invitation.address).query)["scope"]
    assert len(asked.split()) == 1
    assert asked.rstrip("/").endswith(scope)


@pytest.mark.parametrize("shape", ["whole", "query", "broken", "spaced", "fragment"])
async def test_what_a_terminal_or_a_mail_did_to_the_address_does_not_matter(
    desk: Desk, shape: str
) -> None:
    identity, grant, invitation = await desk.invited()
    ended = desk.signin.authorize(invitation.address)
    pasted = {
        "whole": ended,
        "query": ended.partition("?")[2],
        "broken": ended[:60] + "\r\n" + ended[60:],
        "spaced": f"  {ended[:90]} \n {ended[90:]}\t\n",
        "fragment": f"{ended}#_=_",
    }
    assert await identity.redeem(grant, invitation, pasted[shape]) is not None


async def test_what_is_pasted_is_checked_before_anything_is_sent(desk: Desk) -> None:
    identity, grant, invitation = await desk.invited()
    other = await identity.invite(grant)
    assert isinstance(other, AddressInvitation)
    foreign = desk.signin.authorize(other.address)
    own = desk.signin.authorize(invitation.address)
    code = parse_qs(urlsplit(own).query)["code"][0]
    for pasted in ("", "4/0Acode", code, REDIRECT, foreign, f"{REDIRECT}?code=x"):
        with pytest.raises(SignInRefused, match=r"paste the whole|another sign-in"):
            await identity.redeem(grant, invitation, pasted)
    assert desk.asked() == 0


async def test_a_declined_consent_says_so(desk: Desk) -> None:
    identity, grant, invitation = await desk.invited()
    ended = desk.signin.authorize(invitation.address, decline=True)
    with pytest.raises(SignInRefused, match="consent was declined"):
        await identity.redeem(grant, invitation, ended)


async def test_a_box_that_was_left_unticked_keeps_nothing(desk: Desk) -> None:
    identity, grant, invitation = await desk.invited()
    ended = desk.signin.authorize(invitation.address, untick={MODIFY})
    with pytest.raises(SignInRefused, match="left unticked") as caught:
        await identity.redeem(grant, invitation, ended)
    assert MODIFY in str(caught.value)
    assert "nothing was kept" in str(caught.value)


async def test_a_consent_that_does_not_last_is_none(desk: Desk) -> None:
    identity, grant, invitation = await desk.invited()
    online = invitation.address.replace("access_type=offline", "access_type=online")
    ended = desk.signin.authorize(online)
    desk.signin.violations.clear()  # the address was spoilt here
    with pytest.raises(SignInRefused, match="no lasting grant"):
        await identity.redeem(grant, invitation, ended)


async def test_an_address_is_good_once(desk: Desk) -> None:
    identity, grant, invitation = await desk.invited()
    ended = desk.signin.authorize(invitation.address)
    await identity.redeem(grant, invitation, ended)
    with pytest.raises(SignInRefused, match="used already"):
        await identity.redeem(grant, invitation, ended)


@pytest.mark.parametrize("error", ["deleted_client", "invalid_client"])
async def test_a_client_that_is_no_more_is_explained(desk: Desk, error: str) -> None:
    identity, grant, invitation = await desk.invited()
    ended = desk.signin.authorize(invitation.address)
    desk.signin.client_error = error
    with pytest.raises(SignInPage):
        desk.signin.authorize(invitation.address)
    with pytest.raises(SignInRefused, match="--client-file") as caught:
        await identity.redeem(grant, invitation, ended)
    assert error in str(caught.value)


_OUTAGES: dict[str, tuple[Fault, type[Exception]]] = {
    "500": (Answer.of_json({"error": "x"}, 500), Unreachable),
    "503": (Answer(503, is_legal=False), Unreachable),
    "503-retry-after": (Answer(503, headers={"Retry-After": "30"}), Throttled),
    "429": (Answer(429, is_legal=False), Throttled),
    "disguised": (Answer.of_json({"error": "server_error"}, 400), Unreachable),
    "page-200": (html(200), Unreachable),
    "page-400": (html(400), Unreachable),
    "not-json": (Answer(200, b"hello", is_legal=False), Unreachable),
    "list": (Answer.of_json([]), Unreachable),
    "hang": (Hang(), Unreachable),
}


@pytest.mark.parametrize("name", _OUTAGES)
async def test_an_outage_leaves_the_address_good_for_another_try(desk: Desk, name: str) -> None:
    fault, kind = _OUTAGES[name]
    _, grant, invitation = await desk.invited()
    identity = desk.identity(HASTY)
    ended = desk.signin.authorize(invitation.address)
    desk.signin.script("/token$", fault)
    with pytest.raises(kind):
        await identity.redeem(grant, invitation, ended)
    assert await identity.redeem(grant, invitation, ended) is not None


@pytest.mark.parametrize("lifetime", [None, "soon"])
async def test_a_token_that_does_not_say_how_long_it_lives_is_renewed_at_once(
    desk: Desk, lifetime: object
) -> None:
    identity, grant, invitation = await desk.invited()
    ended = desk.signin.authorize(invitation.address)
    said = {"access_token": "t", "refresh_token": "r", "scope": MODIFY, "expires_in": lifetime}
    desk.signin.script("/token$", Answer.of_json(said))
    renewal = await identity.redeem(grant, invitation, ended)
    assert renewal is not None
    assert renewal.lifetime == 0


# ---- a service account


async def test_a_service_account_says_what_to_enter_and_then_acts(desk: Desk) -> None:
    identity, grant = await desk.acting()
    invitation = await identity.invite(grant)
    assert isinstance(invitation, SetupInvitation)
    told = "\n".join(invitation.instructions)
    assert "Client ID: 108415162342000000001" in told
    assert f"OAuth scopes: {MODIFY}" in told
    assert invitation.certificate == ""
    renewal = await identity.redeem(grant, invitation)
    assert renewal is not None
    assert renewal.scopes == {MODIFY}
    assert desk.signin.subject_of(renewal.token) == "printer@example.com"
    assert (await identity.renew(renewal.grant, force=True)).token != renewal.token


async def test_a_service_account_that_is_not_delegated_yet_says_where(desk: Desk) -> None:
    identity, grant = await desk.acting("https://www.googleapis.com/auth/gmail.readonly")
    with pytest.raises(SignInRefused, match="Domain-wide delegation"):
        await identity.redeem(grant, SetupInvitation())
    desk.signin.delegate(ROBOT, MODIFY)
    assert await identity.redeem(grant, SetupInvitation()) is not None


async def test_a_person_who_is_not_in_the_domain_is_named_as_the_fault(desk: Desk) -> None:
    identity = desk.identity(auth="service-account", subject="nobody@example.com")
    grant = identity.prepare(desk.account())
    with pytest.raises(SignInRefused, match="check --subject"):
        await identity.redeem(grant, SetupInvitation())


async def test_a_clock_that_is_off_is_named_at_the_enrolment(desk: Desk) -> None:
    """There is somebody in front of it who can set the clock: waiting would not."""
    identity, grant = await desk.acting()
    desk.signin.clock_offset = 7200
    with pytest.raises(SignInRefused, match=r"clock right.*\(invalid_jwt\)"):
        await identity.redeem(grant, SetupInvitation())
    desk.signin.clock_offset = 0
    assert await identity.redeem(grant, SetupInvitation()) is not None


async def test_an_outage_while_a_service_account_signs_in_is_no_refusal(desk: Desk) -> None:
    identity, grant = await desk.acting()
    desk.signin.script("/token$", Answer(503, is_legal=False))
    with pytest.raises(Unreachable):
        await identity.redeem(grant, SetupInvitation())
    assert await identity.redeem(grant, SetupInvitation()) is not None


# ---- files and addresses


def test_each_way_to_sign_in_takes_its_own_file(tmp_path: Path) -> None:
    del tmp_path
    with pytest.raises(ValueError, match="--client-file is needed"):
        open_identity({}).prepare("")
    with pytest.raises(ValueError, match="--service-account is needed"):
        open_identity(SERVICE).prepare("")
    with pytest.raises(ValueError, match="web application"):
        open_identity({}).prepare('{"web": {}}')


async def test_the_file_names_the_address_where_no_other_is_given(desk: Desk) -> None:
    identity, _, invitation = await desk.invited(token_url="")
    assert invitation.address.startswith(f"{desk.signin.url}/o/oauth2/v2/auth?")
    grant = identity.prepare(desk.client())
    ended = desk.signin.authorize(invitation.address)
    assert await identity.redeem(grant, invitation, ended) is not None


async def test_google_itself_is_asked_where_nothing_names_another(desk: Desk) -> None:
    client = {"installed": {"client_id": "x", "client_secret": "y"}}
    identity = desk.identity()
    invitation = await identity.invite(identity.prepare(json.dumps(client)))
    assert isinstance(invitation, AddressInvitation)
    assert invitation.address.startswith("https://accounts.google.com/o/oauth2/v2/auth?")


@pytest.mark.parametrize(
    ("access", "given", "missing"),
    [
        ("change", {MODIFY}, set()),
        ("change", {"https://mail.google.com/"}, set()),
        ("read", {MODIFY, "openid"}, set()),
        ("change", {"https://www.googleapis.com/auth/gmail.readonly"}, {MODIFY}),
        ("purge", {MODIFY}, {"https://mail.google.com/"}),
        ("change", set(), set()),  # the service did not say
    ],
)
def test_a_scope_is_missing_unless_it_or_a_broader_one_was_given(
    access: str, given: set[str], missing: set[str]
) -> None:
    assert open_identity({"access": access}).missing(frozenset(given)) == missing


async def test_the_host_tells_its_clock_without_a_sign_in(desk: Desk) -> None:
    desk.signin.clock_offset = -600
    answer = await desk.identity().reach()
    assert answer.host == "localhost"
    assert answer.clock_ahead is not None
    assert abs(answer.clock_ahead + 600) < 5


async def test_a_host_that_says_no_time_is_still_there(desk: Desk) -> None:
    desk.signin.script("/token$", Answer.of_json({}, 400, Date="soon"))
    assert (await desk.identity().reach()).clock_ahead is None


@pytest.mark.parametrize("fault", [html(200), html(404), Hang()])
async def test_a_host_that_is_not_there_is_not_reached(desk: Desk, fault: Fault) -> None:
    desk.signin.script("/token$", fault)
    with pytest.raises(Unreachable):
        await desk.identity(HASTY).reach()


async def test_nothing_secret_shows_in_what_is_returned(desk: Desk) -> None:
    identity, grant, invitation = await desk.invited()
    assert json.loads(invitation.memory)["verifier"] not in repr(invitation)
    renewal = await identity.redeem(
        grant, invitation, desk.signin.authorize(invitation.address)
    )
    assert renewal is not None
    kept = GoogleGrant.unpack(renewal.grant)
    for secret in (renewal.token, kept.refresh_token, kept.credential["client_secret"]):
        assert secret
        assert secret not in repr(renewal) + repr(kept)
