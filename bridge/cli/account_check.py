"""popbridge account check."""

import os
import sys
from pathlib import Path

import attrs
import click

from bridge.app.admin.offline import Offline
from bridge.cli.output import findings_lines, json_option, loaded, say


@click.command()
@click.argument("name")
@json_option
@click.pass_obj
def check(option: Path | None, name: str, as_json: bool) -> None:  # noqa: FBT001 - click's flag
    """Go through all that the account NAME needs, and say what to do (exit code 1)."""
    findings = Offline(loaded(option), os.environ).examine_account(name)
    say(as_json, [attrs.asdict(one) for one in findings], findings_lines(findings))
    sys.exit(0 if all(one.ok for one in findings) else 1)
