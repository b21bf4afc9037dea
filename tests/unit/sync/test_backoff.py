import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.sync.backoff import CEILING_SECONDS, JITTER, next_look

intervals = st.floats(1, 86400)
chances = st.floats(0, 1)
failure_counts = st.integers(0, 100_000)


@given(intervals, chances)
def test_after_a_success_the_wait_is_the_interval_give_or_take_the_jitter(
    interval: float, chance: float
) -> None:
    wait = next_look(interval, 0, 0, chance)
    assert interval * (1 - JITTER / 2) <= wait <= interval * (1 + JITTER / 2) * 1.000001


@pytest.mark.parametrize(
    ("failures", "wait"), [(0, 60), (1, 120), (2, 240), (3, 480), (4, 900), (5, 900)]
)
def test_the_wait_doubles_with_each_failure_up_to_a_ceiling(failures: int, wait: float) -> None:
    assert next_look(60, failures, 0, 0.5) == pytest.approx(wait)


@given(intervals, failure_counts, chances)
def test_no_wait_of_ours_is_longer_than_the_ceiling_or_the_interval(
    interval: float, failures: int, chance: float
) -> None:
    longest = max(interval, CEILING_SECONDS) * (1 + JITTER / 2)
    assert 0 < next_look(interval, failures, 0, chance) <= longest * 1.000001


@given(intervals, failure_counts, st.floats(0, 1e9), chances)
def test_what_a_service_asks_for_is_never_undercut(
    interval: float, failures: int, at_least: float, chance: float
) -> None:
    assert next_look(interval, failures, at_least, chance) >= at_least


@given(intervals, failure_counts, st.floats(0, 1e6))
def test_bridges_that_fail_together_do_not_come_back_together(
    interval: float, failures: int, at_least: float
) -> None:
    first, last = (next_look(interval, failures, at_least, chance) for chance in (0, 1))
    assert last > first


def test_a_lost_grant_is_waited_for_without_end() -> None:
    assert next_look(60, 1, math.inf, 0.3) == math.inf
