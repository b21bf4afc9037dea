"""Writes what Graph answers: folders, messages and refusals as JSON."""

import email.utils
import uuid
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Any

import attrs

from tests.fakes.faults import Answer, Body
from tests.fakes.graph_store import GraphFolder, GraphMailbox, GraphMessage, iso

JSON_KIND = "application/json;odata.metadata=minimal;odata.streaming=true;charset=utf-8"

Json = dict[str, Any]


class Refusal(Exception):
    """Graph refuses what was asked; `code` is what its answer is to be told apart by."""

    def __init__(self, status: int, code: str, message: str = "", **headers: str) -> None:
        super().__init__(message or code)
        self.status = status
        self.code = code
        self.headers = headers

    def answer(self) -> Answer:
        return refusal(self.status, self.code, str(self), **self.headers)


@attrs.frozen
class View:
    """How a caller wants to see things; `select` is None where everything is wanted."""

    immutable: bool
    select: Collection[str] | None = None


def refusal(status: int, code: str, message: str = "", **headers: str) -> Answer:
    """Return an error of Graph's; headers are named with underscores, `Retry_After="1"`."""
    inner = {
        "date": email.utils.formatdate(usegmt=False),
        "request-id": str(uuid.uuid4()),
        "client-request-id": str(uuid.uuid4()),
    }
    error = {"code": code, "message": message or code, "innerError": inner}
    return Answer.of_json({"error": error}, status, **{"Content_Type": JSON_KIND, **headers})


def throttled(retry_after: str | None = "1") -> Answer:
    """Return the answer to too much at once; None leaves out how long to wait."""
    headers = {} if retry_after is None else {"Retry_After": retry_after}
    message = "Application is over its MailboxConcurrency limit."
    return refusal(429, "ApplicationThrottled", message, **headers)


def of_value(value: Mapping[str, Any], status: int = 200) -> Answer:
    """Return an answer of JSON, with the address of its description, which nobody is to follow."""
    context = {"@odata.context": "https://graph.microsoft.com/v1.0/$metadata#users('me')"}
    return Answer.of_json({**context, **value}, status, Content_Type=JSON_KIND)


def of_parts(parts: Sequence[Json]) -> Answer:
    """Return the answer to a batch."""
    return Answer.of_json({"responses": parts}, Content_Type=JSON_KIND)


def of_mime(message: GraphMessage) -> Answer:
    """Return the MIME of a message, in pieces, so that no length is told."""

    async def pieces() -> AsyncIterator[bytes]:
        for piece in message.pieces():
            yield piece

    body: Body = pieces
    return Answer(200, body, {"Content-Type": "text/plain"})


def message_json(message: GraphMessage, view: View) -> Json:
    """Return a message as this caller wants to see it."""
    sender = {"emailAddress": dict(zip(("name", "address"), message.sender, strict=True))}
    moment = iso(message.received)
    everything = {
        "id": shown_id(message, view),
        "createdDateTime": moment,
        "lastModifiedDateTime": moment,
        "changeKey": _change_key(message),
        "categories": list(message.categories),
        "receivedDateTime": moment,
        "sentDateTime": moment,
        "hasAttachments": False,
        "internetMessageId": message.message_id,
        "subject": message.subject,
        "parentFolderId": message.folder_id,
        "isRead": message.is_read,
        "isDraft": message.is_draft,
        "sender": sender if message.sender[1] else None,
        "from": sender if message.sender[1] else None,
    }
    return {
        "@odata.etag": f'W/"{_change_key(message)}"',
        **_chosen(everything, view.select),
    }


def shown_id(message: GraphMessage, view: View) -> str:
    return message.id if view.immutable else message.mutable_id


def folder_json(folder: GraphFolder, mailbox: GraphMailbox, view: View) -> Json:
    """Return a folder as this caller wants to see it."""
    inside = mailbox.inside(folder.id)
    everything = {
        "id": folder.id,
        "displayName": folder.name,
        "parentFolderId": folder.parent_id or folder.id,
        "childFolderCount": len(mailbox.children(folder.id)),
        "unreadItemCount": sum(not one.is_read for one in inside),
        "totalItemCount": len(inside),
        "isHidden": folder.is_hidden,
    }
    return _chosen(everything, view.select)


def _chosen(everything: Json, select: Collection[str] | None) -> Json:
    if select is None:
        return everything
    return {name: one for name, one in everything.items() if name in select or name == "id"}


def _change_key(message: GraphMessage) -> str:
    return f"CQAAABYAAAB{message.change:05d}"
