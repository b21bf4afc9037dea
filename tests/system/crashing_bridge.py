"""Forks bridges that are killed at a chosen step: run as a script, it serves `tests.system.crash_runs`.

A step is a primitive operation through which everything durable or visible goes: a file created,
synced, linked, renamed or removed, a writing SQL statement, octets handed to a device, an order to
a provider. The n-th one is not carried out: the process ends there, by SIGKILL. What is forked is
the real program; importing it once and not for each of some hundred runs is all that is saved.
"""

import json
import os
import signal
import socket
import sqlite3
import sys
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import uvloop
from cryptography.hazmat.primitives.asymmetric import rsa

from bridge.app import server
from bridge.cli import device, init, main, serve
from bridge.connection import Connection
from providers.contract import DispositionOrder, DispositionOutcome, FolderName, RemoteId
from providers.folder.mailbox import FolderMailbox

P = ParamSpec("P")
T = TypeVar("T")

PRELOADED = (uvloop, server, device, init, serve)
"""What a command imports only once it runs."""

FILE_CALLS = ("fsync", "link", "mkdir", "rename", "replace", "rmdir", "unlink")
"""Functions of `os` that change what a restart finds; pathlib calls these very functions."""

WRITING = ("BEGIN", "INSERT", "UPDATE", "DELETE", "CREATE", "COMMIT", "ROLLBACK")
"""First words of the SQL statements that lead to a change; reading changes nothing."""


class Steps:
    """Counts steps once it is armed, names each in a file, and ends the process at one of them."""

    def __init__(self, die_at: int, trail: Path, arm: Path | None) -> None:
        self._die_at = die_at
        self._arm = arm
        self._count = 0
        self._lock = threading.Lock()
        self._trail = os.open(trail, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)

    def take(self, name: str) -> None:
        """Be killed here, or go on."""
        with self._lock:
            if self._arm is not None and not self._arm.exists():
                return
            self._count += 1
            os.write(self._trail, f"{name}\n".encode())
            if self._count == self._die_at:
                os.kill(os.getpid(), signal.SIGKILL)


def wrap_primitives(steps: Steps) -> None:
    """Put a step before every primitive operation of this process."""
    for name in FILE_CALLS:
        vars(os)[name] = _stepping(steps, name, getattr(os, name))
    _wrap_creation(steps)
    _wrap_database(steps)
    _wrap_waits(steps)


def _stepping(steps: Steps, name: str, real: Callable[P, T]) -> Callable[P, T]:
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
        steps.take(name)
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
        word = statement.lstrip().partition(" ")[0].upper().rstrip(";")
        if word in WRITING:
            steps.take(word)

    def telling(real: Callable[P, sqlite3.Connection]) -> Callable[P, sqlite3.Connection]:
        def connect(*args: P.args, **kwargs: P.kwargs) -> sqlite3.Connection:
            connection = real(*args, **kwargs)
            connection.set_trace_callback(told)
            return connection

        return connect

    vars(sqlite3)["connect"] = telling(sqlite3.connect)


def _wrap_waits(steps: Steps) -> None:
    send, dispose, fetch = Connection.send, FolderMailbox.dispose, FolderMailbox.fetch

    async def stepping_send(self: Connection, data: bytes) -> None:
        steps.take("send")
        await send(self, data)

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

    for owner, name, wrapped in (
        (Connection, "send", stepping_send),
        (FolderMailbox, "dispose", stepping_dispose),
        (FolderMailbox, "fetch", stepping_fetch),
    ):
        setattr(owner, name, wrapped)


def run(order: dict[str, Any], stderr: int) -> None:
    """Be the command of `order` from here on, and never return."""
    os.dup2(stderr, 2)
    _take_input(order["text"])
    arm = Path(order["arm"]) if order["arm"] else None
    wrap_primitives(Steps(order["die_at"], Path(order["trail"]), arm))
    sys.argv = ["popbridge", *order["words"]]
    code = 1
    try:
        main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0
    finally:
        sys.stderr.flush()
        os._exit(code)


def _take_input(text: str) -> None:
    reading, writing = os.pipe()
    os.write(writing, text.encode())
    os.close(writing)
    os.dup2(reading, 0)
    os.close(reading)


def _make_keys_quickly() -> None:
    """Make the RSA keys of all forks once: what is tested is where they are put, not their primes."""
    key = rsa.generate_private_key(65537, 2048)
    vars(rsa)["generate_private_key"] = lambda *_: key


def serve_orders(control: socket.socket) -> None:
    """Fork a process for each order, and tell its id and how it ended."""
    while True:
        request, descriptors, _, _ = socket.recv_fds(control, 65536, 1)
        if not request:
            return
        child = os.fork()
        if not child:
            control.close()
            run(json.loads(request), descriptors[0])
        os.close(descriptors[0])
        handle = os.pidfd_open(child)
        socket.send_fds(control, [str(child).encode()], [handle])
        os.close(handle)
        _, status = os.waitpid(child, 0)
        control.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())


if __name__ == "__main__":
    _make_keys_quickly()
    serve_orders(socket.socket(fileno=int(sys.argv[1])))
