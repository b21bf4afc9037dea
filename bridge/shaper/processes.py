"""Starts shaping processes, a few at a time, feeds each its message, and ends it, whatever it does.

The message and what is made of it pass through in pieces. A process that cannot be started is the
machine's trouble and may help later; one that dies over a message will do so again.
"""

import asyncio
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, suppress
from typing import Final, cast

import attrs

from bridge import logs
from bridge.errors import ShaperUnavailable
from bridge.shaper.frames import HEAD_OCTETS, Kind, parse_head
from bridge.shaper.rlimits import Limits
from bridge.shaper.working import OUT_OF_MEMORY, Order
from bridge.shaping.errors import Skipped, Unshapeable
from bridge.shaping.wish import Wish

COMMAND: Final = (sys.executable, "-I", "-B", "-m", "bridge.shaper")
"""Isolated from the environment and the user's folders (python(1), -I); no byte code is written."""

ENVIRONMENT: Final = {"LC_ALL": "C.UTF-8"}
"""All that a shaping process gets of it: a master key may stand in the bridge's own."""

START_SECONDS = 60.0
"""How long a process may take to be ready; longer, and the machine is too busy for it."""

KILLED_SECONDS = 10.0
"""How long the kernel may take to end what was killed."""

WHY_CHARACTERS = 300
"""How much is believed of what a process says of a message."""


_log = logs.get("shaping")


@attrs.frozen
class Bounds:
    """What shaping may use: so many processes at a time, each with its limits.

    `seconds` is by the clock on the wall, from when it is ready; `output_octets` what it may make.
    """

    processes: int
    limits: Limits
    seconds: float
    output_octets: int


class ShapingProcesses:
    """All shaping of a bridge."""

    def __init__(self, bounds: Bounds, command: tuple[str, ...] = COMMAND) -> None:
        self._bounds = bounds
        self._command = command
        self._turn = asyncio.Semaphore(bounds.processes)
        self._is_lack_told = False

    async def shape(
        self, wish: Wish, octets: int, message: AsyncIterator[bytes]
    ) -> AsyncGenerator[bytes, None]:
        """Yield what is made of a message of so many octets; its process is gone when this ends.

        An exception raised by `message` is passed on.

        Raises:
            Unshapeable: no shape can be made of it within the bounds.
            ShaperUnavailable: no process could be had; asking again may help.
        """
        async with self._turn:
            process = await self._started()
            try:
                run = _Run(process, self._bounds)
                self._tell(await run.begin(Order(wish, octets, self._bounds.limits)))
                await run.feed(message)
                async with aclosing(run.pieces()) as pieces:
                    async for piece in pieces:
                        yield piece
            finally:
                await _end(process)

    async def lack(self) -> str:
        """Start a process for no message; return why its system calls are not filtered, empty where they are.

        Raises:
            ShaperUnavailable: no process could be had.
        """
        async with self._turn:
            process = await self._started()
            try:
                return await _Run(process, self._bounds).begin(
                    Order(Wish(), 0, self._bounds.limits)
                )
            finally:
                await _end(process)

    def _tell(self, lacking: str) -> None:
        """Log once why processes are confined by their limits alone."""
        if lacking and not self._is_lack_told:
            self._is_lack_told = True
            _log.warning("system-calls-not-filtered", why=lacking)

    async def _started(self) -> Process:
        try:
            return await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,  # a traceback would tell of the message
                env=ENVIRONMENT,
                cwd="/",
                start_new_session=True,
            )
        except OSError as error:
            raise ShaperUnavailable(
                f"no process can be started to shape it: {error.strerror}"
            ) from error


class _Run:
    """One process at work."""

    def __init__(self, process: Process, bounds: Bounds) -> None:
        self._process = process
        self._bounds = bounds
        self._stdin = cast("asyncio.StreamWriter", process.stdin)
        self._stdout = cast("asyncio.StreamReader", process.stdout)
        self._deadline = 0.0

    async def begin(self, order: Order) -> str:
        """Give the order, and wait until the process is ready; return what it says it lacks."""
        try:
            async with asyncio.timeout(START_SECONDS):
                self._stdin.write(order.line())
                kind, lacking = await self._frame()
        except TimeoutError:
            raise ShaperUnavailable(
                f"a shaping process was not ready within {START_SECONDS:.0f} seconds"
            ) from None
        except (EOFError, OSError, RuntimeError, ValueError):
            raise ShaperUnavailable("a shaping process ended before it was ready") from None
        if kind is not Kind.READY:
            raise ShaperUnavailable("a shaping process is not of this release")
        self._deadline = asyncio.get_running_loop().time() + self._bounds.seconds
        return _plain(lacking)

    async def feed(self, message: AsyncIterator[bytes]) -> None:
        """Hand over the message; where the process does not take it, it has said why or is dead."""
        async for piece in message:
            try:
                async with asyncio.timeout_at(self._deadline):
                    self._stdin.write(piece)
                    await self._stdin.drain()
            except TimeoutError:
                raise self._too_slow() from None
            except (OSError, RuntimeError):  # uvloop raises the second
                return
        self._stdin.close()

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """Yield what it has made."""
        made = 0
        while True:
            kind, payload = await self._said()
            made += len(payload)
            if made > self._bounds.output_octets:
                raise Unshapeable(
                    f"what is made of it is larger than {self._bounds.output_octets} octets;"
                    " sync.message_octets in config.toml allows more"
                )
            if kind is Kind.END:
                return
            if kind is not Kind.PIECE:
                raise _refusal(kind, payload)
            yield payload

    async def _said(self) -> tuple[Kind, bytes]:
        try:
            async with asyncio.timeout_at(self._deadline):
                return await self._frame()
        except TimeoutError:
            raise self._too_slow() from None
        except (EOFError, OSError, ValueError):
            pass
        with suppress(TimeoutError):
            async with asyncio.timeout(KILLED_SECONDS):
                await self._process.wait()
        raise Unshapeable(self._ending())

    async def _frame(self) -> tuple[Kind, bytes]:
        kind, length = parse_head(await self._stdout.readexactly(HEAD_OCTETS))
        return kind, await self._stdout.readexactly(length)

    def _too_slow(self) -> Unshapeable:
        return Unshapeable(
            f"shaping it takes more than {self._bounds.seconds:.0f} seconds; shaping.cpu_seconds"
            " in config.toml allows more, also by the clock"
        )

    def _ending(self) -> str:
        code, limits = self._process.returncode, self._bounds.limits
        match -code if code is not None else 0:
            case signal.SIGXCPU:
                return f"shaping it takes {_too_much_time(limits)}"
            case signal.SIGKILL:  # at the hard limit of time, or by a kernel without memory
                return f"shaping it takes {_too_much_time(limits)}, or more memory than the machine has"
            case signal.SIGABRT:  # what a library that draws does where it is given no memory
                return OUT_OF_MEMORY
            case number if number > 0:
                return f"its shaping process was killed by {signal.Signals(number).name}"
        return "its shaping process broke off"


def _too_much_time(limits: Limits) -> str:
    return (
        f"more than {limits.cpu_seconds} seconds of processor time"
        " (shaping.cpu_seconds in config.toml allows more)"
    )


def _refusal(kind: Kind, told: bytes) -> Unshapeable:
    """Return what a process means that ends without a message."""
    first, _, second = told.partition(b"\n")
    why = _plain(first)
    match kind:
        case Kind.UNSHAPEABLE:
            return Unshapeable(why, _plain(second)[: max(0, WHY_CHARACTERS - len(why) - 1)])
        case Kind.SKIPPED:
            return Skipped(why)
        case Kind.FAULT:
            return Unshapeable(f"a fault in the bridge: {why}")
        case _:
            return Unshapeable("its shaping process broke off")


async def _end(process: Process) -> None:
    """Kill a process, and wait until nothing is left of it."""
    with suppress(ProcessLookupError):
        process.kill()
    stdin, stdout = (
        cast("asyncio.StreamWriter", process.stdin),
        cast("asyncio.StreamReader", process.stdout),
    )
    with suppress(OSError, RuntimeError):
        stdin.close()
    with suppress(TimeoutError, OSError):
        async with asyncio.timeout(KILLED_SECONDS):
            while await stdout.read(HEAD_OCTETS << 13):
                pass  # what nobody reads would keep the pipe open
            await process.wait()


def _plain(told: bytes) -> str:
    """Return what a process says, as one line of text that can be shown; it may be in a stranger's hand."""
    text = told[: 4 * WHY_CHARACTERS].decode("utf-8", "replace")
    shown = "".join(one if one.isprintable() else " " for one in text)
    return " ".join(shown.split())[:WHY_CHARACTERS]
