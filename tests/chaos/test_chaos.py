"""A simulator drives the bridge for thousands of steps against a model of what it promises."""

import pytest

from tests.chaos.simulator import simulate

STEPS = 250


@pytest.mark.slow
@pytest.mark.parametrize(
    ("upstream", "seed"), [("memory", 1), ("memory", 2), ("folder", 3), ("folder", 4)]
)
def test_nothing_is_lost_printed_twice_or_dishonest(upstream: str, seed: int) -> None:
    """A failure says which `make chaos` repeats it."""
    assert len(simulate(seed, STEPS, upstream).trace) == STEPS + 1


@pytest.mark.slow
@pytest.mark.parametrize("upstream", ["memory", "folder"])
def test_a_seed_gives_the_same_run_again(upstream: str) -> None:
    first, second = (simulate(11, 80, upstream) for _ in range(2))
    assert first.trace == second.trace
    assert first.digest == second.digest
