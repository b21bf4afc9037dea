"""How people sign in at the fake of Entra, by Microsoft's own library."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.contract.cloud_desk import (
    Desk,
    Json,
    in_thread,
    opened,
    told,
)
from tests.fakes.entra import EntraPage

pytestmark = [
    pytest.mark.filterwarnings("ignore:response_mode='form_post' is recommended"),
    pytest.mark.filterwarnings("ignore:Attempted too soon"),
]

BACK = "http://localhost"


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with opened(tmp_path) as started:
        yield started


async def begin_device(desk: Desk, name: str = "Mail.ReadWrite") -> tuple[Any, Json]:
    app = await desk.public()
    flow = await in_thread(lambda: app.initiate_device_flow([desk.scope(name)]))
    return app, flow


async def begin_browser(desk: Desk, app: Any) -> Json:  # noqa: ANN401 - untyped library
    flow: Json = await in_thread(
        lambda: app.initiate_auth_code_flow([desk.scope()], redirect_uri=BACK)
    )
    return flow


async def finish_browser(app: Any, flow: Json, ended: str) -> Json:  # noqa: ANN401 - untyped library
    got: Json = await in_thread(lambda: app.acquire_token_by_auth_code_flow(flow, told(ended)))
    return got


# ---- the tenant and the app


@pytest.mark.parametrize(
    "tenant", ["organizations", "common", "example.com", "5d471751-9675-428d-917b-70f44f9630b0"]
)
async def test_a_tenant_has_many_names(desk: Desk, tenant: str) -> None:
    app = await desk.public(tenant)
    assert app.authority.device_authorization_endpoint.startswith(f"{desk.entra.url}/{tenant}/")


async def test_an_unknown_tenant_is_not_found(desk: Desk) -> None:
    with pytest.raises(ValueError, match="double check your tenant"):
        await desk.public("contoso.example")
    async with desk.session.get(
        f"{desk.entra.url}/contoso.example/v2.0/.well-known/openid-configuration"
    ) as got:
        said = await got.json()
    assert (got.status, said["error"], said["error_codes"]) == (400, "invalid_tenant", [90002])


async def test_errors_are_in_the_form_of_entras_own(desk: Desk) -> None:
    reply = await desk.post(grant_type="refresh_token", client_id="nobody", refresh_token="x")
    said = reply.json
    assert (reply.status, said["error"], said["error_codes"]) == (
        400,
        "unauthorized_client",
        [700016],
    )
    assert said["error_description"].startswith(
        "AADSTS700016: Application with identifier 'nobody'"
    )
    assert {"timestamp", "trace_id", "correlation_id"} <= set(said)


# ---- device codes


async def test_a_device_waits_until_somebody_signs_in(desk: Desk) -> None:
    app, flow = await begin_device(desk)
    assert re.fullmatch(r"[A-Z0-9]{9}", flow["user_code"])
    assert (flow["expires_in"], flow["interval"]) == (900, 5)
    waiting = await desk.poll(app, flow)
    assert (waiting["error"], waiting["error_codes"]) == ("authorization_pending", [70016])
    desk.entra.approve(flow["user_code"])
    got = await desk.poll(app, flow)
    assert desk.scope() in got["scope"].split()
    assert got["id_token_claims"]["preferred_username"] == desk.entra.user
    desk.cloud.assert_kept()


async def test_the_library_finds_its_token_and_its_account_again(desk: Desk) -> None:
    app = await desk.signed_in()
    got = await desk.silent(app)
    [account] = app.get_accounts()
    assert got["token_source"] == "cache"
    assert account["username"] == desk.entra.user
    assert account["home_account_id"].endswith(desk.entra.tenant_id)


async def test_a_device_that_asks_too_often_is_told_to_slow_down(desk: Desk) -> None:
    app, flow = await begin_device(desk)
    desk.entra.slow_downs = 1
    assert (await desk.poll(app, flow))["error"] == "slow_down"
    assert flow["interval"] == 10
    assert (await desk.poll(app, flow))["error"] == "authorization_pending"


async def test_a_code_ends_by_a_refusal_by_time_and_by_use(desk: Desk) -> None:
    app, flow = await begin_device(desk)
    desk.entra.decline(flow["user_code"])
    assert (await desk.poll(app, flow))["error"] == "authorization_declined"
    app, flow = await begin_device(desk)
    desk.entra.expire_device(flow["user_code"])
    assert (await desk.poll(app, flow))["error_codes"] == [70020]
    app, flow = await begin_device(desk)
    desk.entra.approve(flow["user_code"])
    assert "access_token" in await desk.poll(app, flow)
    assert (await desk.poll(app, flow))["error"] == "expired_token"


async def test_a_tenant_that_blocks_device_codes_leaves_the_device_waiting(desk: Desk) -> None:
    desk.entra.device_policy = "blocked"
    app, flow = await begin_device(desk)
    with pytest.raises(EntraPage, match="53003"):
        desk.entra.approve(flow["user_code"])
    assert (await desk.poll(app, flow))["error"] == "authorization_pending"


async def test_a_tenant_that_refuses_device_codes_tells_the_device_too(desk: Desk) -> None:
    desk.entra.device_policy = "refused"
    app, flow = await begin_device(desk)
    with pytest.raises(EntraPage):
        desk.entra.approve(flow["user_code"])
    got = await desk.poll(app, flow)
    assert (got["error"], got["error_codes"]) == ("access_denied", [53003])


async def test_an_app_that_allows_no_public_flows_gets_no_token(desk: Desk) -> None:
    desk.entra.client.allows_public_flows = False
    app, flow = await begin_device(desk)
    got = await desk.poll(app, flow)
    assert (got["error"], got["error_codes"]) == ("invalid_client", [7000218])


async def test_a_device_cannot_begin_with_an_unknown_app_or_permission(desk: Desk) -> None:
    _, flow = await begin_device(desk, "Mail.ReadWrit")
    assert (flow["error"], flow["error_codes"]) == ("invalid_scope", [70011])
    desk.entra.clients.clear()
    _, flow = await begin_device(desk)
    assert flow["error_codes"] == [700016]


async def test_a_permission_that_was_not_granted_is_not_in_the_answer(desk: Desk) -> None:
    app, flow = await begin_device(desk)
    desk.entra.approve(flow["user_code"], drop={"Mail.ReadWrite"})
    assert "Mail.ReadWrite" not in (await desk.poll(app, flow))["scope"]


async def test_the_page_for_codes_can_be_walked_in_a_real_browser(desk: Desk) -> None:
    app, flow = await begin_device(desk)
    page = flow["verification_uri"]
    texts = []
    desk.entra.device_policy = "blocked"
    async with desk.session.get(f"{page}?code={flow['user_code']}") as got:
        assert "53003" in await got.text()
    desk.entra.device_policy = "allowed"
    for query in ("", "?code=WRONG", f"?code={flow['user_code'].lower()}"):
        async with desk.session.get(page + query) as got:
            texts.append(await got.text())
    assert "Enter the code" in texts[0]
    assert "didn't work" in texts[1]
    assert "You have signed in" in texts[2]
    assert "access_token" in await desk.poll(app, flow)


# ---- the browser


async def test_a_consent_becomes_a_token_by_way_of_the_address_where_the_browser_ended(
    desk: Desk,
) -> None:
    app = await desk.public()
    flow = await begin_browser(desk, app)
    ended = desk.entra.authorize(flow["auth_uri"])
    assert ended.startswith("http://localhost/?code=")
    assert told(ended)["state"] == flow["state"]
    got = await finish_browser(app, flow, ended)
    assert desk.scope() in got["scope"].split()
    assert len(app.get_accounts()) == 1
    desk.cloud.assert_kept()


async def test_the_authorize_address_leads_a_real_browser_to_the_same_end(desk: Desk) -> None:
    app = await desk.public()
    flow = await begin_browser(desk, app)
    async with desk.session.get(flow["auth_uri"], allow_redirects=False) as got:
        assert got.status == 302
        ended = got.headers["Location"]
    assert "access_token" in await finish_browser(app, flow, ended)


async def test_whoever_declines_comes_back_with_an_error(desk: Desk) -> None:
    app = await desk.public()
    flow = await begin_browser(desk, app)
    got = await finish_browser(app, flow, desk.entra.authorize(flow["auth_uri"], decline=True))
    assert got["error"] == "access_denied"
    assert "AADSTS65004" in got["error_description"]


async def test_a_code_can_be_used_once(desk: Desk) -> None:
    app = await desk.public()
    flow = await begin_browser(desk, app)
    ended = desk.entra.authorize(flow["auth_uri"])
    assert "access_token" in await finish_browser(app, flow, ended)
    again = await finish_browser(await desk.public(), flow, ended)
    assert (again["error"], again["error_codes"]) == ("invalid_grant", [54005])


async def test_a_code_is_for_the_one_who_has_its_verifier_and_its_redirect(desk: Desk) -> None:
    app = await desk.public()
    flow = await begin_browser(desk, app)
    ended = desk.entra.authorize(flow["auth_uri"])
    wrong = {**flow, "code_verifier": "a" * 43}
    assert (await finish_browser(app, wrong, ended))["error_codes"] == [501481]
    elsewhere = {**flow, "redirect_uri": "http://localhost:8400"}
    assert (await finish_browser(app, elsewhere, ended))["error_codes"] == [500112]
    mangled = ended.replace("code=1.", "code=2.")
    assert (await finish_browser(app, flow, mangled))["error_codes"] == [9002313]


async def test_an_app_on_the_web_proves_who_it_is_and_its_grants_too(desk: Desk) -> None:
    desk.entra.client.public_redirects.clear()
    desk.entra.client.web_redirects.add(BACK)
    desk.entra.client.secrets["s3cret"] = None
    bare = await desk.public()
    flow = await begin_browser(desk, bare)
    ended = desk.entra.authorize(flow["auth_uri"])
    assert (await finish_browser(bare, flow, ended))["error_codes"] == [7000218]
    app = await desk.confidential("s3cret")
    assert "access_token" in await finish_browser(app, flow, ended)
    assert "access_token" in await desk.silent(app, force_refresh=True)
    form = desk.entra.forms("refresh_token")[-1]
    del form["client_secret"]
    assert (await desk.post(**form)).json["error_codes"] == [7000218]


async def test_a_code_ends_after_ten_minutes(desk: Desk) -> None:
    app = await desk.public()
    flow = await begin_browser(desk, app)
    ended = desk.entra.authorize(flow["auth_uri"])
    desk.entra.clock_offset = 601.0
    assert (await finish_browser(app, flow, ended))["error_codes"] == [70008]


PAGES = {
    700016: ("client_id=", "client_id=f"),
    50011: (quote(BACK, safe=""), quote("http://127.0.0.1:8765", safe="")),
    700054: ("response_type=code", "response_type=token"),
    70011: ("Mail.ReadWrite", "Mail.WriteRead"),
    90002: ("/organizations/", "/contoso.example/"),
}


@pytest.mark.parametrize(("code", "change"), PAGES.items())
async def test_a_wrong_address_ends_on_a_page_of_entras(
    desk: Desk, code: int, change: tuple[str, str]
) -> None:
    flow = await begin_browser(desk, await desk.public())
    address = flow["auth_uri"].replace(*change)
    with pytest.raises(EntraPage, match=f"AADSTS{code}$"):
        desk.entra.authorize(address)
    async with desk.session.get(address, allow_redirects=False) as got:
        assert (got.status, got.headers["Content-Type"]) == (400, "text/html; charset=utf-8")


async def test_a_permission_that_only_an_administrator_grants_ends_on_a_page(
    desk: Desk,
) -> None:
    desk.entra.needs_admin = {"Mail.ReadWrite"}
    flow = await begin_browser(desk, await desk.public())
    with pytest.raises(EntraPage, match="90094"):
        desk.entra.authorize(flow["auth_uri"])


@pytest.mark.parametrize(
    ("pattern", "change", "word"),
    [
        ("code_challenge_method=S256", "code_challenge_method=plain", "not S256"),
        (r"code_challenge=[\w-]+", "code_challenge=short", "no code challenge"),
        (r"state=[\w-]+", "state=1", "cannot be guessed"),
        ("offline_access", "", "does not last"),
        ("client_id=", "client_secret=x&client_id=", "secret in an address"),
    ],
)
async def test_an_address_that_a_careful_client_would_not_print_is_a_violation(
    desk: Desk, pattern: str, change: str, word: str
) -> None:
    flow = await begin_browser(desk, await desk.public())
    desk.entra.authorize(re.sub(pattern, change, flow["auth_uri"]))
    assert [one for one in desk.entra.violations if word in one]
