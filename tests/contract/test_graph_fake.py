"""What the fake of Graph does with folders, lists, changes and messages, asked by hand."""

import json
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path

import pytest

from tests.contract.cloud_desk import IMMUTABLE, Desk, opened
from tests.fakes.clock import FakeClock
from tests.fakes.graph import refusal
from tests.fakes.graph_store import iso, made_of

INBOX = "/me/mailFolders/inbox/messages"
MAIL = b"From: Ann <ann@example.com>\r\nSubject: an order\r\n\r\nhello\r\n"


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with opened(tmp_path) as started:
        yield started
        started.cloud.assert_kept()


# ---- ids


async def test_ids_are_long_and_tell_upper_from_lower_case(desk: Desk) -> None:
    ids = [desk.mailbox.put().id for _ in range(40)]
    assert all(140 <= len(one) <= 160 for one in ids)
    assert len(set(ids)) == 40
    assert len({one.lower() for one in ids}) == 20
    assert set("-_=") <= set("".join(ids))


async def test_an_immutable_id_outlives_a_move_and_a_mutable_one_does_not(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as desk:
        message = desk.mailbox.put()
        [mutable] = (await desk.get(f"{INBOX}?$select=id", Prefer=None)).ids
        [immutable] = (await desk.get(f"{INBOX}?$select=id")).ids
        assert immutable == message.id != mutable
        moved = await desk.ask(
            "POST", f"/v1.0/me/messages/{immutable}/move", {"destinationId": "archive"}
        )
        assert (moved.status, moved.json["id"]) == (201, immutable)
        assert (await desk.get(f"/me/messages/{immutable}")).status == 200
        gone = await desk.get(f"/me/messages/{mutable}", Prefer=None)
        assert (gone.status, gone.code) == (404, "ErrorItemNotFound")


async def test_an_id_that_is_none_is_malformed(desk: Desk) -> None:
    reply = await desk.get("/me/messages/nothing")
    assert (reply.status, reply.code) == (400, "ErrorInvalidIdMalformed")


# ---- folders


async def test_a_folder_is_found_by_its_well_known_name_its_id_and_its_display_name(
    desk: Desk,
) -> None:
    by_name = (await desk.get("/me/mailFolders/DeletedItems")).json
    by_id = (await desk.get(f"/me/mailFolders/{by_name['id']}")).json
    assert by_id == by_name
    assert by_name["displayName"] == "Deleted Items"
    listed = await desk.get("/me/mailFolders?$filter=displayName%20eq%20'deleted%20items'")
    assert listed.ids == [by_name["id"]]


async def test_folders_are_listed_ten_at_a_time(desk: Desk) -> None:
    for number in range(8):
        desk.mailbox.make_folder(f"Printing {number}")
    first = await desk.get("/me/mailFolders?$select=displayName")
    rest = await desk.get(first.next_link)
    names = [one["displayName"] for one in first.json["value"] + rest.json["value"]]
    assert len(first.ids) == 10
    assert len(names) == len(set(names)) == 14
    assert rest.next_link == ""


async def test_a_folder_is_made_once_and_a_second_time_is_a_conflict(desk: Desk) -> None:
    made = await desk.ask("POST", "/v1.0/me/mailFolders", {"displayName": "Printing"})
    inside = f"/v1.0/me/mailFolders/{made.json['id']}/childFolders"
    child = await desk.ask("POST", inside, {"displayName": "O'Neill's"})
    again = await desk.ask("POST", inside, {"displayName": "o'neill's"})
    assert (made.status, child.status) == (201, 201)
    assert (again.status, again.code) == (409, "ErrorFolderExists")
    assert desk.mailbox.folder("Printing/O'Neill's").id == child.json["id"]
    found = await desk.get(
        f"{inside.removeprefix('/v1.0')}?$filter=displayName%20eq%20'O''Neill''s'"
    )
    assert found.ids == [child.json["id"]]


async def test_a_hidden_folder_is_shown_to_those_who_ask(desk: Desk) -> None:
    hidden = desk.mailbox.new_folder("Sync Issues", desk.mailbox.root.id, is_hidden=True)
    assert hidden.id not in (await desk.get("/me/mailFolders?$top=50")).ids
    all_of_them = await desk.get("/me/mailFolders?$top=50&includeHiddenFolders=true")
    assert hidden.id in all_of_them.ids


@pytest.mark.parametrize("code", ["ErrorItemNotFound", "ErrorFolderNotFound"])
async def test_a_folder_that_is_not_there_is_not_found(desk: Desk, code: str) -> None:
    desk.graph.missing_folder = code
    folder = desk.mailbox.make_folder("Printing")
    desk.mailbox.put(MAIL, "Printing")
    desk.mailbox.remove_folder("Printing")
    for path in ("", "/messages", "/messages/delta"):
        reply = await desk.get(f"/me/mailFolders/{folder.id}{path}")
        assert (reply.status, reply.code) == (404, code)
    assert desk.mailbox.messages == {}


# ---- lists


async def test_a_list_comes_newest_first_and_in_the_order_that_was_asked_for(
    desk: Desk,
) -> None:
    ids = [desk.mailbox.put().id for _ in range(3)]
    assert (await desk.get(f"{INBOX}?$select=id")).ids == ids[::-1]
    assert (await desk.get(f"{INBOX}?$orderby=receivedDateTime%20asc")).ids == ids


async def test_a_list_shows_what_was_selected_and_the_id(desk: Desk) -> None:
    message = desk.mailbox.put(MAIL, is_read=True)
    [shown] = (await desk.get(f"{INBOX}?$select=isRead,subject")).json["value"]
    del shown["@odata.etag"]
    assert shown == {"id": message.id, "isRead": True, "subject": "an order"}
    whole = (await desk.get(f"/me/messages/{message.id}")).json
    assert whole["from"] == {"emailAddress": {"name": "Ann", "address": "ann@example.com"}}
    assert whole["parentFolderId"] == desk.mailbox.folder("inbox").id


async def test_pages_of_a_list_move_when_something_is_removed_between_them(desk: Desk) -> None:
    ids = [desk.mailbox.put().id for _ in range(6)][::-1]
    first = await desk.get(f"{INBOX}?$select=id&$top=3")
    desk.mailbox.remove(ids[0])
    second = await desk.get(first.next_link)
    assert first.ids + second.ids == [*ids[:3], *ids[4:]]


async def test_what_arrived_since_a_moment_can_be_asked_for(desk: Desk) -> None:
    messages = [desk.mailbox.put(received=1_780_000_000.0 + n) for n in range(3)]
    since = iso(messages[1].received)
    reply = await desk.get(
        f"{INBOX}?$filter=receivedDateTime%20ge%20{since}&$orderby=receivedDateTime"
    )
    assert reply.ids == [one.id for one in messages[1:]]
    later = await desk.get(f"{INBOX}?$filter=receivedDateTime%20gt%20{since}")
    assert later.ids == [messages[2].id]


async def test_a_filter_that_costs_too_much_is_refused(desk: Desk) -> None:
    for query in ("$orderby=subject", "$filter=contains(subject,'x')"):
        assert (await desk.get(f"{INBOX}?{query}")).status == 400


async def test_links_can_be_made_to_lead_to_another_host(desk: Desk) -> None:
    desk.graph.links_lead_to = "https://evil.example"
    for _ in range(11):
        desk.mailbox.put()
    reply = await desk.get(f"{INBOX}?$select=id")
    assert reply.next_link.startswith("https://evil.example/v1.0/me/")


# ---- changes


async def changes(desk: Desk, link: str, page: int = 50) -> tuple[set[str], set[str], str]:
    """Return what a round adds and removes, and the link of the next."""
    added: set[str] = set()
    removed: set[str] = set()
    while True:
        reply = await desk.get(link, Prefer=f"{IMMUTABLE}, odata.maxpagesize={page}")
        assert len(reply.ids) <= page + desk.graph.replay
        for one in reply.json["value"]:
            (removed if "@removed" in one else added).add(one["id"])
        if reply.delta_link:
            return added, removed, reply.delta_link
        link = reply.next_link


@pytest.mark.parametrize("replay", [0, 2])
async def test_a_delta_round_tells_all_and_the_next_only_what_has_changed(
    desk: Desk, replay: int
) -> None:
    desk.graph.replay = replay
    ids = [desk.mailbox.put().id for _ in range(25)]
    desk.mailbox.put(folder="archive")
    added, removed, link = await changes(desk, f"{INBOX}/delta?$select=id", 10)
    assert (added, removed) == (set(ids), set())
    assert len(desk.graph.requests("/delta")) == 3
    desk.mailbox.remove(ids[0])
    desk.mailbox.move(ids[1], desk.mailbox.folder("archive").id)
    new = desk.mailbox.put().id
    added, removed, link = await changes(desk, link)
    assert added >= {new}
    assert len(added) <= 1 + replay
    assert removed == set(ids[:2])
    added, removed, _ = await changes(desk, link)
    assert len(added | removed) <= replay


async def test_an_idle_round_is_one_request_and_may_be_asked_again(desk: Desk) -> None:
    desk.mailbox.put()
    _, _, link = await changes(desk, f"{INBOX}/delta?$select=id,receivedDateTime")
    before = len(desk.graph.requests())
    for _ in range(2):
        assert (await changes(desk, link))[:2] == (set(), set())
    assert len(desk.graph.requests()) == before + 2


async def test_a_round_keeps_what_it_was_asked_to_select(desk: Desk) -> None:
    desk.mailbox.put()
    reply = await desk.get(f"{INBOX}/delta?$select=isRead")
    desk.mailbox.put()
    [later] = (await desk.get(reply.delta_link)).json["value"]
    assert set(later) == {"@odata.type", "@odata.etag", "id", "isRead"}


async def test_every_link_of_before_is_lost_when_the_state_expires(desk: Desk) -> None:
    for _ in range(11):
        desk.mailbox.put()
    first = await desk.get(f"{INBOX}/delta?$select=id")
    last = await desk.get(first.next_link)
    desk.mailbox.expire_delta()
    for link in (first.next_link, last.delta_link):
        reply = await desk.get(link)
        assert (reply.status, reply.code) == (410, "SyncStateNotFound")
        assert "generation" in reply.json["error"]["message"]
    added, _, _ = await changes(desk, f"{INBOX}/delta?$select=id")
    assert len(added) == 11


async def test_the_link_of_one_folder_is_none_of_another(desk: Desk) -> None:
    reply = await desk.get(f"{INBOX}/delta?$select=id")
    elsewhere = reply.delta_link.replace("/inbox/", "/archive/")
    assert (await desk.get(elsewhere)).status == 400
    assert any("not followed" in one for one in desk.graph.violations)
    desk.graph.violations.clear()


# ---- MIME


async def test_mime_comes_in_chunks_as_plain_text_and_of_no_told_length(desk: Desk) -> None:
    reply = await desk.get(f"/me/messages/{desk.mailbox.put(MAIL).id}/$value")
    assert reply.body == MAIL
    assert reply.headers["Content-Type"] == "text/plain"
    assert reply.headers["Transfer-Encoding"] == "chunked"
    assert "Content-Length" not in reply.headers


async def test_a_long_message_is_made_while_it_is_sent(desk: Desk) -> None:
    message = desk.mailbox.put(made_of(b"x" * 70 + b"\r\n", 1_000_001))
    reply = await desk.get(f"/me/messages/{message.id}/$value")
    assert len(reply.body) == 1_000_001 == message.length
    assert reply.body.startswith(b"Subject: long\r\n\r\nxxx")
    assert message.subject == "long"


async def test_a_message_that_varies_is_other_octets_at_every_call(desk: Desk) -> None:
    message = desk.mailbox.put(MAIL, varies=True)
    first, second = [(await desk.get(f"/me/messages/{message.id}/$value")).body for _ in "ab"]
    assert first != second
    assert first.endswith(MAIL)


async def test_what_exchange_cannot_convert_fails_every_time_but_can_be_looked_at(
    desk: Desk,
) -> None:
    message = desk.mailbox.put(MAIL, unconvertible=True)
    for _ in range(2):
        reply = await desk.get(f"/me/messages/{message.id}/$value")
        assert (reply.status, reply.code) == (500, "ErrorMimeContentConversionFailed")
    seen = await desk.get(f"/me/messages/{message.id}?$select=subject")
    assert seen.json["subject"] == "an order"


async def test_the_mime_of_a_removed_message_is_not_found(desk: Desk) -> None:
    message = desk.mailbox.put()
    desk.graph.meanwhile(r"\$value", lambda: desk.mailbox.remove(message.id))
    reply = await desk.get(f"/me/messages/{message.id}/$value")
    assert (reply.status, reply.code) == (404, "ErrorItemNotFound")


# ---- dispositions


async def test_a_message_is_marked_and_labelled(desk: Desk) -> None:
    message = desk.mailbox.put(categories=("Red",))
    path = f"/v1.0/me/messages/{message.id}"
    etags = [(await desk.ask("GET", path)).json["@odata.etag"]]
    for body in ({"isRead": True}, {"categories": ["Printed"]}):
        reply = await desk.ask("PATCH", path, body)
        assert reply.status == 200
        etags.append(reply.json["@odata.etag"])
    assert (message.is_read, message.categories) == (True, ["Printed"])
    assert all(one != other for one, other in pairwise(etags))


async def test_a_message_is_deleted_for_good_in_the_global_cloud_alone(desk: Desk) -> None:
    message = desk.mailbox.put()
    path = f"/v1.0/me/messages/{message.id}/permanentDelete"
    desk.graph.cloud = "china"
    assert (await desk.ask("POST", path)).status == 400
    desk.graph.cloud = "global"
    assert (await desk.ask("POST", path)).status == 204
    assert desk.mailbox.purged == [message.id]
    assert (await desk.ask("POST", path)).code == "ErrorItemNotFound"


async def test_a_batch_is_carried_out_part_by_part_and_answered_in_another_order(
    desk: Desk,
) -> None:
    kept, gone = desk.mailbox.put(), desk.mailbox.put()
    desk.mailbox.remove(gone.id)
    answers = await desk.batch(
        {"method": "PATCH", "url": f"/me/messages/{kept.id}", "body": {"isRead": True}},
        {"method": "GET", "url": f"/me/messages/{gone.id}?$select=parentFolderId"},
        {"method": "POST", "url": f"/me/messages/{kept.id}/permanentDelete"},
    )
    assert list(answers) == ["2", "1", "0"]
    assert {number: one["status"] for number, one in answers.items()} == {
        "0": 200,
        "1": 404,
        "2": 204,
    }
    assert answers["1"]["body"]["error"]["code"] == "ErrorItemNotFound"
    assert "body" not in answers["2"]
    assert [one.status for one in desk.graph.batch_parts] == [200, 404, 204]
    assert json.loads(desk.graph.batch_parts[0].body) == {"isRead": True}


async def test_one_request_of_a_batch_can_be_throttled_by_a_script(desk: Desk) -> None:
    message = desk.mailbox.put()
    busy = refusal(429, "ApplicationThrottled", Retry_After="7")
    desk.graph.script_batch(r"PATCH /me/messages/", busy)
    ask = {"method": "PATCH", "url": f"/me/messages/{message.id}", "body": {"isRead": True}}
    first = (await desk.batch(ask))["0"]
    assert (first["status"], first["headers"]["Retry-After"]) == (429, "7")
    assert message.is_read is False
    assert (await desk.batch(ask))["0"]["status"] == 200


# ---- every answer


async def test_every_answer_has_a_request_id_and_a_date_that_may_be_off(tmp_path: Path) -> None:
    async with opened(tmp_path, FakeClock(1_800_000_000.0)) as desk:
        desk.graph.clock_offset = 600.0
        reply = await desk.get("/me/mailFolders/inbox")
        failed = await desk.get("/me/mailFolders/nothing")
        assert reply.headers["Date"] == "Fri, 15 Jan 2027 08:10:00 GMT"
        assert len({one.headers["request-id"] for one in (reply, failed)}) == 2
        assert failed.json["error"]["innerError"]["request-id"]
        assert reply.headers["Preference-Applied"] == IMMUTABLE
