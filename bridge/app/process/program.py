"""Runs a program of the owner's once, without a shell, and says what went wrong.

Whatever it does harms nothing here: it is waited for a while and then killed with all that it started,
and what it needs of the environment it must bring along.
"""

import asyncio
import json
import os
import signal
from asyncio.subprocess import Process
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext, suppress
from typing import cast

KILLED_SECONDS = 1.0
"""How long the kernel may take to end what was killed."""

COMPLAINT_OCTETS = 200
"""How much of what the program complains of is told: the beginning says what is wrong."""

KEPT_VARIABLES = ("PATH", "LANG", "LC_ALL", "TZ")
"""What the program sees of our environment; the master key may stand in it."""


async def run_program(
    command: Sequence[str],
    told: Mapping[str, object],
    seconds: float,
    starting: AbstractAsyncContextManager[object] | None = None,
) -> str:
    """Run the program and return what went wrong; an empty text where nothing did.

    It gets what is `told` as a line of JSON on its standard input, and each value in its environment,
    `POPBRIDGE_` before its name. After so many seconds it is killed. It is started inside of `starting`: the loop
    stands still while a process starts, and should not for several in a row.
    """
    environment = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
    environment |= {
        f"POPBRIDGE_{name.upper()}": _plain(str(value)) for name, value in told.items()
    }
    try:
        async with starting or nullcontext():
            process = await _start(command, environment)
    except OSError as error:
        return f"it cannot be run: {error.strerror}"
    except ValueError as error:
        return f"it cannot be run: {error}"  # a NUL in its name or its arguments
    complaint = None
    try:
        async with asyncio.timeout(seconds):
            complaint = await _hand_over(process, json.dumps(told).encode() + b"\n")
    except TimeoutError:
        return f"it took more than {seconds:.0f} seconds and was killed"
    finally:
        if complaint is None:
            await _kill_all(process)
    ended = f"it ended with exit code {process.returncode}"
    return f"{ended}: {complaint}".removesuffix(": ") if process.returncode else ""


async def _start(command: Sequence[str], environment: Mapping[str, str]) -> Process:
    """Start the program whole: a start that is cancelled halfway may wait for ever for one that reads its input."""
    start = asyncio.ensure_future(  # noqa: TID251 - it does not outlive this function
        asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            env=environment,
            start_new_session=True,
        )
    )
    try:
        return await asyncio.shield(start)
    except asyncio.CancelledError:
        with suppress(OSError, ValueError):  # then there is nothing to kill
            await _kill_all(await start)
        raise


async def _hand_over(process: Process, told: bytes) -> str:
    """Give the program what is told, wait for its end, and return the line it complains with first."""
    stdin, stderr = (
        cast("asyncio.StreamWriter", process.stdin),
        cast("asyncio.StreamReader", process.stderr),
    )
    with suppress(OSError, RuntimeError):  # it may not want to read; uvloop raises the second
        stdin.write(told)
        await stdin.drain()
    stdin.close()
    complaint = b""
    while piece := await stderr.read(COMPLAINT_OCTETS):
        complaint = (complaint + piece)[:COMPLAINT_OCTETS]
    await process.wait()
    first, *_ = complaint.decode("utf-8", "replace").strip().splitlines() or [""]
    return first


async def _kill_all(process: Process) -> None:
    """Kill the program and what it has started, all of which is one session of its own."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    stderr = cast("asyncio.StreamReader", process.stderr)
    with suppress(TimeoutError):  # who left that session may keep its end of the pipe
        async with asyncio.timeout(KILLED_SECONDS):
            while await stderr.read(COMPLAINT_OCTETS):
                pass  # what nobody reads would keep the pipe open
            await process.wait()


def _plain(text: str) -> str:
    """Return a text that an environment can hold; a service's own words may have a NUL in them."""
    return text.replace("\0", " ").encode("utf-8", "replace").decode()
