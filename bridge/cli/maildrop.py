"""popbridge maildrop add | list | remove."""

import os
from pathlib import Path

import click

from bridge.app.offline import Offline
from bridge.cli.output import json_option, loaded, say, table


@click.group("maildrop")
def command() -> None:
    """What devices see of a mailbox."""


@command.command()
@click.argument("name")
@click.option("--account", required=True, help="The account whose mail it shows.")
@click.option("--folder", default="", help="A folder of that account; its inbox otherwise.")
@click.option(
    "--on-dele",
    help="What a device's DELE does to the original after QUIT: keep, trash, move:FOLDER, archive,"
    " mark-read, label:NAME or purge. Otherwise move:Printed, or keep where it can only read.",
)
@click.pass_obj
def add(option: Path | None, name: str, account: str, folder: str, on_dele: str | None) -> None:
    """Add the maildrop NAME."""
    disposition = Offline(loaded(option), os.environ).add_maildrop(
        name, account, folder, on_dele
    )
    click.echo(
        f"Maildrop {name} added; what a device deletes: {disposition}."
        f" Next: popbridge device add USER --maildrop {name}"
    )


@command.command("list")
@json_option
@click.pass_obj
def list_(option: Path | None, as_json: bool) -> None:  # noqa: FBT001 - click's flag
    """List the maildrops."""
    snapshot = Offline(loaded(option), os.environ).snapshot()
    rows = [
        {
            "maildrop": drop.name,
            "account": drop.account,
            "folder": drop.folder,
            "on-dele": drop.disposition.spelled(),
        }
        for drop in snapshot.maildrops
    ]
    say(as_json, rows, table(rows, "No maildrop yet: popbridge maildrop add --help"))


@command.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def remove(option: Path | None, name: str, yes: bool) -> None:  # noqa: FBT001 - click's flag
    """Remove the maildrop NAME and forget what devices took from it; the mailbox is not touched."""
    if not yes:
        click.confirm(
            f"Made again later, {name} would show printed messages that are still in the mailbox."
            " Remove it?",
            abort=True,
        )
    Offline(loaded(option), os.environ).remove_maildrop(name)
    click.echo(f"Maildrop {name} removed.")
