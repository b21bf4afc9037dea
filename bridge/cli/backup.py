"""popbridge backup."""

import os
from pathlib import Path

import click

from bridge.app.backup.create import make_backup
from bridge.cli.output import json_option, say
from bridge.clock import SystemClock
from bridge.config import find_config, load_config


@click.command("backup")
@click.argument("file", type=click.Path(path_type=Path))
@json_option
@click.pass_obj
def command(option: Path | None, file: Path, as_json: bool) -> None:  # noqa: FBT001 - click's flag
    """Seal config, register, bookkeeping, unique-ids and certificates in FILE; the bridge may run."""
    config_file = find_config(option, os.environ, Path.cwd())
    config = load_config(config_file)
    made = make_backup(file, config_file, config, os.environ, SystemClock())
    if made.untold:
        click.echo(f"popbridge audit does not tell of this backup: {made.untold}.", err=True)
    lines = [
        f"{file}: {made.octets} octets, opened by the master key only, which is not in it."
    ]
    if made.is_exact:
        lines.append(
            "No bridge ran meanwhile. Unless one runs again, restore it with --nothing-since."
        )
    say(as_json, {"file": str(file), "octets": made.octets, "exact": made.is_exact}, lines)
