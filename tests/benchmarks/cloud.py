"""The cloud road as a contender: the fakes in a process of their own, and a bridge enrolled at them per event loop.

Each provider has one state folder, enrolled once through the command line; a bridge starts on a fresh copy of it.
"""

import contextlib
import json
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import ours
from load import LoadFailedError
from popclient import HOST, PASSWORD, PopSession, tls_context
from servers import Running, free_port, launch, on_cores

PROVIDERS = {"graph": "microsoft", "gmail": "google"}
"""The services that hold mail, and the kind of account that reads them."""

_ROOT = Path(__file__).parents[2]
_ANSWER_SECONDS = 120.0
_PATIENCE_SECONDS = 600.0
_QUIET_SECONDS = 1.5
_PAUSE_SECONDS = 0.05
_UNITS = (
    "1000000000"  # a budget that never paces: what is measured is the bridge, not the quota
)

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
interval = {interval}
nudge_gap = {nudge_gap}
"""


class Fakes:
    """The fake cloud, which obeys until it is stopped."""

    def __init__(self, folder: Path, core: int | None) -> None:
        """Start it on that core, and wait until it listens."""
        folder.mkdir()
        with (
            (folder / "output").open("wb") as output,
            on_cores(set() if core is None else {core}),
        ):
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.benchmarks.cloud_fakes", str(folder)],
                cwd=_ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
            )
        try:
            self.where: dict[str, Any] = self.do("where")
        except BaseException:
            self.stop()
            raise

    def do(self, word: str, **words: object) -> Any:  # noqa: ANN401 - JSON, whose shape the word says
        """Have one thing done, and return what it told.

        Raises:
            LoadFailedError: the fakes have ended, or do not answer.
        """
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps({"do": word, **words}).encode("ascii") + b"\n")
        process.stdin.flush()
        ready = select.select([process.stdout], [], [], _ANSWER_SECONDS)[0]
        line = process.stdout.readline() if ready else b""
        if not line:
            raise LoadFailedError(f"the fake cloud did not answer to {word}")
        return json.loads(line)

    def stop(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()


class Cloud:
    """The fakes, and one enrolled state folder for each provider."""

    def __init__(self, folder: Path, client_core: int | None) -> None:
        """Keep everything below `folder`; call `close` in the end."""
        folder.mkdir()
        self.folder = folder
        self.client_core = client_core
        self.fakes = Fakes(folder / "fakes", client_core)
        self.filled: dict[str, Path] = {}
        """State folders whose spool holds what the mailbox holds now; `clear` forgets them."""
        self._states: dict[str, Path] = {}

    def close(self) -> None:
        """End the fakes."""
        self.fakes.stop()

    def state(self, service: str) -> Path:
        """Return the enrolled state folder, which is made at the first call."""
        if service not in self._states:
            self._states[service] = self._enrolled(service)
        return self._states[service]

    def clear(self) -> None:
        """Begin anew with empty mailboxes."""
        self.fakes.do("clear")
        self.filled.clear()

    def assert_kept(self) -> None:
        """Accept that both sides kept to the contracts since the last call.

        Raises:
            LoadFailedError: they did not.
        """
        if broken := self.fakes.do("violations"):
            raise LoadFailedError(f"{len(broken)} breaches of contract, the first: {broken[0]}")

    def _enrolled(self, service: str) -> Path:
        folder = self.folder / service
        folder.mkdir()
        config = write_config(folder, "asyncio", free_port(), interval=3600, nudge_gap=3600)
        ours.verb(config, "init")
        ours.verb(config, "account", "add", service, *self._account(folder, service))
        self._enrol(config, service)
        ours.verb(config, "maildrop", "add", service, "--account", service)
        device = ("device", "add", service, "--maildrop", service, "--password-stdin")
        ours.verb(config, *device, text=PASSWORD)
        return folder / "state"

    def _account(self, folder: Path, service: str) -> list[str]:
        where = self.fakes.where
        words = ["--provider", PROVIDERS[service], "--ca", where["ca"]]
        if service == "graph":
            words += ["--client-id", where["client_id"], "--tenant", "example.com"]
            return [*words, "--graph-url", where["graph"], "--authority", where["authority"]]
        client = folder / "client.json"
        client.write_text(json.dumps(where["client_file"]), encoding="utf-8")
        words += ["--client-file", str(client), "--units-per-minute", _UNITS]
        return [*words, "--gmail-url", where["gmail"], "--token-url", where["token"]]

    def _enrol(self, config: Path, service: str) -> None:
        """Be the admin, in front of the command and of the browser."""
        command = [str(ours.program()), "--config", str(config), "account", "enrol", service]
        with subprocess.Popen(
            [*command, "--json"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            told = json.loads(process.stdout.readline() or "{}")
            if "code" in told:
                self.fakes.do("approve", code=told["code"])
            elif "address" in told:
                back = self.fakes.do("authorize", address=told["address"])
                process.stdin.write(back + "\n")
                process.stdin.flush()
            else:
                process.kill()
            process.stdout.read()
        if process.returncode:
            raise ours.CommandFailedError(f"the enrolment of {service} failed: {told}")


class CloudLoop:
    """popbridge on one event loop, at the fake cloud."""

    def __init__(self, cloud: Cloud, loop: str) -> None:
        """Start nothing yet."""
        self.name = loop
        self.cloud = cloud

    def start(self, cores: set[int]) -> Running:
        """Start it at the fake Graph, as the protocol of contenders asks."""
        return self.launch(self.cloud.state("graph"), cores, interval=60, nudge_gap=60)

    def launch(
        self, state: Path, cores: set[int], *, interval: float, nudge_gap: float
    ) -> Running:
        """Start it on a copy of `state`."""
        folder = self.cloud.folder / self.name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        shutil.copytree(state, folder / "state")
        port = free_port()
        config = write_config(folder, self.name, port, interval=interval, nudge_gap=nudge_gap)
        command = [str(ours.program()), "--config", str(config), "serve"]
        return launch(command, port, cores, folder / "output")

    @property
    def running_state(self) -> Path:
        """Return the state folder of the bridge that was launched last."""
        return self.cloud.folder / self.name / "state"


class Road:
    """One bridge that runs at one service, its device, and what the service was asked."""

    def __init__(self, server: Running, fakes: Fakes, service: str) -> None:
        """Look at a bridge that listens."""
        self.server = server
        self.service = service
        self._fakes = fakes
        self._tls = tls_context("modern")

    def log_in(self) -> PopSession:
        """Return a session of the device past its password."""
        session = PopSession(self.server.port, self._tls)
        try:
            session.log_in(self.service)
        except BaseException:
            session.__exit__()
            raise
        return session

    def poll(self) -> int:
        """Do what an idle device does, and return how many messages it is shown."""
        with self.log_in() as session:
            count = session.message_count()
            session.command("QUIT")
        return count

    def put(self, count: int, octets: int) -> float:
        """Let messages arrive upstream, and return when."""
        when = self._fakes.do("put", service=self.service, count=count, octets=octets)
        return float(when)

    def latency(self, seconds: float) -> None:
        """Let every call of the service take so long."""
        self._fakes.do("latency", service=self.service, seconds=seconds)

    def asked(self, pattern: str = "", since: float = 0.0) -> list[float]:
        """Return when the matching requests came."""
        words = {"service": self.service, "pattern": pattern, "since": since}
        return list(self._fakes.do("asked", **words))

    def wait_listed(
        self,
        count: int,
        pause: float = _PAUSE_SECONDS,
        meanwhile: Callable[[], object] = lambda: None,
    ) -> float:
        """Poll until the device is shown so many messages, and return when it was.

        Raises:
            LoadFailedError: it is not, for minutes.
        """
        patience = time.monotonic() + _PATIENCE_SECONDS
        while (shown := self.poll()) < count:
            if time.monotonic() > patience:
                raise LoadFailedError(f"{shown} of {count} messages came")
            meanwhile()
            time.sleep(pause)
        return time.monotonic()

    def wait_quiet(self, since: float) -> int:
        """Wait until the service was asked something and then nothing more; return how often.

        Raises:
            LoadFailedError: it is asked nothing, or never stops being asked.
        """
        patience = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < patience:
            times = self.asked(since=since)
            if times and time.monotonic() - times[-1] > _QUIET_SECONDS:
                return len(times)
            time.sleep(_PAUSE_SECONDS)
        raise LoadFailedError(f"{self.service} was asked nothing, or without end")


@contextlib.contextmanager
def road(
    contender: CloudLoop,
    service: str,
    cores: set[int],
    *,
    interval: float = 60.0,
    nudge_gap: float = 60.0,
    state: Path | None = None,
) -> Iterator[Road]:
    """Yield a bridge whose first look is over, and stop it afterwards; we are the device meanwhile."""
    cloud = contender.cloud
    enrolled = state or cloud.state(service)  # enrolling asks the service, and is not counted
    begun = time.monotonic()
    server = contender.launch(enrolled, cores, interval=interval, nudge_gap=nudge_gap)
    try:
        with on_cores(set() if cloud.client_core is None else {cloud.client_core}):
            found = Road(server, cloud.fakes, service)
            found.wait_quiet(begun)
            yield found
            cloud.assert_kept()
    finally:
        server.stop()


def write_config(
    folder: Path, loop: str, port: int, *, interval: float, nudge_gap: float
) -> Path:
    """Write the bridge's configuration into `folder`, beside its state."""
    text = _CONFIG.format(
        state=folder / "state",
        loop=loop,
        host=HOST,
        port=port,
        interval=interval,
        nudge_gap=nudge_gap,
    )
    path = folder / "config.toml"
    path.write_text(text, encoding="ascii")
    return path
