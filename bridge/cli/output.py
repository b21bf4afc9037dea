"""How commands read their configuration and print what they have to say."""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from bridge.app.accounts.examination import Finding
from bridge.config import Config, find_config, load_config

json_option: Callable[[Any], Any] = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON, for programs."
)


def loaded(option: Path | None) -> Config:
    """Return the configuration a command is to use.

    Raises:
        ConfigError: there is none, or it is wrong.
    """
    return load_config(find_config(option, os.environ, Path.cwd()))


def say(as_json: bool, data: object, lines: Sequence[str]) -> None:  # noqa: FBT001 - click's flag
    """Print `data` as JSON, or `lines` for a person."""
    if as_json:
        click.echo(json.dumps(data, indent=2))
    else:
        for line in lines:
            click.echo(line)


def table(rows: Sequence[Mapping[str, object]], empty: str) -> list[str]:
    """Return aligned lines with a heading, or `empty` where there are no rows."""
    if not rows:
        return [empty]
    heads = list(rows[0])
    cells = [[head.upper() for head in heads]]
    cells += [[_cell(row[head]) for head in heads] for row in rows]
    widths = [max(len(line[i]) for line in cells) for i in range(len(heads))]
    return [
        "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()
        for line in cells
    ]


def moment(seconds: float | None) -> str:
    """Return a time in UTC; empty where there is none, or none that a calendar has."""
    if seconds is None:
        return ""
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%SZ}"
    except (ValueError, OverflowError, OSError):  # what a header claims
        return ""


def findings_lines(findings: Sequence[Finding]) -> list[str]:
    """Return a line for each thing looked at."""
    return [f"{_mark(one):4}  {one.subject}: {one.text}" for one in findings]


def _mark(finding: Finding) -> str:
    if not finding.ok:
        return "FAIL"
    return "note" if finding.note else "ok"


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value)) or "-"
    return "-" if value in (None, "") else str(value)
