"""Paces requests: in no minute more units than a user has."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.google.quota import UNITS, UNITS_PER_MINUTE, WINDOW_SECONDS, Budget


def test_nobody_waits_while_the_budget_lasts() -> None:
    budget = Budget(UNITS_PER_MINUTE)
    assert [budget.take(UNITS["messages.get"], 5.0) for _ in range(300)] == [0.0] * 300


def test_what_goes_beyond_the_budget_waits_until_a_minute_after_what_was_spent() -> None:
    budget = Budget(100)
    assert budget.take(60, 0.0) == 0.0
    assert budget.take(40, 10.0) == 0.0
    assert budget.take(60, 20.0) == 40.0
    assert budget.take(1, 20.0) == 50.0


def test_a_whole_minute_later_everything_may_be_spent_again() -> None:
    budget = Budget(100)
    budget.take(100, 0.0)
    assert budget.take(100, WINDOW_SECONDS) == 0.0


def test_those_who_wait_go_in_the_order_they_came() -> None:
    budget = Budget(100)
    budget.take(100, 0.0)
    waits = [budget.take(50, 1.0), budget.take(50, 2.0), budget.take(50, 3.0)]
    assert waits == [59.0, 58.0, 117.0]


def test_a_call_that_costs_more_than_a_minute_has_is_let_through_alone() -> None:
    budget = Budget(10)
    assert budget.take(50, 0.0) == 0.0
    assert budget.take(50, 0.0) == 60.0


@given(st.floats(0, 1e7))
def test_waiting_ends_whatever_the_clock_shows(now: float) -> None:
    """(x + 60) - 60 may be less than x: a wait reckoned so never ended."""
    budget = Budget(10)
    budget.take(10, now)
    assert budget.take(10, now) == pytest.approx(60.0)


@given(
    st.integers(20, 200),
    st.lists(st.tuples(st.sampled_from([1, 2, 5, 20]), st.floats(0, 30)), max_size=200),
)
def test_no_minute_ever_holds_more_than_the_budget(
    most: int, calls: list[tuple[int, float]]
) -> None:
    budget, now, spent = Budget(most), 0.0, []
    for units, pause in calls:
        now += pause
        spent.append((now + budget.take(units, now), units))
    for begin, _ in spent:
        window = [units for at, units in spent if begin <= at < begin + WINDOW_SECONDS - 1e-6]
        assert sum(window) <= most


@pytest.mark.parametrize(
    ("method", "units"),
    [("messages.get", 20), ("history.list", 2), ("messages.batchModify", 50)],
)
def test_prices_are_those_since_may_2026(method: str, units: int) -> None:
    """apis.md section 5.6: developers.google.com/workspace/gmail/api/reference/quota."""
    assert UNITS[method] == units
