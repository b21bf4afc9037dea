"""make chaos: one simulation, or without a seed one after the other until it is stopped or finds something."""

import argparse
import itertools
import logging
import sys

import click

from tests.chaos.simulator import UPSTREAMS, Failed, simulate


def main() -> int:
    """Run what the command line asks for; return 1 where something was found."""
    arguments = argparse.ArgumentParser(prog="make chaos")
    arguments.add_argument("--seed", type=int)
    arguments.add_argument("--steps", type=int, default=1000)
    arguments.add_argument("--upstream", choices=sorted(UPSTREAMS), default="memory")
    asked = arguments.parse_args()
    # Thousands of lines, which the trace says better.
    logging.getLogger().addHandler(logging.NullHandler())
    try:
        for seed in itertools.count(1) if asked.seed is None else (asked.seed,):
            run = simulate(seed, asked.steps, asked.upstream)
            click.echo(f"seed {seed}: {run.trace[-1]}; nothing found; {run.digest[:16]}")
    except Failed as error:
        click.echo(error)
        return 1
    except KeyboardInterrupt:
        click.echo("stopped")
    return 0


if __name__ == "__main__":
    sys.exit(main())
