"""Turns Graph's JSON into contract values, and cursors and folder names into what Graph takes.

The surprise is that there are two kinds of cursor, because there are two ways to look: a small folder
is listed whole, in one request, and its cursor tells only whether the list is the same; a larger one
is asked for its changes, and its cursor is Graph's own delta link.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias
from urllib.parse import quote, urlsplit

import attrs

from providers.contract import (
    Cursor,
    CursorExpired,
    Envelope,
    FolderName,
    RemoteId,
    RemoteMessage,
    Unreachable,
)

PAGE_MESSAGES = 200
"""Messages asked for at once, and the size of a folder from which on its changes are asked for: a
list of so many is one short answer, and "large pages risk 504" (Graph: user-list-messages)."""

SMALLEST_PAGE = 10
"""Where asking for less ends: Graph's own default page."""

LIST_SELECT = "id,receivedDateTime"
"""All that a look needs of a message; the rest would only make answers slow."""

WELL_KNOWN = frozenset(
    {
        "archive", "clutter", "conversationhistory", "deleteditems", "drafts", "inbox",
        "junkemail", "msgfolderroot", "outbox", "recoverableitemsdeletions", "sentitems",
    }
)  # fmt: skip
"""Names Graph takes in place of a folder's id (learn.microsoft.com/graph/api/resources/mailfolder)."""

_MAX_NAME = 255  # characters of a displayName
_HTTPS_PORT = 443
HEAD_OCTETS = 64
"""Octets of a body that are looked at before it is taken for a message."""

_NO_MAIL = re.compile(
    rb"[\s\xef\xbb\xbf]*(?:<(?:!doctype|html|head|body|\?xml)\b|\{\s*\"error\"\s*:)",
    re.IGNORECASE,
)
_LINK = re.compile(r"[!-~]{1,16384}")  # what an address on the wire may be made of
_LIST, _DELTA = "graph-list-1", "graph-delta-1"


# ---- folder names


@attrs.frozen
class WellKnown:
    """A folder that every mailbox has."""

    name: str


@attrs.frozen
class ById:
    """A folder by its id."""

    folder_id: str


@attrs.frozen
class ByPath:
    """A folder by the display names that lead to it, from the top or from a well-known folder."""

    start: str
    names: tuple[str, ...]


FolderRef: TypeAlias = WellKnown | ById | ByPath


def folder_ref(folder: FolderName) -> FolderRef:
    """Return what a folder name means: `inbox`, `id:AAMk...`, `Printing/Office` or `inbox/Office`.

    The empty name is the inbox.

    Raises:
        ValueError: it can name no folder.
    """
    if folder.startswith("id:"):
        if not folder[3:].strip() or not folder.isprintable():
            raise ValueError("after id: comes the folder's id")
        return ById(folder[3:])
    names = tuple(part.strip() for part in folder.strip("/").split("/")) if folder else ()
    if not names:
        return WellKnown("inbox")
    if any(not name or len(name) > _MAX_NAME or not name.isprintable() for name in names):
        raise ValueError(
            "write it like Printing, Printing/Office, a well-known name such as inbox, or id:..."
        )
    first = names[0].lower()
    if first in WELL_KNOWN:
        return ByPath(first, names[1:]) if names[1:] else WellKnown(first)
    return ByPath("msgfolderroot", names)


def spelled(reference: FolderRef) -> FolderName:
    """Return the one spelling of a folder; Exchange does not tell letter cases of names apart."""
    match reference:
        case WellKnown(name):
            return FolderName(name)
        case ById(folder_id):
            return FolderName(f"id:{folder_id}")
        case ByPath(start, names):
            return FolderName("/".join([start, *names]).casefold())


def quoted(text: str) -> str:
    """Return an id or address as one segment of a path."""
    return quote(text, safe="")


def odata_text(text: str) -> str:
    """Return a string literal of OData 4.01 (ABNF: SQUOTE-in-string is doubled)."""
    return "'" + text.replace("'", "''") + "'"


# ---- pages


@attrs.frozen
class Page:
    """One page of a list or of a delta round; `next_link` leads on, `delta_link` ends a round."""

    messages: tuple[RemoteMessage, ...]
    removed: tuple[RemoteId, ...]
    next_link: str
    delta_link: str


def read_page(value: Any, origin: str) -> Page:  # noqa: ANN401 - JSON, checked here
    """Return a page of messages, whose links lead to `origin` and nowhere else.

    A message may come more than once; what is said last of it holds (Graph: delta-query-overview).

    Raises:
        Unreachable: the answer is not one, or a link leads to another host: a token sent there would
            be given away.
    """
    items = value.get("value") if isinstance(value, dict) else None
    if not isinstance(items, list) or not all(_has_id(item) for item in items):
        raise Unreachable("Graph's answer is no list of messages")
    last = {item["id"]: item for item in items}
    return Page(
        tuple(_message(item) for item in last.values() if "@removed" not in item),
        tuple(RemoteId(key) for key, item in last.items() if "@removed" in item),
        _link(value, "@odata.nextLink", origin),
        _link(value, "@odata.deltaLink", origin),
    )


def _has_id(item: object) -> bool:
    # A list that named a message by nothing would be taken for one without it.
    found = item.get("id") if isinstance(item, dict) else None
    return isinstance(found, str) and bool(found) and found.isprintable()


def _message(item: Mapping[str, Any]) -> RemoteMessage:
    received = _text(item.get("receivedDateTime"))[:40]
    return RemoteMessage(RemoteId(item["id"]), received if received.isprintable() else "")


def _link(value: Mapping[str, Any], name: str, origin: str) -> str:
    link = value.get(name, "")
    if not isinstance(link, str):
        raise Unreachable("Graph's answer has a link that is none")
    if link and not (is_at(link, origin) and _LINK.fullmatch(link)):
        raise Unreachable(
            f"Graph's answer leads to {_host(link)}, which is not the host that this account names;"
            " nothing was sent there"
        )
    return link


def is_at(link: str, origin: str) -> bool:
    """Tell whether an absolute address has the scheme, host and port of `origin`, and no user."""
    try:
        there, here = _whereabouts(link), _whereabouts(origin)
    except ValueError:  # a port that is no number, a bracket without its other
        return False
    return there == here and urlsplit(link).username is None


def _whereabouts(address: str) -> tuple[str, str | None, int]:
    parts = urlsplit(address)
    return parts.scheme, parts.hostname, _HTTPS_PORT if parts.port is None else parts.port


def _host(link: str) -> str:
    try:
        host = urlsplit(link).hostname or "no host"
    except ValueError:
        host = "no host"
    return host[:100] if host.isprintable() else "no host"


# ---- cursors


@attrs.frozen
class ListCursor:
    """A small folder as it was listed."""

    folder_id: str
    digest: str


@attrs.frozen
class DeltaCursor:
    """Where Graph's own changes go on."""

    folder_id: str
    link: str


def list_cursor(key: str, folder_id: str, ids: Iterable[str]) -> Cursor:
    """Return the cursor of a folder listed whole; `key` says which mailbox and folder it was."""
    return Cursor(json.dumps([_LIST, key, folder_id, digest_of(ids)]))


def delta_cursor(key: str, folder_id: str, link: str) -> Cursor:
    """Return the cursor that holds a delta link."""
    return Cursor(json.dumps([_DELTA, key, folder_id, link]))


def read_cursor(cursor: Cursor, key: str, origin: str) -> ListCursor | DeltaCursor:
    """Return what a cursor means.

    Raises:
        CursorExpired: it is of another provider, mailbox, folder or host.
    """
    try:
        kind, its_key, folder_id, rest = json.loads(cursor)
    except (ValueError, TypeError, RecursionError):
        raise CursorExpired("the cursor is not one of Graph's") from None
    if its_key != key or not isinstance(folder_id, str) or not isinstance(rest, str):
        raise CursorExpired("the cursor is of another mailbox or folder")
    if kind == _LIST:
        return ListCursor(folder_id, rest)
    if kind == _DELTA and is_at(rest, origin):
        return DeltaCursor(folder_id, rest)
    raise CursorExpired("the cursor is of another host or version")


def digest_of(ids: Iterable[str]) -> str:
    """Return what two lists of the same messages share, whatever their order."""
    return hashlib.sha256("\n".join(sorted(ids)).encode()).hexdigest()[:32]


# ---- one message


def read_envelope(value: Any) -> Envelope:  # noqa: ANN401 - JSON, checked here
    """Return what Graph tells of a message; fields it does not tell, or not in text, are empty."""
    if not isinstance(value, dict):
        return Envelope()
    sender = value.get("from") or value.get("sender") or {}
    mail = sender.get("emailAddress") if isinstance(sender, dict) else None
    named = mail if isinstance(mail, dict) else {}
    name, address = _text(named.get("name")), _text(named.get("address"))
    shown = f"{name} <{address}>" if name and address and name != address else name or address
    return Envelope(shown, _text(value.get("subject")), _text(value.get("receivedDateTime")))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def looks_like_mail(head: bytes) -> bool:
    """Tell whether octets may begin a message: pages and errors that came in its place do not.

    What mail may begin with is anybody's guess, since Exchange passes on what it was sent; how a page
    for people or a JSON error begins is not.
    """
    return _NO_MAIL.match(head) is None
