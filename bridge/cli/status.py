"""popbridge status."""

import os
import sys
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import click

from bridge.app.offline import Offline
from bridge.app.state import State
from bridge.app.unseen import Unseen, unseen
from bridge.app.watching import look_back
from bridge.cli.output import json_option, loaded, say, table
from bridge.clock import SystemClock
from bridge.control import STATUS_SECONDS, ask
from bridge.errors import OwnerError
from bridge.storage.messages import MessageState


@click.command("status")
@json_option
@click.pass_obj
def command(option: Path | None, as_json: bool) -> None:  # noqa: FBT001 - click's flag
    """Say how accounts, maildrops and devices are doing."""
    config = loaded(option)
    running, trouble = None, None
    try:
        running = ask(config.state_dir, "status", within=STATUS_SECONDS)
    except OwnerError as error:
        trouble = str(error)
    offline = Offline(config, os.environ)
    drops = offline.read(_maildrops)
    for drop in drops:
        drop["session"] = bool(running and drop["maildrop"] in running["sessions"])
    lines = [trouble or _headline(running)]
    lines += _account_lines(running, offline.read(_unable))
    gone = [
        attrs.asdict(one)
        for one in offline.read(partial(_unseen, days=config.watch.unseen_days))
    ]
    lines += [_gone(one) for one in gone]
    disabled = offline.read(_disabled)
    lines += [_shut_out(one) for one in disabled]
    lines += table(drops, "No maildrop yet: popbridge maildrop add --help")
    only = offline.read(_only_logging_in)
    lines += [f"Only log in: {', '.join(only)}"] if only else []
    say(
        as_json,
        {
            "running": running,
            "trouble": trouble,
            "maildrops": drops,
            "login_only": only,
            "unseen": gone,
            "disabled": disabled,
        },
        lines,
    )
    sys.exit(0 if trouble is None else 1)


async def _unable(state: State) -> dict[str, str]:
    """Return the accounts at which no bridge looks until an admin has done something, and what."""
    found: dict[str, str] = {}
    snapshot = await state.register.snapshot()
    for account in snapshot.accounts:
        grant = await state.register.grant(account.name)
        how = f"run `popbridge account enrol {account.name}`"
        if grant is not None and grant.lost is not None:
            found[account.name] = f"NEEDS ENROLMENT: {grant.lost}; {how}"
        elif account.enrolment == 0:
            found[account.name] = f"not enrolled yet: {how}"
        elif not any(drop.account == account.name for drop in snapshot.maildrops):
            found[account.name] = "no maildrop shows it: popbridge maildrop add --help"
    return found


async def _only_logging_in(state: State) -> list[str]:
    """Return the devices that are shown no maildrop."""
    devices = (await state.register.snapshot()).devices
    return [device.name for device in devices if device.maildrop is None]


async def _unseen(state: State, days: int) -> list[Unseen]:
    """Return the devices that have not logged in for long."""
    devices = (await state.register.snapshot()).devices
    return unseen(devices, await look_back(state.sightings, SystemClock().now()), days)


async def _disabled(state: State) -> list[dict[str, Any]]:
    """Return the devices that may not log in, since when, and why."""
    return [
        {"device": device.name, **attrs.asdict(device.disabled)}
        for device in (await state.register.snapshot()).devices
        if device.disabled is not None
    ]


def _gone(one: dict[str, Any]) -> str:
    when = f"since {_moment(one['last'])}" if one["last"] is not None else "yet"
    hint = f"popbridge device remove {one['device']} if it is gone"
    return f"Device {one['device']}: NOT SEEN {when}, {one['days']} days; {hint}"


def _shut_out(one: dict[str, Any]) -> str:
    hint = f"popbridge device enable {one['device']} lets it log in again"
    return (
        f"Device {one['device']}: DISABLED ({one['why']}) since {_moment(one['since'])}; {hint}"
    )


async def _maildrops(state: State) -> list[dict[str, Any]]:
    snapshot = await state.register.snapshot()
    rows = []
    for drop in snapshot.maildrops:
        figures = await state.spool.figures(drop.name)
        count = figures.count
        at_rest = await state.spool.octets_at_rest(drop.name)
        rows.append(
            {
                "maildrop": drop.name,
                "account": drop.account,
                "on-dele": drop.disposition.spelled(),
                "listed": count.get(MessageState.READY, 0)
                + count.get(MessageState.QUARANTINED, 0),
                "octets": figures.octets,
                "of ceiling": f"{100 * at_rest // drop.ceiling} %",
                "held": count.get(MessageState.HELD, 0),
                "quarantined": count.get(MessageState.QUARANTINED, 0),
                "to fetch": count.get(MessageState.ANNOUNCED, 0),
                "to dispose": count.get(MessageState.EXPUNGED, 0),
                "done": count.get(MessageState.DISPOSED, 0),
                "devices": [d.name for d in snapshot.devices if d.maildrop == drop.name],
            }
        )
    return rows


def _headline(running: dict[str, Any] | None) -> str:
    if running is None:
        return "No bridge is running on this state folder: popbridge serve"
    doors = ", ".join(
        f"{one['name']} {one['bind']}:{one['port']} ({one['tls']})"
        for one in running["listeners"]
    )
    return f"Running {running['version']}, {running['connections']} connections; {doors}"


def _account_lines(running: dict[str, Any] | None, unable: dict[str, str]) -> list[str]:
    """Say how each account does; what no bridge can do without an admin is told without one too."""
    statuses = running["accounts"] if running else {}
    return [
        f"Account {name}: {_doing(statuses.get(name), unable.get(name))}"
        for name in {**statuses, **unable}
    ]


def _doing(status: dict[str, Any] | None, unable: str | None) -> str:
    if unable is not None:
        return unable
    if status is None or (status["failing_since"] is None and status["last_success"] is None):
        return "not looked at yet"
    if status["failing_since"] is not None:
        return f"FAILING since {_moment(status['failing_since'])}: {status['trouble']}"
    return f"looked at {_moment(status['last_success'])}"


def _moment(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%SZ}"
