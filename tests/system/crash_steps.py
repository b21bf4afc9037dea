"""Puts a named step before every primitive operation of a process, and ends the process at one of them.

A step is an operation through which everything durable or visible goes: a file created, synced,
linked, renamed or removed, a writing SQL statement, octets handed to a device or an admin, a request
to a service and its answer. The n-th one is not carried out: the process ends there, by SIGKILL, which
is also right after the one before. Each is named after the function of ours that takes it. A process
that was not asked to count runs the very code that is shipped: nothing of this is in it.
"""

import asyncio
import os
import re
import signal
import sqlite3
import sys
import threading
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Callable,
    Coroutine,
    Mapping,
    Sequence,
)
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from types import FrameType
from typing import Any, ParamSpec, TypeVar

import click

from bridge.connection import Connection
from providers.contract import DispositionOrder, DispositionOutcome, FolderName, RemoteId
from providers.folder.mailbox import FolderMailbox
from providers.transport import HttpAnswer, HttpClient, Streamed

P = ParamSpec("P")
T = TypeVar("T")
Headers = Mapping[str, str]

ROOT = Path(__file__).parents[2]
OURS = tuple(f"{ROOT / package}{os.sep}" for package in ("bridge", "providers"))
"""Where the code lies whose functions give steps their names."""

FILE_CALLS = ("fsync", "link", "mkdir", "rename", "replace", "rmdir", "unlink")
"""Functions of `os` that change what a restart finds; pathlib calls these very functions."""

WRITING = re.compile(
    r"\s*(ALTER|COMMIT|CREATE|DELETE|DROP|INSERT|UPDATE|PRAGMA journal_mode|PRAGMA user_version =)",
    re.IGNORECASE,
)
"""Beginnings of the SQL statements that change something, if only once their transaction is committed."""


class Steps:
    """Counts steps once it is armed, names each in a file, and ends the process at one of them."""

    def __init__(self, die_at: int, trail: Path, arm: Path | None) -> None:
        self._die_at = die_at
        self._arm = arm
        self._count = 0
        self._lock = threading.Lock()
        self._trail = os.open(trail, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)

    def take(self, kind: str, place: str | None = None) -> None:
        """Be killed here, or go on."""
        with self._lock:
            if self._arm is not None and not self._arm.exists():
                return
            self._count += 1
            os.write(self._trail, f"{place or here()} {kind}\n".encode())
            if self._count == self._die_at:
                os.kill(os.getpid(), signal.SIGKILL)


def here() -> str:
    """Return the function of ours that is at work: its file and its name."""
    frames = _our_frames()
    return _name(frames[0]) if frames else "(none)"


def senders() -> str:
    """Return the functions of a provider on whose behalf something is sent, the outermost first."""
    names = [_name(frame) for frame in reversed(_our_frames())]
    chain = [name for name in names if name.startswith("providers/")]
    inner = [name.partition(":")[2] for name in chain[1:] if not name.startswith(_COURIERS)]
    return ">".join([*chain[:1], *inner]) or "(none)"


_COURIERS = ("providers/caller.py", "providers/blocking.py")
"""They send whatever they are given, and name no point."""


def wrap_primitives(steps: Steps) -> None:
    """Put a step before every primitive operation of this process."""
    for name in FILE_CALLS:
        vars(os)[name] = _stepping(steps, name, getattr(os, name))
    vars(click)["echo"] = _stepping(steps, "say", click.echo)
    _wrap_creation(steps)
    _wrap_database(steps)
    _wrap_answers(steps)
    _wrap_folder(steps)
    _wrap_requests(steps)


def _our_frames() -> list[FrameType]:
    found, frame = [], sys._getframe(1)  # noqa: SLF001 - traceback would read the source of each frame
    while frame is not None:
        if frame.f_code.co_filename.startswith(OURS):
            found.append(frame)
        frame = frame.f_back
    return found


def _name(frame: FrameType) -> str:
    """Return a function's name; a transaction goes by the name of who asked for it."""
    code = frame.f_code
    if code.co_qualname == "Database._transact":
        code = frame.f_locals["work"].__code__
    path = Path(code.co_filename).relative_to(ROOT)
    return f"{path}:{code.co_qualname.partition('.<locals>')[0]}"


def _stepping(steps: Steps, kind: str, real: Callable[P, T]) -> Callable[P, T]:
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
        steps.take(kind)
        return real(*args, **kwargs)

    return wrapped


def _wrap_creation(steps: Steps) -> None:
    real = os.open

    def create(path: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if flags & os.O_CREAT:
            steps.take("create")
        return real(path, flags, mode, dir_fd=dir_fd)

    vars(os)["open"] = create


def _wrap_database(steps: Steps) -> None:
    def told(statement: str) -> None:
        if found := WRITING.match(statement):
            steps.take(found[1].upper().replace(" ", "-").rstrip("-="))

    def telling(real: Callable[P, sqlite3.Connection]) -> Callable[P, sqlite3.Connection]:
        def connect(*args: P.args, **kwargs: P.kwargs) -> sqlite3.Connection:
            connection = real(*args, **kwargs)
            connection.set_trace_callback(told)
            return connection

        return connect

    vars(sqlite3)["connect"] = telling(sqlite3.connect)


def _wrap_answers(steps: Steps) -> None:
    """Put a step before what a device, or the owner's command line, is told."""
    send = Connection.send

    def stepping_send(self: Connection, data: bytes) -> Coroutine[Any, Any, None]:
        steps.take("send")
        return send(self, data)

    vars_of(Connection, send=stepping_send)
    vars_of(asyncio.StreamWriter, write=_stepping(steps, "answer", asyncio.StreamWriter.write))


def _wrap_folder(steps: Steps) -> None:
    dispose, fetch = FolderMailbox.dispose, FolderMailbox.fetch

    async def stepping_dispose(
        self: FolderMailbox, orders: Sequence[DispositionOrder]
    ) -> Sequence[DispositionOutcome]:
        steps.take("dispose")
        return await dispose(self, orders)

    async def stepping_fetch(
        self: FolderMailbox, folder: FolderName, remote_id: RemoteId
    ) -> AsyncIterator[bytes]:
        steps.take("fetch")
        async with aclosing(fetch(self, folder, remote_id)) as pieces:
            async for piece in pieces:
                steps.take("piece")
                yield piece

    vars_of(FolderMailbox, dispose=stepping_dispose, fetch=stepping_fetch)


def _wrap_requests(steps: Steps) -> None:
    """Put a step before each request to a service, and one after its answer is here."""
    ask, stream = HttpClient.ask, HttpClient.stream

    def stepping_ask(
        self: HttpClient, method: str, url: str, **how: Headers | bytes | None
    ) -> Coroutine[Any, Any, HttpAnswer]:
        who = senders()  # now: the coroutine may run on behalf of another thread

        async def run() -> HttpAnswer:
            steps.take("request", who)
            answer = await ask(self, method, url, **how)
            steps.take("response", who)
            return answer

        return run()

    @asynccontextmanager
    async def stepping_stream(
        self: HttpClient, method: str, url: str, **how: Headers
    ) -> AsyncGenerator[Streamed, None]:
        who = senders()
        steps.take("request", who)
        async with stream(self, method, url, **how) as streamed:
            steps.take("response", who)
            yield streamed

    vars_of(HttpClient, ask=stepping_ask, stream=stepping_stream)


def vars_of(owner: type, **wrapped: object) -> None:
    """Put these in the place of a class's own."""
    for name, function in wrapped.items():
        setattr(owner, name, function)
