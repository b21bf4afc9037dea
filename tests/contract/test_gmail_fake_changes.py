"""The fake of Gmail, driven over its socket: what changes. Each test ends without violations."""

import itertools
from collections.abc import AsyncIterator

import pytest

from tests.contract.gmail_desk import LETTER, Desk, opened
from tests.fakes.gmail_store import NoSuchThing


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with opened() as made:
        yield made
        assert made.gmail.violations == []


# ---- disposing


async def test_modify_swaps_labels(desk: Desk) -> None:
    one, done = desk.box.put(LETTER), desk.box.create_label("Done")
    change = {"addLabelIds": [done.id], "removeLabelIds": ["INBOX", "UNREAD"]}
    reply = await desk.ask("POST", f"messages/{one}/modify", change)
    assert reply.value == {"id": one, "threadId": one, "labelIds": [done.id]}
    assert desk.box.labelled("Done") == [LETTER]
    assert (desk.box.label_names(one), desk.box.read_ids()) == ({"Done"}, [one])


@pytest.mark.parametrize(
    "change",
    [
        {"addLabelIds": ["Label_7"]},
        {"addLabelIds": ["SENT"]},
        {"addLabelIds": ["INBOX"], "removeLabelIds": ["INBOX"]},
        {},
    ],
)
async def test_a_change_that_makes_no_sense_is_refused(
    desk: Desk, change: dict[str, list[str]]
) -> None:
    one = desk.box.put(LETTER)
    assert (await desk.ask("POST", f"messages/{one}/modify", change)).status == 400
    assert desk.box.label_names(one) == {"INBOX", "UNREAD"}


async def test_trash_takes_a_message_out_of_the_inbox_and_untrash_out_of_the_trash(
    desk: Desk,
) -> None:
    one = desk.box.put(LETTER)
    for _ in "12":
        reply = await desk.ask("POST", f"messages/{one}/trash")
        assert reply.value["labelIds"] == ["TRASH", "UNREAD"]
    reply = await desk.ask("POST", f"messages/{one}/untrash")
    assert reply.value["labelIds"] == ["UNREAD"]


async def test_a_batch_changes_all_it_knows_and_says_nothing(desk: Desk) -> None:
    ids = [desk.box.put(LETTER) for _ in range(3)]
    batch = {"ids": [*ids[:2], "18c0ffffffffffff"], "addLabelIds": ["TRASH"]}
    reply = await desk.ask(
        "POST", "messages/batchModify", {**batch, "removeLabelIds": ["INBOX"]}
    )
    assert (reply.status, reply.body) == (204, b"")
    assert desk.box.ids_labelled("TRASH") == ids[:2]
    assert desk.box.ids_labelled("INBOX") == ids[2:]


async def test_an_empty_batch_is_refused(desk: Desk) -> None:
    reply = await desk.ask(
        "POST", "messages/batchModify", {"ids": [], "addLabelIds": ["TRASH"]}
    )
    assert reply.status == 400
    assert (await desk.ask("POST", "messages/batchDelete", {"ids": []})).status == 400


async def test_deleting_is_for_ever(desk: Desk) -> None:
    ids = [desk.box.put(LETTER) for _ in range(4)]
    reply = await desk.ask("DELETE", f"messages/{ids[0]}")
    assert (reply.status, reply.body) == (204, b"")
    assert (await desk.ask("DELETE", f"messages/{ids[0]}")).status == 404
    reply = await desk.ask("POST", "messages/batchDelete", {"ids": ids[:3]})
    assert (reply.status, reply.body) == (204, b"")
    assert (desk.box.purged, list(desk.box.messages)) == (ids[:3], ids[3:])


# ---- changes


async def test_history_tells_what_came_went_and_changed(desk: Desk) -> None:
    one = desk.box.put(LETTER)
    since = (await desk.get("profile")).value["historyId"]
    two = desk.box.put(LETTER)
    await desk.ask("POST", f"messages/{one}/trash")
    desk.box.remove(two)
    assert await desk.changes(since) == [
        ("messagesAdded", two),
        ("labelsAdded", one),
        ("labelsRemoved", one),
        ("messagesDeleted", two),
    ]
    assert await desk.changes(since, "&historyTypes=messageAdded") == [("messagesAdded", two)]


async def test_a_record_tells_the_labels_that_changed_and_those_after_it(desk: Desk) -> None:
    one = desk.box.put(LETTER)
    since = desk.box.history_id
    await desk.ask("POST", f"messages/{one}/modify", {"removeLabelIds": ["INBOX"]})
    reply = await desk.get(f"history?startHistoryId={since}")
    entry = {
        "message": {"id": one, "threadId": one, "labelIds": ["UNREAD"]},
        "labelIds": ["INBOX"],
    }
    assert reply.value == {
        "history": [
            {
                "id": str(desk.box.history_id),
                "messages": [{"id": one, "threadId": one}],
                "labelsRemoved": [entry],
            }
        ],
        "historyId": str(desk.box.history_id),
    }


async def test_without_changes_history_has_no_such_key(desk: Desk) -> None:
    since = str(desk.box.history_id)
    assert (await desk.get(f"history?startHistoryId={since}")).value == {"historyId": since}


async def test_history_ids_grow_with_gaps(desk: Desk) -> None:
    seen = [(desk.box.put(LETTER), desk.box.history_id)[1] for _ in range(9)]
    steps = [after - before for before, after in itertools.pairwise(seen)]
    assert min(steps) > 1
    assert len(set(steps)) > 1


async def test_history_by_label_finds_only_what_has_it_afterwards(desk: Desk) -> None:
    """The discovery document promises "messages with a label matching the ID", and no more."""
    one, since = desk.box.put(LETTER), str(desk.box.history_id)
    desk.box.trash(one)
    two = desk.box.put(LETTER)
    assert await desk.changes(since, "&labelId=INBOX") == [("messagesAdded", two)]
    desk.box.filters_history_by_touch = True
    touched = await desk.changes(since, "&labelId=INBOX")
    assert touched == [("labelsRemoved", one), ("messagesAdded", two)]


async def test_long_history_comes_in_pages_that_go_on_to_what_came_meanwhile(
    desk: Desk,
) -> None:
    since = desk.box.history_id
    ids = [desk.box.put(LETTER) for _ in range(3)]
    page = (await desk.get(f"history?startHistoryId={since}&maxResults=2")).value
    ids.append(desk.box.put(LETTER))
    query = f"history?startHistoryId={since}&maxResults=2&pageToken={page['nextPageToken']}"
    rest = (await desk.get(query)).value
    records = page["history"] + rest["history"]
    assert [one["messages"][0]["id"] for one in records] == ids
    assert "nextPageToken" not in rest


async def test_forgotten_and_future_history_is_not_found(desk: Desk) -> None:
    old = desk.box.history_id
    desk.box.forget_history()
    for since in (old, 1, desk.box.history_id + 1):
        reply = await desk.get(f"history?startHistoryId={since}")
        assert (reply.status, reply.reason) == (404, "notFound")
    assert await desk.changes(str(desk.box.history_id)) == []


async def test_history_needs_a_beginning(desk: Desk) -> None:
    assert (await desk.get("history")).status == 400


async def test_a_message_that_is_not_there_cannot_be_removed(desk: Desk) -> None:
    with pytest.raises(NoSuchThing):
        desk.box.remove("18c0ffffffffffff")
