"""popbridge cert show | ca | renew."""

import os
import sys
from datetime import datetime
from pathlib import Path

import attrs
import click

from bridge.app.state import Places, certificate_files
from bridge.app.upkeep.certificates import renew_by_hand
from bridge.cli.output import json_option, loaded, say
from bridge.clock import SystemClock
from bridge.config import Config
from bridge.control import ask
from bridge.errors import OwnerError
from bridge.tls.issuer import (
    CertificateInfo,
    ca_der,
    ca_pem,
    describe_certificates,
)


@click.group("cert")
def command() -> None:
    """The bridge's own certificates."""


@command.command()
@json_option
@click.pass_obj
def show(option: Path | None, as_json: bool) -> None:  # noqa: FBT001 - click's flag
    """Show names, ends and fingerprints, to compare with what a device shows."""
    infos = _all(loaded(option))
    data = [
        {
            field.name: _plain(getattr(info, field.name))
            for field in attrs.fields(CertificateInfo)
        }
        for info in infos
    ]
    lines = [
        f"{info.path.name}: {info.kind} {info.key}, {', '.join(info.names) or info.subject},"
        f" until {info.not_after:%Y-%m-%d}\n  SHA-256 {info.fingerprint}"
        for info in infos
    ]
    say(as_json, data, lines)


@command.command()
@click.option("--der", is_flag=True, help="Write DER instead of PEM; some panels want it.")
@click.option(
    "--out", type=click.Path(path_type=Path), help="A file, instead of standard output."
)
@click.pass_obj
def ca(option: Path | None, der: bool, out: Path | None) -> None:  # noqa: FBT001 - click's flag
    """Export the LAN CA's certificate, for devices to import."""
    folder = Places(loaded(option).state_dir).tls
    octets = ca_der(folder) if der else ca_pem(folder)
    if out is None:
        sys.stdout.buffer.write(octets)
        return
    out.write_bytes(octets)
    click.echo(f"Written: {out}")


@command.command()
@click.pass_obj
def renew(option: Path | None) -> None:
    """Issue new server certificates from the same LAN CA; devices that trust it notice nothing."""
    config = loaded(option)
    if config.tls.certificates:
        raise OwnerError(
            "config.toml names certificates of your own; replace those files instead,"
            " a running bridge takes them up by itself."
        )
    renew_by_hand(config, os.environ, SystemClock())
    running = ask(config.state_dir, "reload") is not None
    click.echo("Renewed; the running bridge uses it already." if running else "Renewed.")


def _all(config: Config) -> list[CertificateInfo]:
    places = Places(config.state_dir)
    paths = [] if config.tls.certificates else [places.tls / "ca.pem"]
    paths += [files.certificate for files in certificate_files(config.tls, places)]
    return [info for path in paths for info in describe_certificates(path)]


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    return list(value) if isinstance(value, tuple) else str(value)
