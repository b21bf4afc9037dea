"""One cell of the matrix: a healthy start, an hour of one fault in one call, and the time after it."""

import asyncio
import random
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import attrs
import trustme

from bridge import logs
from bridge.accounts.grants import Grants
from bridge.accounts.tokens import Tokens
from bridge.storage.locks import MemoryLocks
from bridge.storage.register import Account
from bridge.sync.look import Looker
from bridge.sync.worker import Pace, Worker
from bridge.vault.seal import SecretSeal
from providers.identity import Grant
from tests.contract.storage_harness import OFFICE, PRINTER, SqliteUnderTest, maildrop
from tests.fakes.cloud import Cloud
from tests.faults.cell_loop import CellClock, CellLoop
from tests.faults.device import DEVICE, Printer
from tests.faults.fault_kinds import SERVICES, Kind, inject
from tests.faults.sides import GmailSide, GraphSide, Place, Side
from tests.faults.upstream_calls import Call, Scene

HOUR = 3600.0
PROBES = (200.0, 3400.0)
"""When the device looks during the hour, in seconds after the look before."""

PATIENCE_SECONDS = 3 * HOUR
"""How long after a fault everything must be in order: the longest wait that a cell's service asks for,
an hour, and twice the longest that the worker takes by itself."""

INTERVAL = 300.0
"""Between two looks that go well: longer than the default, for the same waits after failures sooner."""

LOOKS = 14
"""Looks in an hour at most: one at once, and one each interval that jitter has made shorter."""

AUTHORITY = trustme.CA()
"""One for all cells, in one file: trusting one costs more than all else that a cell does."""

DAY = 25 * HOUR
MESSAGE_OCTETS = 1_000_000


def mail(name: str) -> bytes:
    """Return a message longer than what the faults let through of a body."""
    lines = "".join(f"{name}: line {number} of the job\r\n" for number in range(20))
    return f"From: a@example.com\r\nSubject: {name}\r\n\r\n.{lines}".encode()


OLD = [mail(f"old {number}") for number in range(1, 5)]
NEW = [mail("new 1"), mail("new 2")]
UNCONVERTIBLE = mail("signed")


class Unjudged:
    """Takes every request and every answer for a good one: faults are none, and judging takes time."""

    def check_request(self, _asked: object) -> list[str]:
        return []

    def check_answer(self, _asked: object, _answer: object) -> list[str]:
        return []


@attrs.define
class Ended:
    """What one cell has come to: in the hour of the fault, and after it.

    `requests` counts the call, or how often its host was tried; `seen` is what the device could have at
    the hour's end, `after` when all was in order again.
    """

    requests: int
    seen: list[bytes]
    trouble: str
    needs_enrolment: bool
    orders_done: bool
    places_then: Mapping[bytes, Place]
    trouble_after: str = ""
    after: list[bytes] = attrs.field(factory=list)
    places: Mapping[bytes, Place] = attrs.field(factory=dict)
    changes: Mapping[bytes, int] = attrs.field(factory=dict)
    lines: list[tuple[str, str]] = attrs.field(factory=list)


@attrs.define
class Cell:
    """The world of one cell."""

    scene: Scene
    loop: CellLoop
    clock: CellClock
    cloud: Cloud
    storage: SqliteUnderTest
    side: Side
    grants: Grants
    printer: Printer
    locks: MemoryLocks
    _begun: dict[str, int] | None = attrs.field(default=None, init=False)

    async def settle(self, worker: Worker, seconds: float, wanted: int) -> None:
        """Return when so many messages can be had and nothing is left to do, at the latest in so long."""
        until, looked = self.loop.time() + seconds, worker.status.last_success
        while self.loop.time() < until:
            await self.clock.sleep(30)
            if worker.status.last_success == looked:
                continue
            looked = worker.status.last_success
            listed = len((await self.storage.spool.listing(PRINTER)).entries)
            if listed == wanted and not await self.storage.spool.queued(OFFICE, 1):
                return

    async def enrol(self) -> None:
        identity = self.side.open_identity()
        try:
            grant = await self.side.enrol(identity)
        finally:
            await identity.close()
        await self.grants.enrol(OFFICE, grant, self.clock.now())

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[Worker]:
        """Run the bridge's sync road, as a process begins and ends it."""
        identity = self.side.open_identity()
        log = logs.get("cell")
        tokens = Tokens(OFFICE, self.grants, identity, self.clock, log)
        mailbox = self.side.open_mailbox(tokens)
        looker = Looker(
            OFFICE, mailbox, self.storage.spool, self.locks, self.clock, log, MESSAGE_OCTETS
        )
        drops = (await self.storage.register.snapshot()).maildrops
        worker = Worker(looker, lambda: drops, Pace(INTERVAL, INTERVAL), self.clock, log)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(worker.run(), name="worker")
            try:
                yield worker
            finally:
                task.cancel()
        await identity.close()

    def mark(self) -> None:
        """Let `asked` begin here."""
        self._begun = self._counts()

    def asked(self) -> list[tuple[str, str]]:
        """Return every request since the mark, as its service and its line, those in batches too."""
        begun = self._begun or dict.fromkeys(self._counts(), 0)
        found = [
            (name, f"{one.method} {one.raw_path}")
            for name in SERVICES
            for one in getattr(self.cloud, name).asked[begun[name] :]
        ]
        parts = self.cloud.graph.batch_parts[begun["parts"] :]
        return found + [("graph", f"{part.method} {part.path}") for part in parts]

    def count(self, call: Call) -> int:
        return sum(
            call.service == service and call.is_of(line) for service, line in self.asked()
        )

    def _counts(self) -> dict[str, int]:
        counts = {name: len(getattr(self.cloud, name).asked) for name in SERVICES}
        return {**counts, "parts": len(self.cloud.graph.batch_parts)}


def run(
    folder: Path,
    scene: Scene,
    call: Call | None = None,
    kind: Kind | None = None,
    about: bytes | None = None,
) -> Ended:
    """Play a cell on a loop of its own, in a folder below `folder`.

    Without a fault it is the scene alone; with `about` only calls about that message meet the fault.
    """
    place = Path(tempfile.mkdtemp(dir=folder))
    with asyncio.Runner(loop_factory=CellLoop) as runner:
        return runner.run(_play(place, scene, call, kind, about))


async def _play(
    folder: Path, scene: Scene, call: Call | None, kind: Kind | None, about: bytes | None
) -> Ended:
    random.seed(0)  # jitter: a cell counts the same requests each time
    async with _world(folder, scene) as cell:
        for octets in OLD:
            cell.side.put(octets)
        async with cell.at_work() as worker:
            await cell.settle(worker, HOUR, len(OLD))
            before = await cell.printer.look()
            assert sorted(before.values()) == sorted(OLD)
        await _meanwhile(cell)
        cell.mark()
        if call is not None and about is not None:
            call = call.about(cell.side.id_of(about))
        if call is not None and kind is not None:
            inject(kind, call, cell.cloud, cell.loop)
        async with cell.at_work() as worker:
            seen = await _hour(cell, before)
            ended = Ended(
                (cell.count(call) if call else 0) + cell.loop.met,
                list(seen.values()),
                worker.status.trouble,
                worker.status.needs_enrolment,
                not await cell.storage.spool.queued(OFFICE, 1),
                cell.side.places(),
            )
            heal(cell)
            if not ended.needs_enrolment:
                await cell.settle(worker, PATIENCE_SECONDS, wanted(scene))
        if ended.needs_enrolment:
            await cell.enrol()
            async with cell.at_work() as worker:
                await cell.settle(worker, PATIENCE_SECONDS, wanted(scene))
        ended.trouble_after = worker.status.trouble
        after = await cell.printer.look()
        _check_ids(before, after)
        ended.after = list(after.values())
        ended.places, ended.changes = cell.side.places(), cell.side.changes()
        ended.lines = cell.asked()
        return ended


def wanted(scene: Scene) -> int:
    """Return how many messages a device finds when all is done."""
    return len(OLD) - scene.deletes + len(NEW) + scene.unconvertible


def heal(cell: Cell) -> None:
    for service in cell.cloud.services:
        service.heal()
    cell.loop.unresolved.clear()
    cell.loop.refused.clear()


@asynccontextmanager
async def _world(folder: Path, scene: Scene) -> AsyncIterator[Cell]:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, CellLoop)
    clock = CellClock(loop)
    async with Cloud(folder.parent, clock, AUTHORITY) as cloud:
        cloud.graph.contract = cloud.gmail.contract = Unjudged()  # type: ignore[assignment] - judged by other tests
        storage = SqliteUnderTest(folder)
        try:
            make = GraphSide if scene.provider == "microsoft" else GmailSide
            grants = Grants(storage.register, SecretSeal(bytes(32)))
            locks = MemoryLocks(3)
            cell = Cell(
                scene,
                loop,
                clock,
                cloud,
                storage,
                make(cloud, clock, scene),
                grants,
                Printer(storage, locks, clock),
                locks,
            )
            sealed = grants.sealed(OFFICE, Grant("prepared"))
            account = Account(OFFICE, scene.provider, {})
            await storage.register.add_account(account, sealed)
            await storage.register.add_maildrop(maildrop(on_dele=scene.on_dele))
            await storage.register.add_device(DEVICE)
            await cell.enrol()
            yield cell
        finally:
            storage.close()


async def _meanwhile(cell: Cell) -> None:
    """Let what happens between the healthy start and the fault happen, while the bridge is off."""
    await cell.printer.delete(OLD[: cell.scene.deletes])
    for octets in NEW:
        cell.side.put(octets)
    if cell.scene.unconvertible:
        cell.side.put(UNCONVERTIBLE, unconvertible=True)
    if cell.scene.cursor_lost:
        cell.side.lose_cursors()
    if cell.scene.token_over:
        await cell.clock.sleep(DAY)


async def _hour(cell: Cell, before: Mapping[str, bytes]) -> dict[str, bytes]:
    """Let an hour pass, and hold what the device sees in it against what it saw before."""
    seen: dict[str, bytes] = {}
    for seconds in PROBES:
        await cell.clock.sleep(seconds)
        seen = await cell.printer.look()
        _check_ids(before, seen)
    return seen


def _check_ids(before: Mapping[str, bytes], seen: Mapping[str, bytes]) -> None:
    """Accept only bodies under the unique-ids they had."""
    for unique_id in before.keys() & seen.keys():
        assert before[unique_id] == seen[unique_id], "a unique-id that means another message"
