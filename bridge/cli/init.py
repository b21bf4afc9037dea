"""popbridge init."""

import os
from pathlib import Path

import click

from bridge.app.setup.initialise import initialise
from bridge.cli.output import json_option, loaded, say
from bridge.clock import SystemClock


@click.command("init")
@json_option
@click.pass_obj
def command(option: Path | None, as_json: bool) -> None:  # noqa: FBT001 - click's flag
    """Make the state folder: key, spool, LAN CA, certificates. Run again, it mends what is missing."""
    config = loaded(option)
    done = initialise(config, os.environ, SystemClock())
    lines = [f"made {line}" for line in done] or [
        "Everything is there already; nothing was changed."
    ]
    say(as_json, {"state_dir": str(config.state_dir), "made": done}, lines)
