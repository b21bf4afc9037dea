"""Says how long a worker waits before it looks again; pure, randomness is handed in."""

CEILING_SECONDS = 900.0
"""Longest wait after failures: an admin who mended something sees it work within a quarter hour."""

JITTER = 0.2
"""Share of the wait that is random, so that many bridges do not ask a service in step."""


def next_look(interval: float, failures: int, at_least: float, chance: float) -> float:
    """Return the seconds to wait after `failures` looks in a row have failed.

    `interval` is the wait after a success; it doubles with each failure up to CEILING_SECONDS.
    `at_least` is what a service asked for (Retry-After) and is never undercut, whatever its
    length. `chance` lies in 0..1.
    """
    wait = min(max(interval, CEILING_SECONDS), interval * 2.0 ** min(failures, 30))
    return max(at_least, wait * (1 - JITTER / 2)) + wait * JITTER * chance
