"""A disk that is full at any write: nothing is lost, nothing doubled, nothing half."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.system.full_disk import NAMES
from tests.system.running_bridge import make_home

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SERIES_SECONDS = 110


def alone() -> tuple[str, ...]:
    """Return what gives a process mounts of its own, or skip where the system does not let us."""
    words = (
        ("unshare", "--mount")
        if not os.geteuid()
        else ("unshare", "--mount", "--map-root-user")
    )
    try:
        tried = subprocess.run([*words, "true"], capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("unshare is not installed")
    if tried.returncode:
        pytest.skip(f"no mounts of our own: {tried.stderr.decode().strip()}")
    return words


@pytest.fixture(scope="module")
def series(template: Path, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    home = make_home(template, tmp_path_factory.mktemp("disk") / "home", "asyncio")
    done = subprocess.run(
        [*alone(), sys.executable, "-m", "tests.system.full_disk", str(home.folder)],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=SERIES_SECONDS,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_disk_full_at_any_write_loses_and_doubles_nothing(
    series: list[dict[str, Any]],
) -> None:
    failed = [run for run in series if run["failures"]]
    assert len(failed) > 10
    for run in series:
        assert run["whole"], run
        assert run["left"] == [], run
        # What was promised is gone here and moved there, and what was not is here, once.
        assert sorted(run["listed"] + run["promised"]) == sorted(NAMES), run
        assert run["printed"] == sorted(run["promised"]), run


def test_every_failure_on_a_full_disk_is_one_sentence(series: list[dict[str, Any]]) -> None:
    for run in series:
        for failure in run["failures"]:
            assert "\n" not in failure
            assert "Traceback" not in failure
