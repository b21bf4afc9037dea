"""popbridge device admit | disable | enable."""

import os
from pathlib import Path

import click

from bridge.app.admin.offline import Offline
from bridge.cli.output import loaded


@click.command()
@click.argument("user")
@click.argument("address")
@click.option("--only", is_flag=True, help="Forget all other addresses of the device.")
@click.pass_obj
def admit(option: Path | None, user: str, address: str, only: bool) -> None:  # noqa: FBT001 - click's flag
    """Let the device USER log in from ADDRESS too."""
    config = loaded(option)
    kept = Offline(config, os.environ).admit_device(user, address, only=only)
    if not only:
        click.echo(f"Device {user} may log in from {kept}.")
    elif config.watch.new_address == "refuse":
        click.echo(f"Device {user} may log in from {kept} alone.")
    else:
        click.echo(
            f"Of device {user} {kept} alone is known; it may log in from anywhere until [watch] new_address is refuse."
            f" `popbridge device change {user} --allow {kept}` binds it now."
        )


@click.command()
@click.argument("user")
@click.pass_obj
def disable(option: Path | None, user: str) -> None:
    """Let the device USER log in no more; all that is known of it stays."""
    is_news = Offline(loaded(option), os.environ).disable_device(user)
    click.echo(f"Device {user} {'is disabled' if is_news else 'was disabled already'}.")


@click.command()
@click.argument("user")
@click.pass_obj
def enable(option: Path | None, user: str) -> None:
    """Let the device USER log in again; the days without a login count anew."""
    is_news = Offline(loaded(option), os.environ).enable_device(user)
    click.echo(f"Device {user} {'may log in again' if is_news else 'was not disabled'}.")
