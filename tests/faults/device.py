"""A device that speaks POP3 to a real session, over a pair of sockets on loopback."""

import asyncio
import socket
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager

import attrs

from bridge import logs
from bridge.accounts.directory import Directory
from bridge.connection import Connection
from bridge.names import ConnectionId, DeviceName
from bridge.pop3.events import MachineLimits, Terms
from bridge.session.services import Peer, Services, SessionLimits
from bridge.session.session import Session
from bridge.session.tracing import Tracing
from bridge.storage.locks import MemoryLocks
from bridge.storage.register import Device
from bridge.vault.seal import SecretSeal
from tests.contract.storage_harness import PRINTER, SqliteUnderTest
from tests.faults.cell_loop import CellClock

NAME, PASSWORD = "panel", "tanstaaf"
TERMS = Terms("popbridge ready", password_allowed=True, stls_offered=False)
DEVICE = Device(DeviceName(NAME), PRINTER, PASSWORD)


class PlainVerifier:
    """Takes the stored text for the password itself: hashing is not what a cell is about."""

    async def verify(self, stored: str | None, password: str, origin: str) -> bool:
        del origin
        return stored == password

    def remembered(self, stored: str, password: str) -> bool:
        del stored, password
        return False


@attrs.define
class Printer:
    """One device of one maildrop; it logs in, takes everything, and says what it was told."""

    storage: SqliteUnderTest
    locks: MemoryLocks
    clock: CellClock

    async def look(self) -> dict[str, bytes]:
        """Return every message by its unique-id, retrieved whole."""
        async with self._session() as talk:
            return await talk.everything()

    async def delete(self, bodies: Collection[bytes]) -> None:
        """Delete what has these octets, and quit."""
        async with self._session() as talk:
            found = list((await talk.everything()).values())
            for octets in bodies:
                await talk.ask(f"DELE {found.index(octets) + 1}")

    @asynccontextmanager
    async def _session(self) -> AsyncIterator["Talk"]:
        loop = asyncio.get_running_loop()
        directory = Directory(
            self.storage.register, PlainVerifier(), SecretSeal(bytes(32)), self.clock, 30.0
        )
        await directory.load()
        services = Services(
            self.storage.spool,
            self.locks,
            directory,
            self.clock,
            lambda _account: None,
            MachineLimits(),
            SessionLimits(60.0, 600.0, 10.0),
            Tracing(directory.device_of, directory.may_be_shown, self.clock),
        )
        with socket.create_server(("127.0.0.1", 0)) as server:
            theirs = socket.create_connection(server.getsockname())
            accepted, _ = server.accept()
        ours = Connection(accepted)
        await loop.connect_accepted_socket(lambda: ours, accepted)
        peer = Peer(ConnectionId("cell"), "127.0.0.1", TERMS)
        reader, writer = await asyncio.open_connection(sock=theirs, limit=1 << 20)
        async with asyncio.TaskGroup() as group:
            group.create_task(Session(ours, peer, services, logs.get("cell")).serve())
            try:
                talk = Talk(reader, writer)
                await talk.log_in()
                yield talk
                await talk.ask("QUIT")
            finally:
                writer.close()


@attrs.frozen
class Talk:
    """One session, seen from the device; whatever is not +OK ends it as a failed test."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def log_in(self) -> None:
        await self._answer("greeting")
        await self.ask(f"USER {NAME}")
        await self.ask(f"PASS {PASSWORD}")

    async def ask(self, line: str) -> None:
        self.writer.write(line.encode() + b"\r\n")
        await self._answer(line)

    async def everything(self) -> dict[str, bytes]:
        await self.ask("UIDL")
        listed = [line.split() for line in (await self._lines()).decode().splitlines()]
        found = {}
        for number, unique_id in listed:
            await self.ask(f"RETR {number}")
            found[unique_id] = await self._lines()
        assert len(found) == len(listed), "a unique-id twice"
        return found

    async def _answer(self, to: str) -> None:
        said = await self.reader.readuntil(b"\r\n")
        assert said.startswith(b"+OK"), f"{to} was answered by {said!r}"

    async def _lines(self) -> bytes:
        found = b""
        while (line := await self.reader.readuntil(b"\r\n")) != b".\r\n":
            found += line.removeprefix(b".")
        return found
