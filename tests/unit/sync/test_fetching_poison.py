"""One message that can never be had stands in nobody's way, whatever the service says of it."""

import pytest

from bridge.sync.errand import FAILURES_IN_A_ROW
from providers.contract import AccessRefused, Throttled
from tests.unit.sync.fetches import Fetching
from tests.unit.sync.looking import mail


def refused() -> AccessRefused:
    return AccessRefused("not this one")


def throttled() -> Throttled:
    return Throttled("later", 60.0)


@pytest.mark.parametrize("bad", [0, 9])
@pytest.mark.parametrize("at_once", [1, 3])
async def test_a_message_that_is_refused_is_passed_over(at_once: int, bad: int) -> None:
    fetching = Fetching(10, at_once)
    fetching.fails(refused, bad)
    errand = await fetching.run()
    assert (errand.delivered, len(errand.failed)) == (9, 1)
    assert fetching.fetcher.refusals_of_all(errand) == []


async def test_a_refusal_after_which_nothing_came_is_taken_for_one_of_all() -> None:
    """A grant that may list and not read must show as a failing account, however few messages wait."""
    fetching = Fetching(1)
    fetching.fails(refused, 0)
    for _ in range(2):
        errand = await fetching.run()
        assert len(fetching.fetcher.refusals_of_all(errand)) == 1
    fetching.add(mail("new"))
    for _ in range(2):  # from now on it is that message's own, and looks go well
        errand = await fetching.run()
        assert errand.refused
        assert fetching.fetcher.refusals_of_all(errand) == []


@pytest.mark.parametrize("at_once", [1, 3])
async def test_a_row_of_refusals_is_about_all_of_them(at_once: int) -> None:
    fetching = Fetching(40, at_once)
    fetching.fails(refused, *range(40))
    with pytest.raises(AccessRefused):
        await fetching.run()
    assert len(fetching.asked()) <= FAILURES_IN_A_ROW + at_once


async def test_a_message_that_is_always_throttled_waits_for_the_others_and_not_they_for_it() -> (
    None
):
    fetching = Fetching(5, at_once=1)
    fetching.fails(throttled, 0)
    with pytest.raises(Throttled):
        await fetching.run()
    errand = await fetching.run()
    assert fetching.delivered() == [1, 2, 3, 4]
    assert errand.throttled is not None
