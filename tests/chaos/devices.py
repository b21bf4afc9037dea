"""A device's side of one connection: it says a line, and hears what POP3 says must come."""

import asyncio
import socket
from collections.abc import Callable

import attrs

from bridge.connection import Connection

END = b"\r\n.\r\n"


class HungUp(Exception):
    """The bridge is gone, or has closed the connection."""


@attrs.define
class Dialogue:
    """One connection over a pair of sockets; `session` is the task at its other end, `name` its actor."""

    name: str
    raw: socket.socket
    session: asyncio.Task[None]
    _heard: bytes = b""

    @classmethod
    async def open(
        cls, name: str, serve: Callable[[Connection], asyncio.Task[None]]
    ) -> "Dialogue":
        """Connect, and hear the greeting."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)  # noqa: FBT003 - the standard library's own form
        theirs.setblocking(False)  # noqa: FBT003 - the standard library's own form
        connection = Connection(ours)
        loop = asyncio.get_running_loop()
        await loop.connect_accepted_socket(lambda: connection, ours)
        dialogue = cls(name, theirs, serve(connection))
        try:
            await dialogue.line()
        except HungUp:
            theirs.close()
            raise
        return dialogue

    async def ask(self, command: str) -> str:
        """Say a command and return the line that answers it.

        Raises:
            HungUp: none came.
        """
        await self.say(command)
        return await self.line()

    async def say(self, command: str) -> None:
        try:
            await asyncio.get_running_loop().sock_sendall(self.raw, command.encode() + b"\r\n")
        except OSError as error:
            raise HungUp from error

    async def line(self) -> str:
        while b"\r\n" not in self._heard:
            await self._hear()
        line, _, self._heard = self._heard.partition(b"\r\n")
        return line.decode()

    async def text(self, command: str) -> tuple[str, bytes | None]:
        """Say a command with a multi-line answer; return its first line, and the octets unless it is -ERR."""
        answer = await self.ask(command)
        return answer, await self.rest() if answer.startswith("+OK") else None

    async def rest(self) -> bytes:
        """Return the octets of a multi-line answer, its byte-stuffing undone (RFC 1939 section 3)."""
        self._heard = b"\r\n" + self._heard
        while END not in self._heard:
            await self._hear()
        octets, _, self._heard = self._heard.partition(END)
        return (octets + b"\r\n").replace(b"\r\n.", b"\r\n")[2:]

    async def hear_some(self, octets: int) -> None:
        """Hear that many octets, or all there are."""
        while len(self._heard) < octets:
            await self._hear()

    async def leave(self) -> None:
        """Cut the connection, and wait until the bridge has noticed."""
        self.raw.close()
        await asyncio.wait([self.session])

    async def _hear(self) -> None:
        try:
            piece = await asyncio.get_running_loop().sock_recv(self.raw, 65536)
        except OSError as error:
            raise HungUp from error
        if not piece:
            raise HungUp
        self._heard += piece
