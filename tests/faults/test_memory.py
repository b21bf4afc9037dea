"""An answer that never ends costs a bounded amount of memory, whichever call it answers."""

import tracemalloc

import pytest

from tests.faults.conftest import Play
from tests.faults.fault_kinds import CELLS, Kind
from tests.faults.upstream_calls import Call

ENDLESS = [(call, kind) for call, kind in CELLS if kind.name == "endless"]

MEMORY_OCTETS = 64 << 20
"""Four answers at once of 4 MiB each, gathered and then handed on, in both ends of the connection."""


@pytest.mark.parametrize(("call", "kind"), ENDLESS, ids=[call.name for call, _ in ENDLESS])
def test_an_endless_answer_does_not_fill_memory(
    call: Call, kind: Kind, play_cell: Play
) -> None:
    tracemalloc.start()
    try:
        play_cell(call.scene, call, kind)
        assert tracemalloc.get_traced_memory()[1] < MEMORY_OCTETS
    finally:
        tracemalloc.stop()
