"""Looks at a mailbox of Graph, and keeps its manners: against a fake that a contract judges."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import stamina

from providers.caller import TRIES
from providers.contract import (
    AccessRefused,
    CursorExpired,
    FolderMissing,
    FolderName,
    ProviderError,
    RemoteId,
    Throttled,
    Unreachable,
)
from providers.microsoft.mailbox import AT_ONCE
from tests.fakes.graph import refusal, throttled
from tests.unit.providers.microsoft.graph_desk import HASTY, INBOX, MAIL, Desk, graph_desk


@pytest.fixture(autouse=True)
def impatient() -> Iterator[None]:
    """Try as often as ever, without the pauses in between."""
    stamina.set_testing(True, attempts=TRIES, cap=True)
    yield
    stamina.set_testing(False)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with graph_desk(tmp_path, HASTY) as desk:
        yield desk


# ---- looks


@pytest.mark.parametrize("messages", [0, 3, 250])
async def test_an_idle_look_at_an_unchanged_folder_is_one_request(
    desk: Desk, messages: int
) -> None:
    for _ in range(messages):
        desk.cloud.graph.mailbox.put(MAIL)
    pages = await desk.look()
    again = desk.reopened()  # nothing is remembered but the cursor
    before = desk.count()
    (idle,) = await again.look(pages[-1].cursor)
    await again.mailbox.close()
    assert (idle.added, idle.removed, idle.full, idle.last) == ((), (), False, True)
    assert desk.count() - before == 1


@pytest.mark.slow
async def test_ten_thousand_messages_are_listed_once_and_then_cost_one_request(
    desk: Desk,
) -> None:
    for _ in range(10_000):
        desk.cloud.graph.mailbox.put(b"x")
    pages = await desk.look()
    assert len({message.remote_id for page in pages for message in page.added}) == 10_000
    before = desk.count()
    desk.cloud.graph.mailbox.put(MAIL)
    (page,) = await desk.look(pages[-1].cursor)
    assert (len(page.added), desk.count() - before) == (1, 1)


async def test_a_folder_that_grows_past_a_page_is_asked_for_its_changes_from_then_on(
    desk: Desk,
) -> None:
    desk.cloud.graph.mailbox.put(MAIL)
    small = await desk.look()
    for _ in range(250):
        desk.cloud.graph.mailbox.put(MAIL)
    grown = await desk.look(small[-1].cursor)
    assert {page.full for page in grown} == {True}
    assert len({message.remote_id for page in grown for message in page.added}) == 251
    await desk.look(grown[-1].cursor)
    assert desk.cloud.graph.asked[-1].query.get("$deltatoken")


@pytest.mark.parametrize("code", ["SyncStateNotFound", "resyncRequired", "syncStateNotFound"])
@pytest.mark.parametrize("status", [410, 400])
async def test_a_dropped_cursor_has_expired_whatever_it_is_called(
    desk: Desk, code: str, status: int
) -> None:
    for _ in range(250):
        desk.cloud.graph.mailbox.put(MAIL)
    pages = await desk.look()
    desk.cloud.graph.script("deltatoken", refusal(status, code))
    with pytest.raises(CursorExpired):
        await desk.look(pages[-1].cursor)


async def test_a_list_that_is_dropped_half_way_is_begun_anew_at_the_next_look(
    desk: Desk,
) -> None:
    for _ in range(450):
        desk.cloud.graph.mailbox.put(MAIL)
    desk.cloud.graph.script("delta.*skiptoken", refusal(410, "SyncStateNotFound"))
    with pytest.raises(Unreachable):
        await desk.look()
    assert len(await desk.ids()) == 450


async def test_a_cursor_of_another_mailbox_folder_or_provider_has_expired(desk: Desk) -> None:
    desk.cloud.graph.mailbox.put(MAIL)
    cursor = (await desk.look())[-1].cursor
    shared = desk.reopened(mailbox="shared@example.com")
    before = desk.count()
    for other, folder, foreign in (
        (shared, INBOX, cursor),
        (desk, FolderName("archive"), cursor),
        (desk, INBOX, "folder-1 abc"),
    ):
        with pytest.raises(CursorExpired):
            await other.look(foreign, folder)  # type: ignore[arg-type] - a cursor is a string
    await shared.mailbox.close()
    assert desk.count() == before


async def test_a_link_to_another_host_gets_no_request_and_no_token(desk: Desk) -> None:
    for _ in range(250):
        desk.cloud.graph.mailbox.put(MAIL)
    desk.cloud.graph.links_lead_to = desk.cloud.entra.url
    with pytest.raises(Unreachable, match="nothing was sent there"):
        await desk.look()
    assert desk.cloud.entra.asked == []


async def test_a_look_that_takes_graph_too_long_is_asked_in_smaller_pages(desk: Desk) -> None:
    for _ in range(120):
        desk.cloud.graph.mailbox.put(MAIL)
    late = refusal(504, "GatewayTimeout")
    desk.cloud.graph.script("messages[?]", late, late)
    assert len(await desk.ids()) == 120
    assert [a.query["$top"] for a in desk.cloud.graph.requests("messages[?]")] == [
        "200",
        "100",
        "50",
    ]


async def test_smaller_pages_have_an_end(desk: Desk) -> None:
    desk.cloud.graph.always("messages[?]", refusal(504, "GatewayTimeout"))
    with pytest.raises(Unreachable):
        await desk.look()
    assert desk.count("messages[?]") <= 10


# ---- folders


@pytest.mark.parametrize(
    ("named", "made"),
    [
        ("inbox/Scans", "inbox/Scans"),
        ("Printing", "Printing"),
        ("Printing/Office 2", "Printing/Office 2"),
        ("ARCHIVE", "archive"),
        ("O'Brien & Sons", "O'Brien & Sons"),
    ],
)
async def test_a_folder_is_found_by_its_path(desk: Desk, named: str, made: str) -> None:
    message = desk.cloud.graph.mailbox.put(MAIL, made)
    assert await desk.ids(FolderName(named)) == [message.id]


async def test_a_folder_is_found_by_its_id(desk: Desk) -> None:
    message = desk.cloud.graph.mailbox.put(MAIL, "Printing")
    name = FolderName(f"id:{desk.cloud.graph.mailbox.folder('Printing').id}")
    assert await desk.ids(name) == [message.id]


@pytest.mark.parametrize("code", ["ErrorItemNotFound", "ErrorFolderNotFound"])
@pytest.mark.parametrize("named", ["Nowhere", "inbox/Nowhere", "id:AAMkADnowhere"])
async def test_a_folder_that_is_not_there_is_missing(desk: Desk, named: str, code: str) -> None:
    desk.cloud.graph.missing_folder = code
    with pytest.raises(FolderMissing, match=named.rpartition("/")[2]):
        await desk.look(folder=FolderName(named))


async def test_a_folder_that_was_removed_since_is_missing_and_found_when_it_is_back(
    desk: Desk,
) -> None:
    folder = FolderName("Printing")
    desk.cloud.graph.mailbox.put(MAIL, "Printing")
    pages = await desk.look(folder=folder)
    desk.cloud.graph.mailbox.remove_folder("Printing")
    with pytest.raises(FolderMissing):
        await desk.look(folder=folder)
    message = desk.cloud.graph.mailbox.put(MAIL, "Printing")
    assert await desk.ids(folder) == [message.id]
    with pytest.raises(CursorExpired):  # the old one leads to the folder that is gone
        await desk.look(pages[-1].cursor, folder)


async def test_a_fault_of_graphs_own_is_asked_about_twice_and_no_more(desk: Desk) -> None:
    desk.cloud.graph.always("", refusal(500, "ErrorInternalServerError"))
    with pytest.raises(Unreachable):
        await desk.look()
    assert desk.count() == 2


# ---- manners


async def test_never_more_than_three_requests_are_in_flight(desk: Desk) -> None:
    messages = [desk.cloud.graph.mailbox.put(MAIL) for _ in range(12)]
    desk.cloud.graph.latency = 0.02
    async with asyncio.TaskGroup() as group:
        for message in messages:
            group.create_task(desk.fetch(RemoteId(message.id)), name="fetch")
    assert desk.cloud.graph.most_in_flight == AT_ONCE == 3


async def test_a_refused_token_is_replaced_once_and_its_claims_are_passed_on(
    desk: Desk,
) -> None:
    desk.tokens.is_cae = True
    desk.cloud.graph.mailbox.put(MAIL)
    await desk.tokens.access_token()
    desk.cloud.entra.revoke_access()
    assert len(await desk.ids()) == 1
    (claims,) = desk.tokens.replaced
    assert claims is not None
    assert '"nbf"' in claims


async def test_a_service_that_refuses_every_token_is_not_stormed(desk: Desk) -> None:
    desk.cloud.graph.always("", refusal(401, "InvalidAuthenticationToken"))
    with pytest.raises(AccessRefused):
        await desk.look()
    assert (desk.count(), len(desk.tokens.replaced)) == (2, 1)


async def test_a_long_pause_that_graph_asks_for_is_left_to_the_caller(desk: Desk) -> None:
    desk.cloud.graph.always("", throttled("120"))
    with pytest.raises(Throttled) as caught:
        await desk.look()
    assert caught.value.retry_after == 120
    assert desk.count() == 1


@pytest.mark.parametrize(
    ("status", "code", "said"),
    [
        (403, "ErrorAccessDenied", "permission"),
        (404, "MailboxNotEnabledForRESTAPI", "licence"),
        (404, "ErrorInvalidUser", "address"),
        (403, "Forbidden", "licensed"),
    ],
)
async def test_a_refusal_says_what_to_mend_and_is_not_repeated(
    desk: Desk, status: int, code: str, said: str
) -> None:
    desk.cloud.graph.always("", refusal(status, code))
    with pytest.raises(AccessRefused, match=said) as caught:
        await desk.look()
    assert desk.count() == 1
    assert caught.value.request_id


async def test_a_shared_mailbox_is_opened_by_its_address_and_needs_a_delegate(
    desk: Desk,
) -> None:
    desk.tokens.scopes = ("Mail.ReadWrite.Shared",)
    user = desk.cloud.entra.user
    shared = desk.cloud.graph.add_mailbox("scans@example.com", delegates=(user,))
    message = shared.put(MAIL)
    other = desk.reopened(mailbox="scans@example.com")
    assert await other.ids() == [message.id]
    shared.delegates.clear()
    with pytest.raises(AccessRefused):
        await other.look()
    await other.mailbox.close()


async def test_an_app_opens_the_mailbox_that_exchange_confines_it_to(desk: Desk) -> None:
    desk.tokens.roles = ()
    mailbox = desk.cloud.graph.add_mailbox("fax@example.com")
    roles = desk.cloud.entra.client.exchange_roles
    roles["fax@example.com"] = "Application Mail.ReadWrite"
    message = mailbox.put(MAIL)
    fax = desk.reopened(mailbox="fax@example.com")
    assert await fax.ids() == [message.id]
    desk.cloud.graph.add_mailbox("boss@example.com").put(MAIL)
    boss = desk.reopened(mailbox="boss@example.com")
    with pytest.raises(AccessRefused):
        await boss.look()
    await fax.mailbox.close()
    await boss.mailbox.close()


# ---- examining


async def test_the_host_answers_without_a_token_and_tells_its_clock(desk: Desk) -> None:
    desk.cloud.graph.clock_offset = 600
    (answer,) = await desk.mailbox.reach()
    assert answer.clock_ahead is not None
    assert abs(answer.clock_ahead - 600) < 5
    assert "Authorization" not in desk.cloud.graph.asked[-1].headers


@pytest.mark.parametrize("is_read", [True, False])
async def test_proving_the_right_to_dispose_changes_nothing(
    desk: Desk, *, is_read: bool
) -> None:
    message = desk.cloud.graph.mailbox.put(MAIL, is_read=is_read)
    await desk.mailbox.prove_right(INBOX, RemoteId(message.id))
    assert (message.is_read, message.categories) == (is_read, [])
    assert desk.count("^PATCH") == 1


async def test_a_missing_right_to_dispose_is_told(desk: Desk) -> None:
    desk.tokens.scopes = ("Mail.Read",)
    message = desk.cloud.graph.mailbox.put(MAIL)
    assert await desk.fetch(RemoteId(message.id)) == MAIL
    with pytest.raises(AccessRefused):
        await desk.mailbox.prove_right(INBOX, RemoteId(message.id))


async def test_a_host_that_is_not_there_is_unreachable(desk: Desk) -> None:
    nobody = desk.reopened(graph_url="https://127.0.0.1:9")
    with pytest.raises(ProviderError, match=r"127\.0\.0\.1"):
        await nobody.mailbox.reach()
    await nobody.mailbox.close()
