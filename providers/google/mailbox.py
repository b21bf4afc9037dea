"""A Gmail mailbox behind the contract, its requests paced to the units that Gmail gives a user."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Any

from providers.caller import Caller
from providers.contract import (
    Attests,
    ChangePage,
    Cursor,
    CursorExpired,
    DispositionKind,
    DispositionOrder,
    DispositionOutcome,
    FolderMissing,
    FolderName,
    HostAnswer,
    MailboxProvider,
    MessageGone,
    ProviderError,
    RemoteId,
    Unreachable,
)
from providers.google import wire
from providers.google.attesting import attest
from providers.google.failures import NoSuchThing, judge
from providers.google.labelling import NOTHING, LabelChange, change_for, grouped
from providers.google.labels import Labels, no_label
from providers.google.quota import Budget
from providers.google.rawstream import Broken, RawDecoder
from providers.google.requests import MODIFY_MESSAGES, Priced, Requests
from providers.google.settings import Settings, read_settings
from providers.google.wire import BySearch, History
from providers.identity import TokenSource
from providers.inflation import PIECE_OCTETS
from providers.paging import Trail
from providers.transport import HttpAnswer, HttpClient, Patience

AT_ONCE = 4
"""Requests in flight: Gmail's limit for one user is not published, and batches count (handle-errors)."""

SINGLE_CALLS = 2
"""Up to so many messages are changed one by one; a batch costs as much as ten."""

_log = logging.getLogger("providers.google")


async def _pause(seconds: float) -> None:
    await asyncio.sleep(seconds)  # noqa: TID251 - providers may not import bridge.clock


class GmailMailbox:
    """The mailbox of whoever the tokens speak for."""

    def __init__(
        self,
        settings: Settings,
        tokens: TokenSource,
        patience: Patience | None = None,
        pause: Callable[[float], Awaitable[None]] = _pause,
    ) -> None:
        """Ask with tokens of `tokens`; nothing is contacted yet. `pause` waits for the budget."""
        self._settings = settings
        self._http = HttpClient(ca=settings.ca, connections=AT_ONCE, patience=patience)
        self._caller = Caller(self._http, tokens, _judge, AT_ONCE, _log)
        self._requests = Requests(settings.gmail_url)
        self._budget = Budget(settings.units_per_minute)
        self._pause = pause
        self._labels = Labels(self._requests, self._json)

    @property
    def at_once(self) -> int:
        """Return how many fetches Gmail bears."""
        return AT_ONCE

    @property
    def dispositions(self) -> frozenset[DispositionKind]:
        """Return the kinds that the account's access allows."""
        if self._settings.access == "read":
            return frozenset({DispositionKind.KEEP})
        can = frozenset(DispositionKind)
        return can if self._settings.access == "purge" else can - {DispositionKind.PURGE}

    @property
    def attests(self) -> Attests:
        """Return what reads the results that the service has written into a header."""
        return attest

    def check_folder(self, folder: FolderName) -> FolderName:
        """Accept a label's name, `id:` and a label's id, or `query:` and a search, and return its one spelling.

        Raises:
            ValueError: it is none of these.
        """
        return wire.spelled(wire.folder_ref(folder))

    def check_target(self, folder: FolderName) -> None:
        """Accept a label that a message can be given: no search, and none that Gmail alone gives.

        Raises:
            ValueError: it is none.
        """
        wire.folder_ref(folder)
        if wire.label_to_give(folder) is None:
            raise ValueError(
                "no message can be moved there: it needs a label that you can give"
            )

    # ---- looks

    async def changes(
        self, folder: FolderName, cursor: Cursor | None
    ) -> AsyncGenerator[ChangePage, None]:
        """Yield the pages of one look: the net effect of the history, or a full list.

        A search has no history of its own: anything that happened means a full list of it, and so does
        a record that does not say enough.

        Raises:
            ProviderError: as the contract says.
        """
        if cursor is None:
            label_id, pages = await self._labels.of_folder(folder), None
        else:
            label_id, start = wire.read_cursor(cursor, folder)
            history = await self._history(label_id, start)
            if history.is_busy:
                await self._labels.check_name(folder, label_id)
            after = wire.make_cursor(folder, label_id, history.history_id)
            tells_all = not history.is_busy or (label_id and not history.is_vague)
            pages = _net(history, after) if tells_all else None
        if pages is not None:
            for page in pages:
                yield page
            return
        async with aclosing(self._list(folder, label_id)) as listed:
            async for page in listed:
                yield page

    async def _history(self, label_id: str, start: str) -> History:
        history, token, trail = History(label_id), "", Trail()
        while True:
            try:
                value = await self._json(self._requests.history(start, token))
            except (MessageGone, NoSuchThing) as error:
                raise CursorExpired(str(error)) from error
            token = history.take(value)
            if not token:
                return history
            trail.step(token)

    async def _list(
        self, folder: FolderName, label_id: str
    ) -> AsyncGenerator[ChangePage, None]:
        """Yield every message; what happens meanwhile is in the history that the cursor begins with."""
        profile = await self._json(self._requests.profile())
        cursor = wire.make_cursor(folder, label_id, wire.read_text(profile, "historyId"))
        reference = wire.folder_ref(folder)
        query = reference.query if isinstance(reference, BySearch) else ""
        token, is_last, trail = "", False, Trail()
        while not is_last:
            try:
                value = await self._json(self._requests.messages(label_id, query, token))
            except (MessageGone, NoSuchThing) as error:
                if token:
                    raise Unreachable("Gmail's answer broke off between two pages") from error
                self._labels.forget()
                raise no_label(folder) from error
            ids, token = wire.read_list(value)
            is_last = not token
            if token:
                trail.step(token)
            yield ChangePage(
                tuple(wire.remote_message(one) for one in ids),
                (),
                cursor if is_last else None,
                full=True,
                last=is_last,
            )

    # ---- messages

    async def fetch(
        self, folder: FolderName, remote_id: RemoteId
    ) -> AsyncGenerator[bytes, None]:
        """Yield the message as Gmail received it, decoded as it arrives.

        Raises:
            ProviderError: as the contract says.
        """
        del folder
        asked = self._requests.raw(remote_id)
        await self._afford(asked)
        decoder, is_empty = RawDecoder(), True
        try:
            async with (
                self._caller.stream(asked.request) as answer,
                aclosing(answer.pieces) as pieces,
            ):
                async for piece in pieces:
                    for part in _in_parts(piece):
                        if decoded := decoder.feed(part):
                            is_empty = False
                            yield decoded
                decoder.finish()
        except NoSuchThing as error:
            raise MessageGone(str(error)) from error
        except Broken as error:
            raise Unreachable(f"Gmail's answer is no message: {error}") from error
        if is_empty:
            raise Unreachable("Gmail sent a message of no octets")

    async def dispose(self, orders: Sequence[DispositionOrder]) -> Sequence[DispositionOutcome]:
        """Carry out `orders`, many at once where they change the same labels.

        A message that its owner has filed elsewhere meanwhile keeps that label; only one that is to be
        deleted for good is looked at first, and left alone where it has left its folder. A label that
        no message can be given, or an `id:` that is none, is refused.

        Raises:
            ProviderError: as the contract says.
        """
        changes = [await self._change(order) for order in orders]
        wanted = [
            (order.remote_id, change)
            for order, change in zip(orders, changes, strict=True)
            if change is not None
        ]
        try:
            for change, ids in grouped(wanted).items():
                for start in range(0, len(ids), MODIFY_MESSAGES):
                    await self._carry_out(change, ids[start : start + MODIFY_MESSAGES])
        except NoSuchThing:
            self._labels.forget()  # a label was removed: look its name up again the next time
            raise
        return [
            DispositionOutcome.REFUSED if change is None else DispositionOutcome.DONE
            for change in changes
        ]

    async def _change(self, order: DispositionOrder) -> LabelChange | None:
        """Return what an order means, or None where it can never be carried out."""
        kind, target = order.disposition.kind, order.disposition.target
        if kind not in self.dispositions:
            return None
        if kind is DispositionKind.PURGE and not await self._is_there(order):
            return NOTHING
        label_id = await self._labels.to_give(target) if target else ""
        if target and not label_id:
            return None
        source = (
            "" if kind is DispositionKind.KEEP else await self._labels.to_take(order.folder)
        )
        return change_for(kind, source, label_id)

    async def _carry_out(self, change: LabelChange, ids: Sequence[RemoteId]) -> None:
        """Change `ids`, at most as many as one request takes."""
        if len(ids) > SINGLE_CALLS:
            with suppress(MessageGone, NoSuchThing):  # one id spoils them all: one by one then
                await self._ask(self._requests.change_all(ids, change))
                return
        for one in ids:
            await self._change_one(change, one)

    async def _change_one(self, change: LabelChange, remote_id: RemoteId) -> None:
        try:
            answer = await self._ask(self._requests.change(remote_id, change))
            if not change.deletes:
                wire.read_text(answer.json(), "id")  # or it is not Gmail that says yes
        except MessageGone:
            return
        except NoSuchThing:
            with suppress(MessageGone):
                await self._carried(remote_id)
                raise  # the message is there, so it is a label that is not

    async def _is_there(self, order: DispositionOrder) -> bool:
        """Tell whether a message still shows in its folder; of a search, whether it is there at all."""
        try:
            carried = await self._carried(order.remote_id)
            label_id = await self._labels.of_folder(order.folder)
        except (MessageGone, FolderMissing):
            return False
        return not label_id or wire.is_in(label_id, carried)

    # ---- examining

    async def reach(self) -> Sequence[HostAnswer]:
        """Return Gmail's answer to a request without a token."""
        url = f"{self._settings.gmail_url}/gmail/v1/users/me/profile"
        return (await self._http.reach(url),)

    async def prove_right(self, folder: FolderName, remote_id: RemoteId) -> None:
        """Add a label that the message carries already, or remove one that it does not.

        Raises:
            ProviderError: as the contract says.
        """
        carried = await self._carried(remote_id)
        label_id = await self._labels.of_folder(folder)
        if label_id and label_id not in carried:
            raise MessageGone("the message has left its folder")
        given = sorted(carried - wire.GIVEN_BY_GMAIL)
        change = LabelChange(add=(given[0],)) if given else LabelChange(remove=("STARRED",))
        await self._ask(self._requests.change(remote_id, change))

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close()

    async def _carried(self, remote_id: RemoteId) -> frozenset[str]:
        try:
            return wire.read_label_ids(await self._json(self._requests.carried(remote_id)))
        except NoSuchThing as error:
            raise MessageGone(str(error)) from error

    # ---- asking

    async def _json(self, asked: Priced) -> Any:  # noqa: ANN401 - JSON, checked by wire
        return (await self._ask(asked)).json()

    async def _ask(self, asked: Priced) -> HttpAnswer:
        await self._afford(asked)
        return await self._caller.ask(asked.request)

    async def _afford(self, asked: Priced) -> None:
        wait = self._budget.take(asked.units, time.monotonic())
        if wait > 0:
            await self._pause(wait)


def open_mailbox(settings: Mapping[str, str], tokens: TokenSource) -> GmailMailbox:
    """Return the mailbox that an account's settings name.

    Raises:
        ValueError: they do not go together.
    """
    return GmailMailbox(read_settings(settings), tokens)


def _net(history: History, cursor: Cursor) -> tuple[ChangePage, ...]:
    return (ChangePage(history.added, history.removed, cursor, full=False, last=True),)


def _in_parts(octets: bytes) -> Iterator[bytes]:
    """Cut what came at once, which is up to the event loop: uvloop reads half a megabyte."""
    for start in range(0, len(octets), PIECE_OCTETS):
        yield octets[start : start + PIECE_OCTETS]


def _judge(answer: HttpAnswer) -> ProviderError | None:
    return judge(answer, time.time())  # noqa: TID251 - providers may not import bridge.clock


if TYPE_CHECKING:
    _provider: type[MailboxProvider] = GmailMailbox
