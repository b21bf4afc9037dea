"""popbridge as a contender: a filled state folder, and one server per event loop.

The folder is filled once and then copied, because two servers may not share one.  The first maildrop of a set comes from
the command line; the users that follow are put beside it in one go, because 400 starts of a command take minutes.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import attrs
from dovecot import Certificates
from mail import MailSet
from popclient import HOST, PASSWORD
from servers import Running, free_port, launch, on_cores

from bridge.accounts import changes
from bridge.app.admin.offline import Offline
from bridge.app.state import State
from bridge.clock import SystemClock
from bridge.config import load_config
from bridge.names import MaildropName
from bridge.vault.passwords import hash_password

_COMMAND_SECONDS = 900.0

_CONFIG = """\
state_dir = "{state}"
event_loop = "{loop}"

[[listener]]
name = "bench"
bind = "{host}"
port = {port}
tls = "implicit"

[limits]
connections = 5000
connections_per_address = 5000

[sync]
interval = 3600.0
"""


class CommandFailedError(Exception):
    """A verb of popbridge failed; the text is its last line."""


def program() -> Path:
    """Return the command that lies beside this interpreter."""
    return Path(sys.executable).with_name("popbridge")


def why_missing(loop: str) -> str:
    """Return why ours cannot run on that event loop, or "" when it can."""
    if not program().exists():
        return f"there is no {program()}: install the project into this environment"
    if loop == "uvloop" and importlib.util.find_spec("uvloop") is None:
        return "uvloop is not installed: install the extra `speed`"
    return ""


def prepare(folder: Path, sets: Sequence[MailSet], messages: Path) -> Path:
    """Fill a state folder below `folder` with every user of every set, and return it.

    Raises:
        CommandFailedError: a verb of the command line failed.
    """
    folder.mkdir()
    state = folder / "state"
    config = _write_config(folder / "config.toml", state, "asyncio", free_port())
    verb(config, "init")
    for mail in sets:
        path = str(messages / mail.name)
        verb(config, "account", "add", mail.name, "--provider", "folder", "--path", path)
        first = mail.user(0)
        verb(config, "maildrop", "add", first, "--account", mail.name, "--on-dele", "keep")
        _add_users(config, mail)
        verb(config, "account", "sync", mail.name)
    return state


def certificates(state: Path) -> Certificates:
    """Return the server certificates that `init` made, for the peer to serve too."""
    return Certificates(rsa=state / "tls/server-rsa.pem", p256=state / "tls/server-p256.pem")


def version_seconds(cores: set[int]) -> float:
    """Return the wall seconds of one `popbridge --version`."""
    with on_cores(cores):
        start = time.perf_counter()
        _call([str(program()), "--version"], "")
        return time.perf_counter() - start


class Ours:
    """popbridge on one event loop, with a copy of a filled state folder."""

    def __init__(self, folder: Path, filled: Path, loop: str) -> None:
        """Copy `filled` below `folder`."""
        self.name = loop
        self._folder = folder
        folder.mkdir()
        shutil.copytree(filled, folder / "state")

    def start(self, cores: set[int]) -> Running:
        """Start it on those cores with a free port."""
        port = free_port()
        state = self._folder / "state"
        config = _write_config(self._folder / "config.toml", state, self.name, port)
        command = [str(program()), "--config", str(config), "serve"]
        return launch(command, port, cores, self._folder / "output")


def _write_config(path: Path, state: Path, loop: str, port: int) -> Path:
    text = _CONFIG.format(state=state, loop=loop, host=HOST, port=port)
    path.write_text(text, encoding="ascii")
    return path


def _add_users(config: Path, mail: MailSet) -> None:
    """Give every user of the set a maildrop like that of the first, and a device of the same name."""

    async def work(state: State) -> None:
        first = changes.find_maildrop(await state.register.snapshot(), mail.user(0))
        for number in range(mail.users):
            user = MaildropName(mail.user(number))
            if user != first.name:
                await state.register.add_maildrop(attrs.evolve(first, name=user))
            order = changes.DeviceOrder(user, user, (), (), apop=False)
            now = SystemClock().now()
            device = changes.new_device(order, PASSWORD, hash_password, state.secrets, now)
            await state.register.add_device(device)

    Offline(load_config(config), os.environ).read(work)


def verb(config: Path, *words: str, text: str = "") -> None:
    """Run a verb of the command line on that configuration, `text` being its standard input.

    Raises:
        CommandFailedError: it failed.
    """
    _call([str(program()), "--config", str(config), *words], text)


def _call(command: Sequence[str], text: str) -> None:
    done = subprocess.run(
        command,
        input=text + "\n",
        capture_output=True,
        text=True,
        timeout=_COMMAND_SECONDS,
        check=False,
    )
    if done.returncode:
        words = " ".join(command[1:])
        said = (done.stderr.strip() or done.stdout.strip() or "nothing").splitlines()[-1]
        raise CommandFailedError(f"popbridge {words} ended with {done.returncode}: {said}")
