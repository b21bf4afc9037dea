"""The real bridge as a process on a state folder of its own, and everything a test does to it.

Next to nothing looks at a mailbox here unless a test asks for it (`Home.sync`): looks that come by
themselves would make what a test sees a matter of chance.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from io import BufferedReader
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import attrs
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from bridge.accounts.changes import DeviceOrder, new_device
from bridge.app.admin.offline import Offline
from bridge.app.setup.initialise import initialise
from bridge.app.state import State
from bridge.clock import SystemClock
from bridge.config import load_config
from bridge.control import ask
from tests.canary import CANARY
from tests.secrecy import keep
from tests.system.pop_client import DEADLINE_SECONDS, PopClient, assert_ok, connect, trusting

PROGRAM = (sys.executable, "-c", "from bridge.cli import main; main()")
"""The `popbridge` command, whatever the environment's bin folder holds."""

PASSWORD = f"correct-{CANARY}"
"""What devices of these tests log in with."""

MAIL_TIME = 1_700_000_000
"""When mail files were written: the folder provider takes no file that was written just now."""

QUIET = {"interval": 86400, "nudge_gap": 3600}
"""[sync] under which the bridge looks when a test asks it to, and once more at a first login."""

Table = Mapping[str, object]


# ---- what lies on the disk


@attrs.define
class Home:
    """A state folder, its configuration, and the mail folders behind it."""

    folder: Path
    loop: str

    @property
    def config_file(self) -> Path:
        return self.folder / "config.toml"

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def ca(self) -> Path:
        return self.state / "tls" / "ca.pem"

    @property
    def bodies(self) -> list[str]:
        """Return the names of the body files."""
        return sorted(path.name for path in (self.state / "bodies").iterdir())

    @property
    def offline(self) -> Offline:
        """Return the functions behind the command line, on this state folder."""
        return Offline(load_config(self.config_file), {})

    def configure(
        self,
        listeners: Sequence[Table] = ({"name": "pop3s"},),
        certificates: Sequence[Table] = (),
        **tables: Table,
    ) -> None:
        """Write config.toml; listeners take any free port of 127.0.0.1 where they do not say."""
        lines = [f"state_dir = {_toml(str(self.state))}", f"event_loop = {_toml(self.loop)}"]
        for listener in listeners:
            lines += ["[[listener]]", *_pairs({"bind": "127.0.0.1", "port": 0, **listener})]
        quick = {"failed_login_delay_max": 0, "takeover_grace": 0.2}
        defaults: dict[str, Table] = {
            "sync": QUIET,
            "limits": quick,
            "spool": {"minimum_free_octets": 0},
            "log": {"format": "json"},
        }
        for name, table in {**defaults, **tables}.items():
            lines += [f"[{name}]", *_pairs({**defaults.get(name, {}), **table})]
        for pair in certificates:
            lines += ["[[tls.certificates]]", *_pairs(pair)]
        self.config_file.write_text("\n".join(lines) + "\n", "utf-8")

    def mail(self, maildrop: str = "office") -> Path:
        """Return the directory of .eml files behind a maildrop."""
        return self.folder / "mail" / maildrop

    def put(self, name: str, octets: bytes, maildrop: str = "office") -> Path:
        """Put a message into the mail folder, as one that has lain there for a while."""
        path = self.mail(maildrop) / name
        draft = path.with_suffix(".draft")
        draft.write_bytes(octets)
        os.utime(draft, (MAIL_TIME, MAIL_TIME))
        draft.rename(path)
        return path

    def add_maildrop(self, name: str = "office", on_dele: str | None = None) -> None:
        """Add a maildrop with an account and a mail folder of the same name."""
        self.mail(name).mkdir(parents=True, exist_ok=True)
        self.offline.add_account(name, "folder", {"path": str(self.mail(name))})
        self.offline.add_maildrop(name, name, "", on_dele)

    def add_device(
        self,
        name: str = "printer",
        maildrop: str | None = "office",
        *,
        allow: Sequence[str] = (),
        apop: bool = False,
        aliases: Sequence[str] = (),
    ) -> None:
        """Add a device with PASSWORD, hashed so cheaply that a hundred logins are no wait."""
        wanted = DeviceOrder(name, maildrop, aliases, allow, apop)

        async def work(state: State) -> None:
            device = new_device(
                wanted, PASSWORD, _quick_hash, state.secrets, SystemClock().now()
            )
            await state.register.add_device(device)

        self.offline.read(work)
        ask(self.state, "reload")

    def sync(self, account: str = "office") -> dict[str, int]:
        """Have a look taken now, by the running bridge where there is one, and return its report."""
        return self.offline.sync(account)

    def run(
        self, *words: str, text: str = "", before: Sequence[str] = ()
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end, by way of the program `before` where there is one."""
        done = subprocess.run(
            [*before, *PROGRAM, "--config", str(self.config_file), *words],
            input=text,
            capture_output=True,
            text=True,
            timeout=DEADLINE_SECONDS,
            check=False,
        )
        keep(self.folder, done.stdout, done.stderr)
        return done


def make_template(folder: Path) -> Path:
    """Make a state folder once; homes are copies of it, since keys take their time."""
    home = Home(folder, "asyncio")
    home.configure()
    initialise(load_config(home.config_file), {}, SystemClock())
    return folder


def make_home(template: Path, folder: Path, loop: str, on_dele: str | None = None) -> Home:
    """Return a home with one maildrop `office`, its one device `printer` and no mail."""
    home = Home(folder, loop)
    folder.mkdir(exist_ok=True)
    shutil.copytree(template / "state", home.state)
    home.configure()
    home.add_maildrop(on_dele=on_dele)
    home.add_device()
    return home


def _quick_hash(password: str) -> str:
    argon = Argon2id(salt=bytes(16), length=32, iterations=1, lanes=1, memory_cost=64)
    return argon.derive_phc_encoded(password.encode())


def _pairs(table: Table) -> Iterator[str]:
    return (f"{key} = {_toml(value)}" for key, value in table.items())


def _toml(value: object) -> str:
    return json.dumps(value)  # text, numbers, booleans and lists of these are the same in TOML


# ---- what runs


class Process(Protocol):
    """A process that was started: subprocess.Popen, or one that a crash test forked."""

    pid: int

    def wait(self, timeout: float | None = None) -> int: ...

    def send_signal(self, sig: int) -> None: ...


class Log:
    """What a process says on standard error, line by line as it comes, and kept in `folder`."""

    def __init__(self, stream: BinaryIO, folder: Path) -> None:
        self._folder = folder
        self.lines: list[str] = []
        self._stream = stream
        self._changed = threading.Condition()
        self._ended = False
        self._thread = threading.Thread(target=self._read, name="log", daemon=True)
        self._thread.start()

    @property
    def text(self) -> str:
        with self._changed:
            return "\n".join(self.lines)

    def events(self, event: str, **fields: object) -> list[dict[str, Any]]:
        """Return the events of that name which hold these fields."""
        with self._changed:
            return self._found(event, fields)

    def wait_for(self, event: str, count: int = 1, **fields: object) -> dict[str, Any]:
        """Return the count-th such event, once it is there; fail where the process ends first."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._ended or len(self._found(event, fields)) >= count,
                DEADLINE_SECONDS,
            )
            found = self._found(event, fields)
            said = "\n".join(self.lines[-40:])
            assert len(found) >= count, f"no {event} {fields} was logged, but:\n{said}"
            return found[count - 1]

    def has(self, *events: str) -> bool:
        """Wait for one of these events and tell whether it came before the process ended."""

        def is_there() -> bool:
            return any(self._found(event, {}) for event in events)

        with self._changed:
            self._changed.wait_for(lambda: self._ended or is_there(), DEADLINE_SECONDS)
            return is_there()

    def assert_calm(self) -> None:
        """Fail where a traceback, an exception or a foreign line was written."""
        for line in self.lines:
            assert line.startswith('{"time"'), self.text
            assert '"exception' not in line, line

    def close(self) -> None:
        """Wait for the last line."""
        self._thread.join(DEADLINE_SECONDS)
        self._stream.close()

    def _found(self, event: str, fields: Mapping[str, object]) -> list[dict[str, Any]]:
        parsed = (_parsed(line) for line in self.lines if f'"event": "{event}"' in line)
        return [one for one in parsed if fields.items() <= one.items()]

    def _read(self) -> None:
        for line in self._stream:
            keep(self._folder, line.rstrip(b"\n"))
            with self._changed:
                self.lines.append(line.decode("utf-8", "replace").rstrip("\n"))
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()


def _parsed(line: str) -> dict[str, Any]:
    try:
        return dict(json.loads(line))
    except ValueError:
        return {}


@attrs.define
class RunningBridge:
    """A bridge that listens."""

    home: Home
    process: Process
    log: Log
    ports: dict[str, int]
    clients: ExitStack

    def open(self, listener: str = "pop3s", *, source: str = "127.0.0.1") -> PopClient:
        """Return a client past its TLS handshake; it is closed at the end of the test."""
        context = trusting(self.home.ca) if listener.startswith("pop3s") else None
        client = connect(self.ports[listener], context, source=source)
        return self.clients.enter_context(client)

    def connect(self, listener: str = "pop3s", *, source: str = "127.0.0.1") -> PopClient:
        """Return a client that was greeted."""
        client = self.open(listener, source=source)
        assert_ok(client.line())
        return client

    def log_in(self, user: str = "printer", **how: str) -> PopClient:
        """Return a client in the TRANSACTION state."""
        client = self.connect(**how)
        assert_ok(client.log_in(user, PASSWORD))
        return client

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    def memory(self) -> int:
        """Return the octets of memory the process holds now (proc(5), VmRSS)."""
        status = Path(f"/proc/{self.process.pid}/status").read_text("ascii")
        line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
        return int(line.split()[1]) * 1024

    def descriptors(self) -> int:
        """Return how many files and sockets the process has open; it keeps that from all but root (proc(5))."""
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))

    def stop(self) -> None:
        """Stop it with SIGTERM, as systemd does; it must end by itself, in order, calmly."""
        self.signal(signal.SIGTERM)
        assert self.process.wait(DEADLINE_SECONDS) == 0, self.log.text
        self.log.close()
        self.log.assert_calm()


@contextmanager
def running(home: Home, program: Sequence[str] = PROGRAM) -> Iterator[RunningBridge]:
    """Run the bridge during the block; afterwards it must stop in order, having failed nowhere."""
    process = subprocess.Popen(
        [*program, "--config", str(home.config_file), "serve"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    assert isinstance(process.stderr, BufferedReader)
    with ExitStack() as clients:
        log = Log(process.stderr, home.folder)
        try:
            bridge = RunningBridge(home, process, log, listening_ports(home, log), clients)
            yield bridge
            clients.close()
            if process.poll() is None:
                bridge.stop()
        finally:
            if process.poll() is None:
                process.kill()
            process.wait(DEADLINE_SECONDS)
            log.close()


def wait_for_connections(bridge: RunningBridge, count: int) -> None:
    """Return once the bridge has no more than so many connections, by its own account."""
    patience = SystemClock().monotonic() + DEADLINE_SECONDS
    while (status := ask(bridge.home.state, "status")) and status["connections"] > count:
        assert SystemClock().monotonic() < patience, status


def listening_ports(home: Home, log: Log) -> dict[str, int]:
    """Return the ports of all listeners, once they listen."""
    names = [listener.name for listener in load_config(home.config_file).listener]
    return {name: int(log.wait_for("listening", listener=name)["port"]) for name in names}
