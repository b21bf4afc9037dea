"""The owner's hand: one noun or verb a file, imported only when it is asked for.

Exit codes: 0 done; 1 the answer is no; 2 the command line is wrong; 3 config.toml is wrong; 4 the
state folder cannot be used; 5 an address cannot be listened on; 70 a fault of ours; 130 interrupted.
"""

import importlib
import logging
import resource
import sys
from pathlib import Path
from typing import NoReturn, cast

import click

from bridge import __version__
from bridge.errors import OwnerError, PopbridgeError
from bridge.logs import redacted

COMMANDS = {
    "init": "Make the state folder: key, spool, LAN CA, certificates.",
    "serve": "Serve devices and look at mailboxes, until stopped.",
    "check": "Say whether everything is in order, and what to do where it is not.",
    "status": "Say how accounts, maildrops and devices are doing.",
    "health": "Have the running bridge log in to itself, and say whether it is well.",
    "account": "Mailboxes behind the bridge.",
    "maildrop": "What devices see of a mailbox.",
    "message": "Messages, and what became of them.",
    "shape": "Write what a device would get of a message in a file.",
    "trace": "Follow what a device and the bridge say to each other.",
    "device": "Machines, and their user names and passwords.",
    "profile": "What is known of machines that fetch mail by POP3.",
    "test-message": "Put a test page into a maildrop, to see the way from the bridge to paper.",
    "simulate": "Poll the running bridge as a machine would, and say what its panel shows.",
    "audit": "Say who changed what, and which device took which message.",
    "cert": "The bridge's own certificates.",
    "backup": "Seal all but the bodies in one file, while the bridge runs.",
    "restore": "Put a backup in place on a new machine.",
    "demo": "Try everything out in a folder of its own.",
}


class LazyGroup(click.Group):
    """Knows its commands by name, and imports one only when it runs."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order an owner meets them."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, importing its file."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"bridge.cli.{cmd_name.replace('-', '_')}")
        return cast("click.Command", module.command)

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; click itself would take Ctrl-C for a "no"."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            sys.exit(130)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing any of them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    help="Where config.toml is; else $POPBRIDGE_CONFIG, ./config.toml, /etc/popbridge/config.toml.",
)
@click.version_option(__version__, prog_name="popbridge")
@click.pass_context
def group(ctx: click.Context, config: Path | None) -> None:
    """Let printers that speak POP3 read mailboxes that do not."""
    ctx.obj = config


def main() -> None:
    """Run the command line; whatever goes wrong ends as one sentence and an exit code."""
    _forbid_core_dumps()
    # Commands say themselves what went wrong; only `serve` logs, and sets that up.
    logging.getLogger().addHandler(logging.NullHandler())
    try:
        group.main(prog_name="popbridge", standalone_mode=True)
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        click.echo(f"popbridge: {error.strerror or error}{where}", err=True)
        sys.exit(4)
    except Exception as error:  # noqa: BLE001 - an owner gets a sentence, never a traceback
        _end(_innermost(error))


def _forbid_core_dumps() -> None:
    """Let no crash write our memory, and so keys and passwords, to the disk (core(5)).

    Where a program takes the dumps, Linux hands it one even at a limit of 0, but not at 1 octet
    (fs/coredump.c).
    """
    _soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0 if hard == 0 else 1, hard))


def _end(fault: BaseException) -> NoReturn:
    """Say what tasks that ended together failed with."""
    if isinstance(fault, PopbridgeError):
        click.echo(f"popbridge: {fault}", err=True)
        sys.exit(fault.exit_code if isinstance(fault, OwnerError) else 1)
    text = (
        redacted(str(fault).splitlines()[0]) if str(fault) else ""
    )  # nobody foresaw what it says
    click.echo(
        f"popbridge: internal fault, please report it: {type(fault).__name__}: {text}", err=True
    )
    sys.exit(70)


def _innermost(error: BaseException) -> BaseException:
    """Return what tasks that ended together failed with first."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
