"""Nobody but root may look into a bridge that serves; asked in a process of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import atexit, ctypes, sys
sys.argv = ["popbridge", *sys.argv[1:]]
atexit.register(lambda: print("dumpable", ctypes.CDLL(None).prctl(3, 0, 0, 0, 0), flush=True))
from bridge.cli import main
main()
"""


@pytest.mark.slow
@pytest.mark.parametrize(("command", "dumpable"), [("serve", 0), ("status", 1)])
def test_a_bridge_that_serves_is_private_before_it_opens_anything(
    tmp_path: Path, command: str, dumpable: int
) -> None:
    """Here it finds no state folder: no key was read yet. A command's dumps are forbidden by a limit alone."""
    config = tmp_path / "config.toml"
    config.write_text(f'state_dir = "{tmp_path}/none"\n', "utf-8")
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, "--config", str(config), command],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert "popbridge init" in ran.stderr
    assert ran.stdout.splitlines()[-1] == f"dumpable {dumpable}"
