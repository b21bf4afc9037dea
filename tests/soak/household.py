"""A real bridge with devices that poll it, mail that arrives for them, and services that fail now and then."""

import random
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import attrs

from bridge.clock import SystemClock
from tests.fakes.cloud import Cloud
from tests.fakes.cloud_thread import cloud_thread
from tests.fakes.faults import Answer, Fault, Reset, Truncate, html
from tests.soak.ledger import Ledger
from tests.soak.samples import Sample, octets_below
from tests.system.cloud_home import CloudHome, bare_home
from tests.system.pop_client import DEADLINE_SECONDS, PopClient, connect, trusting
from tests.system.running_bridge import PASSWORD, RunningBridge, make_template, running

DEVICES_PER_MAILDROP = 5
MICROSOFT, GOOGLE = "office365", "gmail"
FAULTS: Sequence[Fault] = (
    Answer(429, b"{}", {"Retry-After": "1"}, is_legal=False),
    Answer(500, b"{}", is_legal=False),
    Answer(503, b"", is_legal=False),
    html(502),
    Reset(50),
    Truncate(50),
)
LEAVES_UNASKED, IS_CUT_OFF = 0.05, 0.015
"""Chances that a device leaves without QUIT, and that its connection is cut after a message."""


@attrs.frozen
class Pace:
    """Seconds between two sessions of a device, two messages, two faults; seconds between two looks."""

    poll: float
    mail: float
    fault: float
    look: float


STEADY = Pace(poll=5.0, mail=0.4, fault=7.0, look=5.0)


@attrs.define
class Household:
    """Everything that runs; `stop` ends the threads, `calm` ends mail and faults alone."""

    home: CloudHome
    bridge: RunningBridge
    pace: Pace
    maildrops: list[str]
    devices: list[str]
    ledger: Ledger = attrs.field(factory=Ledger)
    faults: int = 0
    stop: threading.Event = attrs.field(factory=threading.Event)
    calm: threading.Event = attrs.field(factory=threading.Event)
    changed: threading.Condition = attrs.field(factory=threading.Condition)
    _requests: int = 0
    _started: float = attrs.field(factory=lambda: SystemClock().monotonic())
    _rng: random.Random = attrs.field(factory=lambda: random.Random(1))  # noqa: S311 - a load

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Let devices poll, mail arrive and faults come during the block."""
        jobs = [(self._poll, index) for index in range(len(self.devices))]
        jobs += [(self._send_mail, 0), (self._make_trouble, 0)]
        threads = [
            threading.Thread(target=self._guarded, args=job, daemon=True) for job in jobs
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self.stop.set()
            for thread in threads:
                thread.join(DEADLINE_SECONDS)

    def wait_until(self, is_so: Callable[[], bool], seconds: float) -> bool:
        """Return whether something came true within some seconds, looking whenever a session ended."""
        with self.changed:
            return self.changed.wait_for(lambda: bool(self.ledger.faults) or is_so(), seconds)

    def heal(self) -> None:
        """Let the services fail no more, and have each account looked at now, whatever its last look met."""
        self.home.cloud.do(lambda cloud: [service.heal() for service in cloud.services])
        for account in self.maildrops:
            self.home.home.sync(account)

    def sample(self) -> Sample:
        """Return what the bridge holds now."""
        self._requests += self.home.cloud.do(_count_and_forget)
        state = self.home.home.state
        database = sum(path.stat().st_size for path in state.glob("popbridge.db*"))
        return Sample(
            SystemClock().monotonic() - self._started,
            self.bridge.memory(),
            self.bridge.descriptors(),
            octets_below(state / "bodies"),
            database,
            self._requests,
            self.ledger.sessions,
            len(self.ledger.deleted),
        )

    # ---- threads

    def _guarded(self, work: Callable[[int, random.Random], None], index: int) -> None:
        rng = random.Random(index)  # noqa: S311 - a load
        try:
            work(index, rng)
        except Exception as error:  # noqa: BLE001 - a thread's end must be seen
            self.ledger.complain(f"{work.__name__} {index}: {error!r}")
        with self.changed:
            self.changed.notify_all()

    def _poll(self, index: int, rng: random.Random) -> None:
        context = trusting(self.home.home.ca)
        while not self.stop.wait(rng.uniform(0.5, 1.5) * self.pace.poll):
            self._session(index, context, rng)
            with self.changed:
                self.changed.notify_all()

    def _session(self, index: int, context: ssl.SSLContext, rng: random.Random) -> None:
        source = f"127.0.1.{index + 1}"
        with connect(self.bridge.ports["pop3s"], context, source=source) as client:
            client.line()
            answer = client.log_in(self.devices[index], PASSWORD)
            self.ledger.met(is_busy=b"[IN-USE]" in answer)
            if answer.startswith(b"+OK"):
                self._print(client, rng)
            elif b"[IN-USE]" not in answer:
                self.ledger.complain(f"a right password was answered with {answer!r}")

    def _print(self, client: PopClient, rng: random.Random) -> None:
        done = []
        for number in range(1, len(client.unique_ids()) + 1):
            done.append(self.ledger.retrieved(client.retrieve(number)))
            client.command(f"DELE {number}")
            if rng.random() < IS_CUT_OFF:
                return
        if rng.random() < LEAVES_UNASKED:
            return
        if client.quit().startswith(b"+OK"):
            self.ledger.confirmed(done)

    def _send_mail(self, _index: int, rng: random.Random) -> None:
        while not self.calm.is_set() and not self.stop.wait(self.pace.mail):
            size = rng.choice((200, 200, 5_000, 100_000))
            octets = self.ledger.send(size)
            self._deliver(rng.choice(self.maildrops), octets, len(self.ledger.sent))

    def _deliver(self, maildrop: str, octets: bytes, number: int) -> None:
        if maildrop == MICROSOFT:
            self.home.cloud.do(lambda cloud: cloud.graph.mailbox.put(octets))
        elif maildrop == GOOGLE:
            self.home.cloud.do(lambda cloud: cloud.gmail.mailbox.put(octets))
        else:
            self.home.home.put(f"{number:08}.eml", octets, maildrop)

    def _make_trouble(self, _index: int, rng: random.Random) -> None:
        while not self.calm.is_set() and not self.stop.wait(self.pace.fault):
            fault = rng.choice(FAULTS)
            is_graph = rng.random() < 0.5
            self.home.cloud.do(
                lambda cloud, fault=fault, is_graph=is_graph: _script(
                    cloud, fault, is_graph=is_graph
                )
            )
            self.faults += 1


def _script(cloud: Cloud, fault: Fault, *, is_graph: bool) -> None:
    (cloud.graph if is_graph else cloud.gmail).script("", fault)


def _count_and_forget(cloud: Cloud) -> int:
    """Return how many requests came since; they are not kept, since a soak may take hours."""
    found = 0
    for service in cloud.services:
        found += len(service.asked)
        service.asked.clear()
    cloud.graph.batch_parts.clear()
    return found


@contextmanager
def household(folder: Path, devices: int, pace: Pace = STEADY) -> Iterator[Household]:
    """Yield a household whose bridge runs; nothing else does before `at_work`."""
    (folder / "template").mkdir()
    template = make_template(folder / "template")
    with cloud_thread(folder) as cloud:
        cloud.cloud.entra.device_interval = 1
        home = bare_home(template, folder / "home", "auto", cloud)
        home.home.configure(
            sync={"interval": pace.look, "nudge_gap": pace.look / 5},
            limits={"connections": 4 * devices + 20},
        )
        with running(home.home) as bridge:
            maildrops = _furnish(home, devices)
            yield Household(home, bridge, pace, maildrops, _names(maildrops, devices))


def _furnish(home: CloudHome, devices: int) -> list[str]:
    """Add both clouds, and as many mail folders as the devices need; return the maildrops."""
    home.add_microsoft()
    home.enrol_by_code()
    home.add_google()
    home.enrol_in_browser()
    maildrops = [MICROSOFT, GOOGLE]
    for name in maildrops:
        home.must("maildrop", "add", name, "--account", name, "--on-dele", "trash")
    while len(maildrops) * DEVICES_PER_MAILDROP < devices:
        maildrops.append(f"folder{len(maildrops)}")
        home.home.add_maildrop(maildrops[-1], "trash")
    for index, name in enumerate(_names(maildrops, devices)):
        home.home.add_device(name, maildrops[index % len(maildrops)])
    return maildrops


def _names(maildrops: Sequence[str], devices: int) -> list[str]:
    return [f"device{index}-{maildrops[index % len(maildrops)]}" for index in range(devices)]
