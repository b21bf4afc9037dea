"""A fetcher between a mailbox in memory and a spool in memory, both held up as a test pleases.

Without a disk or a thread, a few turns of the loop bring everything to where it has to wait.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Sequence
from typing import TYPE_CHECKING, cast

import attrs

from bridge import logs
from bridge.alerts import Alert
from bridge.names import MaildropName, Octets, SpoolId
from bridge.storage.lives import LifeEvent, Note
from bridge.storage.messages import Delivery, Pending
from bridge.storage.ports import Shaper
from bridge.storage.register import CEILING_OCTETS
from bridge.sync.errand import Errand
from bridge.sync.fetching import Fetcher
from providers.contract import Attests, Envelope, FolderName, RemoteId
from tests.contract.storage_harness import OFFICE, PRINTER
from tests.fakes.clock import FakeClock, LoopClock
from tests.fakes.mailbox import INBOX, FakeMailbox, FakeService
from tests.unit.sync.looking import MESSAGE_OCTETS, mail

if TYPE_CHECKING:
    from bridge.storage.ports import Spool

TURNS = 200
"""Turns of the loop after which whatever can go on has gone on."""


class PlainSpool:
    """As much of a spool as a fetcher asks of.

    A delivery fails at the first octets as `failures` say. A body that is here whole waits for its
    gate in `gates`, and is durable `durable_after` seconds later. A delivery that is cut off waits
    for `cut_gate`, and then fails as `cut_failure` says. What was `read` from is kept, so that no
    collector of garbage closes it.
    """

    def __init__(self) -> None:
        self.waiting: dict[MaildropName, list[Pending]] = {}
        self.bodies: dict[SpoolId, bytes] = {}
        self.notices: dict[SpoolId, bytes] = {}
        self.notes: list[Note] = []
        self.forgotten: list[tuple[MaildropName, RemoteId]] = []
        self.gates: dict[SpoolId, asyncio.Event] = {}
        self.failures: dict[SpoolId, Exception] = {}
        self.durable_after = 0.0
        self.read: list[object] = []
        self.cut_gate: asyncio.Event | None = None
        self.cut_failure: Exception | None = None

    async def pending(self, maildrop: MaildropName) -> list[Pending]:
        faults = Counter(
            note.spool_id for note in self.notes if note.event is LifeEvent.FAULTED
        )
        return [
            attrs.evolve(item, faults=faults[item.spool_id])
            for item in self.waiting[maildrop]
            if item.spool_id not in self.bodies | self.notices
            and (maildrop, item.remote_id) not in self.forgotten
        ]

    async def octets_at_rest(self, maildrop: MaildropName) -> Octets:
        items = self.waiting.get(maildrop, [])
        return Octets(sum(len(self.bodies.get(item.spool_id, b"")) for item in items))

    async def note(self, notes: Sequence[Note]) -> None:
        self.notes += notes

    async def deliver(
        self,
        spool_id: SpoolId,
        body: AsyncIterator[bytes],
        attests: Attests | None = None,
        shaper: Shaper | None = None,
    ) -> Delivery:
        del attests, shaper
        self.read.append(body)
        octets = b""
        try:
            async for piece in body:
                octets += piece
                if spool_id in self.failures:
                    raise self.failures[spool_id]
            if spool_id in self.gates:
                await self.gates[spool_id].wait()
            await LoopClock().sleep(self.durable_after)
        except asyncio.CancelledError:
            if self.cut_gate is not None:
                await self.cut_gate.wait()
            if self.cut_failure is not None:
                raise self.cut_failure from None
            raise
        self.bodies[spool_id] = octets
        return Delivery(Octets(len(octets)))

    async def quarantine(
        self, spool_id: SpoolId, notice: bytes, reason: str, envelope: Envelope
    ) -> None:
        assert reason
        assert isinstance(envelope, Envelope)
        self.notices[spool_id] = notice

    async def forget(self, maildrop: MaildropName, messages: Iterable[RemoteId]) -> None:
        self.forgotten += [(maildrop, remote_id) for remote_id in messages]


class KeepingMailbox(FakeMailbox):
    """A mailbox that keeps its fetches, so that no collector of garbage closes them."""

    def __init__(self, service: FakeService) -> None:
        super().__init__(service)
        self._kept: list[object] = []

    def fetch(self, folder: FolderName, remote_id: RemoteId) -> AsyncGenerator[bytes, None]:
        fetch = super().fetch(folder, remote_id)
        self._kept.append(fetch)
        return fetch


@attrs.define
class Fetching:
    """One maildrop that waits for some messages, which are numbered from 0."""

    messages: int
    at_once: int = 3
    ceiling: int = CEILING_OCTETS
    service: FakeService = attrs.field(factory=FakeService)
    spool: PlainSpool = attrs.field(factory=PlainSpool)
    ids: list[RemoteId] = attrs.field(factory=list)
    alerts: list[Alert] = attrs.field(factory=list)
    fetcher: Fetcher = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.service.at_once = self.at_once
        for number in range(self.messages):
            self.add(mail(str(number)))
        mailbox, spool = KeepingMailbox(self.service), cast("Spool", self.spool)
        self.fetcher = Fetcher(
            OFFICE,
            mailbox,
            spool,
            FakeClock(),
            logs.get("sync"),
            MESSAGE_OCTETS,
            self.alerts.append,
        )

    def add(self, octets: bytes, maildrop: MaildropName = PRINTER) -> None:
        """Let a maildrop wait for one message more."""
        self.ids.append(self.service.put(octets))
        item = Pending(SpoolId(len(self.ids) - 1), self.ids[-1])
        self.spool.waiting.setdefault(maildrop, []).append(item)

    async def run(self, *maildrops: MaildropName) -> Errand:
        names = maildrops or (PRINTER,)
        errand = Errand(INBOX, names, dict.fromkeys(names, self.ceiling))
        await self.fetcher.fetch(errand)
        return errand

    def hold(self, *numbers: int) -> list[asyncio.Event]:
        """Hold up these messages there, before their first octet."""
        gates = {self.ids[number]: asyncio.Event() for number in numbers}
        self.service.gates.update(gates)
        return list(gates.values())

    def hold_here(self, *numbers: int) -> list[asyncio.Event]:
        """Hold up these messages here, before they are durable."""
        gates = {SpoolId(number): asyncio.Event() for number in numbers}
        self.spool.gates.update(gates)
        return list(gates.values())

    def fails(self, make: Callable[[], Exception], *numbers: int) -> None:
        """Let every fetch of these messages fail."""
        for number in numbers:
            self.service.trouble[self.ids[number]] = make()

    def asked(self) -> list[int]:
        """Return the messages that were asked for, in order."""
        return [
            self.ids.index(RemoteId(str(what)))
            for method, what in self.service.asked
            if method == "fetch"
        ]

    def delivered(self) -> list[int]:
        return list(map(int, self.spool.bodies))

    async def settle(self) -> None:
        """Let everything go on to where it has to wait."""
        for _ in range(TURNS):
            await LoopClock().sleep(0)
