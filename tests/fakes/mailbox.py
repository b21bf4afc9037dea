"""A mailbox in memory behind the provider contract, whose service a test can script to fail.

The service outlives its connections, as a real one does: a `FakeMailbox` is one connection to it.
It passes the same contract suite as every real provider (tests/contract/mailbox_harness.py).
"""

import asyncio
import itertools
from collections.abc import AsyncGenerator, Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import attrs

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
    RemoteId,
    RemoteMessage,
)

INBOX = FolderName("")
TRASH = FolderName("Trash")
PIECE_OCTETS = 65536


@attrs.define
class RemoteMail:
    """One message as the service holds it."""

    remote_id: RemoteId
    sort_key: str
    octets: bytes
    is_read: bool = False

    def named(self) -> RemoteMessage:
        return RemoteMessage(self.remote_id, self.sort_key)


@attrs.define
class _Event:
    """One thing that happened to a folder: a message came, or went."""

    remote_id: RemoteId
    came: bool


class _Pause:
    def __await__(self) -> Generator[None, None, None]:
        yield


class FakeService:
    """What lies on the other side of the network.

    `failures` are raised by the next calls, one each: a list per method. `trouble` is raised by
    every fetch of that message, `trouble_after` octets in; a fetch for which `gates` has an event
    waits for it before its first octet. `outcomes` are what orders end in, where it is not the
    truth. `on_step` is called at every point where a call may be cut off.

    A connection asks for `at_once` messages at the same time; `open_fetches` are those that were
    begun and not ended, waiting for their turn or not, and `most_open_fetches` the most there were.
    """

    def __init__(self, page_messages: int = 1000) -> None:
        self.page_messages = page_messages
        self.at_once = 1
        self.offers = frozenset(DispositionKind)
        self.attests: Attests | None = None
        self.failures: dict[str, list[Exception]] = {"changes": [], "fetch": [], "dispose": []}
        self.trouble: dict[RemoteId, Exception] = {}
        self.trouble_after = 0
        self.gates: dict[RemoteId, asyncio.Event] = {}
        self.outcomes: dict[RemoteId, DispositionOutcome] = {}
        self.poison: dict[RemoteId, Exception] = {}
        self.on_step: Callable[[str], None] = lambda _name: None
        self.asked: list[tuple[str, object]] = []
        self.orders: list[list[DispositionOrder]] = []
        self.open_fetches = 0
        self.most_open_fetches = 0
        self.closed = 0
        self.generation = 0
        self._folders: dict[FolderName, dict[RemoteId, RemoteMail]] = {INBOX: {}}
        self._events: dict[FolderName, list[_Event]] = {INBOX: []}
        self._numbers = itertools.count(1)

    def put(
        self, octets: bytes, folder: FolderName = INBOX, remote_id: str | None = None
    ) -> RemoteId:
        """Let a message arrive, behind those that are there."""
        number = next(self._numbers)
        mail = RemoteMail(RemoteId(remote_id or f"message-{number}"), f"{number:08}", octets)
        self._add(folder, mail)
        return mail.remote_id

    def remove(self, remote_id: RemoteId, folder: FolderName = INBOX) -> RemoteMail | None:
        """Let a message go, as its owner would."""
        mail = self.folder(folder).pop(remote_id, None)
        if mail is not None:
            self._events[folder].append(_Event(remote_id, came=False))
        return mail

    def bring_back(self, mail: RemoteMail, folder: FolderName = INBOX) -> None:
        """Let a message that went come again under its old id."""
        self._add(folder, mail)

    def folder(self, folder: FolderName = INBOX) -> dict[RemoteId, RemoteMail]:
        """Return what lies in a folder; what is put there later shows too."""
        self._events.setdefault(folder, [])
        return self._folders.setdefault(folder, {})

    def exists(self, folder: FolderName) -> bool:
        return folder in self._folders

    def expire_cursors(self) -> None:
        """Forget every cursor given so far."""
        self.generation += 1

    def cursor(self, folder: FolderName) -> Cursor:
        return Cursor(f"{self.generation}:{len(self._events[folder])}")

    def since(self, folder: FolderName, cursor: Cursor) -> list[_Event]:
        generation, _, position = cursor.partition(":")
        if int(generation) != self.generation:
            raise CursorExpired("the service has forgotten this cursor")
        return self._events[folder][int(position) :]

    def carry_out(self, order: DispositionOrder) -> DispositionOutcome:
        kind = order.disposition.kind
        if kind not in self.offers:
            return DispositionOutcome.REFUSED
        if order.remote_id in self.outcomes:
            return self.outcomes[order.remote_id]
        mail = self.folder(order.folder).get(order.remote_id)
        if mail is None or kind is DispositionKind.KEEP:
            return DispositionOutcome.DONE
        if kind is DispositionKind.MARK_READ:
            mail.is_read = True
            return DispositionOutcome.DONE
        self.remove(order.remote_id, order.folder)
        if kind is not DispositionKind.PURGE:
            self._add(order.disposition.folder or TRASH, mail)
        return DispositionOutcome.DONE

    async def step(self, name: str) -> None:
        await _Pause()
        self.on_step(name)

    def call(self, method: str, what: object) -> None:
        self.asked.append((method, what))
        if self.failures[method]:
            raise self.failures[method].pop(0)

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Count a fetch for as long as it is open."""
        self.open_fetches += 1
        self.most_open_fetches = max(self.most_open_fetches, self.open_fetches)
        try:
            yield
        finally:
            self.open_fetches -= 1

    def _add(self, folder: FolderName, mail: RemoteMail) -> None:
        self.folder(folder)[mail.remote_id] = mail
        self._events[folder].append(_Event(mail.remote_id, came=True))


class FakeMailbox:
    """One connection to a `FakeService`."""

    def __init__(self, service: FakeService) -> None:
        self._service = service
        self._lanes = asyncio.Semaphore(service.at_once)

    @property
    def at_once(self) -> int:
        return self._service.at_once

    @property
    def dispositions(self) -> frozenset[DispositionKind]:
        return self._service.offers

    @property
    def attests(self) -> Attests | None:
        return self._service.attests

    def check_folder(self, folder: FolderName) -> FolderName:
        return folder

    def check_target(self, folder: FolderName) -> None:
        del folder

    async def changes(
        self, folder: FolderName, cursor: Cursor | None
    ) -> AsyncGenerator[ChangePage, None]:
        service = self._service
        await service.step("look")
        service.call("changes", cursor)
        if not service.exists(folder):
            raise FolderMissing("there is no such folder")
        if cursor is None:
            added, removed = [mail.named() for mail in service.folder(folder).values()], []
        else:
            added, removed = self._net(folder, service.since(folder, cursor))
        after = service.cursor(folder)
        size = service.page_messages
        starts = range(0, max(len(added), 1), size)
        for start in starts:
            is_last = start == starts[-1]
            yield ChangePage(
                tuple(added[start : start + size]),
                tuple(removed) if is_last else (),
                after if is_last else None,
                full=cursor is None,
                last=is_last,
            )
            await service.step("page")

    def _net(
        self, folder: FolderName, events: list[_Event]
    ) -> tuple[list[RemoteMessage], list[RemoteId]]:
        """Return what came and stayed, and what went, however often each did in between."""
        here = self._service.folder(folder)
        touched = dict.fromkeys(event.remote_id for event in events)
        added = [here[remote_id].named() for remote_id in touched if remote_id in here]
        return added, [remote_id for remote_id in touched if remote_id not in here]

    async def fetch(
        self, folder: FolderName, remote_id: RemoteId
    ) -> AsyncGenerator[bytes, None]:
        service = self._service
        with service.counted():
            async with self._lanes:
                await service.step("fetch")
                service.call("fetch", remote_id)
                if remote_id in service.gates:
                    await service.gates[remote_id].wait()
                mail = service.folder(folder).get(remote_id)
                if mail is None:
                    raise MessageGone("it was removed")
                trouble = service.trouble.get(remote_id)
                sent = mail.octets if trouble is None else mail.octets[: service.trouble_after]
                for start in range(0, len(sent), PIECE_OCTETS):
                    yield sent[start : start + PIECE_OCTETS]
                    await service.step("piece")
                if trouble is not None:
                    raise trouble

    async def dispose(self, orders: Sequence[DispositionOrder]) -> Sequence[DispositionOutcome]:
        service = self._service
        await service.step("dispose")
        service.call("dispose", len(orders))
        service.orders.append(list(orders))
        for order in orders:
            if order.remote_id in service.poison:
                raise service.poison[order.remote_id]
        outcomes = [service.carry_out(order) for order in orders]
        service.on_step("disposed")
        return outcomes

    async def reach(self) -> Sequence[HostAnswer]:
        await self._service.step("reach")
        return (HostAnswer("fake.test", 0.0),)

    async def prove_right(self, folder: FolderName, remote_id: RemoteId) -> None:
        await self._service.step("prove-right")
        if remote_id not in self._service.folder(folder):
            raise MessageGone("it was removed")

    async def close(self) -> None:
        self._service.closed += 1


if TYPE_CHECKING:
    _provider: type[MailboxProvider] = FakeMailbox
