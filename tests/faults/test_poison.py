"""One message that always meets a fault blocks neither those behind it nor what is done upstream for others."""

from collections.abc import Callable

import attrs
import pytest

from tests.faults.cell import NEW, OLD, Ended
from tests.faults.conftest import Play
from tests.faults.fault_kinds import CELLS, HOSTS, Kind
from tests.faults.upstream_calls import Call, Scene

PAUSES = frozenset({"429-date", "429-seconds", "429-unsaid", "403-rate", "403-daily"})
"""What a service says of the whole mailbox: orders wait for the end of a pause together."""

DISPOSING = (
    *("graph-part-place", "graph-part-move", "graph-part-mark-read", "graph-part-purge"),
    *("gmail-labels-of", "gmail-change", "gmail-delete"),
)
ABOUT_ONE = [(call, kind) for call, kind in CELLS if kind.name not in HOSTS]
FETCHES = [
    (c, k)
    for c, k in ABOUT_ONE
    if c.name in {"graph-fetch", "gmail-fetch"} and k.name != "403-daily"  # a pause of an hour
]
ORDERS = [(c, k) for c, k in ABOUT_ONE if c.name in DISPOSING and k.name not in PAUSES]


def names(cells: list[tuple[Call, Kind]]) -> list[str]:
    return [f"{call.name}-{kind.name}" for call, kind in cells]


@pytest.mark.parametrize(("call", "kind"), FETCHES, ids=names(FETCHES))
def test_a_message_that_cannot_be_fetched_blocks_none_behind_it(
    call: Call, kind: Kind, play_cell: Play
) -> None:
    ended = play_cell(call.scene, call, kind, about=NEW[0])
    assert ended.requests > 0, "the fault was never met"
    assert {*OLD[1:], NEW[1]} <= set(ended.seen)


@pytest.mark.parametrize(("call", "kind"), ORDERS, ids=names(ORDERS))
def test_an_order_that_cannot_be_carried_out_blocks_no_other_and_no_new_mail(
    call: Call, kind: Kind, play_cell: Play, clean_run: Callable[[Scene], Ended]
) -> None:
    scene = attrs.evolve(call.scene, deletes=2)
    ended = play_cell(scene, call, kind, about=OLD[0])
    assert ended.requests > 0, "the fault was never met"
    assert {*OLD[2:], *NEW} == set(ended.seen)
    assert ended.places_then.get(OLD[1]) == clean_run(scene).places.get(OLD[1])
