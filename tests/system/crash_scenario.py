"""What every crash scenario is: something under way, killed at each of its steps, and a check after it."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import attrs
import pytest

from bridge.control import ask
from bridge.errors import StateError
from tests.system.crash_runs import NEVER, Forks, Snapshot
from tests.system.running_bridge import Home, RunningBridge

MOST_STEPS = 400
"""More steps than any run has: a scenario that counts further than this goes round in circles."""

LOOPS = ("asyncio", "uvloop")
"""Event loops, which take turns: the steps are the same on both."""


@attrs.frozen
class Stage:
    """Where a scenario plays: who forks for it, a state folder to begin with, a folder of its own."""

    forks: Forks
    template: Path
    folder: Path
    closing: ExitStack


@attrs.frozen
class Tally:
    """How often a scenario was killed, and the names of all points at which it was."""

    kills: int
    points: frozenset[str]


class Scenario:
    """One thing that may be under way when the power fails; every run begins from the same state.

    `home` is put back before each run, unless a scenario says otherwise. One that is not serial does
    several things at a time, so that its steps come in any order.
    """

    is_serial = True

    def __init__(self, stage: Stage, home: Home) -> None:
        """Make everything ready, but take no snapshot yet."""
        self.stage = stage
        self.forks = stage.forks
        self.home = home
        self.snapshot = Snapshot(home, stage.folder / "copy")
        self.arm = stage.folder / "armed"

    def begin_anew(self, die_at: int) -> None:
        """Put everything back, for a run on the other event loop."""
        self.arm.unlink(missing_ok=True)
        self.snapshot.restore()
        self.home.loop = LOOPS[die_at % 2]
        self.home.configure()

    @contextmanager
    def restarted(self) -> Iterator[RunningBridge]:
        """Run the bridge again: it starts, nothing half-done is left, and it says how it is."""
        left = half_done(self.home)
        with self.forks.serving(self.home) as bridge:
            assert bridge is not None
            assert left.isdisjoint(half_done(self.home)), left
            yield bridge
            status = ask(self.home.state, "status")
            assert status is not None
            assert status["listeners"]

    def serve_a_look(self, die_at: int) -> bool:
        """Serve from the beginning, killed at that step; return whether the first look came to its end."""
        self.begin_anew(die_at)
        with self.forks.serving(self.home, die_at=die_at) as bridge:
            return bridge is not None and bridge.log.has("looked")

    def run(self, die_at: int) -> bool:
        """Do it from the beginning, killed at that step; return whether it got through alive."""
        raise NotImplementedError

    def check(self) -> None:
        """Start again and see that the invariants of docs/architecture.md hold."""
        raise NotImplementedError

    def finish(self) -> None:
        """See that all runs together make sense."""


def survive(scenario: Scenario, *, at_every_step: bool) -> Tally:
    """Kill a scenario at every step, or where each point comes first; and once when all is done."""
    points: set[str] = set()
    for kills, die_at in enumerate(_deaths(scenario, at_every_step=at_every_step), 1):
        is_through = scenario.run(die_at)
        steps = scenario.forks.steps()
        points.update(steps)
        try:
            scenario.check()
        except BaseException as error:
            error.add_note(f"killed at step {die_at}: {steps[-1:]}")
            raise
        if is_through:
            if scenario.is_serial:
                assert_synced(steps)
            scenario.finish()
            return Tally(kills, frozenset(points))
    pytest.fail("no run got through")


def _deaths(scenario: Scenario, *, at_every_step: bool) -> Iterable[int]:
    """Return the steps to be killed at, and more than there can be."""
    if at_every_step:
        return range(1, MOST_STEPS)
    scenario.run(NEVER)
    steps = scenario.forks.steps()
    return [*sorted({steps.index(step) + 1 for step in steps}), MOST_STEPS]


AT_REST = (".body", ".original")
"""How the files end that messages lie in."""


def half_done(home: Home) -> set[str]:
    """Return the files and folders that a kill may leave and a start must sweep."""
    parts = (path for path in (home.state / "bodies").iterdir() if path.suffix not in AT_REST)
    return {path.name for path in (*parts, *home.state.rglob(".*"))}


def assert_synced(steps: list[str]) -> None:
    """See that a file is synced before it gets its name, and the name before anything is built on it.

    A kill cannot show this, since what was written outlives it: a power cut could.
    """
    unsynced: set[str] = set()
    is_name_loose = False
    for step in steps:
        place, _, kind = step.rpartition(" ")
        source = place.partition(":")[0]
        if kind == "create":
            unsynced.add(source)
        elif kind == "fsync" and place.endswith("sync_folder"):
            is_name_loose = False
        elif kind == "fsync":
            unsynced.discard(source)
        elif kind in ("rename", "replace", "link") and source.startswith("bridge/"):
            assert source not in unsynced, f"{step} comes before its fsync"
            is_name_loose = True
        elif kind in ("COMMIT", "answer", "say", "send"):
            assert not is_name_loose, f"{step} comes before a folder is synced"


def look(home: Home, account: str = "office") -> dict[str, int]:
    """Have the running bridge look, and say nothing of a bridge that dies of it."""
    try:
        answer = ask(home.state, "sync", account=account)
    except StateError:
        return {}
    return dict(answer["report"]) if answer else {}
