"""Reads what is secret or pasted: from a file or standard input, never from the command line."""

import os
import sys
from pathlib import Path

import click

from bridge.errors import RegisterError

SECRET_OCTETS = 65536
"""Longest secret read: a service account's key file has about 2,400 octets."""


def read_secret(
    client_file: Path | None, service_account: Path | None, *, from_stdin: bool
) -> str | None:
    """Return the one secret that is handed over, or None where there is none.

    Raises:
        RegisterError: more than one is, or it cannot be read.
    """
    if sum(map(bool, (client_file, service_account, from_stdin))) > 1:
        raise RegisterError(
            "Give one of --client-file, --service-account and --client-secret-stdin."
        )
    path = service_account or client_file
    if path is None and not from_stdin:
        return None
    if path is None:
        octets = _asked() if sys.stdin.isatty() else read_line(SECRET_OCTETS)
    else:
        with path.open("rb") as file:
            octets = file.read(SECRET_OCTETS)
    if not octets.strip():
        raise RegisterError("No secret was given: standard input, or the file, is empty.")
    try:
        return octets.decode().strip()
    except UnicodeDecodeError:
        raise RegisterError(
            "The secret is not text; give the file as it was downloaded."
        ) from None


def _asked() -> bytes:
    """Return what a person types, which nobody beside them can read."""
    typed: str = click.prompt("Client secret", hide_input=True, err=True)
    return typed.encode()


def read_line(limit: int) -> bytes:
    """Return a line of standard input, cut at `limit` octets, empty at its end; what follows is left there.

    Read from the descriptor, octet by octet: a thread inside a buffered read would hold its lock for
    ever, and the interpreter cannot end while somebody does; and a second reader needs the second line.
    """
    try:
        descriptor = sys.stdin.fileno()
    except (OSError, ValueError):  # standard input that is no file
        return sys.stdin.buffer.readline(limit)
    line = b""
    while not line.endswith(b"\n") and len(line) < limit:
        octet = os.read(descriptor, 1)
        if not octet:
            break
        line += octet
    return line
