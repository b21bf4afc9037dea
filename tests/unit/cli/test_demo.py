import fcntl
from pathlib import Path

import pytest

from tests.cli.command_line import run


@pytest.mark.slow
def test_a_second_demo_on_one_folder_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    (folder / "state").mkdir(parents=True)
    (folder / "config.toml").write_text("# the first demo's\n", "utf-8")
    with (folder / "state" / "server.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        said = run("demo", "--folder", str(folder))
    assert said.code == 4
    assert "Another popbridge already serves" in said.sentence
    assert (folder / "config.toml").read_text("utf-8") == "# the first demo's\n"


def test_a_folder_that_cannot_be_made_is_one_sentence() -> None:
    said = run("demo", "--folder", "/proc/popbridge")
    assert said.code == 4
    assert "--folder" in said.sentence
