"""The simulator finds every bridge that breaks a promise."""

import pytest

from tests.chaos.mutations import MUTATIONS, Patch
from tests.chaos.simulator import Failed, simulate

SEEDS = range(1, 13)
STEPS = 200


@pytest.mark.slow
@pytest.mark.parametrize("mutate", MUTATIONS, ids=lambda one: one.__name__)
def test_a_broken_promise_is_found(mutate: object, monkeypatch: Patch) -> None:
    assert callable(mutate)
    mutate(monkeypatch)
    found = ""
    for seed in SEEDS:
        try:
            simulate(seed, STEPS)
        except Failed as error:
            found = str(error)
            break
    assert "make chaos SEED=" in found
