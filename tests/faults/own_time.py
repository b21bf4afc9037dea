"""Lets whatever a cell runs ask the cell's loop for the time, and nobody for a proxy."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import aiohttp.connector
import pytest

from providers import caller, transport
from providers.google import mailbox as gmail_mailbox
from tests.faults.cell_loop import START


@contextmanager
def loops_own_time() -> Iterator[None]:
    """Keep it so during the block."""
    own = SimpleNamespace(monotonic=_seconds, time=lambda: START + _seconds())
    with pytest.MonkeyPatch.context() as patch:
        for module in (caller, transport, gmail_mailbox):
            patch.setattr(module, "time", own)
        patch.setattr(aiohttp.connector, "monotonic", _seconds)
        for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
            patch.delenv(name, raising=False)
            patch.delenv(name.upper(), raising=False)
        yield


def _seconds() -> float:
    return asyncio.get_running_loop().time()
