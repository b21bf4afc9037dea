"""popbridge as a contender: a state folder filled through the command line, and one server per event loop.

The folder is filled once and then copied, because two servers may not share one.  The fill is the slow part of a
benchmark: every maildrop and every device is a start of the command.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from dovecot import Certificates
from mail import MailSet
from popclient import HOST, PASSWORD
from servers import Running, free_port, launch, on_cores

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
        with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
            users = [mail.user(number) for number in range(mail.users)]
            list(pool.map(lambda user, name=mail.name: _add_user(config, user, name), users))
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


def _add_user(config: Path, user: str, account: str) -> None:
    verb(config, "maildrop", "add", user, "--account", account, "--on-dele", "keep")
    verb(config, "device", "add", user, "--maildrop", user, "--password-stdin", text=PASSWORD)


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
