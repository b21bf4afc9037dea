"""popbridge audit."""

import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs
import click

from bridge.app.offline import Offline
from bridge.cli.output import json_option, loaded, moment, say
from bridge.clock import SystemClock
from bridge.storage.audit import About, AuditEntry, Wanted

AGO = re.compile(r"([0-9]{1,5})([hd])")
SECONDS = {"h": 3600.0, "d": 86400.0}


def _since(_context: click.Context, _option: click.Parameter, given: str | None) -> float:
    if given is None:
        return 0.0
    if ago := AGO.fullmatch(given):
        return SystemClock().now() - int(ago[1]) * SECONDS[ago[2]]
    try:
        found = datetime.fromisoformat(given)
    except ValueError:
        raise click.BadParameter(
            "write a day (2026-11-29), a time (2026-11-29T06:30), hours (12h) or days (30d) ago"
        ) from None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


@click.command("audit")
@click.option(
    "--since",
    metavar="WHEN",
    callback=_since,
    help="A day or a time in UTC, such as 2026-11-29; or 12h or 30d, for so long ago.",
)
@click.option("--device", metavar="NAME", help="Only what concerns this device.")
@click.option("--maildrop", metavar="NAME", help="Only what concerns this maildrop.")
@click.option(
    "--limit",
    type=click.IntRange(1, 100_000),
    default=200,
    help="How many, the newest; 200 otherwise.",
)
@json_option
@click.pass_obj
def command(option: Path | None, /, as_json: bool, **wanted: Any) -> None:  # noqa: ANN401, FBT001 - click hands options over as it pleases
    """Say who changed what, the newest last."""
    offline = Offline(loaded(option), os.environ)
    entries = offline.read(lambda state: state.audit.entries(Wanted(**wanted)))
    lines = [_line(entry) for entry in entries] or ["Nothing."]
    say(as_json, [_told(entry) for entry in entries], lines)


def _line(entry: AuditEntry) -> str:
    what = "; ".join(one.spelled() for one in entry.differences)
    said = [moment(entry.at), entry.actor.spelled(), entry.event, *_names(entry.about), what]
    return _printable(" ".join(filter(None, said)))


def _names(about: About) -> list[str]:
    return [
        f"{kind}={name}" for kind, name in attrs.asdict(about).items() if name not in ("", None)
    ]


def _printable(text: str) -> str:
    """Keep an entry on its line, whatever a name upstream holds."""
    return "".join(
        one if one.isprintable() else one.encode("unicode_escape").decode() for one in text
    )


def _told(entry: AuditEntry) -> dict[str, Any]:
    return {
        "number": entry.number,
        "at": entry.at,
        **attrs.asdict(entry.actor),
        "event": entry.event,
        **attrs.asdict(entry.about),
        "changes": [
            {"field": one.field, "secret": True}
            if one.is_secret
            else {"field": one.field, "old": one.old, "new": one.new}
            for one in entry.differences
        ],
    }
