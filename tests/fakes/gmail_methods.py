"""What each of Gmail's methods does with a mailbox; the service around it sees to tokens and quota."""

import re
from collections.abc import Callable
from typing import Any, TypeAlias

import attrs
from multidict import MultiDictProxy

from tests.fakes.gmail_answers import Json
from tests.fakes.gmail_query import finder, headers_of, reaches_trash
from tests.fakes.gmail_store import (
    BadArgument,
    Forbidden,
    GmailMailbox,
    HistoryRecord,
    Label,
    NoSuchThing,
    StoredMessage,
    place,
)

MOST_IDS = 1000  # batchModify's description in the discovery document
MOST_RESULTS = 500  # maxResults' description there
PAGE = 100

HISTORY_KINDS = {
    "messageAdded": "messagesAdded",
    "messageDeleted": "messagesDeleted",
    "labelAdded": "labelsAdded",
    "labelRemoved": "labelsRemoved",
}


@attrs.frozen
class Call:
    """One call of a method; `parts` are the ids in its path after the user's."""

    mailbox: GmailMailbox
    query: MultiDictProxy[str]
    parts: tuple[str, ...] = ()
    body: Json = attrs.field(factory=dict)
    sees_metadata_only: bool = False

    @property
    def message_id(self) -> str:
        if not re.fullmatch(r"[0-9a-f]{1,16}", self.parts[0]):
            raise BadArgument("Invalid id value")
        return self.parts[0]

    @property
    def page(self) -> int:
        asked = int(self.query.get("maxResults", "0")) or PAGE
        return min(asked, MOST_RESULTS, self.mailbox.page_limit)

    def question(self) -> str:
        """Return what a page token is only good for."""
        return repr(sorted(one for one in self.query.items() if one[0] not in _PAGING))


@attrs.frozen
class Result:
    """A method's answer; `message` is the one whose octets are to fill in `raw`."""

    value: Json | None
    message: StoredMessage | None = None


Handler: TypeAlias = Callable[[Call], Result]


def _profile(call: Call) -> Result:
    box = call.mailbox
    value = {
        "emailAddress": box.address,
        "messagesTotal": len(box.messages),
        "threadsTotal": len({one.thread_id for one in box.messages.values()}),
        "historyId": str(box.history_id),
    }
    return Result(value)


# ---- labels


def _labels_list(call: Call) -> Result:
    return Result({"labels": [_label(one) for one in call.mailbox.labels.values()]})


def _labels_get(call: Call) -> Result:
    box, label = call.mailbox, call.mailbox.labels.get(call.parts[0])
    if label is None:
        raise NoSuchThing
    having = [one for one in box.messages.values() if label.id in one.label_ids]
    unread = [one for one in having if "UNREAD" in one.label_ids]
    counts = {"messagesTotal": len(having), "messagesUnread": len(unread)}
    counts |= {"threadsTotal": len(having), "threadsUnread": len(unread)}
    return Result(_label(label) | counts)


def _labels_create(call: Call) -> Result:
    name = call.body.get("name")
    if not isinstance(name, str) or not name.strip():
        raise BadArgument("Invalid label name")
    label = call.mailbox.create_label(name)
    shown = {key: call.body[key] for key in _VISIBILITIES if key in call.body}
    return Result({"id": label.id, "name": name, **shown})


# ---- messages


def _messages_list(call: Call) -> Result:
    box, query = call.mailbox, call.query.get("q", "")
    if query and call.sees_metadata_only:
        raise Forbidden("Metadata scope does not support 'q' parameter")
    wanted = set(call.query.getall("labelIds", []))
    _check_known(box, wanted)
    hidden = set() if _sees_trash(call, wanted) else {"TRASH", "SPAM"} - wanted
    is_found = finder(box, query)
    before = box.position_of(call.query.get("pageToken"), call.question())
    found = [
        one
        for one in box.newest_first()
        if wanted <= one.label_ids
        and not hidden & one.label_ids
        and (before is None or place(one) < before)
        and is_found(one)
    ]
    page = found[: call.page]
    value: Json = {"messages": [one.reference() for one in page]} if page else {}
    if len(found) > len(page):
        value["nextPageToken"] = box.page_token(place(page[-1]), call.question())
    return Result(value | {"resultSizeEstimate": min(len(found), 201)})


def _messages_get(call: Call) -> Result:
    message = call.mailbox.message(call.message_id)
    form = call.query.get("format", "full")
    if call.sees_metadata_only and form in {"full", "raw"}:
        raise Forbidden(f"Metadata scope doesn't allow format {form.upper()}")
    value = _described(message)
    if form == "metadata":
        wanted = {one.lower() for one in call.query.getall("metadataHeaders", [])}
        value["payload"] = _payload(message, wanted)
    elif form == "raw":
        value["raw"] = ""
    return Result(value, message)


def _messages_modify(call: Call) -> Result:
    message = call.mailbox.message(call.message_id)
    add, remove = _label_changes(call, 100)
    call.mailbox.modify(message.id, add, remove)
    return Result(_touched(message))


def _messages_batch_modify(call: Call) -> Result:
    ids = _batch(call)
    add, remove = _label_changes(call, None)
    for one in ids:
        if one in call.mailbox.messages:
            call.mailbox.modify(one, add, remove)
    return Result(None)


def _messages_trash(call: Call) -> Result:
    message = call.mailbox.message(call.message_id)
    call.mailbox.trash(message.id)
    return Result(_touched(message))


def _messages_untrash(call: Call) -> Result:
    message = call.mailbox.message(call.message_id)
    call.mailbox.modify(message.id, [], ["TRASH"])
    return Result(_touched(message))


def _messages_delete(call: Call) -> Result:
    call.mailbox.purge(call.message_id)
    return Result(None)


def _messages_batch_delete(call: Call) -> Result:
    for one in _batch(call):
        if one in call.mailbox.messages:
            call.mailbox.purge(one)
    return Result(None)


# ---- history


def _history_list(call: Call) -> Result:
    box, start = call.mailbox, call.query.get("startHistoryId", "")
    if not start.isdecimal():
        raise BadArgument("Missing or invalid startHistoryId")
    kinds = {HISTORY_KINDS[one] for one in call.query.getall("historyTypes", HISTORY_KINDS)}
    label_id = call.query.get("labelId")
    _check_known(box, {label_id} if label_id else set())
    after = box.position_of(call.query.get("pageToken"), call.question())
    found = [
        one
        for one in box.since(int(start))
        if one.kind in kinds
        and (after is None or one.id > after[0])
        and (label_id is None or _is_about(box, one, label_id))
    ]
    page = found[: call.page]
    value: Json = {"history": [_record(one) for one in page]} if page else {}
    if len(found) > len(page):
        value["nextPageToken"] = box.page_token((page[-1].id, ""), call.question())
    return Result(value | {"historyId": str(box.history_id)})


HANDLERS: dict[str, Handler] = {
    "getProfile": _profile,
    "labels.list": _labels_list,
    "labels.get": _labels_get,
    "labels.create": _labels_create,
    "messages.list": _messages_list,
    "messages.get": _messages_get,
    "messages.modify": _messages_modify,
    "messages.batchModify": _messages_batch_modify,
    "messages.trash": _messages_trash,
    "messages.untrash": _messages_untrash,
    "messages.delete": _messages_delete,
    "messages.batchDelete": _messages_batch_delete,
    "history.list": _history_list,
}
"""By method id without its `gmail.users.`; other methods are beyond this fake."""

_PAGING = {"pageToken", "maxResults", "fields", "prettyPrint", "alt"}
_VISIBILITIES = ("messageListVisibility", "labelListVisibility")


def _label(label: Label) -> Json:
    value: Json = {"id": label.id, "name": label.name, "type": label.type}
    return value


def _described(message: StoredMessage) -> Json:
    """Return all but the content, in Gmail's order; a message without labels has no such key."""
    return {
        **message.reference(),
        **_labels_of(message),
        "snippet": message.snippet,
        "sizeEstimate": message.size_estimate,
        "historyId": str(message.history_id),
        "internalDate": str(message.internal_date),
    }


def _touched(message: StoredMessage) -> Json:
    return {**message.reference(), **_labels_of(message)}


def _labels_of(message: StoredMessage) -> Json:
    return {"labelIds": sorted(message.label_ids)} if message.label_ids else {}


def _payload(message: StoredMessage, wanted: set[str]) -> Json:
    fields = headers_of(message)
    kinds = [value for name, value in fields if name.lower() == "content-type"] or [
        "text/plain"
    ]
    shown = [
        {"name": name, "value": value}
        for name, value in fields
        if not wanted or name.lower() in wanted
    ]
    return {"mimeType": kinds[0].partition(";")[0].strip(), "headers": shown}


def _record(record: HistoryRecord) -> Json:
    reference: Json = {"id": record.message_id, "threadId": record.thread_id}
    labels = sorted(record.labels_after)
    full = {**reference, "labelIds": labels} if labels else reference
    changed = {"labelIds": list(record.label_ids)} if record.label_ids else {}
    return {
        "id": str(record.id),
        "messages": [reference],
        record.kind: [{"message": full, **changed}],
    }


def _is_about(box: GmailMailbox, record: HistoryRecord, label_id: str) -> bool:
    if box.filters_history_by_touch:
        return record.touches(label_id)
    return label_id in record.labels_after


def _sees_trash(call: Call, wanted: set[str]) -> bool:
    asked = call.query.get("includeSpamTrash", "false") == "true"
    return asked or reaches_trash(call.query.get("q", "")) or bool(wanted & {"TRASH", "SPAM"})


def _check_known(box: GmailMailbox, label_ids: set[str]) -> None:
    for one in label_ids - set(box.labels):
        raise BadArgument(f"Invalid label: {one}")


def _label_changes(call: Call, most: int | None) -> tuple[list[str], list[str]]:
    add, remove = _texts(call.body, "addLabelIds"), _texts(call.body, "removeLabelIds")
    if not add and not remove:
        raise BadArgument("No label add or removes specified")
    if most is not None and max(len(add), len(remove)) > most:
        raise BadArgument("Too many labels")
    call.mailbox.check_labels(add, remove)
    return add, remove


def _batch(call: Call) -> list[str]:
    ids = _texts(call.body, "ids")
    if not ids:
        raise BadArgument("No message ids specified.")
    if len(ids) > MOST_IDS:
        raise BadArgument(f"Too many message ids, {MOST_IDS} is the most")
    return ids


def _texts(body: Json, key: str) -> list[str]:
    value: Any = body.get(key, [])
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise BadArgument(f"Invalid value at '{key}'")
    return value
