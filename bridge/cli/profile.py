"""popbridge profile list | show."""

import attrs
import click

from bridge.cli.output import json_option, say, table
from bridge.devices.profiles import find_profile, shipped_profiles, told


@click.group("profile")
def command() -> None:
    """What is known of machines that fetch mail by POP3."""


@command.command("list")
@json_option
def list_(as_json: bool) -> None:  # noqa: FBT001 - click's flag
    """List the profiles."""
    rows = [
        {"profile": one.name, "machines": one.machines} for one in shipped_profiles().values()
    ]
    say(as_json, rows, table(rows, "No profile."))


@command.command()
@click.argument("name")
@json_option
def show(name: str, as_json: bool) -> None:  # noqa: FBT001 - click's flag
    """Show the profile NAME; behind each value stands where it was read, or "unverified"."""
    profile = find_profile(shipped_profiles(), name)
    lines = [f"{profile.name}: {profile.machines}", f"enter: {profile.enter}"]
    lines += [f"{key.replace('_', ' ')}: {told(one)}" for key, one in profile.values().items()]
    lines += [f"note: {note}" for note in profile.notes]
    say(as_json, attrs.asdict(profile), lines)
