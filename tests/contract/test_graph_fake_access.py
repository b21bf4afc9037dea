"""Whom the fake of Graph lets in, to which mailbox, and how many requests it bears at once."""

import asyncio
import base64
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.contract.cloud_desk import Desk, Reply, opened, part

INBOX = "/me/mailFolders/inbox/messages"
SHARED = "scans@example.com"


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with opened(tmp_path) as started:
        yield started
        started.cloud.assert_kept()


async def write(desk: Desk, mailbox: str = "/me") -> Reply:
    """Try to change something in a mailbox."""
    return await desk.ask("POST", f"/v1.0{mailbox}/mailFolders", {"displayName": "Printing"})


# ---- tokens


async def test_a_token_that_is_unknown_or_has_ended_is_refused(desk: Desk) -> None:
    assert (await desk.get(INBOX)).status == 200
    desk.entra.expire_access(desk.token)
    ended = await desk.get(INBOX)
    unknown = await desk.get(INBOX, Authorization="Bearer nothing")
    for reply in (ended, unknown):
        assert (reply.status, reply.code) == (401, "InvalidAuthenticationToken")
        assert "claims" not in reply.headers["WWW-Authenticate"]


async def test_a_token_for_another_service_is_refused(desk: Desk) -> None:
    other = desk.entra.bearer("Mail.ReadWrite")
    desk.entra.given.access[other].audience = "https://graph.microsoft.com"
    assert (await desk.get(INBOX, Authorization=f"Bearer {other}")).status == 401


async def test_a_revoked_token_of_a_client_that_takes_claims_is_answered_with_a_challenge(
    desk: Desk,
) -> None:
    token = desk.entra.bearer("Mail.ReadWrite", is_cae=True)
    desk.entra.revoke_access(token)
    reply = await desk.get(INBOX, Authorization=f"Bearer {token}")
    assert reply.status == 401
    found = re.search(
        r'error="insufficient_claims", claims="([^"]+)"', reply.headers["WWW-Authenticate"]
    )
    assert found is not None
    claims = json.loads(base64.b64decode(found[1]))
    assert claims["access_token"]["nbf"]["essential"] is True


async def test_a_revoked_token_of_any_other_client_lives_on_to_its_end(desk: Desk) -> None:
    desk.entra.revoke_access(desk.token)
    assert (await desk.get(INBOX)).status == 200


# ---- rights


@pytest.mark.parametrize("scope", ["Mail.Read", "Mail.Read.Shared"])
async def test_a_scope_that_only_reads_may_not_write(desk: Desk, scope: str) -> None:
    desk.token = desk.entra.bearer(scope)
    message = desk.mailbox.put()
    assert (await desk.get(f"/me/messages/{message.id}/$value")).status == 200
    refused = await write(desk)
    assert (refused.status, refused.code) == (403, "ErrorAccessDenied")
    part = (
        await desk.batch(
            {"method": "PATCH", "url": f"/me/messages/{message.id}", "body": {"isRead": True}}
        )
    )["0"]
    assert (part["status"], part["body"]["error"]["code"]) == (403, "ErrorAccessDenied")


async def test_a_scope_for_something_else_may_nothing(desk: Desk) -> None:
    desk.token = desk.entra.bearer("User.Read")
    assert (await desk.get(INBOX)).code == "ErrorAccessDenied"


@pytest.mark.parametrize(
    "name",
    ["printer@example.com", "Printer%40Example.com", "a8f1b7de-51c1-4a6e-9f0a-6a1c4d2e7b30"],
)
async def test_ones_own_mailbox_has_many_names(desk: Desk, name: str) -> None:
    assert (await desk.get(f"/users/{name}/mailFolders/inbox")).status == 200


@pytest.mark.parametrize(
    ("scope", "is_delegate", "status"),
    [
        ("Mail.ReadWrite.Shared", True, 201),
        ("Mail.ReadWrite.Shared", False, 403),
        ("Mail.ReadWrite", True, 403),
        ("Mail.Read.Shared", True, 403),
    ],
)
async def test_a_shared_mailbox_needs_a_delegate_with_the_shared_scope(
    desk: Desk,
    scope: str,
    is_delegate: bool,  # noqa: FBT001 - a column of the table
    status: int,
) -> None:
    desk.graph.add_mailbox(SHARED, delegates=(desk.entra.user,) if is_delegate else ())
    desk.token = desk.entra.bearer(scope)
    assert (await write(desk, f"/users/{SHARED}")).status == status


async def test_an_unknown_address_is_no_user(desk: Desk) -> None:
    reply = await desk.get("/users/nobody%40example.com/mailFolders/inbox")
    assert (reply.status, reply.code) == (404, "ErrorInvalidUser")


async def test_a_mailbox_without_a_licence_is_none_for_graph(desk: Desk) -> None:
    desk.mailbox.is_licensed = False
    reply = await desk.get(INBOX)
    assert (reply.status, reply.code) == (404, "MailboxNotEnabledForRESTAPI")


async def test_an_app_reaches_every_mailbox_but_its_own(desk: Desk) -> None:
    desk.graph.add_mailbox(SHARED)
    desk.token = desk.entra.bearer(roles={"Mail.ReadWrite"})
    assert (await write(desk, f"/users/{SHARED}")).status == 201
    assert (await desk.get(f"/users/{desk.entra.user}/mailFolders/inbox")).status == 200
    assert (await desk.get(INBOX)).status == 400


async def test_an_app_that_exchange_confines_reaches_the_chosen_mailbox_alone(
    desk: Desk,
) -> None:
    desk.graph.add_mailbox(SHARED)
    desk.token = desk.entra.bearer(roles=())
    assert (await write(desk, f"/users/{SHARED}")).code == "ErrorAccessDenied"
    desk.entra.client.exchange_roles[SHARED] = "Application Mail.ReadWrite"
    assert (await write(desk, f"/users/{SHARED}")).status == 201
    assert (await write(desk, f"/users/{desk.entra.user}")).code == "ErrorAccessDenied"


# ---- at once


@pytest.mark.parametrize("retry_after", ["1", None])
async def test_more_than_four_at_once_are_throttled(
    desk: Desk, retry_after: str | None
) -> None:
    desk.graph.latency = 0.05
    desk.graph.retry_after = retry_after
    message = desk.mailbox.put()
    asked = [desk.get(f"/me/messages/{message.id}/$value") for _ in range(6)]
    replies = await asyncio.gather(*asked)
    throttled = [one for one in replies if one.status == 429]
    assert [one.code for one in throttled] == ["ApplicationThrottled"] * 2
    assert [one.headers.get("Retry-After") for one in throttled] == [retry_after] * 2
    assert (await desk.get(INBOX)).status == 200


async def test_four_at_once_are_borne_for_each_mailbox(desk: Desk) -> None:
    desk.graph.latency = 0.05
    desk.graph.add_mailbox(SHARED)
    desk.token = desk.entra.bearer(roles={"Mail.Read"})
    names = [SHARED, desk.entra.user] * 4
    asked = [desk.get(f"/users/{one}/mailFolders/inbox") for one in names]
    assert {one.status for one in await asyncio.gather(*asked)} == {200}


async def test_a_batch_is_one_of_those_at_once(desk: Desk) -> None:
    desk.graph.latency = 0.05
    desk.graph.limit = 1
    message = desk.mailbox.put()
    ask = part("1", "GET", f"/me/messages/{message.id}?$select=isRead")
    replies = await asyncio.gather(
        desk.ask("POST", "/v1.0/$batch", {"requests": [ask]}), desk.get(INBOX)
    )
    assert sorted(one.status for one in replies) == [200, 429]
