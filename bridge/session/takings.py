"""Holds what devices took until it is written down, which is soon: a kill forgets seconds, not a session.

RETR waits for no disk. A session that ends within HELD_SECONDS writes what it took by the transaction that
it has anyway; what a longer one took, and what could not be written, is written for all sessions together.
"""

import asyncio
from collections.abc import Sequence

from bridge.clock import Clock
from bridge.errors import SpoolUnavailable
from bridge.logs import EventLog
from bridge.storage.lives import Note
from bridge.storage.ports import Spool

HELD_SECONDS = 5.0
"""How long a note waits in memory at most, where the disk takes it; a usual poll is over by then.
A choice of ours: one sync in that time, however many devices take however much."""

MOST_HELD = 10_000
"""Notes that wait for a disk that takes nothing: some 5 MB."""


class Takings:
    """What devices took and nobody has written down yet, by connection."""

    def __init__(self, spool: Spool, clock: Clock, log: EventLog) -> None:
        self._spool = spool
        self._clock = clock
        self._log = log
        self._held: dict[str, list[Note]] = {}
        self._count = 0
        self._turn = asyncio.Lock()
        self._noted = asyncio.Event()
        self._failing = False

    def hold(self, *notes: Note) -> None:
        """Hold notes until they are written down; those beyond MOST_HELD are forgotten."""
        room = MOST_HELD - self._count
        if len(notes) > room:
            self._log.error("takings-forgotten", count=len(notes) - room)
        for note in notes[:room]:
            self._held.setdefault(note.connection, []).append(note)
            self._count += 1
            self._noted.set()

    async def take(self, connection: str) -> Sequence[Note]:
        """Return what is held of a connection, for the caller to write down, or to have held again.

        What is being written down just now is waited for.
        """
        async with self._turn:
            notes = self._held.pop(connection, ())
            self._count -= len(notes)
            return notes

    async def write(self) -> None:
        """Write down, durably, what is held; what cannot be written now goes on being held."""
        async with self._turn:
            held, self._held, self._count = self._held, {}, 0
            notes = [note for of_one in held.values() for note in of_one]
            if not notes:
                return
            try:
                await self._spool.note(notes)
            except SpoolUnavailable as error:
                self.hold(*notes)
                if not self._failing:  # a disk that stays full is told of once
                    self._log.warning("takings-not-written", why=str(error))
                self._failing = True
                return
            self._failing = False
            self._log.debug("takings-written", count=len(notes))

    async def run(self) -> None:
        """Write down what is held once it was for HELD_SECONDS, until cancelled."""
        while True:
            await self._noted.wait()
            await self._clock.sleep(HELD_SECONDS)
            self._noted.clear()
            await self.write()
