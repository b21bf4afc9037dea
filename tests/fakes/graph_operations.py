"""Carries out Graph's operations on a mailbox, one function for each; refusals are raised."""

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

import attrs

from tests.fakes.faults import Answer
from tests.fakes.graph_answers import (
    Json,
    Refusal,
    View,
    folder_json,
    message_json,
    of_mime,
    of_value,
)
from tests.fakes.graph_paging import (
    DEFAULT_PAGE,
    DeltaLink,
    Link,
    Links,
    ListLink,
    RoundLink,
    check_generation,
    first_round,
    next_round,
    round_page,
    window,
)
from tests.fakes.graph_store import GraphFolder, GraphMailbox, GraphMessage, iso

_ID = re.compile(r"[A-Za-z0-9_-]{60,}=*")
_NAME_IS = re.compile(r"displayName eq '((?:[^']|'')*)'")
_SINCE = re.compile(r"receivedDateTime (ge|gt) (\S+)")
_PAGE = re.compile(r"odata\.maxpagesize=(\d+)")


@attrs.frozen
class Ways:
    """How this Graph behaves; see FakeGraph, whose attributes these are."""

    link_base: str
    links: Links
    has_purge: bool
    missing_folder: str
    replay: int


@attrs.frozen
class Call:
    """One operation on one mailbox; `path` is what links to it begin with, `parts` are the ids in it."""

    ways: Ways
    mailbox: GraphMailbox
    path: str
    parts: tuple[str, ...]
    query: Mapping[str, str]
    prefer: str
    body: Json

    @property
    def select(self) -> tuple[str, ...] | None:
        text = self.query.get("$select")
        return None if text is None else tuple(text.split(","))

    @property
    def view(self) -> View:
        return View('IdType="ImmutableId"' in self.prefer, self.select)

    def link(self, link: Link, name: str) -> str:
        token = quote(self.ways.links.token(link), safe="")
        return f"{self.ways.link_base}{self.path}?{name}={token}"


# ---- folders


def list_folders(call: Call) -> Answer:
    """Answer GET mailFolders and GET mailFolders/{id}/childFolders."""
    parent = _folder(call, call.parts[0]) if call.parts else call.mailbox.root
    folders = [f for f in call.mailbox.children(parent.id) if _is_shown(f, call)]
    return _page_of(call, [folder_json(one, call.mailbox, call.view) for one in folders])


def make_folder(call: Call) -> Answer:
    """Answer POST mailFolders and POST mailFolders/{id}/childFolders."""
    parent = _folder(call, call.parts[0]) if call.parts else call.mailbox.root
    name = call.body["displayName"]
    if call.mailbox.child(parent.id, name) is not None:
        message = "A folder with the specified name already exists."
        raise Refusal(409, "ErrorFolderExists", message)
    is_hidden = call.body.get("isHidden", False)
    folder = call.mailbox.new_folder(name, parent.id, is_hidden=is_hidden)
    return of_value(folder_json(folder, call.mailbox, call.view), 201)


def get_folder(call: Call) -> Answer:
    """Answer GET mailFolders/{id}."""
    return of_value(folder_json(_folder(call, call.parts[0]), call.mailbox, call.view))


def _is_shown(folder: GraphFolder, call: Call) -> bool:
    if folder.is_hidden and call.query.get("includeHiddenFolders") != "true":
        return False
    text = call.query.get("$filter")
    if text is None:
        return True
    found = _NAME_IS.fullmatch(text)
    if found is None:
        raise Refusal(400, "ErrorInvalidUrlQueryFilter", "This fake knows no such filter.")
    return folder.name.casefold() == found[1].replace("''", "'").casefold()


# ---- looks


def list_messages(call: Call) -> Answer:
    """Answer GET mailFolders/{id}/messages; the newest come first unless it is ordered."""
    folder = _folder(call, call.parts[0])
    messages = _ordered(call, _filtered(call, call.mailbox.inside(folder.id)))
    return _page_of(call, messages)


def list_changes(call: Call) -> Answer:
    """Answer GET mailFolders/{id}/messages/delta."""
    folder = _folder(call, call.parts[0])
    mailbox, replay = call.mailbox, call.ways.replay
    if "$skiptoken" in call.query:
        link = call.ways.links.link(call.query["$skiptoken"])
        check_generation(mailbox, link)
    elif "$deltatoken" in call.query:
        link = call.ways.links.link(call.query["$deltatoken"])
        check_generation(mailbox, link)
        link = next_round(mailbox, link, replay) if isinstance(link, DeltaLink) else link
    else:
        link = first_round(mailbox, folder.id, call.select)
    if not isinstance(link, RoundLink) or link.folder_id != folder.id:
        raise Refusal(400, "ErrorInvalidUrlQuery", "The token is of something else.")
    size = _PAGE.search(call.prefer)
    view = attrs.evolve(call.view, select=link.select)
    asked = int(size[1]) if size else DEFAULT_PAGE
    items, after = round_page(mailbox, link, view, min(asked, mailbox.page_limit), replay)
    return of_value({"value": items, **_after(call, after)})


def _after(call: Call, link: RoundLink | DeltaLink) -> Json:
    if isinstance(link, DeltaLink):
        return {"@odata.deltaLink": call.link(link, "$deltatoken")}
    return {"@odata.nextLink": call.link(link, "$skiptoken")}


def _filtered(call: Call, messages: list[GraphMessage]) -> list[GraphMessage]:
    text = call.query.get("$filter")
    if text is None:
        return messages
    found = _SINCE.fullmatch(text)
    if found is None:
        raise Refusal(400, "ErrorInvalidUrlQueryFilter", "This fake knows no such filter.")
    is_open, moment = found[1] == "gt", found[2]
    return [
        m
        for m in messages
        if iso(m.received) >= moment and not (is_open and iso(m.received) == moment)
    ]


def _ordered(call: Call, messages: list[GraphMessage]) -> list[GraphMessage]:
    text = call.query.get("$orderby", "receivedDateTime desc")
    name, _, direction = text.partition(" ")
    if name != "receivedDateTime" or direction not in {"", "asc", "desc"}:
        message = "The restriction or sort order is too complex for this operation."
        raise Refusal(400, "InefficientFilter", message)
    return messages[::-1] if direction == "desc" else messages


def _page_of(call: Call, items: list[Any]) -> Answer:
    """Return a page of a list of folders, shown already, or of messages, shown when they are dealt."""
    asked = int(call.query.get("$top", DEFAULT_PAGE))
    link = ListLink(0, min(asked, call.mailbox.page_limit))
    if "$skiptoken" in call.query:
        found = call.ways.links.link(call.query["$skiptoken"])
        if not isinstance(found, ListLink):
            raise Refusal(400, "ErrorInvalidUrlQuery", "The token is of something else.")
        link = found
    page, after = window(items, link.offset, link.top)
    value: Json = {"value": [_shown(one, call) for one in page]}
    if after is not None:
        value["@odata.nextLink"] = _next_link(call, ListLink(after, link.top))
    return of_value(value)


def _next_link(call: Call, link: ListLink) -> str:
    """Return a link that carries what the list was asked with, as Graph's do."""
    carried = [
        f"{name}={quote(text, safe='$,')}&"
        for name, text in call.query.items()
        if name != "$skiptoken"
    ]
    token = quote(call.ways.links.token(link), safe="")
    return f"{call.ways.link_base}{call.path}?{''.join(carried)}$skiptoken={token}"


def _shown(one: Any, call: Call) -> Json:  # noqa: ANN401 - a message, or a folder as JSON
    return message_json(one, call.view) if isinstance(one, GraphMessage) else one


# ---- messages


def get_message(call: Call) -> Answer:
    """Answer GET messages/{id}."""
    return of_value(message_json(_message(call), call.view))


def patch_message(call: Call) -> Answer:
    """Answer PATCH messages/{id}."""
    message = call.mailbox.change(
        _message(call).id,
        is_read=call.body.get("isRead"),
        categories=call.body.get("categories"),
    )
    return of_value(message_json(message, call.view))


def get_value(call: Call) -> Answer:
    """Answer GET messages/{id}/$value."""
    message = _message(call)
    if message.unconvertible:
        text = "Failed to convert the message to MIME content."
        raise Refusal(500, "ErrorMimeContentConversionFailed", text)
    return of_mime(message)


def move_message(call: Call) -> Answer:
    """Answer POST messages/{id}/move."""
    message = _message(call)
    folder = _folder(call, call.body["destinationId"])
    moved = call.mailbox.move(message.id, folder.id)
    return of_value(message_json(moved, call.view), 201)


def purge_message(call: Call) -> Answer:
    """Answer POST messages/{id}/permanentDelete."""
    if not call.ways.has_purge:
        message = "Resource not found for the segment 'permanentDelete'."
        raise Refusal(400, "BadRequest", message)
    call.mailbox.purge(_message(call).id)
    return Answer(204)


def _message(call: Call) -> GraphMessage:
    message_id = call.parts[0]
    if not _ID.fullmatch(message_id):
        raise Refusal(400, "ErrorInvalidIdMalformed", "Id is malformed.")
    message = call.mailbox.find(message_id)
    if message is None:
        text = "The specified object was not found in the store."
        raise Refusal(404, "ErrorItemNotFound", text)
    return message


def _folder(call: Call, name: str) -> GraphFolder:
    folder = call.mailbox.named(name)
    if folder is not None:
        return folder
    if not _ID.fullmatch(name) and not name.isalpha():
        raise Refusal(400, "ErrorInvalidIdMalformed", "Id is malformed.")
    text = "The specified folder could not be found in the store."
    raise Refusal(404, call.ways.missing_folder, text)


# ---- which is which


@attrs.frozen
class Operation:
    """One operation; `writes` is whether it needs the right to."""

    method: str
    pattern: re.Pattern[str]
    carry_out: Callable[[Call], Answer]
    writes: bool = False


def _operation(
    line: str, carry_out: Callable[[Call], Answer], *, writes: bool = False
) -> Operation:
    method, _, template = line.partition(" ")
    pattern = re.escape(template).replace("ID", "([^/]+)")
    return Operation(method, re.compile(pattern), carry_out, writes)


OPERATIONS = (
    _operation("GET mailFolders", list_folders),
    _operation("POST mailFolders", make_folder, writes=True),
    _operation("GET mailFolders/ID", get_folder),
    _operation("GET mailFolders/ID/childFolders", list_folders),
    _operation("POST mailFolders/ID/childFolders", make_folder, writes=True),
    _operation("GET mailFolders/ID/messages", list_messages),
    _operation("GET mailFolders/ID/messages/delta", list_changes),
    _operation("GET messages/ID", get_message),
    _operation("PATCH messages/ID", patch_message, writes=True),
    _operation("GET messages/ID/$value", get_value),
    _operation("POST messages/ID/move", move_message, writes=True),
    _operation("POST messages/ID/permanentDelete", purge_message, writes=True),
)


def operation_of(method: str, rest: str) -> tuple[Operation, tuple[str, ...]] | None:
    """Return the operation and its ids, still escaped, of a path below a mailbox."""
    for one in OPERATIONS:
        found = one.pattern.fullmatch(rest)
        if one.method == method and found is not None:
            return one, found.groups()
    return None
