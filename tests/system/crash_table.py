"""A plugin for pytest (`-p tests.system.crash_table`) that prints what the crash scenarios were put through."""

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print a line for each scenario that survived, and with -v the names of its points."""
    reports = terminalreporter.getreports("passed")
    rows = [
        value for report in reports for key, value in report.user_properties if key == "crash"
    ]
    if not rows:
        return
    terminalreporter.section("crash points")
    terminalreporter.line(f"{'points':>6} {'kills':>6}  scenario")
    every: set[str] = set()
    for name, kills, points in rows:
        every.update(points)
        terminalreporter.line(f"{len(points):6} {kills:6}  {name}")
        if terminalreporter.verbosity > 0:
            terminalreporter.write("".join(f"{'':15}{point}\n" for point in points))
    kills = sum(row[1] for row in rows)
    terminalreporter.line(
        f"{len(every):6} {kills:6}  all {len(rows)}; after each kill every invariant held"
    )
