"""popbridge account add | list | remove | sync."""

import os
from pathlib import Path

import click

from bridge.app.offline import Offline
from bridge.cli.output import json_option, loaded, say, table


@click.group("account")
def command() -> None:
    """Mailboxes behind the bridge."""


@command.command()
@click.argument("name")
@click.option(
    "--provider", type=click.Choice(["folder"]), required=True, help="Kind of mailbox."
)
@click.option(
    "--path",
    type=click.Path(path_type=Path),
    required=True,
    help="A Maildir, or a directory of .eml files.",
)
@click.pass_obj
def add(option: Path | None, name: str, provider: str, path: Path) -> None:
    """Add the account NAME, once its mailbox has answered."""
    settings = {"path": str(path.absolute())}
    Offline(loaded(option), os.environ).add_account(name, provider, settings)
    click.echo(f"Account {name} added. Next: popbridge maildrop add MAILDROP --account {name}")


@command.command("list")
@json_option
@click.pass_obj
def list_(option: Path | None, as_json: bool) -> None:  # noqa: FBT001 - click's flag
    """List the accounts."""
    snapshot = Offline(loaded(option), os.environ).snapshot()
    rows = [
        {"account": account.name, "provider": account.provider, **account.settings}
        for account in snapshot.accounts
    ]
    say(as_json, rows, table(rows, "No account yet: popbridge account add --help"))


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
