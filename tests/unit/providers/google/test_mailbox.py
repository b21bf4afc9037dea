"""Looks at folders of Gmail: in full, since a cursor, and what goes wrong between two pages."""

import pytest

from providers.contract import (
    AccessRefused,
    Cursor,
    CursorExpired,
    DispositionKind,
    FolderMissing,
    FolderName,
    MessageGone,
    ProviderError,
    RemoteId,
    Throttled,
    Unreachable,
)
from providers.google.mailbox import open_mailbox
from tests.fakes.faults import Answer, Fault, Hang, Refuse, html
from tests.fakes.gmail import MODIFY, READONLY, refusal
from tests.unit.providers.google.gmail_desk import INBOX, Desk

PRINTED = FolderName("Printed")
ATTACHED = FolderName("query:in:inbox has:attachment")
SCAN = b"Content-Disposition: attachment\r\n\r\nx"
GMAIL = "https://gmail.googleapis.com"


# ---- full lists


async def test_the_history_is_asked_for_before_the_list_it_continues(desk: Desk) -> None:
    """Or what happens in between would be in neither."""
    first = desk.put()
    late: list[RemoteId] = []
    desk.gmail.meanwhile("/messages", lambda: late.append(desk.put()))
    (page,) = await desk.look()
    assert [one.path.rpartition("/")[2] for one in desk.gmail.asked] == ["profile", "messages"]
    assert {one.remote_id for one in page.added} == {first, *late}
    (again,) = await desk.look(page.cursor)
    assert [one.remote_id for one in again.added] == late


async def test_a_long_folder_comes_in_pages_of_500_without_being_asked_for_labels(
    desk: Desk,
) -> None:
    ids = {desk.put() for _ in range(1001)}
    pages = await desk.look()
    assert [len(page.added) for page in pages] == [500, 500, 1]
    assert [page.cursor is None for page in pages] == [True, True, False]
    assert {one.remote_id for page in pages for one in page.added} == ids
    assert desk.count() == 4


async def test_messages_are_ordered_as_they_arrived(desk: Desk) -> None:
    arrived = [desk.put() for _ in range(5)]
    (page,) = await desk.look()
    ordered = sorted(page.added, key=lambda one: one.sort_key)
    assert [one.remote_id for one in ordered] == arrived


@pytest.mark.parametrize(
    "folder", ["Printed", "printed", " Printed ", "id:Label_1", "query:label:printed"]
)
async def test_a_folder_is_found_however_it_is_named(desk: Desk, folder: str) -> None:
    desk.put()
    printed = desk.put(b"printed", "Printed")
    assert await desk.ids(FolderName(folder)) == [printed]


@pytest.mark.parametrize("folder", ["trash", "SPAM"])
async def test_what_lies_in_trash_or_spam_shows_there_alone(desk: Desk, folder: str) -> None:
    shelved = desk.put(b"x", "INBOX", folder.upper())
    assert await desk.ids() == []
    assert await desk.ids(FolderName(folder)) == [shelved]


@pytest.mark.parametrize("folder", ["Nowhere", "id:Label_99"])
async def test_a_label_that_is_not_there_is_named(desk: Desk, folder: str) -> None:
    with pytest.raises(FolderMissing, match=f"no label {folder}"):
        await desk.look(None, FolderName(folder))


async def test_a_label_that_is_made_later_is_found_then(desk: Desk) -> None:
    with pytest.raises(FolderMissing):
        await desk.look(None, PRINTED)
    desk.put(b"x", "Printed")
    assert len(await desk.ids(PRINTED)) == 1


def test_a_name_that_can_be_no_folder_is_refused_without_asking_anybody() -> None:
    mailbox = open_mailbox({}, _NoTokens())
    mailbox.check_folder(PRINTED)
    for name in ("id:", "query: ", "a\x00b", "x" * 226):
        with pytest.raises(ValueError, match=r"write it like|at most"):
            mailbox.check_folder(FolderName(name))


@pytest.mark.parametrize(
    "target", ["query:in:inbox", "SENT", "id:DRAFT", "chat", "id:", "x" * 226]
)
def test_what_no_message_can_be_given_is_no_target(target: str) -> None:
    mailbox = open_mailbox({}, _NoTokens())
    mailbox.check_target(FolderName("Print jobs"))
    with pytest.raises(ValueError, match=r"label|write it like"):
        mailbox.check_target(FolderName(target))


class _NoTokens:
    async def access_token(self) -> str:
        raise AssertionError

    async def replace(self, refused: str, claims: str | None = None) -> str:
        raise AssertionError(refused[:0], claims)


async def test_a_page_that_breaks_off_between_two_is_no_missing_folder(desk: Desk) -> None:
    for _ in range(501):
        desk.put()
    desk.gmail.script("pageToken", refusal(400, "invalidArgument", "Invalid pageToken"))
    with pytest.raises(Unreachable, match="between two pages"):
        await desk.look()


@pytest.mark.parametrize("where", ["/messages", "/history"])
async def test_pages_that_go_round_in_a_circle_have_an_end(desk: Desk, where: str) -> None:
    cursor = await desk.cursor()
    more = {"historyId": "7"} if where == "/history" else {}
    desk.gmail.always(where, Answer.of_json({"nextPageToken": "again", **more}))
    before = desk.count()
    with pytest.raises(Unreachable, match="no end"):
        await desk.look(cursor if where == "/history" else None)
    assert desk.count() - before <= 3


# ---- looks since a cursor


@pytest.mark.parametrize("folder", [INBOX, PRINTED, ATTACHED])
async def test_an_idle_look_is_one_request_of_two_units(desk: Desk, folder: FolderName) -> None:
    desk.put(SCAN, "INBOX", "Printed")
    cursor = await desk.cursor(folder)
    asked, units = desk.count(), desk.gmail.units.total
    (page,) = await desk.look(cursor, folder)
    assert (page.added, page.removed, page.full, page.last) == ((), (), False, True)
    assert (desk.count() - asked, desk.gmail.units.total - units) == (1, 2)
    again = await desk.look(page.cursor, folder)
    assert [one.added for one in again] == [()]


async def test_a_look_names_what_came_and_what_went(desk: Desk) -> None:
    stays, goes, leaves = desk.put(), desk.put(), desk.put()
    cursor = await desk.cursor()
    desk.store.remove(goes)
    desk.store.modify(leaves, [], ["INBOX"])
    desk.store.modify(stays, ["STARRED"], ["UNREAD"])
    new = desk.put()
    desk.put(b"elsewhere", "Printed")
    (page,) = await desk.look(cursor)
    assert not page.full
    assert {one.remote_id for one in page.added} == {new, stays}
    assert {goes, leaves} <= set(page.removed)


async def test_a_label_of_its_own_sees_what_is_put_into_it(desk: Desk) -> None:
    message = desk.put()
    desk.store.create_label("Printed")
    cursor = await desk.cursor(PRINTED)
    desk.store.modify(message, ["Label_1"], [])
    (page,) = await desk.look(cursor, PRINTED)
    assert [one.remote_id for one in page.added] == [message]


async def test_a_long_history_is_one_look(desk: Desk) -> None:
    cursor = await desk.cursor()
    ids = {desk.put() for _ in range(1200)}
    (page,) = await desk.look(cursor)
    assert {one.remote_id for one in page.added} == ids
    assert desk.count("/history") == 3


@pytest.mark.parametrize("cursor", ["", "x", '["graph", "y", "z", "7"]'])
async def test_a_cursor_that_is_not_its_own_is_told_without_a_request(
    desk: Desk, cursor: str
) -> None:
    with pytest.raises(CursorExpired):
        await desk.look(Cursor(cursor))
    assert desk.count() == 0


async def test_a_history_that_is_too_old_has_expired(desk: Desk) -> None:
    message = desk.put()
    cursor = await desk.cursor()
    desk.store.forget_history()
    with pytest.raises(CursorExpired):
        await desk.look(cursor)
    assert await desk.ids() == [message]


async def test_anything_that_happens_means_a_new_list_of_a_search(desk: Desk) -> None:
    cursor = await desk.cursor(ATTACHED)
    scan = desk.put(SCAN)
    desk.put()
    (page,) = await desk.look(cursor, ATTACHED)
    assert page.full
    assert [one.remote_id for one in page.added] == [scan]
    (idle,) = await desk.look(page.cursor, ATTACHED)
    assert not idle.full


async def test_a_history_that_does_not_say_enough_means_a_new_list(desk: Desk) -> None:
    """Gmail may name an added message without its labels (Gmail: Synchronize clients)."""
    cursor = await desk.cursor()
    new = desk.put()
    vague = {"id": "7", "messagesAdded": [{"message": {"id": new}}]}
    value = {"history": [vague], "historyId": "7"}
    desk.gmail.script("/history", Answer.of_json(value))
    (page,) = await desk.look(cursor)
    assert page.full
    assert [one.remote_id for one in page.added] == [new]


async def test_a_label_that_was_removed_is_noticed_with_the_next_change(desk: Desk) -> None:
    desk.put(b"x", "Printed")
    cursor = await desk.cursor(PRINTED)
    del desk.store.labels["Label_1"]
    desk.put()
    with pytest.raises(CursorExpired, match="gone, or is another"):
        await desk.look(cursor, PRINTED)
    with pytest.raises(FolderMissing):
        await desk.look(None, PRINTED)


# ---- what Gmail refuses


_REFUSALS: dict[str, tuple[Fault, type[ProviderError]]] = {
    "domain": (refusal(403, "domainPolicy"), AccessRefused),
    "disabled": (refusal(403, "accessNotConfigured"), AccessRefused),
    "no-gmail": (refusal(400, "failedPrecondition"), AccessRefused),
    "delegation": (refusal(403, "delegationDenied"), AccessRefused),
    "day": (refusal(403, "dailyLimitExceeded"), Throttled),
    "long": (refusal(429, "rateLimitExceeded", retry_after="600"), Throttled),
    "500": (refusal(500, "backendError"), Unreachable),
    "page-200": (html(200), Unreachable),
    "page-403": (html(403), Unreachable),
    "page-502": (html(502), Unreachable),
    "not-json": (Answer(200, b"hello", is_legal=False), Unreachable),
    "empty": (Answer(200, b"", is_legal=False), Unreachable),
    "list": (Answer(200, b"[]", is_legal=False), Unreachable),
    "hang": (Hang(), Unreachable),
    "refuse": (Refuse(), Unreachable),
}


@pytest.mark.parametrize("name", _REFUSALS)
async def test_a_look_that_fails_says_how_and_the_next_one_goes_well(
    desk: Desk, name: str
) -> None:
    fault, kind = _REFUSALS[name]
    message = desk.put()
    desk.gmail.limit = 100  # the fake does not notice that a hanging request was given up
    cursor = await desk.cursor()
    desk.gmail.always("", fault)
    for since in (None, cursor):
        with pytest.raises(kind):
            await desk.look(since)
    desk.gmail.heal()
    assert await desk.ids() == [message]


@pytest.mark.parametrize("status", [403, 429])
async def test_a_rate_limit_is_waited_for_and_asked_again(desk: Desk, status: int) -> None:
    message = desk.put()
    limited = refusal(status, "userRateLimitExceeded", retry_after="0")
    desk.gmail.script("/profile", limited, limited)
    assert await desk.ids() == [message]
    assert desk.count("/profile") == 3


async def test_a_wait_that_is_long_is_left_to_the_worker(desk: Desk) -> None:
    desk.gmail.script("/profile", refusal(429, "rateLimitExceeded", retry_after="600"))
    with pytest.raises(Throttled) as caught:
        await desk.look()
    assert caught.value.retry_after == 600
    assert desk.count() == 1


async def test_a_token_that_has_ended_is_replaced_once(desk: Desk) -> None:
    message = desk.put()
    await desk.tokens.access_token()
    desk.cloud.google_signin.expire_tokens()
    assert await desk.ids() == [message]
    assert desk.tokens.replaced == 1


async def test_two_tokens_that_are_refused_are_a_refusal(desk: Desk) -> None:
    desk.gmail.always("", refusal(401, "authError"))
    with pytest.raises(AccessRefused, match="even a new access token"):
        await desk.look()
    assert desk.tokens.replaced == 1


async def test_a_scope_that_does_not_reach_that_far_is_named(desk: Desk) -> None:
    message = desk.put()
    desk.gmail.contract.scopes_may_lack = True
    desk.tokens.scopes = (READONLY,)
    assert await desk.ids() == [message]
    with pytest.raises(AccessRefused, match="every box ticked"):
        await desk.dispose("trash", message)
    assert desk.store.label_names(message) == {"INBOX", "UNREAD"}


# ---- the quota


async def test_requests_are_paced_to_the_budget(desk: Desk) -> None:
    message = desk.put()
    desk.open(units_per_minute="40")
    assert await desk.fetch(message) == await desk.fetch(message)
    assert desk.paused == []
    await desk.fetch(message)
    assert len(desk.paused) == 1
    assert 55 < desk.paused[0] <= 60


# ---- examining


@pytest.mark.parametrize(
    ("access", "kinds"),
    [
        ("read", {"keep"}),
        ("change", {"keep", "trash", "move", "archive", "mark-read", "label"}),
        ("purge", set(DispositionKind)),
    ],
)
def test_what_can_be_done_depends_on_the_access(access: str, kinds: set[str]) -> None:
    mailbox = open_mailbox({"access": access, "gmail_url": GMAIL}, _NoTokens())
    assert mailbox.dispositions == kinds
    assert mailbox.at_once == 4


async def test_the_host_tells_its_clock_without_a_token(desk: Desk) -> None:
    desk.gmail.clock_offset = 600
    (answer,) = await desk.mailbox.reach()
    assert answer.host == "localhost"
    assert answer.clock_ahead is not None
    assert abs(answer.clock_ahead - 600) < 5
    assert desk.tokens.given == ""


async def test_a_host_that_answers_with_a_page_is_not_reached(desk: Desk) -> None:
    desk.gmail.script("", html(200))
    with pytest.raises(Unreachable, match="page for people"):
        await desk.mailbox.reach()


@pytest.mark.parametrize(
    ("labels", "folder"),
    [
        (("INBOX", "UNREAD"), ""),
        (("Printed",), "Printed"),
        (("SENT",), "SENT"),
        (("SENT", "STARRED"), "sent"),
        (("INBOX",), "query:in:inbox"),
    ],
)
async def test_the_right_to_dispose_is_shown_without_a_change(
    desk: Desk, labels: tuple[str, ...], folder: str
) -> None:
    message = desk.put(b"x", *labels)
    before = set(desk.store.message(message).label_ids)
    await desk.mailbox.prove_right(FolderName(folder), message)
    assert desk.store.message(message).label_ids == before
    assert desk.count("/modify$|/modify\\?") == 1


async def test_a_missing_right_is_noticed(desk: Desk) -> None:
    message = desk.put()
    desk.gmail.contract.scopes_may_lack = True
    desk.tokens.scopes = (READONLY,)
    with pytest.raises(AccessRefused, match="does not reach that far"):
        await desk.mailbox.prove_right(INBOX, message)
    desk.tokens.scopes, desk.tokens.given = (MODIFY,), ""
    await desk.mailbox.prove_right(INBOX, message)


async def test_nothing_is_shown_by_a_message_that_is_gone_or_was_moved(desk: Desk) -> None:
    gone, moved = desk.put(), desk.put(b"x", "Printed")
    desk.store.remove(gone)
    for message in (gone, moved, RemoteId("no such message")):
        with pytest.raises(MessageGone):
            await desk.mailbox.prove_right(INBOX, message)
    assert desk.count("/modify") == 0
