"""popbridge device add | list | show | change | remove | passwd."""

import os
import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import attrs
import click

from bridge.accounts.changes import DeviceOrder, find_device
from bridge.accounts.devicechange import DeviceKnobs
from bridge.app.admin.offline import Offline
from bridge.cli.device_standing import admit, disable, enable
from bridge.cli.output import json_option, loaded, moment, say, table
from bridge.config import Config
from bridge.devices.cautions import cautions, idle_maildrop, loop_guard, unshaped
from bridge.devices.fitting import (
    made_password,
    panel,
    panel_lines,
    refuse_unfit,
    serving,
    unfit_name,
    without_listener,
)
from bridge.devices.manners import Manners
from bridge.devices.overrides import said_already
from bridge.devices.profiles import Profile, find_profile, shipped_profiles
from bridge.errors import RegisterError
from bridge.storage.addresses import DeviceAddress
from bridge.storage.register import Device
from bridge.vault.passwords import generate_password

_password_stdin = click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input, one line."
)


def _settings(
    _context: click.Context, _option: click.Parameter, given: tuple[str, ...]
) -> dict[str, str]:
    parted = [text.partition("=") for text in given]
    for name, equals, _ in parted:
        if not equals:
            raise click.BadParameter(f"write it as QUIRK=VALUE, not {name}")
    return {name: value for name, _, value in parted}


_set = click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="QUIRK=VALUE",
    callback=_settings,
    help="A quirk of this device alone; may be repeated.",
)


_login_delay = click.option(
    "--login-delay",
    metavar="SECONDS",
    help="So soon it may not log in again; listener is what its listener has.",
)


@click.group("device")
def command() -> None:
    """Machines, and their user names and passwords."""


command.add_command(admit)
command.add_command(disable)
command.add_command(enable)


@command.command()
@click.argument("user")
@click.option("--maildrop", help="What the device sees.")
@click.option("--login-only", is_flag=True, help="It sees no message, and disturbs no session.")
@_password_stdin
@click.option("--allow", multiple=True, metavar="CIDR", help="Only from here; may be repeated.")
@click.option("--alias", multiple=True, metavar="NAME", help="Another login; may be repeated.")
@click.option("--apop", is_flag=True, help="Also take APOP, where a listener offers it.")
@click.option("--profile", help="The kind of machine: a name of `popbridge profile list`.")
@click.option("--unchecked", is_flag=True, help="Also what the profile's machine cannot hold.")
@_login_delay
@_set
@json_option
@click.pass_obj
def add(option: Path | None, /, as_json: bool, password_stdin: bool, **order: Any) -> None:  # noqa: ANN401, FBT001 - click hands options over as it pleases
    """Add the device USER; without --password-stdin a password is made, and shown this once."""
    if (order["maildrop"] is None) != order["login_only"]:
        raise click.UsageError(
            "Say what the device sees, with one of the two: --maildrop M, or --login-only."
        )
    wanted = DeviceOrder(
        order["user"],
        order["maildrop"],
        order["alias"],
        order["allow"],
        order["apop"],
        order["profile"] or "",
        order["login_delay"],
        order["settings"],
    )
    name = order["profile"]
    profile = find_profile(shipped_profiles(), name) if name is not None else None
    password = _password(from_stdin=password_stdin, profile=profile)
    if profile is not None and not order["unchecked"]:
        refuse_unfit(profile, wanted.name, password)
    config = loaded(option)
    offline = Offline(config, os.environ)
    made = offline.add_device(wanted, password)
    _tell_said_already(made.device, order["settings"])
    entered, unfit = ({}, []) if profile is None else _fit(profile, config, made.device)
    warnings = [*unfit, *made.lost, *_of_maildrop(offline, made.device)]
    _warn(warnings)
    _show(
        wanted.name,
        password,
        generated=not password_stdin,
        as_json=as_json,
        lines=panel_lines(entered) if profile is None else _to_enter(profile, entered),
        warnings=warnings,
        **({} if profile is None else {"panel": entered, "notes": profile.notes}),
    )


@command.command("list")
@json_option
@click.pass_obj
def list_(option: Path | None, as_json: bool) -> None:  # noqa: FBT001 - click's flag
    """List the devices; passwords are not kept and cannot be shown."""
    snapshot = Offline(loaded(option), os.environ).snapshot()
    rows = [
        {
            **_basics(device),
            "disabled": device.disabled.why if device.disabled is not None else "",
        }
        for device in snapshot.devices
    ]
    say(as_json, rows, table(rows, "No device yet: popbridge device add --help"))


def _standing(one: DeviceAddress) -> str:
    if not one.admitted:
        return "refused"
    return "let in by hand" if one.by_hand else "let in"


def _basics(device: Device) -> dict[str, object]:
    """Return what the list of devices and the device's own page both begin with."""
    return {
        "device": device.name,
        "maildrop": device.maildrop,
        "aliases": list(device.aliases),
        "allow": list(device.allow),
        "apop": "yes" if device.apop_secret is not None else "no",
        "profile": device.profile,
    }


@command.command()
@click.argument("user")
@json_option
@click.pass_obj
def show(option: Path | None, user: str, as_json: bool) -> None:  # noqa: FBT001 - click's flag
    """Show the device USER and how it is spoken to: each quirk, and who says so."""
    offline = Offline(loaded(option), os.environ)
    device = find_device(offline.snapshot(), user)
    addresses = [one for one in offline.addresses() if one.device == device.name]
    quirks = Manners(shipped_profiles()).told(device)
    shown = {
        **_basics(device),
        "login_delay": device.login_delay,
        "made": device.made,
        "password_made": device.password_made,
        "disabled": None if device.disabled is None else attrs.asdict(device.disabled),
        "addresses": [
            attrs.asdict(one, filter=lambda field, _: field.name != "device")
            for one in addresses
        ],
        "quirks": {name: {"value": value, "from": who} for name, value, who in quirks},
    }
    sees = "only logs in" if device.maildrop is None else f"maildrop {device.maildrop}"
    lines = [f"{device.name}: {sees}, profile {device.profile or 'none'}"]
    age = "at a time unknown" if device.password_made is None else moment(device.password_made)
    lines += [f"password made: {age}"]
    if device.disabled is not None:
        lines += [f"disabled ({device.disabled.why}): popbridge device enable {device.name}"]
    if device.login_delay is not None:
        lines += [f"login delay: {device.login_delay} seconds (this device)"]
    lines += [
        f"address {one.address}: {_standing(one)}, known since {moment(one.first)}"
        for one in addresses
    ]
    lines += [f"{name}: {value} ({who})" for name, value, who in quirks]
    say(as_json, shown, lines)


@command.command()
@click.argument("user")
@click.option("--profile", help="The kind of machine; empty takes it away.")
@click.option("--maildrop", help="What it sees from now on.")
@click.option("--login-only", is_flag=True, help="It sees no message any more.")
@click.option("--allow", "allow", multiple=True, metavar="CIDR", help="Only from here; or any.")
@click.option(
    "--alias", "aliases", multiple=True, metavar="NAME", help="Its aliases; or empty."
)
@_login_delay
@_set
@click.pass_obj
def change(option: Path | None, /, user: str, **chosen: Any) -> None:  # noqa: ANN401 - click hands options over as it pleases
    """Change the device USER; --set QUIRK=profile takes its own setting back."""
    if chosen["maildrop"] is not None and chosen["login_only"]:
        raise click.UsageError(
            "Say what the device sees, with one of the two: --maildrop M, or --login-only."
        )
    if all(value in (None, False, (), {}) for value in chosen.values()):
        raise RegisterError(
            "Nothing to change was given; see `popbridge device change --help`."
        )
    name = chosen["profile"]
    profile = find_profile(shipped_profiles(), name) if name else None
    knobs = DeviceKnobs(
        profile=chosen["profile"],
        maildrop=chosen["maildrop"],
        login_only=chosen["login_only"],
        login_delay=chosen["login_delay"],
        aliases=chosen["aliases"] or None,
        allow=chosen["allow"] or None,
        quirks=chosen["settings"],
    )
    config = loaded(option)
    offline = Offline(config, os.environ)
    changed = offline.change_device(user, knobs)
    _warn(changed.lost)
    if chosen["profile"] or chosen["maildrop"]:
        _warn(_of_maildrop(offline, changed.device))
    click.echo(f"Device {user} is changed; it counts from its next login on.")
    if profile is not None:
        entered, unfit = _fit(profile, config, changed.device)
        _warn([*unfit_name(profile, changed.device.name), *unfit])
        for line in _to_enter(profile, entered):
            click.echo(line)
    _tell_said_already(changed.device, chosen["settings"])


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
@click.option("--apop/--no-apop", default=None, help="Take APOP too, or no more.")
@json_option
@click.pass_obj
def passwd(
    option: Path | None,
    user: str,
    password_stdin: bool,  # noqa: FBT001 - click's flags
    apop: bool | None,  # noqa: FBT001 - the same
    as_json: bool,  # noqa: FBT001 - the same
) -> None:
    """Give the device USER another password."""
    password = _password(from_stdin=password_stdin)
    Offline(loaded(option), os.environ).set_password(user, password, apop=apop)
    _show(user, password, generated=not password_stdin, as_json=as_json)


def _tell_said_already(device: Device, given: Collection[str]) -> None:
    """Say on standard error which of the quirks given the device had anyway."""
    for sentence in said_already(Manners(shipped_profiles()), device, given):
        click.echo(sentence, err=True)


def _of_maildrop(offline: Offline, device: Device) -> list[str]:
    """Return what its maildrop does not do for the device, and does because of it."""
    drops = offline.snapshot().maildrops
    mine = [drop for drop in drops if drop.name == device.maildrop]
    profile = shipped_profiles().get(device.profile)
    told = [one for drop in mine if profile is not None for one in unshaped(profile, drop)]
    return told + [one for drop in mine for one in loop_guard(device.profile, drop)]


def _fit(profile: Profile, config: Config, device: Device) -> tuple[dict[str, str], list[str]]:
    """Return what to enter, and what will not work."""
    apop = device.apop_secret is not None
    one = serving(profile, config.listener, device.allow, apop=apop)
    server = config.tls.names[0]
    if one is None:
        return {}, [without_listener(profile)]
    warnings = cautions(profile, one, server, device.allow, apop=apop)
    warnings += idle_maildrop(profile, device.maildrop)
    return panel(profile, server, device.name, one, apop=apop), warnings


def _to_enter(profile: Profile, entered: dict[str, str]) -> list[str]:
    """Return what to enter on the panel, a line for each field, and what else is known of the machine."""
    return [*panel_lines(entered), *(f"note: {note}" for note in profile.notes)]


def _warn(warnings: Sequence[str]) -> None:
    for warning in warnings:
        click.echo(warning, err=True)


def _password(*, from_stdin: bool, profile: Profile | None = None) -> str:
    if not from_stdin:
        return generate_password() if profile is None else made_password(profile)
    line = sys.stdin.buffer.readline(4096)
    return line.decode("utf-8", "surrogateescape").removesuffix("\n").removesuffix("\r")


def _show(
    user: str,
    password: str,
    *,
    generated: bool,
    as_json: bool,
    lines: Sequence[str] = (),
    **more: object,
) -> None:
    shown = {"device": user} | ({"password": password} if generated else {}) | more
    told = [f"Device {user} is ready."]
    if generated:
        told.append(f"Password, shown this once: {password}")
    say(as_json, shown, [*told, *lines])
