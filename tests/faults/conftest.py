"""Cells run on the loop's own time, whatever asks for it, and ask nobody for a proxy."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import aiohttp.connector
import pytest

from providers import caller, transport
from providers.google import mailbox as gmail_mailbox
from tests.faults.cell import Ended, play
from tests.faults.cell_loop import START, CellLoop
from tests.faults.fault_kinds import Kind
from tests.faults.upstream_calls import Call, Scene

Play = Callable[[Scene, Call | None, Kind | None], Ended]


def _seconds() -> float:
    return asyncio.get_running_loop().time()


@pytest.fixture(autouse=True)
def loops_own_time(monkeypatch: pytest.MonkeyPatch) -> None:
    own = SimpleNamespace(monotonic=_seconds, time=lambda: START + _seconds())
    for module in (caller, transport, gmail_mailbox):
        monkeypatch.setattr(module, "time", own)
    monkeypatch.setattr(aiohttp.connector, "monotonic", _seconds)
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def play_cell(tmp_path: Path) -> Play:
    def run(scene: Scene, call: Call | None = None, kind: Kind | None = None) -> Ended:
        folder = tmp_path / f"cell-{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        with asyncio.Runner(loop_factory=CellLoop) as runner:
            return runner.run(play(folder, scene, call, kind))

    return run


_clean: dict[Scene, Ended] = {}


@pytest.fixture
def clean_run(play_cell: Play) -> Callable[[Scene], Ended]:
    """Return how a scene ends in which nothing fails."""

    def ended(scene: Scene) -> Ended:
        if scene not in _clean:
            _clean[scene] = play_cell(scene, None, None)
        return _clean[scene]

    return ended
