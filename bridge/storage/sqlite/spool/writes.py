"""What a write of the spool minds: listings told anew, one writer a body, no file that no row speaks of."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import TypeVar
from weakref import WeakValueDictionary

import attrs

from bridge.errors import SpoolUnavailable
from bridge.names import MaildropName, SpoolId
from bridge.storage.sqlite.bodies import Bodies, Held
from bridge.storage.sqlite.database import Database
from bridge.storage.sqlite.spool import queries, steps
from bridge.storage.sqlite.spool.listings import Listings

T = TypeVar("T")


@attrs.frozen
class Writes:
    """Transactions and files that all writers of one spool share."""

    _database: Database
    _bodies: Bodies
    _listings: Listings
    _writers: WeakValueDictionary[SpoolId, asyncio.Lock] = attrs.field(
        factory=WeakValueDictionary, init=False
    )

    @asynccontextmanager
    async def tidied(self, spool_id: SpoolId) -> AsyncIterator[None]:
        """Leave no file behind of a message that was dropped, held or could not be had in the block."""
        try:
            yield
        finally:
            await self.tidy([spool_id])

    async def tidy(self, messages: Sequence[SpoolId]) -> None:
        """Remove the files that no row speaks of: a body, and an original once upstream has obeyed."""
        with suppress(
            SpoolUnavailable
        ):  # then the next start does it: what was asked for is done
            bodies, originals = await self._database.read(
                lambda db: queries.without(db, messages)
            )
            await self._bodies.remove(bodies, [Held.BODY])
            await self._bodies.remove(originals, [Held.ORIGINAL])

    async def change(
        self, maildrop: MaildropName, work: Callable[[sqlite3.Connection], T]
    ) -> T:
        """Run a transaction after which the maildrop is listed anew."""
        with self._listings.changing(maildrop):
            return await self._database.write(work)

    @asynccontextmanager
    async def alone(self, spool_id: SpoolId) -> AsyncIterator[None]:
        """Let one at a time write the body of a message: a slow fetch and an admin's order may meet."""
        lock = self._writers.setdefault(spool_id, asyncio.Lock())
        async with lock:
            yield

    async def present(self, spool_id: SpoolId) -> steps.Present:
        """Return a message as it stands.

        Raises:
            SpoolUnavailable: there is none.
        """
        present = await self._database.read(lambda db: steps.present(db, spool_id))
        if present is None:
            raise SpoolUnavailable("the message was removed while it was being fetched")
        return present
