"""The loop of a cell: hours take no time, names are resolved here, and hosts can be taken away.

Everything runs on it, the bridge's road, the device and the services on real sockets, so time stands
still while an octet is on its way and jumps when nobody has anything to do.
"""

import asyncio
import socket
from typing import Any

from providers.transport import HttpClient
from tests.fakes.clock import FakeTimeLoop

CLOSED_PORT = 1
"""Nothing listens there (tcpmux, which no machine has run for thirty years): the kernel refuses."""

START = 1_800_000_000.0
"""What the clock shows when a cell begins, in seconds since the epoch."""


class CellLoop(FakeTimeLoop):
    """Ports in `unresolved` have no address, those in `refused` nobody who listens; `met` counts both."""

    def __init__(self) -> None:
        super().__init__()
        self.unresolved: set[int] = set()
        self.refused: set[int] = set()
        self.met = 0

    def meet(self) -> None:
        """Count one who has met nobody, or a stranger."""
        self.met += 1

    async def getaddrinfo(self, host: Any, port: Any, **_: Any) -> Any:  # type: ignore[override] # noqa: ANN401 - the standard library's own types
        """Resolve without a thread, and without a name server."""
        del host
        if port in self.unresolved:
            self.meet()
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        address = ("127.0.0.1", port)
        return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", address)]

    async def sock_connect(self, sock: socket.socket, address: Any) -> None:  # noqa: ANN401 - as above
        """Connect, or be refused by the kernel."""
        if address[1] in self.refused:
            self.meet()
            address = (address[0], CLOSED_PORT)
        await super().sock_connect(sock, address)

    def create_task(self, coro: Any, **more: Any) -> "asyncio.Task[Any]":  # type: ignore[override] # noqa: ANN401 - as above
        """Start a task; while a sign-in's thread waits for its answer, it is not at work."""
        task = super().create_task(coro, **more)
        if getattr(coro, "__qualname__", "") == HttpClient.ask.__qualname__:
            self.threads_at_work -= 1
            task.add_done_callback(self._goes_on)  # the first callback: before the thread hears
        return task

    def _goes_on(self, _task: "asyncio.Task[Any]") -> None:
        self.threads_at_work += 1


class CellClock:
    """The loop's time as a Clock, for threads too."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def now(self) -> float:
        return START + self._loop.time()

    def monotonic(self) -> float:
        return self._loop.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)  # noqa: TID251 - a clock is where the ban points to
