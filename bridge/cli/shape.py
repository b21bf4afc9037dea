"""popbridge shape: what a device would get of a message in a file."""

import os
import sys
from pathlib import Path
from typing import Any

import click

from bridge.accounts.changes import find_maildrop
from bridge.app.admin.offline import Offline
from bridge.app.admin.shape import try_shape
from bridge.cli.delivering import take_wishes, wish_options
from bridge.cli.output import loaded
from bridge.shaping import wishtext
from bridge.shaping.wish import Wish


@click.command("shape")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--maildrop", help="Begin with what this maildrop's owner chose.")
@wish_options
@click.pass_obj
def command(option: Path | None, /, file: Path, maildrop: str | None, **chosen: Any) -> None:  # noqa: ANN401 - click hands options over as it pleases
    """Write what a device would get of the message in FILE; nothing is stored."""
    given = take_wishes(chosen)
    if maildrop is None and "deliver" not in given:
        raise click.UsageError("Say for whom: --maildrop NAME, or --deliver HOW.")
    config = loaded(option)
    wish = Wish()
    if maildrop is not None:
        wish = find_maildrop(Offline(config, os.environ).snapshot(), maildrop).wish
    sys.stdout.buffer.write(try_shape(config, wishtext.changed(wish, given), file))
    sys.stdout.buffer.flush()
