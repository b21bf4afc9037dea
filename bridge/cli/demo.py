"""popbridge demo."""

import os
from pathlib import Path

import click

from bridge.app.server import serve
from bridge.app.setup.demo import lines, prepare


@click.command("demo")
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    default=Path("demo-state"),
    show_default=True,
    help="Where the demo keeps its mail and its state.",
)
def command(folder: Path) -> None:
    """Try everything out: sample mail, a device, two listeners on 127.0.0.1; Ctrl-C stops it."""
    demo = prepare(folder, os.environ)
    for line in lines(demo):
        click.echo(line)
    serve(demo.config, os.environ)
