"""A Graph, or a proxy in its place, that answers as no service should: nothing is believed, nothing goes on for ever."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import stamina

from providers.caller import TRIES
from providers.contract import RemoteId, Unreachable
from tests.fakes.faults import Answer, html
from tests.fakes.graph import refusal
from tests.unit.providers.microsoft.entra_desk import entra_desk
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


async def test_a_page_for_people_with_a_good_status_has_done_nothing(desk: Desk) -> None:
    message = desk.cloud.graph.mailbox.put(MAIL)
    desk.cloud.graph.always("batch|^PATCH", html(200))
    with pytest.raises(Unreachable):
        await desk.dispose("trash", RemoteId(message.id))
    with pytest.raises(Unreachable):
        await desk.mailbox.prove_right(INBOX, RemoteId(message.id))


async def test_a_list_that_leads_back_to_itself_has_an_end(desk: Desk) -> None:
    for _ in range(250):
        desk.cloud.graph.mailbox.put(MAIL)
    pages = await desk.look()
    link = f"{desk.cloud.graph.url}/v1.0/me/mailFolders/x/messages/delta?$skiptoken=same"
    circle = Answer.of_json({"value": [], "@odata.nextLink": link})
    desk.cloud.graph.always("delta", Answer(200, circle.body, circle.headers, is_legal=False))
    before = desk.count()
    with pytest.raises(Unreachable, match="no end"):
        await desk.look(pages[-1].cursor)
    assert desk.count() - before == 2
    desk.cloud.graph.violations.clear()  # the link was none that the fake had given


@pytest.mark.parametrize("link", ["/v1.0/x y", "/v1.0/x\r\nA: b", "/v1.0/\x0b"])
async def test_a_link_that_is_no_address_is_not_followed(desk: Desk, link: str) -> None:
    page = Answer.of_json({"value": [], "@odata.nextLink": desk.cloud.graph.url + link})
    desk.cloud.graph.always("messages", Answer(200, page.body, page.headers, is_legal=False))
    with pytest.raises(Unreachable):
        await desk.look()
    assert desk.count("messages") == 1


async def test_a_page_that_comes_octet_by_octet_is_no_mail(desk: Desk) -> None:
    message = desk.cloud.graph.mailbox.put(MAIL)

    async def pieces() -> AsyncIterator[bytes]:
        for one in b"<!DOCTYPE html><html>blocked</html>":
            yield bytes([one])

    plain = {"Content-Type": "text/plain"}
    desk.cloud.graph.always("value$", Answer(200, pieces, plain, is_legal=False))
    with pytest.raises(Unreachable):
        await desk.fetch(RemoteId(message.id))


async def test_a_list_that_is_dropped_though_no_cursor_was_given_is_an_outage(
    desk: Desk,
) -> None:
    desk.cloud.graph.always("messages", refusal(410, "resyncRequired"))
    with pytest.raises(Unreachable):
        await desk.look()


@pytest.mark.parametrize(
    "odd",
    [
        {"expires_in": None},
        {"expires_in": "abc"},
        {"scope": 5},
        {"scope": None},
        {"access_token": 7},
        {"access_token": None},
        {"id_token": 5},
        {"id_token": "x.y.z"},
    ],
)
async def test_an_odd_answer_of_entra_is_an_outage_and_no_fault_of_ours(
    tmp_path: Path, odd: dict[str, object]
) -> None:
    async with entra_desk(tmp_path) as desk:
        identity, renewal = await desk.granted()
        token = {"token_type": "Bearer", "expires_in": 3600, "access_token": "t", "scope": "x"}
        answer = Answer.of_json({**token, **odd})
        odd_one = Answer(200, answer.body, answer.headers, is_legal=False)
        desk.cloud.entra.always("/token$", odd_one)
        with pytest.raises(Unreachable):
            await identity.renew(renewal.grant, force=True)


async def test_twenty_accounts_renew_together_without_waiting_for_each_others_threads(
    tmp_path: Path,
) -> None:
    async with entra_desk(tmp_path) as desk:
        _, renewal = await desk.granted()
        identities = [desk.identity(HASTY) for _ in range(20)]
        async with asyncio.TaskGroup() as group:
            renewals = [
                group.create_task(one.renew(renewal.grant, force=True), name="renew")
                for one in identities
            ]
        assert len({task.result().token for task in renewals}) == 20
