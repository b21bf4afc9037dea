"""popbridge account add | enrol | check | list | remove | sync."""

import os
from pathlib import Path

import click

from bridge.app.admin.offline import Offline
from bridge.app.state import State
from bridge.cli.account_add import add
from bridge.cli.account_check import check
from bridge.cli.account_enrol import enrol
from bridge.cli.output import json_option, loaded, say, table
from bridge.storage.register import Account


@click.group("account")
def command() -> None:
    """Mailboxes behind the bridge."""


command.add_command(add)
command.add_command(enrol)
command.add_command(check)


@command.command("list")
@json_option
@click.pass_obj
def list_(option: Path | None, as_json: bool) -> None:  # noqa: FBT001 - click's flag
    """List the accounts."""
    offline = Offline(loaded(option), os.environ)
    accounts, lost = offline.read(_accounts)
    rows = [
        {
            "account": account.name,
            "provider": account.provider,
            "where": _where(account),
            "enrolled": _enrolled(account, lost.get(account.name)),
        }
        for account in accounts
    ]
    data = [{**row, **account.settings} for row, account in zip(rows, accounts, strict=True)]
    say(as_json, data, table(rows, "No account yet: popbridge account add --help"))


@command.command()
@click.argument("name")
@click.pass_obj
def remove(option: Path | None, name: str) -> None:
    """Remove the account NAME; its mailbox is not touched."""
    Offline(loaded(option), os.environ).remove_account(name)
    click.echo(f"Account {name} removed.")


@command.command()
@click.argument("name")
@json_option
@click.pass_obj
def sync(option: Path | None, name: str, as_json: bool) -> None:  # noqa: FBT001 - click's flag
    """Look at the mailbox of NAME now, wait, and say what changed."""
    report = Offline(loaded(option), os.environ).sync(name)
    changed = [f"{count} {what}" for what, count in report.items() if count]
    say(as_json, report, [f"{name}: {', '.join(changed) if changed else 'nothing new'}"])


async def _accounts(state: State) -> tuple[tuple[Account, ...], dict[str, str]]:
    """Return the accounts, and why the grants of some are dead."""
    accounts = (await state.register.snapshot()).accounts
    grants = {one.name: await state.register.grant(one.name) for one in accounts}
    return accounts, {name: g.lost for name, g in grants.items() if g is not None and g.lost}


def _where(account: Account) -> str:
    """Return what tells one account of a provider from another."""
    named = (account.settings.get(key, "") for key in ("path", "mailbox", "subject"))
    return next(filter(None, named), "the mailbox of whoever enrolled it")


def _enrolled(account: Account, lost: str | None) -> str:
    if account.enrolment is None:
        return ""
    if lost is not None:
        return f"lost: {lost}"
    return "yes" if account.enrolment else "not yet"
