"""popbridge test-message."""

import os
from pathlib import Path
from typing import Any

import click

from bridge.app.offline import Offline
from bridge.app.testpages import PageOrder, order_page
from bridge.cli.output import json_option, loaded, say
from bridge.control import Values
from bridge.names import MaildropName
from bridge.testpage.page import Kind


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
@json_option
@click.pass_obj
def command(option: Path | None, /, maildrop: str, as_json: bool, **chosen: Any) -> None:  # noqa: ANN401, FBT001 - click hands options over as it pleases
    """Put a test page into MAILDROP, to see the whole way from the bridge to paper without a mail."""
    offline = Offline(loaded(option), os.environ)
    kind = Kind(chosen["kind"]) if chosen["kind"] is not None else None
    told = order_page(offline, PageOrder(MaildropName(maildrop), kind, chosen["sender"]))
    for warning in told["warnings"]:
        click.echo(f"Warning: {warning}", err=True)
    say(as_json, told, _lines(told))


def _lines(told: Values) -> list[str]:
    number, devices = told["message"], told["devices"]
    where = (
        f"lies in maildrop {told['maildrop']}: {told['octets']} octets from {told['sender']}."
    )
    lines = [f"Message {number}, a test page as {told['kind']}, {where}"]
    if devices:
        takes = (
            f"{' or '.join(devices)} takes it at the next poll, or when told to at its panel;"
        )
        lines.append(f"{takes} `popbridge message show {number}` tells when that was.")
    return lines
