"""A plugin for pytest (`-p tests.system.crash_table`) that prints what the crash scenarios were put through."""

from pathlib import Path

import pytest

POINTS = Path(__file__).with_name("crash_points.txt")
"""Where the points of every scenario are listed, for people and for test_crash_points.py."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add what `make crashes` asks for: every step, and with POINTS=1 a new list of points."""
    parser.addoption("--every-step", action="store_true")
    parser.addoption("--write-crash-points", action="store_true")


def listed_points() -> dict[str, list[str]]:
    """Return the points of each scenario, as they were last listed."""
    blocks = (block.splitlines() for block in POINTS.read_text("ascii").split("\n\n"))
    return {lines[0]: lines[1:] for lines in blocks if lines}


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print a line for each scenario that survived, and list its points where that is wanted."""
    reports = terminalreporter.getreports("passed")
    rows = [
        value for report in reports for key, value in report.user_properties if key == "crash"
    ]
    if not rows:
        return
    if terminalreporter.config.getoption("--write-crash-points"):
        listed = listed_points() | {name: points for name, _, points in rows}
        blocks = ("\n".join([name, *listed[name]]) for name in sorted(listed))
        POINTS.write_text("\n\n".join(blocks) + "\n", "ascii")
    terminalreporter.section("crash points")
    terminalreporter.line(f"{'points':>6} {'kills':>6}  scenario")
    every: set[str] = set()
    for name, kills, points in rows:
        every.update(points)
        terminalreporter.line(f"{len(points):6} {kills:6}  {name}")
    kills = sum(row[1] for row in rows)
    terminalreporter.line(
        f"{len(every):6} {kills:6}  all {len(rows)}; after each kill every invariant held"
    )
