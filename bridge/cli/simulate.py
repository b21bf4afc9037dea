"""popbridge simulate."""

import os
import sys
from pathlib import Path
from typing import Any

import attrs
import click

from bridge.app.admin.offline import Offline
from bridge.app.admin.simulate import Caller, Simulated, simulate
from bridge.cli.handing_over import SECRET_OCTETS, read_line
from bridge.cli.output import json_option, loaded, say
from bridge.devices.profiles import UNKNOWN, find_profile, shipped_profiles
from bridge.errors import RegisterError
from bridge.simulators.script import Document, Report


@click.command("simulate")
@click.argument("device")
@click.option("--profile", help="The kind of machine; the device's own otherwise.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@click.option(
    "--password-file",
    type=click.Path(path_type=Path),
    help="Read the password from this file, its first line.",
)
@click.option("--apop", is_flag=True, help="Log in by APOP, as with encryption on the panel.")
@click.option("--take", is_flag=True, help="Delete what the machine would; otherwise nothing.")
@json_option
@click.pass_obj
def command(option: Path | None, /, device: str, as_json: bool, **chosen: Any) -> None:  # noqa: ANN401, FBT001 - click hands options over as it pleases
    """Poll the running bridge as DEVICE would, and say what its panel would show.

    The password is asked for, unless it is read from standard input or a file.
    """
    config = loaded(option)
    offline = Offline(config, os.environ)
    devices = offline.snapshot().devices
    found = next((one for one in devices if one.name == device), None)
    if found is None:
        raise RegisterError(f"There is no device {device}; see `popbridge device list`.")
    name = chosen["profile"] or found.profile or UNKNOWN
    profile = find_profile(shipped_profiles(), name)
    password = _password(chosen["password_file"], from_stdin=chosen["password_stdin"])
    takes = chosen["take"]
    done = simulate(
        config, Caller(found, password), profile, takes=takes, by_apop=chosen["apop"]
    )
    told = {
        "device": device,
        "profile": profile.name,
        "origin": done.origin,
        "listener": done.target.name,
        "take": takes,
        **attrs.asdict(done.report),
    }
    say(as_json, told, _lines(profile.name, done, takes=takes))
    report = done.report
    is_well = not report.error and not any(one.refused for one in report.documents)
    sys.exit(0 if is_well else 1)


def _password(file: Path | None, *, from_stdin: bool) -> str:
    """Return the password, from where its owner has it."""
    if file is not None and from_stdin:
        raise RegisterError("Give one of --password-stdin and --password-file.")
    if file is not None:
        with file.open("rb") as stream:
            line = stream.readline(SECRET_OCTETS)
    elif from_stdin or not sys.stdin.isatty():
        line = read_line(SECRET_OCTETS)
    else:
        typed: str = click.prompt("Password of the device", hide_input=True, err=True)
        return typed
    password = line.decode("utf-8", "surrogateescape").removesuffix("\n").removesuffix("\r")
    if not password:
        raise RegisterError("No password was given: standard input, or the file, is empty.")
    return password


def _lines(profile: str, done: Simulated, *, takes: bool) -> list[str]:
    report = done.report
    lines = [f"A machine of {profile} at listener {done.target.name} ({done.origin}):"]
    if report.connected:
        lines.append(_summary(report))
    lines += [_said(one, takes=takes) for one in report.documents]
    if report.left:
        lines.append(f"  {report.left} more wait for the next poll.")
    lines += [f"Warning: {text}" for text in report.warnings]
    if report.error:
        lines.append(report.error)
    elif any(one.deletes for one in report.documents) and not takes:
        lines.append("Nothing was deleted: --take would.")
    return lines


def _summary(report: Report) -> str:
    count = sum(not one.refused for one in report.documents)
    noun = "document" if count == 1 else "documents"
    refused = len(report.documents) - count
    return f"Connected. {count} {noun} received" + (f", {refused} refused." if refused else ".")


def _said(one: Document, *, takes: bool) -> str:
    what = f"  message {one.number}, {one.octets} octets: "
    if one.refused:
        knob = "--size" if one.too_large else "--deliver"
        what += f"the panel shows an error, {one.refused}; see `maildrop change {knob}`"
    else:
        what += f"printed ({one.holds})"
    if one.deletes:
        what += "; deleted" if takes else "; it would be deleted"
    return what
