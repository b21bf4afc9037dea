"""Turns Gmail's JSON into contract values, and labels, searches and cursors into what Gmail takes."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import attrs

from providers.contract import (
    Cursor,
    CursorExpired,
    FolderName,
    RemoteId,
    RemoteMessage,
    Unreachable,
)

PAGE_MESSAGES = 500
"""What messages.list and history.list return at most (Gmail discovery document)."""

SYSTEM_LABELS = frozenset(
    {
        "INBOX", "STARRED", "IMPORTANT", "SENT", "DRAFT", "UNREAD", "SPAM", "TRASH",
        "CATEGORY_PERSONAL", "CATEGORY_SOCIAL", "CATEGORY_PROMOTIONS", "CATEGORY_UPDATES",
        "CATEGORY_FORUMS",
    }
)  # fmt: skip
"""Labels that every mailbox has; their names are their ids (Gmail: Manage labels)."""

GIVEN_BY_GMAIL = frozenset({"SENT", "DRAFT", "CHAT"})
"""Labels that nobody else can give or take (the same page); the last is of messages long gone."""

SHELVED = frozenset({"TRASH", "SPAM"})
"""A message with one of these shows under no other label."""

MAX_LABEL = 225
"""Longest name of a label, in characters."""

_CURSOR = "gmail-1"
_EVENTS = ("messagesAdded", "labelsAdded", "labelsRemoved", "messagesDeleted")


# ---- folders


@attrs.frozen
class ByLabelId:
    """A label by its id; system labels are their own."""

    label_id: str


@attrs.frozen
class ByLabelName:
    """A label by the name that people gave it."""

    name: str


@attrs.frozen
class BySearch:
    """Whatever a search of Gmail finds."""

    query: str


FolderRef: TypeAlias = ByLabelId | ByLabelName | BySearch


def folder_ref(folder: FolderName) -> FolderRef:
    """Return what a folder name means: a label's name, `id:Label_12`, or `query:` and a search.

    The empty name is the inbox; system labels go by their names in any letter case.

    Raises:
        ValueError: it can name no folder.
    """
    text = folder.strip()
    if not folder:
        return ByLabelId("INBOX")
    kind, _, rest = text.partition(":")
    rest = rest.strip()
    named = rest if kind in ("id", "query") else text
    if not named or not named.isprintable():
        raise ValueError("write it like Print jobs, INBOX, id:Label_12 or query:has:attachment")
    if kind == "query":
        return BySearch(rest)
    if kind == "id":
        return ByLabelId(rest)
    if text.upper() in SYSTEM_LABELS:
        return ByLabelId(text.upper())
    if len(text) > MAX_LABEL:
        raise ValueError(f"a label's name has at most {MAX_LABEL} characters")
    return ByLabelName(text)


def spelled(reference: FolderRef) -> FolderName:
    """Return the one spelling of a folder; Gmail does not tell letter cases of labels apart."""
    match reference:
        case ByLabelId(label_id):
            return FolderName(f"id:{label_id}")
        case ByLabelName(name):
            return FolderName(name.casefold())
        case BySearch(search):
            return FolderName(f"query:{search}")


def label_to_give(target: str) -> ByLabelId | ByLabelName | None:
    """Return what the target of a MOVE or LABEL means; None where no message can be given it."""
    try:
        reference = folder_ref(FolderName(target))
    except ValueError:
        return None
    match reference:
        case BySearch():
            return None
        case ByLabelId(named) | ByLabelName(named) if named.upper() in GIVEN_BY_GMAIL:
            return None
        case _:
            return reference


# ---- cursors


def make_cursor(folder: FolderName, label_id: str, history_id: str) -> Cursor:
    """Return the cursor of a look; the label's id with it, so that an idle look need not ask for it."""
    return Cursor(json.dumps([_CURSOR, _digest(folder), label_id, history_id]))


def read_cursor(cursor: Cursor, folder: FolderName) -> tuple[str, str]:
    """Return the label id and the history id of a cursor.

    Raises:
        CursorExpired: it is of another provider or folder.
    """
    try:
        kind, digest, label_id, history_id = json.loads(cursor)
    except (ValueError, TypeError, RecursionError):
        raise CursorExpired("the cursor is not one of Gmail's") from None
    if (kind, digest) != (_CURSOR, _digest(folder)) or not isinstance(label_id, str):
        raise CursorExpired("the cursor is of another folder or version")
    if not isinstance(history_id, str) or not history_id.isdigit():
        raise CursorExpired("the cursor holds no history id")
    return label_id, history_id


def _digest(folder: FolderName) -> str:
    return hashlib.sha256(folder.encode()).hexdigest()[:16]


# ---- answers


def remote_message(message_id: str) -> RemoteMessage:
    """Return a message, ordered by its id.

    Ids are hexadecimal and grow with time, as far as anybody has seen; nothing promises it. A date
    would cost as much as the message.
    """
    return RemoteMessage(RemoteId(message_id), message_id.zfill(20))


def read_list(value: Any) -> tuple[list[str], str]:  # noqa: ANN401 - JSON, checked here
    """Return the ids of a page of messages.list, and the token of the next page.

    Raises:
        Unreachable: the answer is not one.
    """
    found = _objects(value, "messages")
    return [_text(one, "id") for one in found], _text(value, "nextPageToken", needed=False)


@attrs.define
class History:
    """What happened since a cursor, page by page: the net effect for one folder.

    `is_busy` where anything happened at all, `is_vague` where the net effect cannot be told: a record
    may name a message without its labels (Gmail: Synchronize clients). `history_id` is that of the
    first page: what happens while the others are read is told again next time, and that does no harm.
    """

    label_id: str
    history_id: str = ""
    is_busy: bool = False
    is_vague: bool = False
    _is_here: dict[str, bool] = attrs.field(factory=dict, init=False)

    def take(self, value: Any) -> str:  # noqa: ANN401 - JSON, checked here
        """Take a page of history.list, in order, and return the token of the next one.

        Raises:
            Unreachable: the answer is not one.
        """
        for record in _objects(value, "history"):
            self.is_busy = True
            for kind in _EVENTS:
                for event in _objects(record, kind):
                    self._take_event(kind, event)
        self.history_id = self.history_id or _text(value, "historyId")
        return _text(value, "nextPageToken", needed=False)

    @property
    def added(self) -> tuple[RemoteMessage, ...]:
        """Return what is in the folder now and was touched since."""
        return tuple(remote_message(one) for one, here in self._is_here.items() if here)

    @property
    def removed(self) -> tuple[RemoteId, ...]:
        """Return what is not in the folder now and was touched since."""
        return tuple(RemoteId(one) for one, here in self._is_here.items() if not here)

    def _take_event(self, kind: str, event: Mapping[str, Any]) -> None:
        message = event.get("message")
        if not isinstance(message, dict):
            raise Unreachable("Gmail's history names no message")
        message_id, labels = _text(message, "id"), message.get("labelIds")
        changed = event.get("labelIds")
        touched = set(changed) if isinstance(changed, list) else set()
        if kind == "messagesDeleted":
            self._is_here[message_id] = False
        elif isinstance(labels, list):
            self._is_here[message_id] = is_in(self.label_id, labels)
        else:
            self._guess(message_id, kind, touched)

    def _guess(self, message_id: str, kind: str, touched: set[str]) -> None:
        """Go by what happened to a message, where the record is silent about what it carries now."""
        is_shelf = bool(touched & SHELVED - {self.label_id})
        if kind == "labelsAdded" and (is_shelf or self.label_id in touched):
            self._is_here[message_id] = not is_shelf
        elif kind == "labelsRemoved" and self.label_id in touched:
            self._is_here[message_id] = False
        elif kind == "messagesAdded" or is_shelf:
            self.is_vague = True  # it may be here, or carry no label at all


def is_in(label_id: str, labels: Iterable[object]) -> bool:
    """Tell whether a message with these labels shows in the folder of a label."""
    carried = set(labels)
    return label_id in carried and not (carried & SHELVED - {label_id})


def read_labels(value: Any) -> dict[str, str]:  # noqa: ANN401 - JSON, checked here
    """Return the ids of all labels by name, in small letters.

    Raises:
        Unreachable: the answer is not one.
    """
    return {
        _text(one, "name").casefold(): _text(one, "id") for one in _objects(value, "labels")
    }


def read_label_ids(value: Any) -> frozenset[str]:  # noqa: ANN401 - JSON, checked here
    """Return the labels that one message carries; one without any has no such key."""
    labels = value.get("labelIds", []) if isinstance(value, dict) else None
    if not isinstance(labels, list):
        raise Unreachable("Gmail's answer tells no labels")
    return frozenset(one for one in labels if isinstance(one, str))


def read_text(value: Any, name: str) -> str:  # noqa: ANN401 - JSON, checked here
    """Return a text that an answer must hold.

    Raises:
        Unreachable: it does not.
    """
    return _text(value, name)


def _objects(value: Any, name: str) -> list[dict[str, Any]]:  # noqa: ANN401 - JSON, checked here
    """Return a list of objects; one without members is left out by Gmail."""
    found = value.get(name, []) if isinstance(value, dict) else None
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise Unreachable(f"Gmail's answer has no list of {name}")
    return found


def _text(value: Any, name: str, *, needed: bool = True) -> str:  # noqa: ANN401 - as above
    found = value.get(name, "") if isinstance(value, dict) else None
    if not isinstance(found, str) or (needed and not found):
        raise Unreachable(f"Gmail's answer has no {name}")
    return found
