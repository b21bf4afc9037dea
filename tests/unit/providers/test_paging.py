import pytest

from providers.contract import Unreachable
from providers.paging import MAX_PAGES, Trail


def test_different_marks_are_followed() -> None:
    trail = Trail()
    for mark in ("a", "b", "", "\ud800"):
        trail.step(mark)


def test_a_circle_is_noticed_however_long_it_is() -> None:
    trail = Trail()
    for mark in ("a", "b", "c"):
        trail.step(mark)
    with pytest.raises(Unreachable, match="no end"):
        trail.step("a")


def test_a_list_that_grows_for_ever_is_given_up() -> None:
    trail = Trail()
    for number in range(MAX_PAGES):
        trail.step(str(number))
    with pytest.raises(Unreachable):
        trail.step("one more")
