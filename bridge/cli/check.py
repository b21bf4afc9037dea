"""popbridge check."""

import os
import sys
from pathlib import Path

import attrs
import click

from bridge.app.admin.check import examine
from bridge.cli.output import findings_lines, json_option, loaded, say


@click.command("check")
@json_option
@click.pass_obj
def command(option: Path | None, as_json: bool) -> None:  # noqa: FBT001 - click's flag
    """Say whether everything is in order, and what to do where it is not (exit code 1)."""
    findings = list(examine(loaded(option), os.environ))
    say(as_json, [attrs.asdict(one) for one in findings], findings_lines(findings))
    sys.exit(0 if all(one.ok for one in findings) else 1)
