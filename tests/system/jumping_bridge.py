"""The `popbridge` command on a machine whose clock is set while it runs: the file says by how much."""

import sys
from pathlib import Path

from bridge.cli import main
from bridge.clock import SystemClock


def jump(file: Path) -> None:
    """Add the seconds in `file` to the time of day, whenever that is asked for."""
    right = SystemClock.now

    def now(self: SystemClock) -> float:
        return right(self) + float(file.read_text("ascii"))

    SystemClock.now = now  # type: ignore[method-assign] - the machine's clock is set, not ours


if __name__ == "__main__":
    jump(Path(sys.argv.pop(1)))
    main()
