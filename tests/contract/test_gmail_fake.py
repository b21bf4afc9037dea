"""The fake of Gmail, driven over its socket: what is there. Each test ends without violations."""

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.contract.gmail_desk import LETTER, Desk, opened
from tests.fakes.gmail import METADATA
from tests.fakes.gmail_store import Pieces


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with opened() as made:
        yield made
        assert made.gmail.violations == []


def mail(subject: str, **more: str) -> bytes:
    fields = "".join(f"{name}: {value}\r\n" for name, value in more.items())
    return f"Subject: {subject}\r\n{fields}\r\nText\r\n".encode()


# ---- profile and labels


async def test_a_profile_tells_address_numbers_and_where_history_stands(desk: Desk) -> None:
    desk.box.put(LETTER)
    profile = (await desk.get("profile")).value
    assert profile == {
        "emailAddress": "printer@example.com",
        "messagesTotal": 1,
        "threadsTotal": 1,
        "historyId": str(desk.box.history_id),
    }


async def test_labels_are_the_systems_and_the_users(desk: Desk) -> None:
    reply = await desk.ask(
        "POST",
        "labels",
        {
            "name": "Print/Done",
            "labelListVisibility": "labelShow",
            "messageListVisibility": "show",
        },
    )
    labels = {one["name"]: one for one in (await desk.get("labels")).value["labels"]}
    assert labels["INBOX"] == {"id": "INBOX", "name": "INBOX", "type": "system"}
    assert labels["Print/Done"] == {"id": "Label_1", "name": "Print/Done", "type": "user"}
    assert reply.value["id"] == "Label_1"


async def test_a_label_of_the_same_name_in_another_case_is_a_conflict(desk: Desk) -> None:
    desk.box.create_label("Done")
    asked = {
        "name": "done",
        "labelListVisibility": "labelShow",
        "messageListVisibility": "show",
    }
    reply = await desk.ask("POST", "labels", asked)
    assert (reply.status, reply.reason) == (409, "aborted")


async def test_a_label_needs_a_name(desk: Desk) -> None:
    asked = {"name": " ", "labelListVisibility": "labelShow", "messageListVisibility": "show"}
    assert (await desk.ask("POST", "labels", asked)).status == 400


async def test_a_label_tells_how_many_messages_have_it(desk: Desk) -> None:
    desk.box.put(LETTER)
    desk.box.put(LETTER, ["INBOX"])
    value = (await desk.get("labels/INBOX")).value
    assert (value["messagesTotal"], value["messagesUnread"]) == (2, 1)
    assert (await desk.get("labels/Label_9")).status == 404


# ---- listing


async def test_an_empty_listing_has_no_messages_key(desk: Desk) -> None:
    assert (await desk.get("messages")).value == {"resultSizeEstimate": 0}


async def test_the_newest_message_comes_first(desk: Desk) -> None:
    first, second = desk.box.put(LETTER), desk.box.put(LETTER)
    oldest = desk.box.put(LETTER, internal_date=1)
    assert await desk.listed() == [second, first, oldest]
    assert all(len(one) == 16 and int(one, 16) for one in (first, second, oldest))


async def test_several_labels_must_all_be_there(desk: Desk) -> None:
    both, _one = desk.box.put(LETTER), desk.box.put(LETTER, ["INBOX"])
    assert await desk.listed("?labelIds=INBOX&labelIds=UNREAD") == [both]


async def test_an_unknown_label_is_refused(desk: Desk) -> None:
    reply = await desk.get("messages?labelIds=Label_7")
    assert (reply.status, reply.reason) == (400, "invalidArgument")


async def test_trash_and_spam_are_left_out_unless_asked_for(desk: Desk) -> None:
    trashed, spam = desk.box.put(LETTER, ["TRASH"]), desk.box.put(LETTER, ["SPAM"])
    assert await desk.listed() == []
    assert await desk.listed("?includeSpamTrash=true") == [spam, trashed]
    assert await desk.listed("?labelIds=TRASH") == [trashed]
    assert await desk.listed("?q=in:trash") == [trashed]


async def test_a_long_listing_comes_in_pages_that_deletions_do_not_shift(desk: Desk) -> None:
    ids = [desk.box.put(LETTER) for _ in range(5)][::-1]
    page = (await desk.get("messages?maxResults=2")).value
    seen = [one["id"] for one in page["messages"]]
    desk.box.remove(seen[0])
    while "nextPageToken" in page:
        page = (
            await desk.get(f"messages?maxResults=2&pageToken={page['nextPageToken']}")
        ).value
        seen += [one["id"] for one in page["messages"]]
    assert seen == ids


async def test_pages_have_a_hundred_unless_asked_for_and_never_more_than_five(
    desk: Desk,
) -> None:
    for _ in range(501):
        desk.box.put(LETTER)
    assert len(await desk.listed()) == 100
    assert len(await desk.listed("?maxResults=500")) == 500


async def test_a_page_token_is_good_for_its_own_question_only(desk: Desk) -> None:
    for _ in range(3):
        desk.box.put(LETTER)
    token = (await desk.get("messages?maxResults=1")).value["nextPageToken"]
    assert (await desk.get(f"messages?labelIds=INBOX&pageToken={token}")).status == 400
    assert (await desk.get("messages?pageToken=17")).status == 400


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("label:Print-Queue", [0]),
        ("in:inbox", [1, 2]),
        ("in:inbox is:unread", [1]),
        ("is:read", [0, 2]),
        ("-in:inbox", [0]),
        ("invoice", [1]),
        ("subject:invoice", [1]),
        ('subject:"the second Invoice"', [1]),
        ("from:fax@example.com", [2]),
        ("has:attachment", [2]),
        ("grüße", [0]),
        ("is:starred", []),
        ("is:important", []),
        ("label:nothing", []),
        ("in:anywhere", [0, 1, 2]),
    ],
)
async def test_a_query_finds_what_it_names(desk: Desk, query: str, found: list[int]) -> None:
    greeting = mail("=?utf-8?q?Gr=C3=BC=C3=9Fe?=")
    attached = (
        mail("=?nowhere?b?w6k=?=", From="fax@example.com")
        + b"Content-Disposition: attachment\r\n"
    )
    ids = [
        desk.box.put(greeting, ["Print Queue"]),
        desk.box.put(mail("the second\r\n Invoice")),
        desk.box.put(attached, ["INBOX"]),
    ]
    assert await desk.listed(f"?q={query}") == [ids[at] for at in reversed(found)]


# ---- reading


async def test_raw_is_the_message_without_padding(desk: Desk) -> None:
    one = desk.box.put(b"ab\xff\xfe")
    reply = await desk.get(f"messages/{one}?format=raw")
    assert reply.octets == b"ab\xff\xfe"
    assert reply.value["raw"] == "YWL__g"
    assert list(reply.value)[-1] == "raw"


async def test_raw_may_be_padded_and_its_padding_escaped(desk: Desk) -> None:
    one = desk.box.put(b"a")
    desk.box.padding = True
    assert b'"YQ=="' in (await desk.get(f"messages/{one}?format=raw")).body
    desk.box.escaped_padding = True
    reply = await desk.get(f"messages/{one}?format=raw")
    assert rb'"YQ\u003d\u003d"' in reply.body
    assert reply.octets == b"a"


async def test_raw_may_come_first(desk: Desk) -> None:
    desk.box.raw_first = True
    one = desk.box.put(LETTER)
    assert next(iter((await desk.get(f"messages/{one}?format=raw")).value)) == "raw"


@pytest.mark.parametrize("length", [0, 1, 2, 3, 4096])
async def test_base64_goes_on_across_pieces_of_any_length(desk: Desk, length: int) -> None:
    def pieces() -> Iterator[bytes]:
        yield from (b"", b"x" * length, b"yz", b"", b"1" * 65537, b"22")

    octets = b"".join(pieces())
    one = desk.box.put(Pieces(len(octets), pieces))
    assert (await desk.get(f"messages/{one}?format=raw")).octets == octets


async def test_a_message_in_pieces_is_made_only_as_it_is_read(desk: Desk) -> None:
    made = 0

    def pieces() -> Iterator[bytes]:
        nonlocal made
        for made in range(1, 2401):  # noqa: B007 - it is looked at outside
            yield bytes(65536)

    one = desk.box.put(Pieces(2400 * 65536, pieces))
    url = f"{desk.gmail.url}/gmail/v1/users/me/messages/{one}?format=raw&fields=raw"
    headers = {"Authorization": f"Bearer {desk.token}"}
    async with desk.session.get(url, headers=headers) as got:
        await got.content.readexactly(65536)
        assert 0 < made < 400
        got.close()


async def test_a_message_tells_all_but_its_content_in_the_minimal_format(desk: Desk) -> None:
    one = desk.box.put(LETTER, internal_date=1750000000000, snippet='a "raw": "trap"')
    value = (await desk.get(f"messages/{one}?format=minimal")).value
    assert value.pop("sizeEstimate") != len(LETTER)
    assert value == {
        "id": one,
        "threadId": one,
        "labelIds": ["INBOX", "UNREAD"],
        "snippet": 'a "raw": "trap"',
        "historyId": str(desk.box.history_id),
        "internalDate": "1750000000000",
    }


async def test_a_message_without_labels_has_no_such_key(desk: Desk) -> None:
    one = desk.box.put(LETTER, [])
    assert "labelIds" not in (await desk.get(f"messages/{one}?format=minimal")).value


async def test_metadata_are_the_headers_that_were_asked_for(desk: Desk) -> None:
    one = desk.box.put(b"From: a@example.com\nSUBJECT: =?utf-8?b?w6k=?=\nX-A: 1\n\nText")
    query = "format=metadata&metadataHeaders=Subject&metadataHeaders=From"
    payload = (await desk.get(f"messages/{one}?{query}")).value["payload"]
    assert payload["headers"] == [
        {"name": "From", "value": "a@example.com"},
        {"name": "SUBJECT", "value": "é"},
    ]
    every = (await desk.get(f"messages/{one}?format=metadata")).value["payload"]["headers"]
    assert len(every) == 3


@pytest.mark.parametrize(
    ("fields", "keys"),
    [
        ("raw", ["raw"]),
        ("id,raw", ["id", "raw"]),
        ("labelIds", ["labelIds"]),
        ("id,labelIds,internalDate", ["id", "internalDate", "labelIds"]),
        ("*", ["historyId", "id", "internalDate", "labelIds", "raw", "sizeEstimate"]),
    ],
)
async def test_an_answer_can_be_partial(desk: Desk, fields: str, keys: list[str]) -> None:
    one = desk.box.put(LETTER)
    value = (await desk.get(f"messages/{one}?format=raw&fields={fields}")).value
    assert sorted(set(value) - {"snippet", "threadId"}) == keys


@pytest.mark.parametrize("fields", ["messages(id),nextPageToken", "messages/id,nextPageToken"])
async def test_a_listing_can_be_partial(desk: Desk, fields: str) -> None:
    one = desk.box.put(LETTER)
    value = (await desk.get(f"messages?fields={fields}")).value
    assert value == {"messages": [{"id": one}]}


async def test_an_answer_is_indented_unless_that_is_declined(desk: Desk) -> None:
    one = desk.box.put(LETTER)
    assert b'{\n  "id": "' in (await desk.get(f"messages/{one}?format=raw")).body
    compact = await desk.get(f"messages/{one}?format=raw&prettyPrint=false")
    assert compact.body.startswith(b'{"id":"')
    assert b"\n" not in compact.body
    assert compact.octets == LETTER


async def test_what_is_gone_is_not_found_and_noise_is_no_id(desk: Desk) -> None:
    gone = desk.box.put(LETTER)
    desk.box.remove(gone)
    reply = await desk.get(f"messages/{gone}?format=raw")
    assert (reply.status, reply.reason) == (404, "notFound")
    assert (await desk.get("messages/nothing?format=raw")).status == 400


async def test_metadata_alone_gives_neither_content_nor_queries(desk: Desk) -> None:
    token, one = desk.bearer(METADATA), desk.box.put(LETTER)
    assert (await desk.get(f"messages/{one}?format=raw", token=token)).status == 403
    assert (await desk.get("messages?q=in:inbox", token=token)).status == 403
    assert (await desk.get(f"messages/{one}?format=minimal", token=token)).status == 200
