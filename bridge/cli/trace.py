"""popbridge trace."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from bridge.app.admin.trace import MINUTES_MAX, TRACE
from bridge.cli.output import loaded
from bridge.control import follow
from bridge.errors import OwnerError

MARKS = {"client": "C:", "server": "S:", "content": "S:"}
"""Who says a line; everything else is told of the connection."""

STOPPED = {"kind": "end", "text": "the bridge stopped, or waited too long for this reader"}


@click.command("trace")
@click.argument("device")
@click.option(
    "--minutes",
    type=click.IntRange(1, MINUTES_MAX),
    default=10,
    help="When it ends by itself; 10 otherwise.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@click.pass_obj
def command(option: Path | None, device: str, minutes: int, as_json: bool) -> None:  # noqa: FBT001 - click's flag
    """Show what DEVICE and the bridge say to each other, without passwords and without mail."""
    lines = follow(
        loaded(option).state_dir, TRACE, minutes * 60.0, device=device, minutes=minutes
    )
    if lines is None:
        raise OwnerError("No bridge is running on this state folder: popbridge serve")
    for line in _to_the_end(lines):
        told = {**line, "time": _moment(line["time"], "T")} if "time" in line else line
        click.echo(json.dumps(told) if as_json else _said(line))


def _to_the_end(lines: Iterator[dict[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Yield the lines and, where a bridge ended without a word, one that says so."""
    last: Mapping[str, Any] = {}
    for last in lines:
        yield last
    if last.get("kind") != "end":
        yield STOPPED


def _said(line: Mapping[str, Any]) -> str:
    match line["kind"]:
        case "begin":
            many = "minute" if line["minutes"] == 1 else "minutes"
            return f"Tracing {line['device']} for {line['minutes']:g} {many}; Ctrl-C ends it."
        case "end":
            return f"Trace ended: {line['text']}."
        case "lost":
            return f"... {line['text']}"
        case kind:
            when = _moment(line["time"], " ")
            return f"{when}  {line['connection']}  {MARKS.get(kind, '--')} {line['text']}"


def _moment(seconds: float, between: str) -> str:
    return (
        datetime.fromtimestamp(seconds, UTC).strftime(f"%Y-%m-%d{between}%H:%M:%S.%f")[:-3]
        + "Z"
    )
