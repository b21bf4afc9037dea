"""Deals out pages of lists and of delta rounds, and the opaque links that lead from one to the next.

Pages of a list are windows that move: what is removed between two pages makes a neighbour fall out of
sight, what arrives makes one come twice, as with Graph's own skipping.
"""

import secrets
from collections.abc import Sequence
from typing import TypeVar

import attrs

from tests.fakes.graph_answers import Json, Refusal, View, message_json, shown_id
from tests.fakes.graph_store import GraphMailbox, GraphMessage

DEFAULT_PAGE = 10  # graph/api/user-list-messages

T = TypeVar("T")


@attrs.frozen
class ListLink:
    """Where the next page of a list begins, and how long it is."""

    offset: int
    top: int


@attrs.frozen
class RoundLink:
    """Where a delta round goes on: ids still to tell, and the journal's length when it began."""

    folder_id: str
    select: tuple[str, ...] | None
    generation: int
    began: int
    left: tuple[str, ...]
    told: tuple[str, ...] = ()


@attrs.frozen
class DeltaLink:
    """Where the next delta round begins: a length of the journal."""

    folder_id: str
    select: tuple[str, ...] | None
    generation: int
    since: int


Link = ListLink | RoundLink | DeltaLink


@attrs.define
class Links:
    """The links that were given out, by their tokens."""

    _given: dict[str, Link] = attrs.field(factory=dict)

    def token(self, link: Link) -> str:
        """Return a text that says nothing and leads back to `link`."""
        token = secrets.token_urlsafe(96)
        self._given[token] = link
        return token

    def link(self, token: str) -> Link | None:
        return self._given.get(token)


def window(items: Sequence[T], offset: int, top: int) -> tuple[list[T], int | None]:
    """Return a page of a list and where the next begins, or None after the last."""
    end = offset + top
    return list(items[offset:end]), end if end < len(items) else None


def first_round(
    mailbox: GraphMailbox, folder_id: str, select: tuple[str, ...] | None
) -> RoundLink:
    """Return the round that tells every message, the newest first."""
    ids = tuple(one.id for one in reversed(mailbox.inside(folder_id)))
    return RoundLink(folder_id, select, mailbox.generation, len(mailbox.journal), ids)


def next_round(mailbox: GraphMailbox, link: DeltaLink, replay: int) -> RoundLink:
    """Return the round that tells what has changed; `replay` changes before that are told again."""
    since = max(0, link.since - replay)
    changed = (one for one in mailbox.journal[since:] if one.folder_id == link.folder_id)
    ids = tuple(dict.fromkeys(one.message_id for one in changed))
    return RoundLink(link.folder_id, link.select, link.generation, len(mailbox.journal), ids)


def check_generation(mailbox: GraphMailbox, link: Link | None) -> None:
    """Refuse a delta token that means nothing any more, or never did."""
    generation = 0 if link is None or isinstance(link, ListLink) else link.generation
    if generation != mailbox.generation:
        message = f"The sync state generation is not found; generation={generation};"
        raise Refusal(410, "SyncStateNotFound", message)


def round_page(
    mailbox: GraphMailbox, link: RoundLink, view: View, size: int, replay: int
) -> tuple[list[Json], RoundLink | DeltaLink]:
    """Return a page of a round, and the link that it ends with."""
    again = link.told[-replay:] if replay and link.told else ()
    now, left = link.left[:size], link.left[size:]
    items = [_item(mailbox, one, link.folder_id, view) for one in (*again, *now)]
    if left:
        return items, attrs.evolve(link, left=left, told=now)
    return items, DeltaLink(link.folder_id, link.select, link.generation, link.began)


def _item(mailbox: GraphMailbox, message_id: str, folder_id: str, view: View) -> Json:
    message = mailbox.messages.get(message_id)
    if message is None or message.folder_id != folder_id:
        return {
            "@odata.type": "#microsoft.graph.message",
            "id": _gone_id(message, message_id, view),
            "@removed": {"reason": "deleted"},
        }
    return {"@odata.type": "#microsoft.graph.message", **message_json(message, view)}


def _gone_id(message: GraphMessage | None, message_id: str, view: View) -> str:
    return message_id if message is None else shown_id(message, view)
