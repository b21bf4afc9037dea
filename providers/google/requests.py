"""Builds Gmail's requests with Google's own client library, which never sends one.

It knows paths, parameters and bodies from the discovery document it carries. Building one costs most of a
millisecond, so the fetch of a message, which is asked a thousand times, has a prepared address.
"""

import threading
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import attrs

from providers.caller import Request
from providers.google.labelling import LabelChange
from providers.google.quota import UNITS
from providers.google.wire import PAGE_MESSAGES

MODIFY_MESSAGES = 1000
"""Messages that one batchModify or batchDelete takes (Gmail discovery document)."""

_CHANGE = "(labelIds,message(id,labelIds))"
_OF_HISTORY = (
    "id,messagesAdded/message(id,labelIds),messagesDeleted/message/id,"
    f"labelsAdded{_CHANGE},labelsRemoved{_CHANGE}"
)
"""The id is asked for so that a record without any of these is still seen."""

_building = threading.Lock()  # the library's document cache is not made for two threads


@attrs.frozen
class Priced:
    """A request, and the units it costs."""

    request: Request
    units: int


class Requests:
    """The requests of one account, all of `userId=me`."""

    def __init__(self, gmail_url: str) -> None:
        """Build requests to `gmail_url`; the library is loaded with the first one."""
        self._url = gmail_url
        self._users: Any = None

    def profile(self) -> Priced:
        """Ask for the current history id."""
        return _priced(
            "getProfile", self._service().getProfile(userId="me", fields="historyId")
        )

    def labels(self) -> Priced:
        """Ask for all labels."""
        asked = self._service().labels().list(userId="me", fields="labels(id,name)")
        return _priced("labels.list", asked)

    def create_label(self, name: str) -> Priced:
        """Make a label that shows as people's own do."""
        body = {
            "name": name,
            "labelListVisibility": "labelShow",
            "messageListVisibility": "show",
        }
        asked = self._service().labels().create(userId="me", body=body, fields="id")
        return _priced("labels.create", asked)

    def messages(self, label_id: str, query: str, token: str) -> Priced:
        """Ask for a page of ids: of a label, or of what a search finds."""
        where: dict[str, Any] = {"labelIds": [label_id]} if label_id else {"q": query}
        if label_id in ("SPAM", "TRASH"):
            where["includeSpamTrash"] = True
        page = {"pageToken": token} if token else {}
        asked = (
            self._service()
            .messages()
            .list(
                userId="me",
                maxResults=PAGE_MESSAGES,
                fields="messages/id,nextPageToken",
                **where,
                **page,
            )
        )
        return _priced("messages.list", asked)

    def history(self, start: str, token: str) -> Priced:
        """Ask for a page of what happened since a history id."""
        page = {"pageToken": token} if token else {}
        asked = (
            self._service()
            .history()
            .list(
                userId="me",
                startHistoryId=start,
                maxResults=PAGE_MESSAGES,
                fields=f"history({_OF_HISTORY}),historyId,nextPageToken",
                **page,
            )
        )
        return _priced("history.list", asked)

    def raw(self, message_id: str) -> Priced:
        """Ask for a message, whole; the address is prepared."""
        url = (
            f"{self._url}/gmail/v1/users/me/messages/{quote(message_id, safe='')}"
            "?format=raw&fields=raw&prettyPrint=false&alt=json"
        )
        return Priced(Request("GET", url), UNITS["messages.get"])

    def carried(self, message_id: str) -> Priced:
        """Ask which labels a message carries."""
        asked = (
            self._service()
            .messages()
            .get(userId="me", id=message_id, format="minimal", fields="labelIds")
        )
        return _priced("messages.get", asked)

    def change(self, message_id: str, change: LabelChange) -> Priced:
        """Change the labels of one message, or delete it for good."""
        messages = self._service().messages()
        if change.deletes:
            return _priced("messages.delete", messages.delete(userId="me", id=message_id))
        asked = messages.modify(userId="me", id=message_id, body=_body(change), fields="id")
        return _priced("messages.modify", asked)

    def change_all(self, ids: Sequence[str], change: LabelChange) -> Priced:
        """Change the labels of many messages, or delete them; ids that are not there do not matter."""
        messages, body = self._service().messages(), {"ids": list(ids), **_body(change)}
        if change.deletes:
            return _priced("messages.batchDelete", messages.batchDelete(userId="me", body=body))
        return _priced("messages.batchModify", messages.batchModify(userId="me", body=body))

    def _service(self) -> Any:  # noqa: ANN401 - the library makes its methods from a document
        if self._users is None:
            from googleapiclient import discovery  # noqa: PLC0415 - 0.2 s, spent when first needed

            with _building:
                service = discovery.build(
                    "gmail",
                    "v1",
                    http=object(),  # never used: the requests are sent elsewhere
                    static_discovery=True,
                    cache_discovery=False,
                    client_options={"api_endpoint": f"{self._url}/"},
                )
            self._users = service.users()
        return self._users


def _body(change: LabelChange) -> Mapping[str, list[str]]:
    named = {"addLabelIds": list(change.add), "removeLabelIds": list(change.remove)}
    return {key: ids for key, ids in named.items() if ids}


def _priced(method: str, built: Any) -> Priced:  # noqa: ANN401 - googleapiclient.http.HttpRequest
    body = built.body.encode() if isinstance(built.body, str) else built.body
    kept = {"content-type", "accept"}
    headers = {k: v for k, v in built.headers.items() if k.lower() in kept}
    return Priced(Request(built.method, built.uri, headers, body), UNITS[method])
