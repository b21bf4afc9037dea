"""A plugin for pytest (`-p tests.system.crash_table`) that prints what the crash scenarios were put through."""

from pathlib import Path

import pytest

from tests.system.crash_sites import names_of, sites

SITES = Path(__file__).with_name("crash_sites.txt")
"""Where it is listed which places in the source each scenario comes by, for test_crash_sites.py."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add what `make crashes` asks for: every step, and with SITES=1 a new list of places."""
    parser.addoption("--every-step", action="store_true")
    parser.addoption("--write-crash-sites", action="store_true")


def listed_sites() -> dict[str, list[str]]:
    """Return the places that each scenario comes by, as they were last listed."""
    blocks = (block.splitlines() for block in SITES.read_text("ascii").split("\n\n"))
    return {lines[0]: lines[1:] for lines in blocks if lines}


def _list_anew(points: dict[str, list[str]]) -> None:
    known = sites()
    listed = listed_sites()
    for name, passed in points.items():
        listed[name] = sorted({site for one in passed for site in names_of(one)} & known)
    blocks = ("\n".join([name, *listed[name]]) for name in sorted(listed))
    SITES.write_text("\n\n".join(blocks) + "\n", "ascii")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print a line for each scenario that survived, and list its places where that is wanted."""
    reports = terminalreporter.getreports("passed")
    rows = [
        value for report in reports for key, value in report.user_properties if key == "crash"
    ]
    if not rows:
        return
    if terminalreporter.config.getoption("--write-crash-sites"):
        _list_anew({name: points for name, _, points in rows})
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
