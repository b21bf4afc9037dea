"""popbridge health."""

import sys
from pathlib import Path
from typing import Any

import click

from bridge.app.health.wellness import PROBE_SECONDS, Wellness
from bridge.cli.output import json_option, loaded, say
from bridge.control import ask
from bridge.errors import StateError

PATIENCE_SECONDS = 3 * PROBE_SECONDS
"""How long an answer is waited for: another's probe may be under way, and ours comes after it."""

MARKS = {Wellness.OK: "ok  ", Wellness.FAILED: "FAIL"}


@click.command("health")
@json_option
@click.pass_obj
def command(option: Path | None, as_json: bool) -> None:  # noqa: FBT001 - click's flag
    """Have the running bridge log in to itself, and say whether it is well (else exit code 1)."""
    config = loaded(option)
    try:
        answer = ask(config.state_dir, "health", within=PATIENCE_SECONDS)
        why = "No bridge is running on this state folder: popbridge serve"
    except StateError as error:
        answer, why = None, str(error)
    if answer is None:
        say(as_json, {"healthy": False, "why": why, "parts": []}, [])
        if not as_json:
            click.echo(f"popbridge: {why}", err=True)
        sys.exit(1)
    say(as_json, answer, [_line(part) for part in answer["parts"]])
    sys.exit(0 if answer["healthy"] else 1)


def _line(part: dict[str, Any]) -> str:
    state = Wellness(part["state"])
    return f"{MARKS.get(state, state.value)}  {part['name']}: {part['text']}"
