import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.throttle.delays import FailureDelays


def test_the_delay_doubles_with_each_failure_up_to_the_ceiling() -> None:
    delays = FailureDelays(first=1.0, ceiling=30.0)
    assert [delays.failed("laser", now) for now in range(7)] == [1, 2, 4, 8, 16, 30, 30]


def test_each_key_has_its_own_delay() -> None:
    delays = FailureDelays(first=1.0)
    delays.failed("laser", 0.0)
    assert delays.failed("fax", 0.0) == 1.0
    assert delays.failed("laser", 0.0) == 2.0


def test_a_right_password_forgets_the_failures_of_its_key_alone() -> None:
    delays = FailureDelays(first=1.0)
    for key in ("laser", "laser", "fax"):
        delays.failed(key, 0.0)
    delays.succeeded("laser")
    delays.succeeded("never seen")
    assert delays.failed("laser", 0.0) == 1.0
    assert delays.failed("fax", 0.0) == 2.0


@pytest.mark.parametrize(("quiet", "delay"), [(899.9, 2.0), (900.0, 1.0), (10000.0, 1.0)])
def test_a_key_that_was_quiet_for_long_starts_anew(quiet: float, delay: float) -> None:
    delays = FailureDelays(first=1.0, forget_after=900.0)
    delays.failed("laser", 100.0)
    assert delays.failed("laser", 100.0 + quiet) == delay


def test_quiet_is_counted_from_the_last_failure() -> None:
    delays = FailureDelays(first=1.0, forget_after=900.0)
    assert [delays.failed("laser", now) for now in (0.0, 600.0, 1200.0)] == [1, 2, 4]


def test_the_key_that_failed_longest_ago_is_forgotten_first() -> None:
    delays = FailureDelays(first=1.0, remembered=2)
    for key in ("a", "b", "a", "c"):
        delays.failed(key, 0.0)
    assert delays.failed("a", 0.0) == 4.0
    assert delays.failed("b", 0.0) == 1.0


def test_a_flood_of_names_leaves_only_as_many_as_are_remembered() -> None:
    delays = FailureDelays(remembered=50)
    for index in range(1000):
        delays.failed(f"user{index}", 0.0)
    kept = [key for key in (f"user{n}" for n in range(1000)) if key in delays._failures]  # noqa: SLF001 - the bound is the promise
    assert kept == [f"user{n}" for n in range(950, 1000)]


def test_years_of_failures_overflow_nothing() -> None:
    delays = FailureDelays(first=1.0, ceiling=1e300)
    assert [delays.failed("laser", 0.0) for _ in range(3000)][-1] == 2.0**30


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 1e6)), max_size=40))
def test_no_delay_is_below_the_first_or_above_the_ceiling(
    failures: list[tuple[str, float]],
) -> None:
    delays = FailureDelays(first=0.5, ceiling=4.0)
    assert all(0.5 <= delays.failed(key, now) <= 4.0 for key, now in failures)
