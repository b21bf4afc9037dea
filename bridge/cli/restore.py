"""popbridge restore."""

import os
from pathlib import Path
from typing import Any

import attrs
import click

from bridge.app.backup.restore import Outcome, RestoreOrder, config_of, restore
from bridge.cli.output import json_option, say
from bridge.clock import SystemClock
from bridge.config import find_config
from bridge.errors import ConfigError

_file = click.Path(path_type=Path)


@click.command("restore")
@click.argument("file", type=_file)
@click.option("--key-file", type=_file, help="Where the master key is.")
@click.option(
    "--nothing-since",
    is_flag=True,
    help="No bridge has run since the backup was made: list what was listed then.",
)
@click.option("--keep-config", is_flag=True, help="Restore with the config.toml that is here.")
@click.option("--show-config", is_flag=True, help="Only print the config.toml of the backup.")
@json_option
@click.pass_obj
def command(option: Path | None, /, file: Path, **wanted: Any) -> None:  # noqa: ANN401 - click hands options over as it pleases
    """Put the backup FILE in place on a machine that has no spool yet."""
    order = RestoreOrder(
        file,
        _config_file(option),
        wanted["key_file"],
        wanted["nothing_since"],
        wanted["keep_config"],
    )
    if wanted["show_config"]:
        click.echo(config_of(order, os.environ), nl=False)
        return
    outcome = restore(order, os.environ, SystemClock())
    data = {"restored": outcome.placed, "made": outcome.made, **attrs.asdict(outcome.messages)}
    say(wanted["as_json"], data, _lines(outcome))


def _config_file(option: Path | None) -> Path:
    """Return where config.toml is, or shall be."""
    named = option or (
        Path(os.environ["POPBRIDGE_CONFIG"]) if "POPBRIDGE_CONFIG" in os.environ else None
    )
    if named is not None:
        return Path.cwd() / named
    try:
        return find_config(None, os.environ, Path.cwd())
    except ConfigError:
        raise ConfigError(
            "There is no config.toml yet; say with `popbridge --config FILE restore` where it"
            " shall lie. Nothing was changed."
        ) from None


def _lines(outcome: Outcome) -> list[str]:
    lines = [f"restored {line}" for line in outcome.placed]
    messages = outcome.messages
    if messages.waiting:
        lines.append(f"{messages.waiting} messages are fetched again and listed as before.")
    if messages.held and messages.waiting:
        lines.append(f"{messages.held} messages that an admin had listed again are held.")
    elif messages.held:
        lines.append(
            f"{messages.held} messages are held, because a device may have printed them since"
            f" {outcome.made}; so will be what the backup does not know."
        )
        lines += [
            "`popbridge message list --state held` shows them;",
            "`popbridge message redeliver NUMBER...` lists what did not print.",
        ]
    return [*lines, "Next: `popbridge check`, then `popbridge serve`."]
