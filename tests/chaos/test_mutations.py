"""The simulator finds every bridge that breaks a promise, and says which."""

from collections.abc import Callable

import pytest

from tests.chaos.mutations import MUTATIONS, Patch
from tests.chaos.simulator import Failed, simulate

SEEDS = range(1, 17)
STEPS = 200


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mutate", "words"), MUTATIONS.items(), ids=[one.__name__ for one in MUTATIONS]
)
def test_a_broken_promise_is_found(
    mutate: Callable[[Patch], None], words: str, monkeypatch: Patch
) -> None:
    mutate(monkeypatch)
    assert any(words in found(seed) for seed in SEEDS)


def found(seed: int) -> str:
    """Return the first line of what a simulation found, or nothing."""
    try:
        simulate(seed, STEPS)
    except Failed as error:
        return str(error).partition("\n")[0]
    return ""
