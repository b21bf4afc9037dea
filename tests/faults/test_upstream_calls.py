"""The matrix has a row for every call that the sync road makes, and no row for one that it does not."""

from collections.abc import Callable

import pytest

from tests.faults.cell import Ended
from tests.faults.upstream_calls import CALLS, SCENES, Call, Scene

Clean = Callable[[Scene], Ended]


@pytest.mark.parametrize("scene", SCENES, ids=str)
def test_every_request_of_a_scene_is_a_call_of_the_matrix(
    scene: Scene, clean_run: Clean
) -> None:
    for service, line in clean_run(scene).lines:
        found = [one.name for one in CALLS if one.service == service and one.is_of(line)]
        assert len(found) == 1, f"{service} {line} is of {found or 'no call'}"


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
def test_every_call_of_the_matrix_is_made_in_its_scene(call: Call, clean_run: Clean) -> None:
    lines = [line for service, line in clean_run(call.scene).lines if service == call.service]
    assert any(call.is_of(line) for line in lines)
