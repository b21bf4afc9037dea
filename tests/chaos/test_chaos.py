"""A simulator drives the bridge for hundreds of steps against a model of what it promises; `make chaos` for thousands."""

import gc
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.chaos.simulator import UPSTREAMS, Failed, simulate
from tests.chaos.steps import STEPS

LENGTH = 250


@pytest.mark.slow
@pytest.mark.parametrize(
    ("upstream", "seed"),
    [("memory", 1), ("memory", 2), ("folder", 3), ("microsoft", 4), ("google", 5)],
)
def test_nothing_is_lost_printed_twice_or_dishonest(upstream: str, seed: int) -> None:
    """A failure says which `make chaos` repeats it; no process of a simulation leaves a descriptor open."""
    simulate(seed, 1, upstream)  # what is loaded once stays
    before = descriptors()
    assert len(simulate(seed, LENGTH, upstream).trace) == LENGTH + 1
    gc.collect()
    assert descriptors() <= before


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.slow
@pytest.mark.parametrize("upstream", UPSTREAMS)
def test_a_seed_gives_the_same_run_again_in_another_process(upstream: str) -> None:
    """Python orders sets of text differently in each process: nothing may depend on that."""
    command = (sys.executable, "-m", "tests.chaos", "--seed", "11", "--steps", "60")
    first, second = (
        subprocess.run(
            (*command, "--upstream", upstream),
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hash_seed in ("1", "2")
    )
    assert "nothing found" in first
    assert first == second


@pytest.mark.slow
def test_every_step_is_taken() -> None:
    steps = {line.split()[1].rstrip(":") for line in simulate(2, 3 * LENGTH).trace[:-1]}
    assert steps == {one.step.__name__ for one in STEPS}


def test_a_failure_says_how_to_see_it_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.chaos.simulator.A_STEP_ENDS", 0.0)
    with pytest.raises(Failed, match="make chaos SEED=9 STEPS=5 UPSTREAM=memory"):
        simulate(9, 5)
