"""popbridge account add."""

import os
import ssl
from pathlib import Path
from typing import Any

import click

from bridge.app.admin.offline import Offline
from bridge.cli.handing_over import read_secret
from bridge.cli.output import loaded
from bridge.errors import RegisterError

_file = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command()
@click.argument("name")
@click.option(
    "--provider",
    type=click.Choice(["folder", "microsoft", "google"]),
    required=True,
    help="Kind of mailbox.",
)
@click.option(
    "--path", type=click.Path(path_type=Path), help="folder: a Maildir, or .eml files."
)
@click.option("--client-id", help="microsoft: the app's Application (client) ID.")
@click.option("--tenant", help="microsoft: id or name of the tenant; else organizations.")
@click.option("--mailbox", help="microsoft: a shared or other mailbox; else the person's own.")
@click.option(
    "--auth",
    type=click.Choice(["device", "browser", "app"]),
    help="microsoft: sign in by a code, in a browser, or as the app itself; else device.",
)
@click.option(
    "--cloud",
    type=click.Choice(["global", "usgov", "dod", "china"]),
    help="microsoft: else global.",
)
@click.option("--graph-url", help="microsoft: another host than the cloud's Graph.")
@click.option("--authority", help="microsoft: another host than the cloud's sign-in.")
@click.option(
    "--client-secret-stdin", is_flag=True, help="microsoft: read a client secret, one line."
)
@click.option(
    "--secret-ends", metavar="DATE", help="microsoft: when that secret ends, YYYY-MM-DD."
)
@click.option("--client-file", type=_file, help="google: the JSON of a Desktop client.")
@click.option(
    "--service-account", type=_file, help="google: the JSON key of a service account."
)
@click.option("--subject", help="google: whose mailbox the service account opens.")
@click.option("--gmail-url", help="google: another host than the Gmail API's.")
@click.option("--token-url", help="google: another address than the one the file names.")
@click.option("--units-per-minute", help="google: quota units a minute and user; else 6000.")
@click.option(
    "--access",
    type=click.Choice(["read", "change", "purge"]),
    help="Only read; also move, label and trash; also delete for good. Else change.",
)
@click.option("--ca", type=_file, help="A private CA to trust besides the system's, in PEM.")
@click.pass_obj
def add(option: Path | None, /, name: str, provider: str, **given: Any) -> None:  # noqa: ANN401 - click hands options over as it pleases
    """Add the account NAME; one in a cloud is enrolled afterwards."""
    _check_needed(provider, given)
    if given["service_account"] is not None:
        given["auth"] = "service-account"
    secret = read_secret(
        given.pop("client_file"),
        given.pop("service_account"),
        from_stdin=given.pop("client_secret_stdin"),
    )
    settings = as_settings(given)
    if Offline(loaded(option), os.environ).add_account(name, provider, settings, secret or ""):
        click.echo(f"Account {name} added. Next: popbridge account enrol {name}")
        return
    click.echo(f"Account {name} added. Next: popbridge maildrop add MAILDROP --account {name}")


_NEEDED = {
    "folder": ("path",),
    "microsoft": ("client_id",),
    "google": ("client_file", "service_account"),
}
"""Of the options that a provider needs, one."""

_SECRETS = frozenset({"client_file", "service_account", "client_secret_stdin"})


def _check_needed(provider: str, given: dict[str, Any]) -> None:
    needed = _NEEDED[provider]
    if not any(given[option] for option in needed):
        named = " or ".join("--" + option.replace("_", "-") for option in needed)
        raise click.UsageError(f"An account of provider {provider} needs {named}.")
    for option in _SECRETS - set(_NEEDED[provider]):
        if given[option] and (option, provider) != ("client_secret_stdin", "microsoft"):
            named = "--" + option.replace("_", "-")
            raise click.UsageError(f"{named} is not for an account of provider {provider}.")


def as_settings(given: dict[str, Any]) -> dict[str, str]:
    """Return what was given, as the register keeps it; files as whole paths."""
    if given.get("ca") is not None:
        _check_ca(given["ca"])
    return {
        key: str(value.absolute()) if isinstance(value, Path) else str(value)
        for key, value in given.items()
        if value is not None
    }


def _check_ca(path: Path) -> None:
    try:
        ssl.create_default_context(cafile=str(path))
    except (OSError, ValueError) as error:
        raise RegisterError(f"{path} holds no CA certificate in PEM: {error}.") from error
