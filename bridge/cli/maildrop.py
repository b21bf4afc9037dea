"""popbridge maildrop add | change | list | remove."""

import os
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from bridge.accounts.changes import ANY
from bridge.accounts.maildropchange import HOUR_SECONDS, MIB_OCTETS, Knobs, unheeded
from bridge.app.admin.offline import Offline
from bridge.cli.delivering import WISHES, suit, take_wishes
from bridge.cli.output import json_option, loaded, say, table
from bridge.clock import SystemClock
from bridge.devices.profiles import find_profile, shipped_profiles
from bridge.errors import RegisterError
from bridge.shaping import wishtext
from bridge.storage.register import MaildropRecord, OnOutage

_ON_DELE = click.option(
    "--on-dele",
    help="What a device's DELE does to the original after QUIT: keep, trash, move:FOLDER, archive,"
    " mark-read, label:NAME or purge. Otherwise move:Printed, or keep where it can only read.",
)


def _moment(_ctx: click.Context, _option: click.Parameter, day: str | None) -> float | None:
    """Return the seconds since the epoch at which a day begins in UTC, or it is now; 0 is no moment."""
    if day is None:
        return None
    if day == ANY:
        return 0.0
    if day == "now":
        return SystemClock().now()
    try:
        return datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC).timestamp()
    except ValueError:
        raise click.BadParameter(f"{day!r} is no day; write 2026-11-28, now or any.") from None


_ADMISSION = (
    click.option(
        "--attachment",
        "printable",
        type=click.Choice(["require", "ignore"]),
        help="Hold what brings nothing to print: no PDF, image, PostScript or PCL. ignore otherwise.",
    ),
    click.option(
        "--refused",
        metavar="WHAT",
        help="What becomes upstream of what is not admitted: stay, or move:FOLDER. stay otherwise.",
    ),
    click.option(
        "--order",
        "newest_first",
        type=click.Choice(["oldest", "newest"]),
        help="Which message is the first of a session; oldest otherwise.",
    ),
    click.option(
        "--at-most",
        metavar="N",
        type=click.IntRange(0, 100_000),
        help="Messages that one session sees; the others wait for a later one. 0 is all.",
    ),
    click.option(
        "--authenticated",
        type=click.Choice(["require", "ignore"]),
        help="Hold what the mailbox's own service found no proof of its sender for; ignore otherwise.",
    ),
    click.option(
        "--automatic",
        type=click.Choice(["list", "hold", ANY]),
        help="What becomes of replies of programs, mailing lists, delivery reports. Otherwise,"
        " or with any, they are held where devices get ifax or have the profile of an Internet fax, and listed elsewhere.",
    ),
    click.option(
        "--not-before",
        metavar="DAY",
        callback=_moment,
        help="The cut-over: what is older is held. A day as 2026-11-28, now, or any.",
    ),
    click.option(
        "--max-age",
        metavar="DAYS",
        type=click.IntRange(0, 36500),
        help="Hold what is older when it is fetched; 0 is any age.",
    ),
    click.option(
        "--subject", metavar="TEXT", help="Hold what is without this in its subject; or any."
    ),
    click.option(
        "--deny-sender",
        "deny_senders",
        metavar="WHO",
        multiple=True,
        help="Hold what is from this address or domain; may be repeated; or any.",
    ),
    click.option(
        "--allow-sender",
        "allow_senders",
        metavar="WHO",
        multiple=True,
        help="Hold what is from nobody of these; may be repeated; or any.",
    ),
)


def _knobs(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of what an owner may choose."""
    for option in (
        *_ADMISSION,
        *reversed(WISHES),
        click.option(
            "--ceiling",
            metavar="MIB",
            type=click.IntRange(1, 1 << 20),
            help="MiB that may lie here for it; then nothing more is fetched. 2048 otherwise.",
        ),
        click.option(
            "--print-once",
            metavar="HOURS",
            type=click.IntRange(0, 8760),
            help="For how long a second copy of a message is held; 0 lists every copy. 24 otherwise.",
        ),
        click.option(
            "--on-outage",
            type=click.Choice([choice.value for choice in OnOutage]),
            help="What devices see while the mailbox cannot be looked at; serve otherwise.",
        ),
        _ON_DELE,
    ):
        function = option(function)
    return function


@click.group("maildrop")
def command() -> None:
    """What devices see of a mailbox."""


@command.command()
@click.argument("name")
@click.option("--account", required=True, help="The account whose mail it shows.")
@click.option("--folder", default="", help="A folder of that account; its inbox otherwise.")
@click.option(
    "--profile",
    help="The kind of machine it is for: what that needs is chosen where you do not.",
)
@_knobs
@click.pass_obj
def add(option: Path | None, /, name: str, account: str, folder: str, **chosen: Any) -> None:  # noqa: ANN401 - click hands options over as it pleases
    """Add the maildrop NAME."""
    on_dele = chosen.pop("on_dele")
    profile = chosen.pop("profile")
    if profile is not None:
        suit(find_profile(shipped_profiles(), profile), chosen)
    disposition = Offline(loaded(option), os.environ).add_maildrop(
        name, account, folder, on_dele, _chosen_knobs(chosen)
    )
    click.echo(
        f"Maildrop {name} added; what a device deletes: {disposition}."
        f" Next: popbridge device add USER --maildrop {name}"
    )


@command.command()
@click.argument("name")
@_knobs
@click.pass_obj
def change(option: Path | None, /, name: str, **chosen: Any) -> None:  # noqa: ANN401 - click hands options over as it pleases
    """Change what is given of the maildrop NAME; what devices deleted before keeps its disposition."""
    if all(value in (None, ()) for value in chosen.values()):
        raise RegisterError(
            "Nothing to change was given; see `popbridge maildrop change --help`."
        )
    offline = Offline(loaded(option), os.environ)
    record = offline.change_maildrop(name, _chosen_knobs(chosen))
    profiles = offline.snapshot().profiles(record.name)
    click.echo(f"Maildrop {name}: {_chosen(record, profiles)}.")
    if kept := unheeded(record, profiles):
        click.echo(f"Kept, and without effect as the maildrop is now: {'; '.join(kept)}.")


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
            "on-outage": drop.on_outage.value,
            "print-once": f"{drop.print_once // HOUR_SECONDS} h",
            "ceiling": f"{drop.ceiling // MIB_OCTETS} MiB",
            "admits": drop.admission.spelled(drop.wish.deliver, snapshot.profiles(drop.name)),
            "deliver": wishtext.spelled(drop.wish),
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


_YES = {"authenticated": "require", "newest_first": "newest", "printable": "require"}
"""The word that chooses what such a knob is named after."""


def _chosen_knobs(chosen: dict[str, Any]) -> Knobs:
    """Return what was chosen; click gives an option that may be repeated as an empty tuple."""
    wish = take_wishes(chosen)
    given = {name: None if value == () else value for name, value in chosen.items()}
    for name, chosen_word in _YES.items():
        if given[name] is not None:
            given[name] = given[name] == chosen_word
    return Knobs(**given, wish=wish)


def _chosen(record: MaildropRecord, profiles: Collection[str]) -> str:
    """Say what an owner has chosen."""
    return (
        f"on-dele {record.disposition.spelled()}, on-outage {record.on_outage.value},"
        f" print-once {record.print_once // HOUR_SECONDS} h,"
        f" ceiling {record.ceiling // MIB_OCTETS} MiB, deliver {wishtext.spelled(record.wish)},"
        f" admits {record.admission.spelled(record.wish.deliver, profiles)}"
    )
