"""popbridge serve."""

import os
from pathlib import Path

import click

from bridge.cli.output import loaded


@click.command("serve")
@click.pass_obj
def command(option: Path | None) -> None:
    """Serve devices and look at mailboxes, until stopped by SIGINT or SIGTERM."""
    config = loaded(option)
    from bridge.app.server import serve  # noqa: PLC0415 - a wrong config.toml is told at once

    serve(config, os.environ)
