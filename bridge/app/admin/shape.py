"""Shows what a device would get of a message in a file, made where messages are made."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from bridge.app.accounts.workers import shaping_processes
from bridge.config import Config
from bridge.errors import OwnerError
from bridge.pop3.wireform import Unstuffer, WireForm
from bridge.shaping.errors import Skipped, Unshapeable
from bridge.shaping.wish import Wish

PIECE_OCTETS = 65536


def try_shape(config: Config, wish: Wish, path: Path) -> bytes:
    """Return the octets that a device would get of the message in a file, as `wish` says.

    Raises:
        OwnerError: it would get a notice or nothing, and why; or the file is larger than any message.
        ShaperUnavailable: no process can be had that shapes it.
    """
    most = config.sync.message_octets
    if path.stat().st_size > most:
        raise OwnerError(
            f"{path} is larger than {most} octets, the largest message that is fetched"
            " (sync.message_octets)."
        )
    message = _as_fetched(path.read_bytes())
    try:
        return asyncio.run(_shaped(config, wish, message))
    except Skipped as why:
        raise OwnerError(f"No device would see it: {why}") from None
    except Unshapeable as why:
        raise OwnerError(f"A notice would stand for it: {why}") from None


async def _shaped(config: Config, wish: Wish, message: bytes) -> bytes:
    pieces = shaping_processes(config).shape(wish, len(message), _pieces(message))
    return b"".join([piece async for piece in pieces])


def _as_fetched(octets: bytes) -> bytes:
    """Return the message as it lies here when it is fetched: CRLF, and an end of its header."""
    wire = WireForm()
    return Unstuffer().feed(wire.feed(octets) + wire.finish())


async def _pieces(message: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(message), PIECE_OCTETS):
        yield message[start : start + PIECE_OCTETS]
