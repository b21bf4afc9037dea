"""Plays cells, each in a folder of its own."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.faults.cell import Ended, run
from tests.faults.own_time import loops_own_time
from tests.faults.upstream_calls import Scene

Play = Callable[..., Ended]
"""As tests.faults.cell.run, without the folder."""


@pytest.fixture(autouse=True)
def own_time() -> Iterator[None]:
    with loops_own_time():
        yield


@pytest.fixture
def play_cell(tmp_path: Path) -> Play:
    return partial(run, tmp_path)


_clean: dict[Scene, Ended] = {}


@pytest.fixture
def clean_run(play_cell: Play) -> Callable[[Scene], Ended]:
    """Return how a scene ends in which nothing fails."""

    def ended(scene: Scene) -> Ended:
        if scene not in _clean:
            _clean[scene] = play_cell(scene)
        return _clean[scene]

    return ended
