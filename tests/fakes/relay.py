"""Carries connections to a port on loopback: as a wire that counts and cuts, or as an HTTP proxy."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

TUNNEL = b"HTTP/1.1 200 Connection established\r\n\r\n"


class Relay:
    """Carries to `target`; with `is_proxy` it waits for a CONNECT first and says `answer` to it.

    It goes on only after TUNNEL; with `is_mute` it takes connections and never says a word.
    """

    def __init__(
        self,
        target: int = 0,
        *,
        is_proxy: bool = False,
        answer: bytes = TUNNEL,
        is_mute: bool = False,
    ) -> None:
        self.port = 0
        self.connections = 0
        self.heads: list[str] = []
        self._target = target
        self._is_proxy = is_proxy
        self._answer = answer
        self._is_mute = is_mute
        self._carrying: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._carrying.add(task)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await self._carry(reader, writer)
        finally:
            self._carrying.discard(task)
            writer.transport.abort()

    async def cut(self) -> None:
        """Cut every connection that is carried now."""
        tasks = list(self._carrying)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_mute:
            await asyncio.Event().wait()
        if self._is_proxy:
            self.heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
            writer.write(self._answer)
            await writer.drain()
            if self._answer != TUNNEL:
                return
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(_pump(reader, far_writer))
                both.create_task(_pump(far_reader, writer))
        except* ConnectionError:
            pass
        finally:
            far_writer.transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while octets := await reader.read(65536):
        writer.write(octets)
        await writer.drain()
    raise ConnectionResetError  # one side has ended: so does the other


@asynccontextmanager
async def carrying(relay: Relay) -> AsyncIterator[Relay]:
    """Listen on 127.0.0.1 during the block."""
    server = await asyncio.start_server(relay.serve, "127.0.0.1", 0)
    relay.port = server.sockets[0].getsockname()[1]
    try:
        yield relay
    finally:
        server.close()
        await relay.cut()
        await server.wait_closed()
