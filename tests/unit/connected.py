"""A connection of ours over a real pair of sockets, and the raw socket at its other end."""

import asyncio
import socket
from collections.abc import AsyncIterator, Generator
from contextlib import asynccontextmanager

import attrs

from bridge.connection import Connection

SOON = 20.0
"""Seconds after which something that must happen has not happened."""

BRIEF = 0.1
"""An allowance that is meant to run out."""


@attrs.define
class Pair:
    """Our connection, and the raw socket at its other end."""

    ours: Connection
    theirs: socket.socket

    async def say(self, octets: bytes) -> None:
        await asyncio.get_running_loop().sock_sendall(self.theirs, octets)

    async def hear(self, count: int = 65536) -> bytes:
        return await asyncio.get_running_loop().sock_recv(self.theirs, count)

    async def hear_all(self) -> bytes:
        heard = bytearray()
        while piece := await self.hear():
            heard += piece
        return bytes(heard)


@asynccontextmanager
async def connected() -> AsyncIterator[Pair]:
    loop = asyncio.get_running_loop()
    with socket.create_server(("127.0.0.1", 0)) as server:
        theirs = socket.socket()
        theirs.setblocking(False)  # noqa: FBT003 - the standard library's own form
        await loop.sock_connect(theirs, server.getsockname())
        accepted, _ = server.accept()
    ours = Connection(accepted)
    await loop.connect_accepted_socket(lambda: ours, accepted)
    try:
        async with asyncio.timeout(SOON):
            yield Pair(ours, theirs)
    finally:
        theirs.close()
        ours.abort("the test is over")
        await ours.wait_closed()


class Turn:
    """One turn of the loop."""

    def __await__(self) -> Generator[None, None, None]:
        yield
