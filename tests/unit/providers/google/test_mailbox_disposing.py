"""Disposes of messages of Gmail: by labels, many at once, and harmlessly when repeated."""

import asyncio
from collections.abc import Generator

import pytest

from providers.contract import (
    AccessRefused,
    Disposition,
    DispositionOrder,
    DispositionOutcome,
    FolderName,
    RemoteId,
    Throttled,
    Unreachable,
)
from tests.fakes.faults import Answer, Hang, html
from tests.fakes.gmail import MODIFY, refusal
from tests.unit.providers.google.gmail_desk import INBOX, Desk

DONE, REFUSED = DispositionOutcome.DONE, DispositionOutcome.REFUSED
PRINTED = FolderName("Printed")
INVOICES = FolderName("query:in:inbox subject:invoice")


class _Turn:
    """Lets every other task run once."""

    def __await__(self) -> Generator[None, None, None]:
        yield


@pytest.mark.parametrize(
    ("spelled", "folder", "before", "after"),
    [
        ("trash", INBOX, {"INBOX", "UNREAD"}, {"TRASH", "UNREAD"}),
        ("trash", PRINTED, {"Printed"}, {"TRASH"}),
        ("move:Done", INBOX, {"INBOX", "UNREAD"}, {"Done", "UNREAD"}),
        ("move: Done ", INBOX, {"INBOX"}, {"Done"}),
        ("move:Done", PRINTED, {"Printed", "INBOX"}, {"Done", "INBOX"}),
        ("move:spam", INBOX, {"INBOX"}, {"SPAM"}),
        ("move:Done", INVOICES, {"INBOX"}, {"Done"}),
        ("label:Done", INBOX, {"INBOX"}, {"INBOX", "Done"}),
        ("mark-read", INBOX, {"INBOX", "UNREAD"}, {"INBOX"}),
        ("archive", INBOX, {"INBOX", "UNREAD"}, {"UNREAD"}),
        ("archive", PRINTED, {"Printed", "INBOX", "STARRED"}, {"STARRED"}),
        ("keep", INBOX, {"INBOX"}, {"INBOX"}),
        ("trash", FolderName("SENT"), {"SENT"}, {"SENT", "TRASH"}),
        (
            "move:Done",
            FolderName("Nowhere"),
            {"Printed", "INBOX"},
            {"Printed", "INBOX", "Done"},
        ),
        ("archive", FolderName("Nowhere"), {"Printed", "INBOX"}, {"Printed"}),
    ],
)
@pytest.mark.parametrize("messages", [1, 3])
async def test_each_disposition_changes_just_these_labels(
    desk: Desk,
    spelled: str,
    folder: FolderName,
    before: set[str],
    after: set[str],
    messages: int,
) -> None:
    ids = [desk.put(b"x", *before) for _ in range(messages)]
    assert await desk.dispose(spelled, *ids, folder=folder) == [DONE] * messages
    for one in ids:
        assert desk.store.label_names(one) == after
    assert await desk.dispose(spelled, *ids, folder=folder) == [DONE] * messages
    for one in ids:
        assert desk.store.label_names(one) == after


@pytest.mark.parametrize(
    ("messages", "single", "batch"),
    [(1, 1, 0), (2, 2, 0), (3, 0, 1), (1000, 0, 1), (1001, 1, 1)],
)
async def test_up_to_two_are_changed_one_by_one_and_more_together(
    desk: Desk, messages: int, single: int, batch: int
) -> None:
    ids = [desk.put() for _ in range(messages)]
    await desk.dispose("trash", *ids)
    assert (desk.count("/modify"), desk.count("batchModify")) == (single, batch)
    assert len(desk.store.ids_labelled("TRASH")) == messages


async def test_orders_of_different_kinds_go_in_one_batch_each(desk: Desk) -> None:
    ids = [desk.put() for _ in range(6)]
    orders = [
        DispositionOrder(INBOX, one, Disposition.parse(spelled))
        for one, spelled in zip(ids, ["trash", "mark-read"] * 3, strict=True)
    ]
    assert list(await desk.mailbox.dispose(orders)) == [DONE] * 6
    assert desk.count() == desk.count("batchModify") == 2


async def test_a_label_is_made_once_and_found_again(desk: Desk) -> None:
    first, second = desk.put(), desk.put()
    await desk.dispose("move:Printed/Office", first)
    await desk.dispose("move:printed/office", second)
    assert (desk.count("POST .*/labels"), desk.count("GET .*/labels")) == (1, 1)
    assert desk.store.ids_labelled("Printed/Office") == [first, second]


async def test_a_label_that_its_owner_removed_is_made_anew(desk: Desk) -> None:
    first, second = desk.put(), desk.put()
    await desk.dispose("move:Printed", first)
    del desk.store.labels[next(one for one in desk.store.labels if one.startswith("Label"))]
    desk.store.message(first).label_ids.clear()
    with pytest.raises(Unreachable):
        await desk.dispose("move:Printed", second)
    assert await desk.dispose("move:Printed", second) == [DONE]
    assert desk.store.ids_labelled("Printed") == [second]


@pytest.mark.parametrize(
    "spelled",
    [
        "move:SENT",
        "label:draft",
        "move:query:in:inbox",
        "move:id:Label_99",
        "label:id:",
        "move:\x07",
    ],
)
async def test_what_no_message_can_become_is_refused_and_holds_nothing_up(
    desk: Desk, spelled: str
) -> None:
    message, other = desk.put(), desk.put()
    orders = [
        DispositionOrder(INBOX, message, Disposition.parse(spelled)),
        DispositionOrder(INBOX, other, Disposition.parse("trash")),
    ]
    assert list(await desk.mailbox.dispose(orders)) == [REFUSED, DONE]
    assert desk.store.label_names(message) == {"INBOX", "UNREAD"}


async def test_a_name_that_gmail_does_not_take_is_refused_and_holds_nothing_up(
    desk: Desk,
) -> None:
    message, other = desk.put(), desk.put()
    desk.gmail.script("POST .*/labels", refusal(400, "invalidArgument", "Invalid label name"))
    orders = [
        DispositionOrder(INBOX, message, Disposition.parse("move:^odd//name")),
        DispositionOrder(INBOX, other, Disposition.parse("trash")),
    ]
    assert list(await desk.mailbox.dispose(orders)) == [REFUSED, DONE]
    assert desk.store.label_names(message) == {"INBOX", "UNREAD"}


async def test_a_label_that_somebody_else_makes_meanwhile_is_given(desk: Desk) -> None:
    message = desk.put()
    desk.gmail.meanwhile("POST .*/labels", lambda: desk.store.create_label("Printed"))
    assert await desk.dispose("move:Printed", message) == [DONE]
    assert desk.store.ids_labelled("Printed") == [message]


async def test_a_label_by_its_id_is_given(desk: Desk) -> None:
    desk.store.create_label("Printed")
    message = desk.put()
    assert await desk.dispose("move:id:Label_1", message) == [DONE]
    assert desk.store.label_names(message) == {"Printed", "UNREAD"}


async def test_a_folder_by_an_id_that_is_gone_has_nothing_to_be_taken_away(desk: Desk) -> None:
    message = desk.put()
    assert await desk.dispose("trash", message, folder=FolderName("id:Label_99")) == [DONE]
    assert "TRASH" in desk.store.label_names(message)


# ---- what is gone, or never was


@pytest.mark.parametrize("spelled", ["trash", "move:Printed", "mark-read", "archive", "purge"])
@pytest.mark.parametrize("messages", [1, 3])
async def test_what_is_gone_already_is_done(desk: Desk, spelled: str, messages: int) -> None:
    gone = [desk.put() for _ in range(messages)]
    stays = desk.put()
    for one in gone:
        desk.store.remove(one)
    assert await desk.dispose(spelled, *gone, stays) == [DONE] * (messages + 1)


@pytest.mark.parametrize("messages", [0, 3])
async def test_an_id_that_never_was_holds_nothing_up(desk: Desk, messages: int) -> None:
    ids = [desk.put() for _ in range(messages)]
    strange = RemoteId("no such message")
    assert await desk.dispose("trash", *ids, strange) == [DONE] * (messages + 1)
    assert desk.store.ids_labelled("TRASH") == ids


@pytest.mark.parametrize("fault", [refusal(404, "notFound"), refusal(400, "invalidArgument")])
async def test_a_batch_that_one_id_spoils_goes_one_by_one(desk: Desk, fault: Answer) -> None:
    ids = [desk.put() for _ in range(3)]
    desk.gmail.script("batchModify", fault)
    assert await desk.dispose("trash", *ids) == [DONE] * 3
    assert desk.store.ids_labelled("TRASH") == ids


async def test_a_message_that_is_removed_meanwhile_is_done(desk: Desk) -> None:
    message = desk.put()
    desk.gmail.meanwhile("/modify", lambda: desk.store.remove(message))
    assert await desk.dispose("trash", message) == [DONE]


# ---- deletion for good


@pytest.mark.parametrize(("messages", "single", "batch"), [(1, 1, 0), (2, 2, 0), (3, 0, 1)])
async def test_purged_messages_are_looked_at_first(
    desk: Desk, messages: int, single: int, batch: int
) -> None:
    ids = [desk.put() for _ in range(messages)]
    assert await desk.dispose("purge", *ids) == [DONE] * messages
    assert desk.store.purged == ids
    assert desk.count("format=minimal") == messages
    assert (desk.count("DELETE"), desk.count("batchDelete")) == (single, batch)


@pytest.mark.parametrize("folder", [INBOX, PRINTED, FolderName("Nowhere")])
async def test_what_its_owner_has_filed_elsewhere_is_not_purged(
    desk: Desk, folder: FolderName
) -> None:
    desk.store.create_label("Printed")
    message = desk.put(b"x", "Kept")
    assert await desk.dispose("purge", message, folder=folder) == [DONE]
    assert desk.store.label_names(message) == {"Kept"}


async def test_what_a_search_found_is_purged_wherever_it_is(desk: Desk) -> None:
    message = desk.put(b"x", "Kept")
    assert await desk.dispose("purge", message, folder=INVOICES) == [DONE]
    assert desk.store.purged == [message]


# ---- what is not allowed


async def test_an_account_that_reads_alone_disposes_of_nothing(desk: Desk) -> None:
    message = desk.put()
    desk.open(access="read")
    for spelled in ("trash", "move:Printed", "archive", "mark-read", "label:Printed", "purge"):
        assert await desk.dispose(spelled, message) == [REFUSED]
    assert await desk.dispose("keep", message) == [DONE]
    assert desk.count() == 0


async def test_an_account_without_the_broad_scope_purges_nothing(desk: Desk) -> None:
    message = desk.put()
    desk.open(access="change")
    desk.tokens.scopes = (MODIFY,)
    assert await desk.dispose("purge", message) == [REFUSED]
    assert await desk.dispose("trash", message) == [DONE]
    assert desk.store.purged == []


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (refusal(403, "domainPolicy"), AccessRefused),
        (refusal(403, "dailyLimitExceeded"), Throttled),
        (refusal(500, "backendError"), Unreachable),
        (html(502), Unreachable),
        (html(404), Unreachable),
    ],
)
@pytest.mark.parametrize("messages", [1, 3])
async def test_a_failure_leaves_the_orders_to_be_repeated(
    desk: Desk, fault: Answer, kind: type[Exception], messages: int
) -> None:
    ids = [desk.put() for _ in range(messages)]
    desk.gmail.always("odify", fault)
    with pytest.raises(kind):
        await desk.dispose("trash", *ids)
    desk.gmail.heal()
    assert await desk.dispose("trash", *ids) == [DONE] * messages
    assert desk.store.ids_labelled("TRASH") == ids


async def test_a_change_that_is_answered_by_nothing_was_not_made(desk: Desk) -> None:
    """Gmail names the message it has changed; an empty 200 comes from something else on the way."""
    changed = desk.put()
    empty = Answer(200, b"", {"Content-Type": "application/json"}, is_legal=False)
    desk.gmail.script("modify", empty)
    with pytest.raises(Unreachable):
        await desk.dispose("trash", changed)
    assert await desk.dispose("trash", changed) == [DONE]
    assert desk.store.ids_labelled("TRASH") == [changed]


async def test_a_cancelled_disposal_lets_go_at_once(desk: Desk) -> None:
    ids = [desk.put() for _ in range(5)]
    desk.gmail.script("batchModify", Hang())
    async with asyncio.TaskGroup() as group:
        task = group.create_task(_ignored(desk, ids), name="dispose")
        while not desk.gmail.in_flight:
            await _Turn()
        task.cancel()
    assert desk.store.ids_labelled("TRASH") == []
    assert await desk.dispose("trash", *ids) == [DONE] * 5


async def _ignored(desk: Desk, ids: list[RemoteId]) -> None:
    await desk.dispose("trash", *ids)
