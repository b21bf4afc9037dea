"""popbridge device add | list | remove | passwd."""

import os
import sys
from pathlib import Path
from typing import Any

import click

from bridge.accounts.changes import DeviceOrder
from bridge.app.offline import Offline
from bridge.cli.output import json_option, loaded, say, table
from bridge.config import Config
from bridge.devices.fitting import made_password, panel_lines, refuse_unfit, serving
from bridge.devices.profiles import Profile, find_profile, shipped_profiles
from bridge.vault.passwords import generate_password

_password_stdin = click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input, one line."
)


@click.group("device")
def command() -> None:
    """Machines, and their user names and passwords."""


@command.command()
@click.argument("user")
@click.option("--maildrop", required=True, help="What the device sees.")
@_password_stdin
@click.option("--allow", multiple=True, metavar="CIDR", help="Only from here; may be repeated.")
@click.option("--alias", multiple=True, metavar="NAME", help="Another login; may be repeated.")
@click.option("--apop", is_flag=True, help="Also take APOP, where a listener offers it.")
@click.option("--profile", help="The kind of machine; see the verb profile list.")
@json_option
@click.pass_obj
def add(option: Path | None, /, as_json: bool, password_stdin: bool, **order: Any) -> None:  # noqa: ANN401, FBT001 - click hands options over as it pleases
    """Add the device USER; without --password-stdin a password is made, and shown this once."""
    wanted = DeviceOrder(
        order["user"], order["maildrop"], order["alias"], order["allow"], order["apop"]
    )
    name = order["profile"]
    profile = find_profile(shipped_profiles(), name) if name is not None else None
    password = _password(from_stdin=password_stdin, profile=profile)
    if profile is not None:
        refuse_unfit(profile, wanted.name, password)
    config = loaded(option)
    Offline(config, os.environ).add_device(wanted, password)
    _show(wanted.name, password, generated=not password_stdin, as_json=as_json)
    if profile is not None:
        _tell_panel(profile, config, wanted.name, as_json=as_json)


@command.command("list")
@json_option
@click.pass_obj
def list_(option: Path | None, as_json: bool) -> None:  # noqa: FBT001 - click's flag
    """List the devices; passwords are not kept and cannot be shown."""
    snapshot = Offline(loaded(option), os.environ).snapshot()
    rows = [
        {
            "device": device.name,
            "maildrop": device.maildrop,
            "aliases": list(device.aliases),
            "allow": list(device.allow),
            "apop": "yes" if device.apop_secret is not None else "no",
        }
        for device in snapshot.devices
    ]
    say(as_json, rows, table(rows, "No device yet: popbridge device add --help"))


@command.command()
@click.argument("user")
@click.pass_obj
def remove(option: Path | None, user: str) -> None:
    """Remove the device USER; it cannot log in any more."""
    Offline(loaded(option), os.environ).remove_device(user)
    click.echo(f"Device {user} removed.")


@command.command()
@click.argument("user")
@_password_stdin
@json_option
@click.pass_obj
def passwd(option: Path | None, user: str, password_stdin: bool, as_json: bool) -> None:  # noqa: FBT001 - click's flags
    """Give the device USER another password."""
    password = _password(from_stdin=password_stdin)
    Offline(loaded(option), os.environ).set_password(user, password)
    _show(user, password, generated=not password_stdin, as_json=as_json)


def _tell_panel(profile: Profile, config: Config, user: str, *, as_json: bool) -> None:
    """Say what to enter, or on standard error that no listener serves such a machine."""
    one = serving(profile, config.listener)
    if one is None:
        kinds = " or ".join(profile.listener.value)
        click.echo(
            f"No listener serves {profile.name}: it needs one that is {kinds}.", err=True
        )
    elif not as_json:
        for line in panel_lines(profile, config.tls.names[0], user, one):
            click.echo(line)


def _password(*, from_stdin: bool, profile: Profile | None = None) -> str:
    if not from_stdin:
        return generate_password() if profile is None else made_password(profile)
    line = sys.stdin.buffer.readline(4096)
    return line.decode("utf-8", "surrogateescape").removesuffix("\n").removesuffix("\r")


def _show(user: str, password: str, *, generated: bool, as_json: bool) -> None:
    shown = {"device": user} | ({"password": password} if generated else {})
    lines = [f"Device {user} is ready."]
    if generated:
        lines.append(f"Password, shown this once: {password}")
    say(as_json, shown, lines)
