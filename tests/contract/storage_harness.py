"""Spools, registers and locks of a test's own, with the means to break what lies under them.

A new engine joins the contract suites by writing a `StorageUnderTest` and adding it to `STORAGES`;
new locks are added to `LOCKS`.
"""

import os
import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Protocol

from bridge.names import AccountName, DeviceName, MaildropName, SpoolId, UniqueId
from bridge.storage.audit import THE_BRIDGE
from bridge.storage.holding import Locks
from bridge.storage.locks import MemoryLocks
from bridge.storage.messages import Announcement
from bridge.storage.ports import OpenBody, Spool
from bridge.storage.register import Account, Device, MaildropRecord, Register
from bridge.storage.sqlite.addresses import SqliteAddresses
from bridge.storage.sqlite.audit import Scribe
from bridge.storage.sqlite.bodies import Bodies
from bridge.storage.sqlite.database import Database, open_database
from bridge.storage.sqlite.register import SqliteRegister
from bridge.storage.sqlite.spool.spool import SqliteSpool
from bridge.vault.seal import BodySeal, SecretSeal
from providers.contract import Disposition, FolderName, RemoteId
from tests.fakes.clock import FakeClock

KEY = bytes(range(32))
OFFICE = AccountName("office")
PRINTER = MaildropName("printer")
FAX = MaildropName("fax")
PANEL = DeviceName("panel")


class StorageUnderTest(Protocol):
    """One engine's spool and register, over things at rest that a test may break."""

    @property
    def spool(self) -> Spool:
        """Return the spool as it is open now."""

    @property
    def register(self) -> Register:
        """Return the register as it is open now."""

    def crash(self) -> None:
        """Go on from what is at rest this very moment, as after `kill -9`."""

    def body_file(self, spool_id: SpoolId) -> Path:
        """Return the file that holds a message's sealed body."""

    def body_files(self) -> list[Path]:
        """Return every file that holds or held octets of a body."""

    async def refuse_writes(self) -> None:
        """Let every later write fail, as on a disk that became read-only."""

    async def refuse_everything(self) -> None:
        """Let every later read and write fail."""

    def close(self) -> None:
        """Release everything."""


class SqliteUnderTest:
    """The embedded default, in a folder."""

    spool: SqliteSpool
    register: SqliteRegister

    def __init__(self, root: Path) -> None:
        self._root = root
        self._lives = 0
        self.folder = root / "life-0"
        (self.folder / "bodies").mkdir(parents=True)
        self._open()

    def _open(self) -> None:
        self.database: Database = open_database(self.folder / "popbridge.db", create=True)
        self.bodies = Bodies(self.folder / "bodies", BodySeal(KEY), minimum_free=0)
        self.clock = FakeClock()
        self.spool = SqliteSpool(self.database, self.bodies, self.clock, SecretSeal(KEY))
        scribe = Scribe(THE_BRIDGE, self.clock)
        self.register = SqliteRegister(self.database, scribe)
        self.addresses = SqliteAddresses(self.database, scribe)

    def crash(self) -> None:
        self._lives += 1
        copy = self._root / f"life-{self._lives}"
        # The shared-memory file dies with the processes that share it.
        shutil.copytree(self.folder, copy, ignore=shutil.ignore_patterns("*-shm"))
        self.close()
        self.folder = copy
        self._open()

    def body_file(self, spool_id: SpoolId) -> Path:
        return self.folder / "bodies" / f"{spool_id}.body"

    def body_files(self) -> list[Path]:
        return sorted((self.folder / "bodies").iterdir())

    async def refuse_writes(self) -> None:
        await self.database.read(lambda db: db.execute("PRAGMA query_only = ON").fetchall())

    async def refuse_everything(self) -> None:
        await self.database.read(lambda db: db.set_progress_handler(lambda: 1, 1))

    async def run_sql(
        self, sql: str, values: Sequence[object] = ()
    ) -> list[tuple[object, ...]]:
        def work(db: sqlite3.Connection) -> list[tuple[object, ...]]:
            return db.execute(sql, values).fetchall()

        return await self.database.write(work)

    def close(self) -> None:
        self.bodies.close()
        self.database.close()


STORAGES: dict[str, Callable[[Path], StorageUnderTest]] = {"sqlite": SqliteUnderTest}

LOCKS: dict[str, Callable[[float], Locks]] = {"memory": MemoryLocks}


# ---- what tests fill them with


def account(name: AccountName = OFFICE) -> Account:
    return Account(name, "folder", {"path": "/mail"})


def maildrop(
    name: MaildropName = PRINTER, owner: AccountName = OFFICE, on_dele: str = "trash"
) -> MaildropRecord:
    return MaildropRecord(name, owner, FolderName(""), Disposition.parse(on_dele))


def device(
    name: DeviceName = PANEL,
    drop: MaildropName | None = PRINTER,
    aliases: tuple[str, ...] = (),
) -> Device:
    return Device(name, drop, "$scrypt$a-hash", aliases)


def announcement(name: str, sort_key: str | None = None) -> Announcement:
    key = name if sort_key is None else sort_key
    return Announcement(RemoteId(name), UniqueId(f"uid-{name}"), key)


async def fill(storage: StorageUnderTest, *, on_dele: str = "trash") -> None:
    """Register an account with two maildrops."""
    await storage.register.add_account(account())
    await storage.register.add_maildrop(maildrop(PRINTER, on_dele=on_dele))
    await storage.register.add_maildrop(maildrop(FAX, on_dele=on_dele))


async def pieces_of(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def deliver(
    storage: StorageUnderTest, name: str, octets: bytes = b"", drop: MaildropName = PRINTER
) -> SpoolId:
    """Announce and deliver one message, and return its id."""
    await storage.spool.announce(drop, [announcement(name)])
    (item,) = (item for item in await storage.spool.pending(drop) if item.remote_id == name)
    await storage.spool.deliver(item.spool_id, pieces_of(octets or body(name)))
    return item.spool_id


def body(name: str) -> bytes:
    return b"Subject: %s\r\n\r\n.dots\r\n" % name.encode()


async def states(storage: SqliteUnderTest) -> dict[str, str]:
    rows = await storage.run_sql("SELECT remote_id, state FROM message ORDER BY id")
    return {str(name): str(state) for name, state in rows}


async def listed(storage: SqliteUnderTest) -> list[SpoolId]:
    return [entry.spool_id for entry in (await storage.spool.listing(PRINTER)).entries]


async def read_whole(spool: Spool, spool_id: SpoolId, *, as_it_came: bool = False) -> bytes:
    opened: OpenBody = await spool.open_body(spool_id, as_it_came=as_it_came)
    try:
        return b"".join([piece async for piece in opened.pieces()])
    finally:
        opened.close()


def flip(path: Path, position: int, mask: int = 1) -> None:
    """Change one bit of a file in place."""
    with path.open("r+b") as file:
        file.seek(position, os.SEEK_SET)
        (octet,) = file.read(1)
        file.seek(position, os.SEEK_SET)
        file.write(bytes([octet ^ mask]))
