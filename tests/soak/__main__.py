"""make soak: some minutes of a household at work; prints what the bridge held, and whether that stayed flat."""

import argparse
import logging
import sys
import tempfile
from pathlib import Path

import click

from bridge.clock import SystemClock
from tests.soak.household import Household, household
from tests.soak.samples import Sample, judge, table, told

SAMPLES_PER_MINUTE = 12
DRAIN_SECONDS = 180.0
"""How long the last messages may take once nothing fails any more: a service that failed is left alone for a while."""


def main() -> int:
    """Soak for as long as the command line says; return 1 where something was not flat, or went wrong."""
    arguments = argparse.ArgumentParser(prog="make soak")
    arguments.add_argument("--minutes", type=float, default=10.0)
    arguments.add_argument("--devices", type=int, default=50)
    asked = arguments.parse_args()
    logging.getLogger().addHandler(logging.NullHandler())
    with (
        tempfile.TemporaryDirectory(prefix="soak-") as folder,
        household(Path(folder), asked.devices) as made,
    ):
        samples = soak(made, asked.minutes * 60)
    verdicts = judge(samples)
    for line in (*table(samples), "", *told(verdicts), "", *_books(made)):
        click.echo(line)
    is_well = all(one.is_flat for one in verdicts) and not made.ledger.faults
    return 0 if is_well and not made.ledger.open else 1


def soak(made: Household, seconds: float) -> list[Sample]:
    """Let the household work for so long, drain it, and return the samples of its working time."""
    clock, samples = SystemClock(), [made.sample()]
    end = clock.monotonic() + seconds
    with made.at_work():
        while clock.monotonic() < end and not made.ledger.faults:
            made.stop.wait(60 / SAMPLES_PER_MINUTE)
            samples.append(made.sample())
        made.calm.set()
        made.wait_until(lambda: made.ledger.open == 0, DRAIN_SECONDS)
    return samples


def _books(made: Household) -> list[str]:
    ledger = made.ledger
    mail = f"{len(ledger.sent)} messages sent, {len(ledger.deleted)} printed and deleted"
    sessions = f"{ledger.sessions} sessions, {ledger.busy} of them met another one"
    found = [f"WRONG: {one}" for one in ledger.faults[:20]]
    return [f"{mail}; {sessions}; {made.faults} faults of the services", *found]


if __name__ == "__main__":
    sys.exit(main())
