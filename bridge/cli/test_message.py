"""popbridge test-message."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from bridge.app.admin.offline import Offline
from bridge.app.admin.pageprogress import FOLLOW_PAGE, FOLLOWED_SECONDS
from bridge.app.admin.testpages import PageOrder, order_page
from bridge.cli.output import json_option, loaded, moment, say
from bridge.config import Config
from bridge.control import Values, follow
from bridge.names import MaildropName
from bridge.testpage.page import Kind

NO_BRIDGE = "No bridge runs on this state folder, so no device can take it: popbridge serve"


@click.command("test-message")
@click.argument("maildrop")
@click.option(
    "--kind",
    type=click.Choice([kind.value for kind in Kind]),
    help="What it comes as: a text, a PDF, a TIFF as faxes send it. text otherwise, or pdf where devices get ifax.",
)
@click.option(
    "--from",
    "sender",
    default="",
    metavar="ADDRESS",
    help="Who it is from, to see what the machine does with that; the bridge itself otherwise.",
)
@click.option(
    "--wait",
    "seconds",
    type=click.IntRange(1, FOLLOWED_SECONDS),
    metavar="SECONDS",
    help="Wait until a device has taken it, or say what is known of those that did not.",
)
@json_option
@click.pass_obj
def command(option: Path | None, /, maildrop: str, as_json: bool, **chosen: Any) -> None:  # noqa: ANN401, FBT001 - click hands options over as it pleases
    """Put a test page into MAILDROP, to see the whole way from the bridge to paper without a mail."""
    config = loaded(option)
    kind = Kind(chosen["kind"]) if chosen["kind"] is not None else None
    order = PageOrder(MaildropName(maildrop), kind, chosen["sender"])
    told = order_page(Offline(config, os.environ), order)
    for warning in told["warnings"]:
        click.echo(f"Warning: {warning}", err=True)
    if chosen["seconds"] is None:
        say(as_json, told, _lines(told))
        return
    if not as_json:
        say(as_json, told, _lines(told))
    way = _followed(config, told["message"], chosen["seconds"], as_json=as_json)
    if as_json:
        say(as_json, told | way, [])
    sys.exit(0 if way["taken"] else 1)


def _lines(told: Values) -> list[str]:
    number, polls = told["message"], told["polls"]
    where = (
        f"lies in maildrop {told['maildrop']}: {told['octets']} octets from {told['sender']}."
    )
    lines = [f"Message {number}, a test page as {told['kind']}, {where}"]
    for device, often in polls.items():
        when = f" (such machines: {often})" if often not in ("", "any", "unknown") else ""
        lines.append(f"{device} takes it at its next poll{when}, or when told to at its panel.")
    if polls:
        lines.append(f"`popbridge message show {number}` tells when it was taken.")
    return lines


# ---- the way to the device


def _followed(config: Config, number: int, seconds: int, *, as_json: bool) -> Values:
    """Follow a page and tell of it as it goes; return who took it, who was refused, and what else is known."""
    lines = follow(
        config.state_dir, FOLLOW_PAGE, float(seconds), message=number, seconds=seconds
    )
    way: Values = {"taken": None, "refused": [], "nobody": None}
    if lines is None:
        click.echo(NO_BRIDGE, err=True)
        return way
    for line in lines:
        kind = line.pop("kind")
        if kind == "refused":
            way["refused"].append(line)
        else:
            way[kind] = line
        if not as_json:
            for said in _said(kind, line, seconds, way):
                click.echo(said)
    return way


def _said(kind: str, line: Values, seconds: int, way: Values) -> Iterator[str]:
    match kind:
        case "taken":
            yield f"{line['device']} took it, from {line['address']}, at {moment(line['time'])}."
        case "refused":
            yield f"{moment(line['time'])} {line['device']} at {line['address']}: {line['text']}"
        case _:
            yield from _nobody(line, seconds, way["refused"])


def _nobody(line: Values, seconds: int, refused: list[Values]) -> Iterator[str]:
    """Say what is known of each device that did not take a page."""
    if line["state"] not in ("ready", "quarantined"):
        yield f"Nobody will take it any more: it is {line['state']}."
        return
    yield f"Nobody took it within {seconds} seconds; it waits on."
    told = {one["device"]: one for one in line["listed"]}
    were_refused = {one["device"] for one in refused}
    for device, last in line["seen"].items():
        trace = f"`popbridge trace {device}` shows what it says"
        if device in told:
            at = moment(told[device]["time"])
            yield f"{device} was told of it at {at} and did not take it: {trace}."
        elif device in were_refused:
            yield f"{device} was refused, as said above: {trace}."
        elif device in line["heard"]:
            yield f"{device} spoke to the bridge and was not told of it: {trace}."
        else:
            before = f"it last did at {moment(last)}" if last else "it never did"
            yield (
                f"{device} has not logged in, {before}: look at its panel, and in the log for what"
                " is refused before a login."
            )
