"""`kill -9` between every two steps of everything that changes something (docs/architecture.md).

After each kill the bridge is started again, and what devices and services see then is compared with what
they were promised. A point that comes again and again is killed at the first time; `make crashes` kills at
every time, going up one step with each run until one gets through.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.system.crash_list import SCENARIOS
from tests.system.crash_runs import Forks
from tests.system.crash_scenario import Stage, survive
from tests.system.crash_sites import names_of, sites
from tests.system.crash_table import listed_sites

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
    name: str,
    stage: Stage,
    pytestconfig: pytest.Config,
    record_property: Callable[[str, object], None],
) -> None:
    at_every_step = bool(pytestconfig.getoption("--every-step", default=False))
    tally = survive(SCENARIOS[name](stage), at_every_step=at_every_step)
    record_property("crash", [name, tally.kills, sorted(tally.points)])
    if not pytestconfig.getoption("--write-crash-sites", default=False):
        visited = {site for point in tally.points for site in names_of(point)}
        assert set(listed_sites()[name]) & sites() <= visited
