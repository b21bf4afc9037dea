"""Carries out a batch of dispositions in two steps: where is each message now, then what is to be done.

The first step is what makes a repeated order harmless: an immutable id finds a message wherever it
went, and one that has left its folder, by an earlier try or by its owner's hand, is left where it is.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

import attrs

from providers.caller import LONGEST_PAUSE_SECONDS
from providers.contract import (
    AccessRefused,
    DispositionKind,
    DispositionOrder,
    DispositionOutcome,
    FolderMissing,
    FolderName,
    MessageGone,
    MessageUnreadable,
    ProviderError,
    RemoteId,
    Throttled,
    Unreachable,
)
from providers.microsoft.batch import MAX_REQUESTS, Part, PartAnswer
from providers.microsoft.failures import verdict
from providers.microsoft.wire import WellKnown, folder_ref, quoted

_DONE, _RETRY, _REFUSED = (
    DispositionOutcome.DONE,
    DispositionOutcome.RETRY,
    DispositionOutcome.REFUSED,
)
_NEVER = frozenset({400, 405, 501})
"""Statuses of a request that will be as wrong the next time (RFC 9110 section 15)."""

_TARGETS = {
    DispositionKind.TRASH: FolderName("deleteditems"),
    DispositionKind.ARCHIVE: FolderName("archive"),
}
_MOVES = frozenset({DispositionKind.MOVE, *_TARGETS})


class FolderFinder(Protocol):
    """Finds and makes folders; Folders does."""

    async def find(self, folder: FolderName) -> str:
        """Return the id of a folder, or raise FolderMissing."""
        ...

    async def find_or_make(self, folder: FolderName) -> str:
        """Return the id of a folder that is made where it is missing."""
        ...

    def forget(self, folder: FolderName) -> None:
        """Look this folder up again when it is next asked for."""
        ...


@attrs.frozen
class Place:
    """Where a message is now, and its categories."""

    folder_id: str
    categories: tuple[str, ...]


class Disposing:
    """Disposes of the messages of one mailbox."""

    def __init__(
        self,
        mailbox_path: str,
        folders: FolderFinder,
        send: Callable[[Sequence[Part]], Awaitable[list[PartAnswer]]],
        pause: Callable[[float], None],
        now: Callable[[], float],
        tell: Callable[[ProviderError], None],
    ) -> None:
        """Send batches of parts below `mailbox_path`.

        `pause` is told what Graph asks for inside them, `tell` what keeps an order waiting.
        """
        self._path = mailbox_path
        self._folders = folders
        self._send = send
        self._pause = pause
        self._now = now
        self._tell = tell

    async def carry_out(
        self, orders: Sequence[DispositionOrder], can: frozenset[DispositionKind]
    ) -> list[DispositionOutcome]:
        """Return how each order ended.

        Raises:
            ProviderError: as the contract says of `dispose`.
        """
        outcomes: dict[int, DispositionOutcome] = {}
        waiting: list[int] = []
        for number, order in enumerate(orders):
            kind = order.disposition.kind
            if kind not in can:
                outcomes[number] = _REFUSED
            elif kind is DispositionKind.KEEP:
                outcomes[number] = _DONE
            else:
                waiting.append(number)
        while waiting:
            taken, waiting = _one_round(waiting, orders)
            ended = await self._round([orders[number] for number in taken])
            outcomes.update(zip(taken, ended, strict=True))
        return [outcomes[number] for number in range(len(orders))]

    async def _round(self, orders: Sequence[DispositionOrder]) -> list[DispositionOutcome]:
        """Carry out orders for as many different messages."""
        places = await self._places(orders)
        outcomes: list[DispositionOutcome] = [_DONE] * len(orders)
        parts: dict[int, Part] = {}
        for number, (order, place) in enumerate(zip(orders, places, strict=True)):
            if isinstance(place, DispositionOutcome):
                outcomes[number] = place
                continue
            try:
                part = await self._part(order, place)
            except (
                FolderMissing
            ) as error:  # it cannot be made either; the others go where they can
                self._tell(error)
                outcomes[number] = _RETRY
                continue
            if part is not None:
                parts[number] = part
        answers = await self._send(list(parts.values())) if parts else []
        refused: dict[int, AccessRefused] = {}
        for number, answer in zip(parts, answers, strict=True):
            try:
                outcomes[number] = self._ended(orders[number], answer)
            except AccessRefused as error:
                refused[number] = error
        if refused:
            await self._check_still_there([orders[number] for number in refused], refused)
        return outcomes

    async def _check_still_there(
        self, orders: Sequence[DispositionOrder], refused: Mapping[int, AccessRefused]
    ) -> None:
        """Accept a refusal of what has gone meanwhile: Graph forbids that instead of missing it.

        Raises:
            AccessRefused: one of these messages is where it was, so the right is what is missing.
        """
        places = await self._places(orders)
        for order, place, error in zip(orders, places, refused.values(), strict=True):
            if isinstance(place, Place) and await self._is_there(order.folder, place):
                raise error

    async def _places(
        self, orders: Sequence[DispositionOrder]
    ) -> list[Place | DispositionOutcome]:
        parts = [
            Part("GET", f"{self._message(order.remote_id)}?$select=parentFolderId,categories")
            for order in orders
        ]
        return [
            _place(answer) if answer.is_success else self._failed(answer)
            for answer in await self._send(parts)
        ]

    async def _part(self, order: DispositionOrder, place: Place) -> Part | None:
        """Return the request that an order needs, or None where nothing is left to do."""
        kind, message = order.disposition.kind, self._message(order.remote_id)
        if kind is DispositionKind.MARK_READ:
            return Part("PATCH", message, {"isRead": True})
        if kind is DispositionKind.LABEL:
            return _label_part(message, str(order.disposition.target), place)
        if not await self._is_there(order.folder, place):
            return None
        if kind is DispositionKind.PURGE:
            return Part("POST", f"{message}/permanentDelete")
        destination = await self._folders.find_or_make(_target(order))
        if destination == place.folder_id:
            return None
        return Part("POST", f"{message}/move", {"destinationId": destination})

    async def _is_there(self, folder: FolderName, place: Place) -> bool:
        try:
            return await self._folders.find(folder) == place.folder_id
        except FolderMissing as error:
            if isinstance(folder_ref(folder), WellKnown):
                raise Unreachable(str(error), request_id=error.request_id) from error
            return False  # the folder went, and took its messages somewhere else

    def _ended(self, order: DispositionOrder, answer: PartAnswer) -> DispositionOutcome:
        """Return how an order for a message that was there a moment ago has ended."""
        if answer.is_success:
            return _DONE
        outcome = self._failed(answer)
        if outcome is _DONE and order.disposition.kind in _MOVES:
            # Graph says the same of a message and of the folder it was to go to: ask for both anew.
            self._folders.forget(_target(order))
            return _RETRY
        return outcome

    def _failed(self, answer: PartAnswer) -> DispositionOutcome:
        """Return what a part's failure means for its order.

        Raises:
            AccessRefused: it concerns the whole mailbox.
            Throttled: the pause is too long to be waited for here.
        """
        error = verdict(answer.status, answer.codes, answer.headers, self._now())
        match error:
            case MessageGone():
                return _DONE
            case AccessRefused():
                raise error
            case Throttled(retry_after=seconds) if seconds > LONGEST_PAUSE_SECONDS:
                raise error
            case Throttled(retry_after=seconds):
                self._pause(seconds)
                return _RETRY
            case MessageUnreadable():
                return _REFUSED
            case _ if answer.status in _NEVER:
                return _REFUSED
            case _:
                return _RETRY

    def _message(self, remote_id: RemoteId) -> str:
        return f"{self._path}/messages/{quoted(remote_id)}"


def _target(order: DispositionOrder) -> FolderName:
    return order.disposition.folder or _TARGETS[order.disposition.kind]


def _one_round(
    waiting: list[int], orders: Sequence[DispositionOrder]
) -> tuple[list[int], list[int]]:
    """Split off the orders of one batch: no message twice, since a batch keeps no order."""
    taken: list[int] = []
    left: list[int] = []
    seen: set[RemoteId] = set()
    for number in waiting:
        remote_id = orders[number].remote_id
        fits = len(taken) < MAX_REQUESTS and remote_id not in seen
        (taken if fits else left).append(number)
        seen.add(remote_id)
    return taken, left


def _place(answer: PartAnswer) -> Place | DispositionOutcome:
    body: Mapping[str, object] = answer.body if isinstance(answer.body, dict) else {}
    folder_id, categories = body.get("parentFolderId"), body.get("categories")
    if not isinstance(folder_id, str) or not isinstance(categories, list):
        return _RETRY  # without the old categories, a new one would replace them all
    return Place(folder_id, tuple(one for one in categories if isinstance(one, str)))


def _label_part(message: str, label: str, place: Place) -> Part | None:
    """Return the request that adds a category; a PATCH replaces the whole list."""
    if label in place.categories:
        return None
    return Part("PATCH", message, {"categories": [*place.categories, label]})
