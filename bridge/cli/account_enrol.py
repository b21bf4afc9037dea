"""popbridge account enrol."""

import asyncio
import json
import os
import sys
import threading
from pathlib import Path
from typing import Any

import attrs
import click

from bridge.app.admin.offline import HandedOver, Offline
from bridge.cli.account_add import as_settings
from bridge.cli.handing_over import read_line, read_secret
from bridge.cli.output import loaded
from bridge.errors import OwnerError
from providers.identity import (
    AddressInvitation,
    CodeInvitation,
    Invitation,
    Renewal,
    SetupInvitation,
)

ADDRESS_OCTETS = 16384
"""Longest address read: Entra's codes make addresses of one or two thousand characters."""


_file = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command()
@click.argument("name")
@click.option("--new-key", is_flag=True, help="microsoft, app: make another key pair first.")
@click.option(
    "--client-secret-stdin",
    is_flag=True,
    help="microsoft: with another secret, read from a line.",
)
@click.option(
    "--secret-ends", metavar="DATE", help="microsoft: when that secret ends, YYYY-MM-DD."
)
@click.option("--client-id", help="microsoft: as another app.")
@click.option("--tenant", help="microsoft: in another tenant.")
@click.option("--client-file", type=_file, help="google: with another Desktop client's JSON.")
@click.option("--service-account", type=_file, help="google: with another key of the account.")
@click.option(
    "--access",
    type=click.Choice(["read", "change", "purge"]),
    help="With more rights, or fewer.",
)
@click.option("--ca", type=_file, help="Trust another private CA.")
@click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON event a line, for programs."
)
@click.pass_obj
def enrol(option: Path | None, /, name: str, as_json: bool, **given: Any) -> None:  # noqa: ANN401, FBT001 - click hands options over as it pleases
    """Get the grant of the account NAME, anew where it has one; Ctrl-C leaves all as it was."""
    door = JsonDoor(name, waits=given["new_key"]) if as_json else PersonDoor(name)
    try:
        Offline(loaded(option), os.environ).enrol(name, door, _handed_over(given))
    except OwnerError as error:
        if as_json:
            _event("failed", account=name, why=str(error))
        raise


def _handed_over(given: dict[str, Any]) -> HandedOver:
    """Return what is given besides the account's name."""
    secret = read_secret(
        given["client_file"], given["service_account"], from_stdin=given["client_secret_stdin"]
    )
    options = ("new_key", "client_secret_stdin", "client_file", "service_account")
    named = [one.replace("_", "-") for one in options if given.pop(one)]
    if len(named) > 1:
        raise click.UsageError("--new-key makes a key pair; give no other secret beside it.")
    return HandedOver(named[0] if named else "", secret or "", as_settings(given))


@attrs.frozen
class PersonDoor:
    """A terminal, and somebody in front of it."""

    name: str

    def show(self, invitation: Invitation) -> None:
        """Show what is to be done, with a QR code of an address that may be opened elsewhere."""
        match invitation:
            case CodeInvitation():
                address, code = _shown(invitation.address), _shown(invitation.code)
                click.echo(f"Open {address}\nand type this code: {code}\n")
                click.echo(qr_code(invitation.address))
                click.echo(
                    f"Waiting for at most {invitation.lifetime / 60:.0f} minutes; Ctrl-C stops."
                    "\nSome tenants forbid this way to sign in: the page then says so."
                )
            case AddressInvitation():
                click.echo("Open this address in a browser, on any machine, and sign in:\n")
                click.echo(f"{_shown(invitation.address)}\n")
                click.echo(
                    "The browser ends on a page that cannot be loaded. That is right: copy the"
                    "\nwhole address from its address bar, and paste it here."
                )
            case SetupInvitation():
                if invitation.certificate:
                    click.echo(invitation.certificate)
                for line in invitation.instructions:
                    click.echo(line)

    async def address(self) -> str:
        """Return what is pasted."""
        click.echo("Address: ", nl=False)
        return await _line()

    def again(self, why: str) -> bool:
        """Say what was wrong, and ask again where somebody sits at the terminal."""
        if not sys.stdin.isatty():
            return False
        click.echo(f"Not yet: {why}.")
        return True

    async def done(self) -> None:
        """Wait for Enter, where somebody is there to press it."""
        if sys.stdin is not None and sys.stdin.isatty():
            click.echo("\nPress Enter when this is done; Ctrl-C to do it later.")
            await _line()

    def enrolled(self, renewal: Renewal) -> None:
        """Say that it went well, and what comes next."""
        scopes = f" Granted: {', '.join(sorted(renewal.scopes))}." if renewal.scopes else ""
        click.echo(f"Account {self.name} is enrolled.{scopes}")
        click.echo(f"Next: popbridge account check {self.name}")


@attrs.frozen
class JsonDoor:
    """A program that reads events and writes the pasted address, a line each.

    With `waits` it writes a line once a new certificate is uploaded too: a key that was not redeemed
    is not kept.
    """

    name: str
    waits: bool = False

    def show(self, invitation: Invitation) -> None:
        """Print what is to be done."""
        match invitation:
            case CodeInvitation():
                _event(
                    "code",
                    account=self.name,
                    code=invitation.code,
                    address=invitation.address,
                    expires_in=invitation.lifetime,
                )
            case AddressInvitation():
                _event("address", account=self.name, address=invitation.address)
            case SetupInvitation():
                _event(
                    "setup",
                    account=self.name,
                    certificate=invitation.certificate,
                    instructions=list(invitation.instructions),
                )

    async def address(self) -> str:
        """Return the next line of standard input."""
        return await _line()

    def again(self, why: str) -> bool:
        """Give up: a program can call again."""
        del why
        return False

    async def done(self) -> None:
        """Go on at once, since a program can call again; not so where a new key would be lost."""
        if self.waits:
            await _line()

    def enrolled(self, renewal: Renewal) -> None:
        """Print that it went well."""
        _event("enrolled", account=self.name, scopes=sorted(renewal.scopes))


def _shown(text: str) -> str:
    """Return what a service said without what a terminal would obey."""
    return "".join(one if one.isprintable() else "?" for one in text)


def qr_code(address: str) -> str:
    """Return an address as a QR code made of half blocks, for a telephone to read off a terminal."""
    import io  # noqa: PLC0415 - see below

    import segno  # noqa: PLC0415 - only an enrolment needs it

    drawn = io.StringIO()
    segno.make(address, error="l").terminal(drawn, compact=True, border=2)
    return drawn.getvalue()


def _event(event: str, **fields: object) -> None:
    click.echo(json.dumps({"event": event, **fields}))
    sys.stdout.flush()


async def _line() -> str:
    """Return a line of standard input, read beside the loop, so that Ctrl-C need not wait for it.

    Raises:
        OwnerError: standard input has ended.
    """
    loop = asyncio.get_running_loop()
    read: asyncio.Future[bytes] = loop.create_future()

    def run() -> None:
        try:
            line = read_line(ADDRESS_OCTETS) if sys.stdin is not None else b""
        except OSError:  # the terminal went away: nobody pastes anything any more
            line = b""
        loop.call_soon_threadsafe(lambda: None if read.done() else read.set_result(line))

    # A daemon: a thread that waits for a terminal must not keep the program from ending.
    threading.Thread(target=run, name="standard input", daemon=True).start()
    line = await read
    if not line:
        raise OwnerError("Nothing was pasted: standard input has ended.")
    return line.decode("utf-8", "replace")
