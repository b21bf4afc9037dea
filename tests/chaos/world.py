"""The world of a simulation: the bridge and the model side by side, and what lies around them.

What can happen in it lies in steps.py and in sessions.py.
"""

import asyncio
import random
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeAlias

import attrs

from bridge.names import MaildropName, SpoolId
from bridge.storage.messages import MessageState
from bridge.storage.register import Account, Device, MaildropRecord, OnOutage
from providers.contract import Disposition, FolderName, RemoteId
from tests.chaos.lives import MESSAGE_OCTETS, Life
from tests.chaos.model import Model
from tests.chaos.sessions import Unit
from tests.chaos.steady_loop import steady_loop
from tests.chaos.upstreams import Upstream
from tests.chaos.views import Entry, View
from tests.contract.storage_harness import OFFICE
from tests.fakes.clock import LoopClock

PAIRS = (
    ("trash", "keep"),
    ("move:Done", "keep"),
    ("mark-read", "purge"),
    ("trash", "mark-read"),
    ("trash", "trash"),
    ("purge", "keep"),
    ("keep", "move:Done"),
)
"""Dispositions of two maildrops at one folder."""

DEVICES = (
    ("panel", "printer", "10.0.0.1"),
    ("panel", "printer", "10.0.0.2"),
    ("tray", "printer", "10.0.0.3"),
    ("fax", "fax", "10.0.0.4"),
    ("spare", "fax", "10.0.0.5"),
)


class World:
    """One simulation: the mailbox, the disk, the devices, and the process of the moment."""

    def __init__(
        self, root: Path, upstream: Upstream, rng: random.Random, group: asyncio.TaskGroup
    ) -> None:
        self.rng = rng
        self.upstream = upstream
        self.loop = steady_loop()
        self.clock = LoopClock()
        self.trace: list[str] = []
        self.remote: dict[RemoteId, int] = {}
        self.ended_in_vain = 0
        self._damaged: dict[tuple[MaildropName, int], tuple[str, bytes]] = {}
        self._numbers: dict[tuple[MaildropName, int], SpoolId] = {}
        self._root = root
        self.backup = root / "backup.db"
        # What follows a restore is an admin's to decide, and so tells little of everything else.
        self.makes_backups = rng.random() < 0.3
        self._group = group
        self._lives = 0
        drops = [
            self._record(*one)
            for one in zip(("printer", "fax"), rng.choice(PAIRS), strict=True)
        ]
        self.model = Model(
            {drop.name: View(drop) for drop in drops}, MESSAGE_OCTETS, upstream.follows
        )
        self.units = [Unit(n, a, self.model.views[MaildropName(d)]) for n, d, a in DEVICES]
        self._folder = root / "life-0"
        self.life = self._new_life()

    def _record(self, name: str, disposition: str) -> MaildropRecord:
        return MaildropRecord(
            MaildropName(name),
            OFFICE,
            FolderName(""),
            Disposition.parse(disposition),
            self.rng.choice(list(OnOutage)),
            self.rng.choice((0, 3600, 86400)),
            self.rng.choice((1 << 31, 300_000)),
        )

    # ---- the process

    async def begin(self) -> None:
        register = self.life.register
        await register.add_account(Account(OFFICE, "folder", {"path": "/mail"}))
        for view in self.model.views.values():
            await register.add_maildrop(view.record)
        for unit in {unit.name: unit for unit in self.units}.values():
            await register.add_device(Device(unit.name, unit.view.name, "right"))
        await self.life.begin()

    def kill(self) -> None:
        """End the process here and now; `revive` brings up the next one from what is on the disk."""
        self.life.kill(self.next_folder())

    def next_folder(self) -> Path:
        """Return the state folder of the next process, which is another one than this one's."""
        self._folder = self._root / f"life-{self._lives}"
        return self._folder

    async def revive(self) -> None:
        """Start the next process."""
        self.loop.drop()
        await self.life.bury()
        for unit in self.units:
            await unit.lose()
        for view in self.model.views.values():
            view.noted.clear()  # a process remembers that, the disk does not
        self.life = self._new_life()
        await self.life.begin()
        self.ended_in_vain = 0

    def _new_life(self) -> Life:
        life = Life(self._folder, self.upstream.open(), self._group, self._lives)
        self._lives += 1
        return life

    # ---- what lies on the disk

    async def lose_cursors(self) -> None:
        """Forget where looks have ended, as a new enrolment does."""
        with self.loop.unharmed():
            await self.life.database.write(_forget_cursors)

    async def rows(self) -> list[tuple[int, MaildropName, RemoteId, str]]:
        """Return every message that the bridge knows: its number, maildrop, remote id and state."""
        return await self.life.database.read(
            lambda db: db.execute(
                "SELECT id, maildrop, remote_id, state FROM message ORDER BY id"
            ).fetchall()
        )

    def damage(self, view: View, job: int) -> None:
        """Damage the body of a listed message, or lose it; the same body is damaged once only."""
        path = self._body_of(view, job)
        if self.is_damaged(view, job) or not path.exists():
            return
        octets = bytearray(path.read_bytes())
        octets[self.rng.randrange(len(octets))] ^= 1
        if self.rng.random() < 0.3:
            path.unlink()
            octets.clear()
        else:
            path.write_bytes(octets)
        self._damaged[view.name, job] = path.name, bytes(octets)

    def is_damaged(self, view: View, job: int) -> bool:
        """Tell whether the body that is there now is one that was damaged."""
        name, octets = self._damaged.get((view.name, job), ("", b""))
        path = self._body_of(view, job)
        if name != path.name:
            return False
        return path.read_bytes() == octets if path.exists() else not octets

    def _body_of(self, view: View, job: int) -> Path:
        return self.life.folder / "bodies" / f"{self._numbers[view.name, job]}.body"

    # ---- what is true now

    async def check(self) -> None:
        """Hold everything against the model."""
        with self.loop.unharmed():
            self.model.bridge_did(self.upstream.seen())
            for unit in self.units:
                await unit.notice_the_end()
            for view in self.model.views.values():
                self.model.check_listing(view, await self.entries(view), self.clock.now())

    async def entries(self, view: View) -> list[Entry]:
        """Return what a session that starts now would be told, and which jobs that is."""
        listing = await self.life.spool.listing(view.name)
        rows = await self.life.database.read(
            lambda db: db.execute(
                "SELECT id, remote_id, state FROM message WHERE maildrop = ?", (view.name,)
            ).fetchall()
        )
        known = {row[0]: row[1:] for row in rows}
        found = []
        for entry in listing.entries:
            remote_id, state = known[entry.spool_id]
            is_notice = state == MessageState.QUARANTINED
            job = self.remote[RemoteId(remote_id)]
            self._numbers[view.name, job] = entry.spool_id
            found.append(Entry(job, entry.unique_id, entry.octets, is_notice))
        return found

    async def at_rest(self) -> dict[MaildropName, int]:
        """Return the octets of the bodies that lie here for each maildrop."""
        views = self.model.views
        with self.loop.unharmed():
            return {name: await self.life.spool.octets_at_rest(name) for name in views}

    def owner(self, act: Callable[[], object]) -> None:
        """Do what the mailbox's owner, or a sender, does."""
        self.model.bridge_did(self.upstream.seen())
        act()
        self.model.owner_did(self.upstream.seen())


def _forget_cursors(db: sqlite3.Connection) -> None:
    db.execute("UPDATE maildrop SET cursor = NULL")


Step: TypeAlias = Callable[[World], Awaitable[str]]


@attrs.frozen
class Weighed:
    """A step, how often it comes, and whether the process may end in the middle of it."""

    step: Step
    weight: int
    may_crash: bool = False
