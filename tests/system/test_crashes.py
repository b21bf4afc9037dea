"""`kill -9` between every two steps of everything that changes something (docs/architecture.md).

The step at which a scenario is killed goes up by one until a run gets through; after each kill the bridge
is started again, and what devices and services see then is compared with what they were promised.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.system.crash_list import SCENARIOS
from tests.system.crash_runs import Forks
from tests.system.crash_scenario import Stage, survive

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]  # some eighty runs each


@pytest.fixture(scope="module")
def forks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forks]:
    forks = Forks(tmp_path_factory.mktemp("forks"))
    yield forks
    forks.close()


@pytest.fixture
def stage(forks: Forks, template: Path, tmp_path: Path) -> Iterator[Stage]:
    with ExitStack() as closing:
        yield Stage(forks, template, tmp_path, closing)


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_kill_between_any_two_steps_loses_nothing_and_doubles_nothing(
    name: str, stage: Stage, record_property: Callable[[str, object], None]
) -> None:
    tally = survive(SCENARIOS[name](stage))
    record_property("crash", [name, tally.kills, sorted(tally.points)])
