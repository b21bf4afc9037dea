"""popbridge audit."""

import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs
import click

from bridge.app.admin.offline import Offline
from bridge.app.state import State
from bridge.cli.output import json_option, loaded, moment, say
from bridge.clock import SystemClock
from bridge.storage.audit import About, AuditEntry, Taking, Wanted

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
    """Say who changed what, and which device took which message, the newest last."""
    asked = Wanted(**wanted)

    async def work(state: State) -> list[AuditEntry | Taking]:
        return [*await state.audit.entries(asked), *await state.audit.takings(asked)]

    found = Offline(loaded(option), os.environ).read(work)
    newest = sorted(found, key=_when)[-asked.limit :]
    say(as_json, [_told(one) for one in newest], [_line(one) for one in newest] or ["Nothing."])


def _when(one: AuditEntry | Taking) -> float:
    return one.at if isinstance(one, AuditEntry) else one.last


def _line(one: AuditEntry | Taking) -> str:
    return _printable(_entry_line(one) if isinstance(one, AuditEntry) else _taking_line(one))


def _taking_line(taking: Taking) -> str:
    often = f"{taking.times} times since {moment(taking.first)}" if taking.times > 1 else ""
    size = "" if taking.octets is None else f"octets={taking.octets}"
    where = f"connection={taking.connection}" if taking.connection else ""
    names = [
        f"maildrop={taking.maildrop}",
        f"message={taking.message}",
        f"unique-id={taking.unique_id}",
        size,
        f"address={taking.address}",
        where,
        often,
    ]
    said = [moment(taking.last), f"device {taking.device}", taking.event, *names]
    return " ".join(filter(None, said))


def _entry_line(entry: AuditEntry) -> str:
    what = "; ".join(one.spelled() for one in entry.differences)
    said = [moment(entry.at), entry.actor.spelled(), entry.event, *_names(entry.about), what]
    return " ".join(filter(None, said))


def _names(about: About) -> list[str]:
    return [
        f"{kind}={name}" for kind, name in attrs.asdict(about).items() if name not in ("", None)
    ]


def _printable(text: str) -> str:
    """Keep an entry on its line, whatever a name upstream holds."""
    return "".join(
        one if one.isprintable() else one.encode("unicode_escape").decode() for one in text
    )


def _told(entry: AuditEntry | Taking) -> dict[str, Any]:
    if isinstance(entry, Taking):
        return {**attrs.asdict(entry), "event": entry.event.value, "at": entry.last}
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
