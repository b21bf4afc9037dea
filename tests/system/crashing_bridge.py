"""Forks bridges that are killed at a chosen step: run as a module, it serves `tests.system.crash_runs`.

What is forked is the real program; importing it once and not for each of some hundred runs is all
that is saved.
"""

import json
import os
import socket
import sys
from pathlib import Path
from typing import Any

import msal
import uvloop
from cryptography.hazmat.primitives.asymmetric import rsa

from bridge.app import server
from bridge.cli import device, init, main, serve
from providers.google import identity as google_identity
from providers.google import mailbox as google_mailbox
from providers.microsoft import identity as microsoft_identity
from providers.microsoft import mailbox as microsoft_mailbox
from tests.system.crash_steps import Steps, wrap_primitives

PRELOADED = (
    *(uvloop, msal, server, device, init, serve),
    *(google_identity, google_mailbox, microsoft_identity, microsoft_mailbox),
)
"""What a command imports only once it runs."""


def run(order: dict[str, Any], said: int, typed: int) -> None:
    """Be the command of `order` from here on, and never return."""
    os.dup2(typed, 0)
    os.dup2(said, 1)
    os.dup2(said, 2)
    arm = Path(order["arm"]) if order["arm"] else None
    wrap_primitives(Steps(order["die_at"], Path(order["trail"]), arm))
    sys.argv = ["popbridge", *order["words"]]
    code = 1
    try:
        main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _make_keys_quickly() -> None:
    """Make the RSA keys of all forks once: what is tested is where they are put, not their primes."""
    keys = {name: rsa.generate_private_key(65537, 2048) for name in ("create_ca", "")}

    def made(*_: int) -> rsa.RSAPrivateKey:
        caller = sys._getframe(1).f_code.co_name  # noqa: SLF001 - a CA's key is nobody else's
        return keys.get(caller, keys[""])

    vars(rsa)["generate_private_key"] = made


def serve_orders(control: socket.socket) -> None:
    """Fork a process for each order, and tell its id and how it ended."""
    while True:
        request, descriptors, _, _ = socket.recv_fds(control, 65536, 2)
        if not request:
            return
        child = os.fork()
        if not child:
            control.close()
            run(json.loads(request), *descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        handle = os.pidfd_open(child)
        socket.send_fds(control, [str(child).encode()], [handle])
        os.close(handle)
        _, status = os.waitpid(child, 0)
        control.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())


if __name__ == "__main__":
    _make_keys_quickly()
    serve_orders(socket.socket(fileno=int(sys.argv[1])))
