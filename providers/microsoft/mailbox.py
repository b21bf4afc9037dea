"""A mailbox of Exchange Online behind the contract, through Microsoft Graph v1.0 alone.

Ids are immutable ones: every request says so, or a message would change its id whenever it is moved.
"""

import logging
import time
import uuid
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING

from providers.caller import Caller, Request, TookTooLong
from providers.contract import (
    Attests,
    ChangePage,
    Cursor,
    CursorExpired,
    DispositionKind,
    DispositionOrder,
    DispositionOutcome,
    Envelope,
    FolderMissing,
    FolderName,
    HostAnswer,
    MailboxProvider,
    MessageGone,
    MessageUnreadable,
    ProviderError,
    RemoteId,
    Unreachable,
)
from providers.identity import TokenSource
from providers.microsoft import wire
from providers.microsoft.attesting import attest
from providers.microsoft.batch import Part, PartAnswer, pack, unpack
from providers.microsoft.clouds import Settings, read_settings
from providers.microsoft.disposing import Disposing
from providers.microsoft.failures import error_codes, judge
from providers.microsoft.folders import Folders, NameTaken
from providers.microsoft.wire import ListCursor, Page, quoted
from providers.paging import Trail
from providers.transport import HttpAnswer, HttpClient, Patience

AT_ONCE = 3
"""Requests in flight: Graph takes four per app and mailbox (throttling limits), and one is left to
whoever else uses the app."""

IMMUTABLE = 'IdType="ImmutableId"'
"""The preference every request carries (learn.microsoft.com/graph/outlook-immutable-id)."""

_log = logging.getLogger("providers.microsoft")


class GraphMailbox:
    """One mailbox, the signed-in person's own or another."""

    def __init__(
        self, settings: Settings, tokens: TokenSource, patience: Patience | None = None
    ) -> None:
        """Ask with tokens of `tokens`; nothing is contacted yet."""
        self._settings = settings
        self._http = HttpClient(ca=settings.ca, connections=AT_ONCE, patience=patience)
        self._caller = Caller(self._http, tokens, _judge, AT_ONCE, _log)
        self._path = f"/users/{quoted(settings.mailbox)}" if settings.mailbox else "/me"
        self._base = f"{settings.graph_url}/v1.0{self._path}"
        self._folders = Folders(self._base, self._ask)
        self._disposing = Disposing(
            self._path, self._folders, self._send_batch, self._caller.pause, _now, _tell
        )
        self._page_messages = wire.PAGE_MESSAGES

    @property
    def at_once(self) -> int:
        """Return how many fetches Graph bears."""
        return AT_ONCE

    @property
    def dispositions(self) -> frozenset[DispositionKind]:
        """Return the kinds that the account's access and its cloud allow."""
        if self._settings.access == "read":
            return frozenset({DispositionKind.KEEP})
        can = frozenset(DispositionKind)
        has_purge = self._settings.access == "purge" and self._settings.has_purge
        return can if has_purge else can - {DispositionKind.PURGE}

    @property
    def attests(self) -> Attests:
        """Return what reads the results that the service has written into a header."""
        return attest

    def check_folder(self, folder: FolderName) -> FolderName:
        """Accept a well-known name, a path of display names, or `id:` and an id, and return its one spelling.

        Raises:
            ValueError: it is none of these.
        """
        return wire.spelled(wire.folder_ref(folder))

    def check_target(self, folder: FolderName) -> None:
        """Accept whatever can be a folder.

        Raises:
            ValueError: it cannot.
        """
        self.check_folder(folder)

    # ---- looks

    async def changes(
        self, folder: FolderName, cursor: Cursor | None
    ) -> AsyncGenerator[ChangePage, None]:
        """Yield the pages of one look: a whole list of a small folder, the changes of a larger one.

        Raises:
            ProviderError: as the contract says.
        """
        self._page_messages = wire.PAGE_MESSAGES
        given = cursor
        pages = await self._pages(folder, cursor)
        async with aclosing(pages):
            try:
                async for page in pages:
                    yield page
                    cursor = None
            except FolderMissing as error:
                if cursor is None:
                    raise
                # The cursor's folder is gone; there may be another of its name.
                raise CursorExpired(str(error), request_id=error.request_id) from error
            except CursorExpired as error:
                if given is not None:
                    raise
                raise Unreachable(str(error), request_id=error.request_id) from error

    async def _pages(
        self, folder: FolderName, cursor: Cursor | None
    ) -> AsyncGenerator[ChangePage, None]:
        key = f"{self._base}/{folder}"
        if cursor is None:
            return self._list(key, folder, await self._folders.find(folder), "")
        known = wire.read_cursor(cursor, key, self._settings.graph_url)
        if await self._folders.find_hourly(folder) not in (None, known.folder_id):
            raise CursorExpired("there is another folder of that name now")
        if isinstance(known, ListCursor):
            return self._list(key, folder, known.folder_id, known.digest)
        return self._round(key, folder, known.folder_id, known.link, full=False)

    async def _list(
        self, key: str, folder: FolderName, folder_id: str, digest: str
    ) -> AsyncGenerator[ChangePage, None]:
        """Yield a small folder as one page, idle where its digest is the same; else a delta round."""
        url = (
            f"{self._base}/mailFolders/{quoted(folder_id)}/messages"
            f"?$select={wire.LIST_SELECT}&$top={{top}}"
        )
        page = await self._page(
            folder, lambda top: Request("GET", url.format(top=top), can_shrink=True)
        )
        if page.next_link:
            changes = url.partition("?")[0] + f"/delta?$select={wire.LIST_SELECT}"
            async for changed in self._round(key, folder, folder_id, changes, full=True):
                yield changed
            return
        ids = [message.remote_id for message in page.messages]
        after = wire.list_cursor(key, folder_id, ids)
        if wire.digest_of(ids) == digest:
            yield ChangePage((), (), after, full=False, last=True)
        else:
            yield ChangePage(page.messages, (), after, full=True, last=True)

    async def _round(
        self, key: str, folder: FolderName, folder_id: str, link: str, *, full: bool
    ) -> AsyncGenerator[ChangePage, None]:
        """Yield the pages of a delta round: of a first one, every message; else what has changed."""
        is_first, trail = True, Trail()
        while link:
            trail.step(link)
            try:
                page = await self._page(folder, _delta_request(link))
            except CursorExpired as error:
                if is_first and not full:
                    raise
                # The contract wants it before the first page; the next look begins anew.
                raise Unreachable(
                    f"Graph dropped a list half-way: {error}", request_id=error.request_id
                ) from error
            is_first, link = False, page.next_link
            if not link and not page.delta_link:
                raise Unreachable("Graph's list of changes has no end")
            yield ChangePage(
                page.messages,
                page.removed,
                None if link else wire.delta_cursor(key, folder_id, page.delta_link),
                full=full,
                last=not link,
            )

    async def _page(self, folder: FolderName, request_for: Callable[[int], Request]) -> Page:
        """Return a page, a smaller one where Graph ran out of time over it."""
        while True:
            try:
                answer = await self._ask(request_for(self._page_messages))
                return wire.read_page(answer.json(), self._settings.graph_url)
            except TookTooLong:
                if self._page_messages <= wire.SMALLEST_PAGE:
                    raise
                self._page_messages = max(wire.SMALLEST_PAGE, self._page_messages // 2)
            except MessageGone as error:
                self._folders.forget(folder)
                raise FolderMissing(
                    f"the mailbox has no folder {folder or 'inbox'} any more",
                    request_id=error.request_id,
                ) from error

    # ---- messages

    async def fetch(
        self, folder: FolderName, remote_id: RemoteId
    ) -> AsyncGenerator[bytes, None]:
        """Yield the MIME that Exchange makes of the message, as it arrives.

        It is asked for without its folder: below one, Graph takes no /$value.

        Raises:
            ProviderError: as the contract says.
        """
        del folder
        url = f"{self._base}/messages/{quoted(remote_id)}/$value"
        try:
            async with (
                self._caller.stream(self._with_manners(Request("GET", url))) as answer,
                aclosing(answer.pieces) as pieces,
            ):
                if answer.head.is_page:
                    raise Unreachable("a page for people came in the message's place")
                head, is_begun = b"", False
                async for piece in pieces:
                    if is_begun:
                        yield piece
                        continue
                    head += piece
                    if len(head) >= wire.HEAD_OCTETS:
                        yield _mail(head)
                        is_begun = True
                if not is_begun:
                    yield _mail(head)
        except MessageUnreadable as error:
            envelope = await self._envelope(remote_id)
            raise MessageUnreadable(
                str(error), envelope, request_id=error.request_id
            ) from error
        except CursorExpired as error:
            raise Unreachable(str(error), request_id=error.request_id) from error

    async def _envelope(self, remote_id: RemoteId) -> Envelope:
        """Return what can be told of a message that cannot be had; nothing where that fails too."""
        select = "subject,from,sender,receivedDateTime"
        url = f"{self._base}/messages/{quoted(remote_id)}?$select={select}"
        try:
            return wire.read_envelope((await self._ask(Request("GET", url))).json())
        except MessageGone:
            raise
        except ProviderError:
            return Envelope()

    async def dispose(self, orders: Sequence[DispositionOrder]) -> Sequence[DispositionOutcome]:
        """Carry out `orders`, in batches; what has left its folder meanwhile is left alone.

        Raises:
            ProviderError: as the contract says.
        """
        try:
            return await self._disposing.carry_out(orders, self.dispositions)
        except (CursorExpired, MessageGone, MessageUnreadable) as error:
            # Said of a batch or a folder, it is about no message and no cursor.
            raise Unreachable(str(error), request_id=error.request_id) from error

    # ---- examining

    async def reach(self) -> Sequence[HostAnswer]:
        """Return Graph's answer to a request without a token."""
        return (await self._http.reach(f"{self._settings.graph_url}/v1.0/"),)

    async def prove_right(self, folder: FolderName, remote_id: RemoteId) -> None:
        """Set isRead to what it is.

        Raises:
            ProviderError: as the contract says.
        """
        del folder
        url = f"{self._base}/messages/{quoted(remote_id)}"
        value = (await self._ask(Request("GET", f"{url}?$select=isRead"))).json()
        is_read = isinstance(value, dict) and value.get("isRead") is True
        body = b'{"isRead": true}' if is_read else b'{"isRead": false}'
        await self._ask(Request("PATCH", url, {"Content-Type": "application/json"}, body))

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close()

    # ---- helpers

    async def _ask(self, request: Request) -> HttpAnswer:
        return await self._caller.ask(self._with_manners(request))

    async def _send_batch(self, parts: Sequence[Part]) -> list[PartAnswer]:
        body = pack(parts, _manners({}))
        request = Request(
            "POST",
            f"{self._settings.graph_url}/v1.0/$batch",
            {"Content-Type": "application/json"},
            body,
        )
        return unpack((await self._ask(request)).json(), len(parts))

    def _with_manners(self, request: Request) -> Request:
        return Request(
            request.method,
            request.url,
            _manners(request.headers),
            request.body,
            can_shrink=request.can_shrink,
        )


def open_mailbox(settings: Mapping[str, str], tokens: TokenSource) -> GraphMailbox:
    """Return the mailbox that an account's settings name.

    Raises:
        ValueError: they do not go together.
    """
    return GraphMailbox(read_settings(settings), tokens)


def _mail(head: bytes) -> bytes:
    """Return the beginning of a message, or the whole of a short one.

    Raises:
        Unreachable: it is none.
    """
    if not head:
        raise Unreachable("Graph sent a message of no octets")
    if not wire.looks_like_mail(head):
        raise Unreachable("something else than a message came in its place")
    return head


def _manners(headers: Mapping[str, str]) -> dict[str, str]:
    """Return headers with what every request carries."""
    prefer = ", ".join(filter(None, (headers.get("Prefer"), IMMUTABLE)))
    return {**headers, "Prefer": prefer, "client-request-id": str(uuid.uuid4())}


def _delta_request(link: str) -> Callable[[int], Request]:
    def request(top: int) -> Request:
        prefer = {"Prefer": f"odata.maxpagesize={top}"}
        return Request("GET", link, prefer, can_shrink=True)

    return request


def _judge(answer: HttpAnswer) -> ProviderError | None:
    if "errorfolderexists" in {code.lower() for code in error_codes(answer)}:
        return NameTaken("a folder of that name is there already")
    return judge(answer, _now())


def _tell(error: ProviderError) -> None:
    fields = {"why": str(error), "request_id": error.request_id}
    _log.warning("disposition-waits", extra={"event_fields": fields})


def _now() -> float:
    return time.time()  # noqa: TID251 - providers may not import bridge.clock


if TYPE_CHECKING:
    _provider: type[MailboxProvider] = GraphMailbox
