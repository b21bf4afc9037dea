"""A running bridge for real mail clients, and the mailboxes they fetch from.

The server is the command `popbridge serve` in a process of its own. Every test gets a maildrop and a
device of its own, so that one server serves all of them.
"""

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import attrs

from bridge.accounts.changes import DeviceOrder
from bridge.app.admin.offline import Offline
from bridge.app.setup.initialise import initialise
from bridge.app.setup.samples import samples
from bridge.clock import SystemClock
from bridge.config import Config, load_config
from tests.canary import CANARY
from tests.secrecy import keep

HOST = "127.0.0.1"
PASSWORD = f"Abcd-{CANARY}"
DEADLINE_SECONDS = 30.0
SETTLED = 1_700_000_000  # long ago: files that are still being written are left alone

CONFIG = """\
state_dir = "state"
event_loop = "{event_loop}"

[[listener]]
name = "pop3s"
bind = "127.0.0.1"
port = 0

[[listener]]
name = "stls"
bind = "127.0.0.1"
port = 0
tls = "starttls"

[[listener]]
name = "plain"
bind = "127.0.0.1"
port = 0
tls = "none"
require_tls_for_auth = false
plaintext_from = ["127.0.0.1/32"]

[[listener]]
name = "apop"
bind = "127.0.0.1"
port = 0
tls = "none"
apop = true

[limits]
connections_per_address = 100
failed_login_delay_max = 0

[sync]
interval = 3600
nudge_gap = 3600

[log]
level = "debug"
"""


def awkward_messages() -> dict[str, bytes]:
    """Return the demo's samples, and messages that a careless server or client breaks."""
    head = b"From: a@example.org\r\nTo: b@example.org\r\nSubject: "
    return samples() | {
        "06-no-last-line-end.eml": head + b"cut\r\n\r\nthe last line has no end",
        "07-dots-at-the-end.eml": head + b"dots\r\n\r\ntext\r\n..\r\n.\r\n",
        "08-no-body.eml": head + b"no body\r\n\r\n",
        "09-line-of-998.eml": head + b"long\r\n\r\n" + b"x" * 998 + b"\r\n",  # RFC 5322 2.1.1
        "10-many-lines.eml": head + b"many\r\n\r\n" + b".line and more text\r\n" * 20_000,
    }


def as_sent(octets: bytes) -> bytes:
    """Return what RETR must send, un-stuffed: every line ends in CRLF, the blank line is there."""
    lines = re.split(rb"\r\n|\r|\n", octets)
    if lines[-1] == b"":
        lines.pop()
    if b"" not in lines:
        lines.append(b"")
    return b"".join(line + b"\r\n" for line in lines)


def with_newlines(octets: bytes) -> bytes:
    """Return a message as Unix clients store it."""
    return octets.replace(b"\r\n", b"\n")


@attrs.frozen
class Mailbox:
    """One device's mail: what a client must find, and where it lies upstream."""

    user: str
    folder: Path
    offline: Offline

    @property
    def expected(self) -> list[bytes]:
        """Return every message that waits upstream as RETR must send it, in listing order."""
        return [as_sent(path.read_bytes()) for path in sorted(self.folder.glob("*.eml"))]

    @property
    def printed(self) -> list[str]:
        """Return the names of the files that were moved away, after the sync road has obeyed."""
        self.sync()
        return sorted(path.name for path in (self.folder / "Printed").glob("*.eml"))

    def sync(self) -> None:
        """Let the bridge look at the mailbox now."""
        self.offline.sync(self.user)

    def add(self, name: str, octets: bytes) -> None:
        """Put one more message upstream, and let the bridge see it."""
        path = self.folder / name
        path.write_bytes(octets)
        os.utime(path, (SETTLED, SETTLED))
        self.sync()


class ClientsBridge:
    """The server's process, with its ports by listener name."""

    def __init__(self, folder: Path, event_loop: str) -> None:
        """Make a state folder below `folder` and start the server; returns when it listens."""
        self.folder = folder
        config_file = folder / "config.toml"
        config_file.write_text(CONFIG.format(event_loop=event_loop), "utf-8")
        self.config: Config = load_config(config_file)
        initialise(self.config, {}, SystemClock())
        self.ca = self.config.state_dir / "tls" / "ca.pem"
        self.ports: dict[str, int] = {}
        self.lines: list[str] = []
        self._mailboxes = 0
        self._heard = threading.Condition()
        command = [sys.executable, "-m", "bridge.cli", "--config", str(config_file), "serve"]
        program = Path(sys.executable).with_name("popbridge")
        if program.exists():
            command[:3] = [str(program)]
        self._process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        assert self._process.stderr is not None
        self._reader = threading.Thread(target=self._listen, args=(self._process.stderr,))
        self._reader.start()
        for name in (listener.name for listener in self.config.listener):
            line = self.wait_for(rf" listening listener={name} ")
            self.ports[name] = int(line.partition("port=")[2].split()[0])

    def mailbox(self, messages: Mapping[str, bytes], *, apop: bool = False) -> Mailbox:
        """Return a mailbox with a maildrop and a device of its own; what is deleted moves away."""
        self._mailboxes += 1
        user = f"device{self._mailboxes}"
        mailbox = Mailbox(user, self.folder / user, Offline(self.config, {}))
        mailbox.folder.mkdir()
        for name, octets in messages.items():
            path = mailbox.folder / name
            path.write_bytes(octets)
            os.utime(path, (SETTLED, SETTLED))
        offline = mailbox.offline
        offline.add_account(user, "folder", {"path": str(mailbox.folder)})
        offline.add_maildrop(user, user, "", "move:Printed")
        offline.add_device(DeviceOrder(user, user, apop=apop), PASSWORD)
        mailbox.sync()
        return mailbox

    def wait_for(self, pattern: str) -> str:
        """Return the first line of the log, past or to come, in which `pattern` is found."""

        def found() -> str | None:
            return next((line for line in self.lines if re.search(pattern, line)), None)

        with self._heard:
            line = self._heard.wait_for(found, DEADLINE_SECONDS)
            if line is None:
                raise AssertionError(f"no line with {pattern} in:\n" + "\n".join(self.lines))
            return line

    def stop(self) -> int:
        """Stop the server as its owner would, and return its exit code."""
        self._process.send_signal(signal.SIGTERM)
        try:
            code = self._process.wait(DEADLINE_SECONDS)
        finally:
            self._process.kill()
            self._reader.join(DEADLINE_SECONDS)
            if self._process.stderr is not None:
                self._process.stderr.close()
        return code

    def _listen(self, stream: IO[str]) -> None:
        for line in stream:
            keep(self.folder, line.rstrip("\n"))
            with self._heard:
                self.lines.append(line.rstrip("\n"))
                self._heard.notify_all()


@contextmanager
def running(folder: Path, event_loop: str = "auto") -> Iterator[ClientsBridge]:
    """Serve during the block; the server must end well and must not have failed meanwhile."""
    bridge = ClientsBridge(folder, event_loop)
    try:
        yield bridge
    finally:
        code = bridge.stop()
    assert code == 0
    assert [line for line in bridge.lines if "exception" in line] == []
