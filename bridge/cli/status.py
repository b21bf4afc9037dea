"""popbridge status."""

import os
import sys
from pathlib import Path
from typing import Any

import click

from bridge.app.admin.offline import Offline
from bridge.app.state import State
from bridge.cli.output import json_option, loaded, moment, say, table
from bridge.cli.status_devices import told_of_devices, told_of_failures
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
    devices, said = told_of_devices(offline, config.watch)
    lines += said + told_of_failures(running)
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
            **devices,
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
        return f"FAILING since {moment(status['failing_since'])}: {status['trouble']}"
    return f"looked at {moment(status['last_success'])}"
