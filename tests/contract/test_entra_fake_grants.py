"""What becomes of grants at the fake of Entra: refreshes, their end, and apps that sign in as themselves."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bridge.clock import SystemClock
from providers.microsoft.certificate import KeyPair, make_key_pair
from tests.contract.cloud_desk import Desk, Json, in_thread, opened
from tests.fakes.entra import EntraClient
from tests.fakes.entra_tokens import DEVICE_CODE
from tests.fakes.faults import Answer

pytestmark = pytest.mark.filterwarnings("ignore:Attempted too soon")


NOW = SystemClock().now()  # the library asks the machine what time it is


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with opened(tmp_path) as started:
        yield started
        started.cloud.assert_kept()


def refresh_tokens(app: Any) -> list[str]:  # noqa: ANN401 - untyped library
    """Return the refresh tokens that the library keeps."""
    cache = app.token_cache
    return [one["secret"] for one in cache.search(cache.CredentialType.REFRESH_TOKEN)]


async def refreshed(desk: Desk, token: str, **more: str) -> Json:
    """Refresh by hand."""
    form = {"grant_type": "refresh_token", "client_id": desk.entra.client_id}
    reply = await desk.post(**form, refresh_token=token, **more)
    return {"status": reply.status, **reply.json}


# ---- refreshes


async def test_a_refresh_gives_a_new_refresh_token_and_the_old_one_stays_good(
    desk: Desk,
) -> None:
    app = await desk.signed_in()
    [old] = refresh_tokens(app)
    got = await desk.silent(app, force_refresh=True)
    [new] = refresh_tokens(app)
    assert got["token_source"] == "identity_provider"
    assert new != old
    assert (await refreshed(desk, old))["status"] == 200


async def test_without_rotation_the_refresh_token_stays_the_same(desk: Desk) -> None:
    app = await desk.signed_in()
    desk.entra.rotates = False
    [old] = refresh_tokens(app)
    assert "access_token" in await desk.silent(app, force_refresh=True)
    assert refresh_tokens(app) == [old]


async def test_a_token_that_is_to_be_renewed_early_says_when(desk: Desk) -> None:
    desk.entra.refresh_in = 1800
    app = await desk.signed_in()
    before = SystemClock().now()
    got = await desk.silent(app, force_refresh=True)
    assert before + 1799 <= got["refresh_on"] <= SystemClock().now() + 1801


async def test_a_client_that_takes_claims_gets_a_token_that_lives_long(desk: Desk) -> None:
    app = await desk.signed_in()
    long = await desk.silent(app, force_refresh=True)
    short = await refreshed(desk, refresh_tokens(app)[0])
    assert (long["expires_in"], short["expires_in"]) == (86399, 4599)
    assert [desk.entra.given.access[one["access_token"]].is_cae for one in (long, short)] == [
        True,
        False,
    ]


async def test_a_challenge_of_graph_is_answered_with_a_token_that_graph_takes(
    desk: Desk,
) -> None:
    app = await desk.signed_in()
    desk.token = (await desk.silent(app))["access_token"]
    desk.entra.revoke_access(desk.token)
    assert (await desk.get("/me/mailFolders/inbox")).status == 401
    claims = '{"access_token": {"nbf": {"essential": true, "value": "1"}}}'
    desk.token = (await desk.silent(app, claims_challenge=claims))["access_token"]
    assert (await desk.get("/me/mailFolders/inbox")).status == 200
    assert '"nbf"' in desk.entra.forms("refresh_token")[-1]["claims"]


@pytest.mark.parametrize(
    ("code", "suberror"), [(50173, ""), (50076, "basic_action"), (700082, "")]
)
async def test_a_grant_that_was_ended_says_by_what_and_can_be_revived(
    desk: Desk, code: int, suberror: str
) -> None:
    app = await desk.signed_in()
    [token] = refresh_tokens(app)
    desk.entra.kill_grants(code, suberror=suberror)
    got = await desk.silent(app, force_refresh=True)
    assert (got["error"], got["error_codes"]) == ("invalid_grant", [code])
    assert got["error_description"].startswith(f"AADSTS{code}: ")
    assert (await refreshed(desk, token)).get("suberror", "") == suberror
    desk.entra.revive_grants()
    assert (await refreshed(desk, token))["status"] == 200


async def test_a_new_consent_is_not_touched_by_the_end_of_an_older_one(desk: Desk) -> None:
    await desk.signed_in()
    desk.entra.kill_grants()
    app = await desk.signed_in()
    assert "access_token" in await desk.silent(app, force_refresh=True)


async def test_a_refresh_token_ends_after_ninety_days_and_asks_for_no_more_than_was_given(
    desk: Desk,
) -> None:
    app = await desk.signed_in("Mail.Read")
    [token] = refresh_tokens(app)
    more = await refreshed(desk, token, scope=desk.scope("Mail.ReadWrite"))
    assert (more["error"], more["error_codes"], more["suberror"]) == (
        "invalid_grant",
        [65001],
        "consent_required",
    )
    desk.entra.clock_offset = 91 * 86400.0
    assert (await refreshed(desk, token))["error_codes"] == [700082]


@pytest.mark.parametrize("headers", [{}, {"Retry-After": "17"}])
async def test_an_outage_comes_with_or_without_a_wait(
    desk: Desk, headers: dict[str, str]
) -> None:
    desk.entra.script("POST .*/token", Answer(503, headers=headers))
    reply = await desk.post(grant_type="refresh_token")
    assert (reply.status, reply.headers.get("Retry-After")) == (503, headers.get("Retry-After"))


async def test_a_public_client_shows_no_secret(desk: Desk) -> None:
    desk.entra.client.secrets["s3cret"] = None
    app = await desk.signed_in()
    got = await refreshed(desk, refresh_tokens(app)[0], client_secret="s3cret")
    assert (got["status"], got["error_codes"]) == (401, [700025])


async def test_a_form_that_lacks_something_is_refused(desk: Desk) -> None:
    known = {"client_id": desk.entra.client_id}
    refused = {
        70003: {**known, "grant_type": "password"},
        900144: {"grant_type": "refresh_token", "refresh_token": "x"},
        9002313: {**known, "grant_type": "refresh_token", "refresh_token": "x"},
        70000: {**known, "grant_type": DEVICE_CODE, "device_code": "x"},
    }
    for code, form in refused.items():
        assert (await desk.post(**form)).json["error_codes"] == [code]


async def test_a_form_in_another_shape_is_a_violation(desk: Desk) -> None:
    url = f"{desk.entra.url}/common/oauth2/v2.0/token"
    async with desk.session.post(f"{url}?client_id=x", json={"grant_type": "x"}):
        pass
    async with desk.session.put(url):
        pass
    found = "\n".join(desk.entra.violations)
    for word in ("takes no query", "is said to be application/json", "has no PUT"):
        assert word in found
    desk.entra.violations.clear()


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        (Answer.of_json({"access_token": "x", "token_type": "Bearer"}), "no expires_in"),
        (Answer.of_json({"message": "no"}, 400), "no error"),
        (Answer(200, b"<html>"), "is not JSON"),
    ],
)
async def test_an_answer_that_is_not_entras_is_a_violation(
    desk: Desk, answer: Answer, word: str
) -> None:
    desk.entra.script("POST", answer)
    await desk.post(grant_type="refresh_token")
    assert any(word in one for one in desk.entra.violations)
    desk.entra.violations.clear()


async def test_a_field_that_entra_does_not_know_is_a_violation(desk: Desk) -> None:
    await desk.post(grant_type="refresh_token", refresh_tokn="x")
    assert any("no field refresh_tokn" in one for one in desk.entra.violations)
    desk.entra.violations.clear()


# ---- apps that sign in as themselves


async def as_itself(desk: Desk, credential: str | dict[str, str], **more: str) -> Json:
    """Return what the library gets for an app."""
    app = await desk.confidential(credential, **more)
    got: Json = await in_thread(
        lambda: app.acquire_token_for_client([desk.scope(more.get("scope", ".default"))])
    )
    return got


def credential_of(pair: KeyPair) -> dict[str, str]:
    return {"private_key": pair.key, "public_certificate": pair.certificate}


async def test_an_app_signs_in_with_its_secret_and_gets_its_roles(desk: Desk) -> None:
    desk.entra.client.secrets["s3cret"] = None
    desk.entra.client.roles.add("Mail.ReadWrite")
    got = await as_itself(desk, "s3cret")
    access = desk.entra.access_of(got["access_token"])
    assert access is not None
    assert access.user is None
    assert access.roles == {"Mail.ReadWrite"}
    desk.token = got["access_token"]
    assert (await desk.get(f"/users/{desk.entra.user}/mailFolders/inbox")).status == 200


async def test_a_secret_that_is_wrong_or_has_ended_is_refused(desk: Desk) -> None:
    desk.entra.client.secrets["old"] = 1.0
    wrong, ended = await as_itself(desk, "new"), await as_itself(desk, "old")
    assert [one["error"] for one in (wrong, ended)] == ["invalid_client"] * 2
    assert [one["error_codes"] for one in (wrong, ended)] == [[7000215], [7000222]]


async def test_an_app_signs_in_with_the_certificate_that_was_uploaded(desk: Desk) -> None:
    pair = make_key_pair("popbridge", NOW)
    before = await as_itself(desk, credential_of(pair))
    assert (before["error"], before["error_codes"]) == ("invalid_client", [700027])
    desk.entra.app_certificates.append(pair.certificate)
    assert "access_token" in await as_itself(desk, credential_of(pair))


async def test_a_certificate_that_another_key_signed_for_is_refused(desk: Desk) -> None:
    pair, other = (make_key_pair("popbridge", NOW) for _ in "ab")
    desk.entra.app_certificates.append(pair.certificate)
    forged = {"private_key": other.key, "public_certificate": pair.certificate}
    assert (await as_itself(desk, forged))["error_codes"] == [700027]


@pytest.mark.parametrize("ahead", [700.0, 3 * 365 * 86400.0])
async def test_an_assertion_outside_its_time_and_a_certificate_past_its_own_are_refused(
    desk: Desk, ahead: float
) -> None:
    pair = make_key_pair("popbridge", NOW)
    desk.entra.app_certificates.append(pair.certificate)
    desk.entra.clock_offset = ahead
    expected = 700024 if ahead < 86400 else 700027
    assert (await as_itself(desk, credential_of(pair)))["error_codes"] == [expected]


async def test_an_assertion_is_for_one_tenant_and_one_app_and_cannot_be_mangled(
    desk: Desk,
) -> None:
    pair = make_key_pair("popbridge", NOW)
    desk.entra.app_certificates.append(pair.certificate)
    await as_itself(desk, credential_of(pair))
    form = desk.entra.forms("client_credentials")[-1]
    text = form["client_assertion"]
    other = EntraClient("another-app", certificates=[pair.certificate])
    desk.entra.clients[other.client_id] = other
    refused = {
        700021: {"client_id": other.client_id},
        700027: {"client_assertion": f"{text[:-4]}AAAA"},
        50027: {"client_assertion": "no.assertion.at-all"},
        900144: {"client_assertion_type": "jwt"},
    }
    for code, change in refused.items():
        assert (await desk.post(**form | change)).json["error_codes"] == [code]
    assert (await desk.post(**form, at=desk.entra.tenant_domain)).status == 200
    desk.entra.tenant_id = "2b7f6f3a-0000-4000-8000-000000000000"
    assert (await desk.post(**form)).json["error_codes"] == [700023]


async def test_an_app_asks_for_all_it_has_or_for_nothing(desk: Desk) -> None:
    desk.entra.client.secrets["s3cret"] = None
    got = await as_itself(desk, "s3cret", scope="Mail.ReadWrite")
    assert got["error_codes"] == [1002012]


async def test_an_app_without_a_tenant_of_its_own_or_unknown_there_is_refused(
    desk: Desk,
) -> None:
    desk.entra.client.secrets["s3cret"] = None
    await as_itself(desk, "s3cret")
    nowhere = await desk.post(**desk.entra.forms("client_credentials")[-1], at="organizations")
    assert nowhere.json["error_codes"] == [50059]
    unknown = await as_itself(desk, "s3cret", client_id="9d1c6f5e-0000-4000-8000-000000000000")
    assert unknown["error_codes"] == [700016]


async def test_a_resource_that_the_tenant_does_not_have_is_refused(desk: Desk) -> None:
    desk.entra.client.secrets["s3cret"] = None
    app = await desk.confidential("s3cret")
    got = await in_thread(
        lambda: app.acquire_token_for_client(["https://graph.microsoft.us/.default"])
    )
    assert (got["error"], got["error_codes"]) == ("invalid_resource", [500011])
