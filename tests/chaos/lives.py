"""One life of the bridge: everything that a process holds, over a state folder that outlives it.

Storage, locks, sessions and looks are the product's own; what is missing of a real process is its doors,
its timers and its password hashing.
"""

import asyncio
import shutil
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import attrs

from bridge import logs
from bridge.accounts.directory import Directory
from bridge.app.admin.messages import MessageDesk
from bridge.connection import Connection
from bridge.errors import SpoolUnavailable
from bridge.names import ConnectionId
from bridge.pop3.events import MachineLimits, Terms
from bridge.session.services import Peer, Services, SessionLimits
from bridge.session.session import Session
from bridge.session.tracing import Tracing
from bridge.storage.audit import THE_BRIDGE
from bridge.storage.locks import MemoryLocks
from bridge.storage.sqlite.audit import Scribe
from bridge.storage.sqlite.bodies import Bodies
from bridge.storage.sqlite.database import open_database
from bridge.storage.sqlite.register import SqliteRegister
from bridge.storage.sqlite.spool.histories import Histories
from bridge.storage.sqlite.spool.spool import SqliteSpool
from bridge.sync.look import Looker
from bridge.vault.seal import BodySeal, SecretSeal
from providers.contract import MailboxProvider, ProviderError
from tests.chaos.devices import Dialogue, HungUp
from tests.chaos.steady_loop import ACTOR
from tests.contract.storage_harness import KEY, OFFICE
from tests.fakes.clock import LoopClock

MESSAGE_OCTETS = 150_000
"""Some messages are larger than the bridge takes."""

TAKEOVER_GRACE = 3.0
TERMS = Terms("popbridge ready", password_allowed=True, stls_offered=False)


class PlainPasswords:
    """Takes the stored text for the password itself."""

    def remembered(self, stored: str, password: str) -> bool:
        return stored == password

    async def verify(self, stored: str | None, password: str, origin: str) -> bool:
        del origin
        return stored == password


class Life:
    """One process; call `begin` before anything else."""

    def __init__(
        self, folder: Path, mailbox: MailboxProvider, group: asyncio.TaskGroup, number: int
    ) -> None:
        (folder / "bodies").mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.mailbox = mailbox
        self.clock = LoopClock(asyncio.get_running_loop())
        self.is_failing = False
        self.is_over = False
        self._is_killed = False
        self._is_buried = False
        self._ends: list[Dialogue] = []
        self._group = group
        self._number = number
        self._connections = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self.database = open_database(folder / "popbridge.db", create=True)
        self.bodies = Bodies(folder / "bodies", BodySeal(KEY), minimum_free=0)
        secrets = SecretSeal(KEY)
        self.spool = SqliteSpool(self.database, self.bodies, self.clock, secrets)
        self.register = SqliteRegister(self.database, Scribe(THE_BRIDGE, self.clock))
        self.locks = MemoryLocks(TAKEOVER_GRACE)
        self.directory = Directory(self.register, PlainPasswords(), secrets, self.clock, 30.0)
        self._tracing = Tracing(
            self.directory.device_of, self.directory.may_be_shown, self.clock
        )
        self.looker = Looker(
            OFFICE,
            mailbox,
            self.spool,
            self.locks,
            self.clock,
            logs.get("sync"),
            MESSAGE_OCTETS,
        )
        self.desk = MessageDesk(
            self.spool,
            Histories(self.database, secrets),
            self.locks,
            lambda: self.directory.snapshot,
            lambda _account: mailbox,
            MESSAGE_OCTETS,
        )

    async def begin(self) -> None:
        """Do what the server does before it serves."""
        await self.spool.sweep_orphans()
        await self.directory.load()

    async def look(self) -> str:
        """Look once, and return what came of it."""
        try:
            report = await self.looker.look(self.directory.snapshot.maildrops)
        except (ProviderError, SpoolUnavailable) as error:
            self.is_failing = True
            return type(error).__name__
        self.is_failing = False
        return ", ".join(f"{n} {name}" for name, n in attrs.asdict(report).items() if n)

    def start(self, work: Coroutine[Any, Any, None], actor: str) -> asyncio.Task[None]:
        """Run work that ends with this life, and that may be held back by the name of its actor."""
        token = ACTOR.set(actor)
        try:
            task = self._group.create_task(work, name=f"{actor} of life {self._number}")
        finally:
            ACTOR.reset(token)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def connect(self, address: str) -> Dialogue:
        """Return a new connection of a device, greeted.

        Raises:
            HungUp: nobody is there any more.
        """
        if self.is_over:
            raise HungUp
        self._connections += 1
        name = ConnectionId(f"{self._number}-{self._connections}")
        services = Services(
            spool=self.spool,
            locks=self.locks,
            directory=self.directory,
            clock=self.clock,
            nudge=lambda _account: None,
            machine_limits=MachineLimits(),
            limits=SessionLimits(60.0, 600.0, 30.0),
            tracing=self._tracing,
            is_failing=lambda _account: self.is_failing,
        )
        peer = Peer(name, address, TERMS)

        def serve(connection: Connection) -> asyncio.Task[None]:
            session = Session(connection, peer, services, logs.get("session"))
            return self.start(session.serve(), name)

        dialogue = await Dialogue.open(name, serve)
        self._ends.append(dialogue)
        return dialogue

    def kill(self, heir: Path) -> None:
        """End here, as after `kill -9`; the state as it is on the disk now is left to `heir`."""
        self.stop()
        # The shared-memory file dies with the processes that share it.
        shutil.copytree(self.folder, heir, ignore=shutil.ignore_patterns("*-shm"))
        self._is_killed = True

    def stop(self) -> None:
        """End here, in order; `bury` waits for it."""
        self.is_over = True
        for task in list(self._tasks):
            task.cancel()

    async def bury(self) -> None:
        """Wait for what has ended, and let go of everything; what its last breath wrote never was."""
        if self._is_buried:
            return
        self._is_buried = True
        while self._tasks:
            await asyncio.wait(list(self._tasks))
        await self.mailbox.close()
        self.bodies.close()
        self.database.close()
        for end in self._ends:
            end.raw.close()
        if self._is_killed:
            shutil.rmtree(self.folder)
