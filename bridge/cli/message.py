"""popbridge message list | show | redeliver | drop."""

import os
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, BinaryIO

import attrs
import click

from bridge.app.admin.messages import DROP, REDELIVER
from bridge.app.admin.offline import Offline
from bridge.app.admin.originals import write_original
from bridge.cli.output import json_option, loaded, moment, say, table
from bridge.errors import RegisterError, StateError
from bridge.names import MaildropName, SpoolId
from bridge.storage.lives import Happened, Life
from bridge.storage.messages import MessageState
from bridge.wholefile import new_file

_number = click.argument("number", type=click.IntRange(1))


@click.group("message")
def command() -> None:
    """Messages, and what became of them."""


@command.command("list")
@click.option("--maildrop", help="Only those of this maildrop.")
@click.option(
    "--state",
    multiple=True,
    type=click.Choice([state.value for state in MessageState]),
    help="Only those in this state; may be repeated.",
)
@click.option(
    "--refused",
    is_flag=True,
    help="Only what is held, or was moved since a maildrop refused it.",
)
@click.option(
    "--limit", type=click.IntRange(1, 10000), default=50, help="How many; 50 otherwise."
)
@json_option
@click.pass_obj
def list_(option: Path | None, /, maildrop: str | None, as_json: bool, **wanted: Any) -> None:  # noqa: ANN401, FBT001 - click hands options over as it pleases
    """List the newest messages with the last thing that happened to each."""
    states = [MessageState(state) for state in wanted["state"] or list(MessageState)]
    name = MaildropName(maildrop) if maildrop is not None else None
    offline = Offline(loaded(option), os.environ)
    if name is not None and all(drop.name != name for drop in offline.snapshot().maildrops):
        raise RegisterError(f"There is no maildrop {name}; see `popbridge maildrop list`.")
    limit, refused = wanted["limit"], wanted["refused"]
    lives = offline.read(
        lambda state: state.histories.lives(name, states, limit, refused=refused)
    )
    rows = [
        {
            "message": life.spool_id,
            "maildrop": life.maildrop,
            "state": life.state.value,
            "arrived": moment(life.arrived),
            "from": life.envelope.sender,
            "subject": life.envelope.subject,
            "last": _last(life),
        }
        for life in lives
    ]
    say(as_json, [_told(life) for life in lives], table(rows, "No message."))


@command.command()
@_number
@json_option
@click.option(
    "--original", is_flag=True, help="Write the message as it came from the mailbox instead."
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    help="A new file to write it to; standard output otherwise.",
)
@click.pass_obj
def show(
    option: Path | None,
    /,
    number: int,
    as_json: bool,  # noqa: FBT001 - click's flags
    original: bool,  # noqa: FBT001 - as above
    output: Path | None,
) -> None:
    """Show all that is known of the message NUMBER, and all that happened to it."""
    if original and as_json:
        raise click.UsageError("--original writes the message itself, which is no JSON.")
    if output is not None and not original:
        raise click.UsageError("--output is for --original.")
    offline = Offline(loaded(option), os.environ)
    if original:
        _write_original(offline, SpoolId(number), output)
        return
    life = offline.read(lambda state: state.histories.life(SpoolId(number)))
    if life is None:
        raise RegisterError(f"There is no message {number}; see `popbridge message list`.")
    lines = [
        f"Message {number} of maildrop {life.maildrop}: {life.state.value}",
        f"  from       {life.envelope.sender or '-'}",
        f"  subject    {life.envelope.subject or '-'}",
        f"  arrived    {moment(life.arrived) or '-'}",
        f"  octets     {life.octets if life.octets is not None else '-'}",
        *_original_line(life),
        f"  unique-id  {life.unique_id}",
        f"  remote id  {life.remote_id}",
        *(f"  {moment(event.first)}  {_said(event, with_time=False)}" for event in life.events),
    ]
    say(as_json, _told(life), lines)


@command.command()
@click.argument("numbers", metavar="NUMBER...", nargs=-1, required=True, type=click.IntRange(1))
@click.pass_obj
def redeliver(option: Path | None, numbers: tuple[int, ...]) -> None:
    """Have messages listed again, as new ones: printed, held, or replaced by a notice before."""
    offline = Offline(loaded(option), os.environ)
    for number in numbers:
        click.echo(offline.order(REDELIVER, number))


@command.command()
@_number
@click.option("--dispose", is_flag=True, help="Also do upstream what the maildrop's DELE does.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def drop(option: Path | None, number: int, dispose: bool, yes: bool) -> None:  # noqa: FBT001 - click's flags
    """Take the message NUMBER off the list; without --dispose it stays upstream as it is."""
    if not yes:
        click.confirm(f"No device will ever print message {number}. Drop it?", abort=True)
    click.echo(Offline(loaded(option), os.environ).order(DROP, number, dispose=dispose))


def _write_original(offline: Offline, number: SpoolId, output: Path | None) -> None:
    try:
        with _opened(output) as target:
            offline.read(lambda state: write_original(state, number, target))
    except FileExistsError:
        raise StateError(f"{output} exists already; name a new file.") from None


def _opened(output: Path | None) -> AbstractContextManager[BinaryIO]:
    return (
        nullcontext(sys.stdout.buffer) if output is None else new_file(output, may_rename=True)
    )


def _original_line(life: Life) -> list[str]:
    if life.original_octets is None:
        return []
    return [f"  original   {life.original_octets} octets, printed by --original"]


def _told(life: Life) -> dict[str, Any]:
    return {
        "message": life.spool_id,
        "maildrop": life.maildrop,
        "state": life.state.value,
        "octets": life.octets,
        "original_octets": life.original_octets,
        "arrived": life.arrived,
        "from": life.envelope.sender,
        "subject": life.envelope.subject,
        "date": life.envelope.date,
        "unique_id": life.unique_id,
        "remote_id": life.remote_id,
        "redelivered": life.redelivered,
        "local": life.local,
        "events": [
            {
                "event": event.event.value,
                "device": event.device,
                "address": event.address,
                "first": event.first,
                "last": event.last,
                "times": event.times,
                "detail": event.detail,
                "octets": event.octets,
                "connection": event.connection,
            }
            for event in life.events
        ],
    }


def _last(life: Life) -> str:
    """Say what happened last: not what happened last for the first time."""
    if not life.events:
        return ""
    *_, event = sorted(life.events, key=lambda event: event.last)
    return _said(attrs.evolve(event, first=event.last, times=1))


def _said(event: Happened, *, with_time: bool = True) -> str:
    """Say what happened, in a line."""
    who = f" {event.device} at {event.address}" if event.device else ""
    often = f", {event.times} times until {moment(event.last)}" if event.times > 1 else ""
    why = f": {event.detail}" if event.detail else ""
    when = f" {moment(event.first)}" if with_time else ""
    return f"{event.event.value}{who}{when}{often}{why}"
