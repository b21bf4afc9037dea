"""Sets up a whole bridge in one folder: sample mail, an account, a maildrop, a device, two listeners."""

import json
import os
import shlex
import socket
from collections.abc import Mapping
from pathlib import Path

import attrs

from bridge.accounts.changes import DeviceOrder
from bridge.app.admin.offline import Offline
from bridge.app.setup.initialise import initialise
from bridge.app.setup.samples import samples
from bridge.app.state import sole_server
from bridge.clock import SystemClock
from bridge.config import Config, load_config
from bridge.errors import StateError
from bridge.vault.passwords import generate_password

ACCOUNT, MAILDROP, DEVICE = "samples", "printer", "printer"
"""The names of the demo's one account, maildrop and device."""

PREFERRED_PORTS = (9995, 9110)
"""Ports of the demo: high, so that it needs no privilege, and easy to remember."""

SAMPLE_AGE_SECONDS = 60
"""Age the sample files are given: files younger than the provider's settling time are not taken."""

CONFIG = """\
# The demo's configuration; config.example.toml explains every key.
state_dir = "state"

[[listener]]
name = "pop3s"
bind = "127.0.0.1"
port = {pop3s}
tls = "implicit"

[[listener]]
name = "stls"
bind = "127.0.0.1"
port = {stls}
tls = "starttls"

[sync]
interval = 2
nudge_gap = 0
"""


@attrs.frozen
class Demo:
    """A demo that is ready to be served."""

    config_file: Path
    config: Config
    mail: Path
    ca: Path
    password: str = attrs.field(repr=False)


def prepare(folder: Path, environ: Mapping[str, str]) -> Demo:
    """Make the demo in `folder`, or take it up again; its device gets a new password each time.

    Raises:
        OwnerError: the folder cannot be used, or a bridge serves it already.
    """
    folder = folder.absolute()
    if (folder / "state").exists():
        with sole_server(folder / "state"):
            pass  # raises before anything is changed under a demo that runs
    mail = _make_mail(folder)
    config_file = folder / "config.toml"
    ports = _free_ports()
    config_file.write_text(CONFIG.format(pop3s=ports[0], stls=ports[1]), "utf-8")
    config = load_config(config_file)
    initialise(config, environ, SystemClock())
    password = generate_password()
    _register(Offline(config, environ), mail, password)
    return Demo(config_file, config, mail, config.state_dir / "tls" / "ca.pem", password)


def lines(demo: Demo) -> list[str]:
    """Return what a newcomer copies and pastes."""
    pop3s, stls = (listener.port for listener in demo.config.listener)
    curl = f"  curl --cacert {shlex.quote(str(demo.ca))} --user {DEVICE}:{demo.password}"
    python = (
        f'import poplib, ssl; p = poplib.POP3_SSL("127.0.0.1", {pop3s},'
        f" context=ssl.create_default_context(cafile={json.dumps(str(demo.ca))}));"
        f' p.user("{DEVICE}"); p.pass_("{demo.password}");'
        ' print(*p.list()[1], sep="\\n"); p.quit()'
    )
    return [
        "",
        f"popbridge demo: device {DEVICE}, password {demo.password}",
        f"  POP3S 127.0.0.1 port {pop3s}; STLS 127.0.0.1 port {stls}",
        "",
        "Fetch the first message with curl:",
        f"{curl} pop3s://127.0.0.1:{pop3s}/1",
        "the same through STLS:",
        f"{curl} --ssl-reqd pop3://127.0.0.1:{stls}/1",
        "or list what there is, with python:",
        f"  python3 -c {shlex.quote(python)}",
        "",
        "Drop an .eml file here, and it is listed a few seconds later:",
        f"  {demo.mail}",
        "What a device deletes is moved to the folder Printed in there.",
        "Ctrl-C stops the demo.",
        "",
    ]


def _make_mail(folder: Path) -> Path:
    mail = folder / "mail"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        is_new = not mail.exists()
        mail.mkdir(mode=0o700, exist_ok=True)
        if is_new:
            settled = SystemClock().now() - SAMPLE_AGE_SECONDS
            for name, octets in samples().items():
                (mail / name).write_bytes(octets)
                os.utime(mail / name, (settled, settled))
    except OSError as error:
        raise StateError(
            f"The demo cannot use {folder}: {error.strerror}; choose another with --folder."
        ) from error
    return mail


def _free_ports() -> list[int]:
    """Return the demo's ports, others where these are taken."""
    ports = []
    for preferred in PREFERRED_PORTS:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", preferred))
            except OSError:
                probe.bind(("127.0.0.1", 0))
            ports.append(int(probe.getsockname()[1]))
    return ports


def _register(offline: Offline, mail: Path, password: str) -> None:
    snapshot = offline.snapshot()
    if not snapshot.accounts:
        offline.add_account(ACCOUNT, "folder", {"path": str(mail)})
    if not snapshot.maildrops:
        offline.add_maildrop(MAILDROP, ACCOUNT, "", "move:Printed")
    if snapshot.devices:
        offline.set_password(DEVICE, password)
    else:
        offline.add_device(DeviceOrder(DEVICE, MAILDROP), password)
