import pytest

from tests.cli.command_line import Owner


def test_without_a_running_bridge_it_says_how_to_run_one(owner: Owner) -> None:
    said = owner.runs("trace", "printer")
    assert said.code == 1
    assert said.sentence == "No bridge is running on this state folder: popbridge serve"


@pytest.mark.parametrize("minutes", ["0", "121", "-1", "x"])
def test_a_time_that_is_none_is_a_wrong_command_line(owner: Owner, minutes: str) -> None:
    assert owner.runs("trace", "printer", "--minutes", minutes).code == 2
