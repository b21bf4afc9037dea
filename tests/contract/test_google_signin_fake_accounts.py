"""The fake of Google's sign-in, driven by hand and by Google's own library: service accounts."""

import base64
from collections.abc import AsyncIterator
from typing import Any, cast

import google.auth.exceptions
import pytest
from google.auth import crypt, jwt

from tests.contract.google_signin_desk import (
    MODIFY,
    MODIFY_ONLY,
    READONLY,
    ROBOT,
    Desk,
    opened,
)

JWT = "urn:ietf:params:oauth:grant-type:jwt-bearer"


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with opened() as made:
        yield made


async def test_googles_library_acts_for_a_user(desk: Desk) -> None:
    token = await desk.acted_by_google(desk.signin.service_account_file(ROBOT))
    assert desk.signin.scopes_of(token) == MODIFY_ONLY
    assert desk.signin.subject_of(token) == desk.signin.user
    assert desk.signin.violations == []


async def test_without_a_subject_a_service_account_is_itself(desk: Desk) -> None:
    file = desk.signin.service_account_file(ROBOT)
    token = await desk.acted_by_google(file, subject="")
    assert desk.signin.subject_of(token) == ROBOT


@pytest.mark.parametrize(
    ("subject", "scope", "error"),
    [
        ("printer@example.com", READONLY, "unauthorized_client"),
        ("printer@elsewhere.example", MODIFY, "unauthorized_client"),
        ("nobody@example.com", MODIFY, "invalid_grant: Invalid email or User ID"),
    ],
)
async def test_a_service_account_acts_only_where_it_was_allowed_to(
    desk: Desk, subject: str, scope: str, error: str
) -> None:
    file = desk.signin.service_account_file(ROBOT)
    with pytest.raises(google.auth.exceptions.RefreshError, match=error):
        await desk.acted_by_google(file, (scope,), subject=subject)


async def test_delegation_can_be_taken_back(desk: Desk) -> None:
    file = desk.signin.service_account_file(ROBOT)
    desk.signin.delegate(ROBOT, READONLY)
    with pytest.raises(google.auth.exceptions.RefreshError, match="unauthorized_client"):
        await desk.acted_by_google(file)
    assert await desk.acted_by_google(file, (READONLY,))


@pytest.mark.parametrize("offset", [-600.0, 7200.0])
async def test_an_assertion_of_another_time_is_refused(desk: Desk, offset: float) -> None:
    desk.signin.clock_offset = offset
    with pytest.raises(google.auth.exceptions.RefreshError, match="short-lived token"):
        await desk.acted_by_google(desk.signin.service_account_file(ROBOT))


async def test_a_key_that_was_replaced_signs_nothing(desk: Desk) -> None:
    old = desk.signin.service_account_file(ROBOT)
    new = desk.signin.service_account_file(ROBOT)
    stale = {**new, "private_key": old["private_key"]}
    with pytest.raises(google.auth.exceptions.RefreshError, match="Invalid JWT Signature"):
        await desk.acted_by_google(stale)


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        ({"aud": "https://elsewhere.example/token"}, "audience"),
        ({"iss": "nobody@example.com"}, "account not found"),
        ({"scope": ""}, "Invalid OAuth scope"),
        ({"exp": 7200}, "short-lived"),
        ({"iat": None}, "short-lived"),
    ],
)
async def test_each_claim_of_an_assertion_is_looked_at(
    desk: Desk, claims: dict[str, Any], said: str
) -> None:
    assertion = _assertion(desk, **claims)
    status, answer = await desk.post(grant_type=JWT, assertion=assertion)
    assert status == 400
    assert said in answer["error_description"]


async def test_an_assertion_with_its_own_token_address_as_audience_is_taken(desk: Desk) -> None:
    assertion = _assertion(desk)
    assert (await desk.post(grant_type=JWT, assertion=assertion))[0] == 200


@pytest.mark.parametrize("assertion", ["", "a.b", "a.b.c", "W10.W10.W10"])
async def test_noise_is_no_assertion(desk: Desk, assertion: str) -> None:
    status, said = await desk.post(grant_type=JWT, assertion=assertion)
    assert (status, said["error"]) == (400, "invalid_grant")


async def test_an_unsigned_assertion_is_refused(desk: Desk) -> None:
    _, claims, _ = _assertion(desk).split(".")
    head = base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode()
    status, said = await desk.post(grant_type=JWT, assertion=f"{head}.{claims}.")
    assert (status, said["error_description"]) == (400, "Invalid JWT Signature.")


def _assertion(desk: Desk, **changes: Any) -> str:  # noqa: ANN401 - a claim may be anything
    file = desk.signin.service_account_file(ROBOT)
    now = int(desk.signin.now())
    claims = {"iss": ROBOT, "sub": desk.signin.user, "aud": file["token_uri"], "scope": MODIFY}
    claims |= {"iat": now, "exp": now + 3600, **changes}
    if "exp" in changes:
        claims["exp"] = now + changes["exp"]
    signer = cast("Any", crypt.RSASigner).from_service_account_info(file)
    signed: bytes = cast("Any", jwt).encode(signer, claims)
    return signed.decode()
