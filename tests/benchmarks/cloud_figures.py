"""Every figure of the cloud road: how a row is measured, and what it is to reach.

There is no peer: nothing else brings this mail to a POP3 device. What a figure's name leaves out is Graph; `-gmail`
says that it is the other one. Each round starts a bridge anew.
"""

import contextlib
import functools
import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Literal

import procfs
from cloud import CloudLoop, Road, road
from figures import Figure, Turn
from load import LoadFailedError
from targets import Target, at_least, at_most

Service = Literal["graph", "gmail"]
Measure = Callable[[Turn], float]

_MB = 1_000_000
_DRAIN_COUNT, _DRAIN_OCTETS, _DRAIN_LATENCY = 200, 40_000, 0.1
_AT_ONCE = 3  # requests the bridge may have in flight for a mailbox
_VALUE = r"^GET .*/\$value"
_LARGEST_MB = 150
_INTERVAL = 2.0
_NUDGE_GAP = 60.0
_LONG = 3600.0  # no look comes by itself while a figure is measured
_API_CALLS = 2  # one look and one message
_SELDOM_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class CloudScale:
    """How much is done in one round."""

    gigabytes: float = 0.5
    folder: int = 10_000
    polls: int = 100
    arrivals: int = 5


FULL = CloudScale()
QUICK = CloudScale(gigabytes=0.1, folder=1_000, arrivals=3)


def drain_share(turn: Turn) -> float:
    """Share of the rate that three requests in flight allow, from the first body asked to all listed."""
    with _road(turn, "graph", nudge_gap=0.0) as bridge:
        bridge.latency(_DRAIN_LATENCY)
        begun = bridge.put(_DRAIN_COUNT, _DRAIN_OCTETS)
        ended = bridge.wait_listed(_DRAIN_COUNT)
        first = min(bridge.asked(_VALUE, begun))
        allowed = _DRAIN_COUNT * _DRAIN_LATENCY / _AT_ONCE
        return allowed / (ended - first)


def device_overlap(turn: Turn) -> float:
    """Percent of the messages that a device had on paper when the last one arrived in the spool."""
    printer = _Printer()
    with _road(turn, "graph", nudge_gap=0.0) as bridge, ThreadPoolExecutor(1) as pool:
        bridge.latency(_DRAIN_LATENCY)
        begun = bridge.put(_DRAIN_COUNT, _DRAIN_OCTETS)
        printing = pool.submit(printer.print_all, bridge, _DRAIN_COUNT)
        try:
            printing.result(_drain_patience())
        finally:
            printer.stop.set()
        asked = bridge.asked(_VALUE, begun)
    if len(asked) < _DRAIN_COUNT:
        raise LoadFailedError(f"{len(asked)} of {_DRAIN_COUNT} bodies were asked for")
    arrived = max(asked) + _DRAIN_LATENCY
    return 100 * sum(when <= arrived for when in printer.times) / _DRAIN_COUNT


def idle_requests(turn: Turn, *, service: Service, polls: int) -> float:
    """Requests that idle polls within one interval cause, beyond one look."""
    with _road(turn, service, interval=_NUDGE_GAP, nudge_gap=_NUDGE_GAP) as bridge:
        begun = time.monotonic()
        for _ in range(polls):
            bridge.poll()
        looks = bridge.wait_quiet(begun)
        if time.monotonic() - begun > _NUDGE_GAP / 2:
            raise LoadFailedError("the polls took so long that a second look may be due")
        return float(max(0, looks - 1))


def second_open(turn: Turn, *, service: Service, count: int) -> float:
    """Requests that the first look of a new start makes at a folder whose messages are all here."""
    contender = _contender(turn)
    state = contender.cloud.filled.get(service) or _fill(turn, service, count)
    since = time.monotonic()
    with _road(turn, service, nudge_gap=_LONG, state=state) as bridge:
        requests = len(bridge.asked(since=since))
        if (shown := bridge.poll()) != count:
            raise LoadFailedError(f"the spool shows {shown} of {count} messages")
    return float(requests)


def memory_growth(turn: Turn, *, service: Service) -> float:
    """MB (10^6 octets) the bridge grows by at most while one message of 150 MB comes in, warm."""
    with _road(turn, service, nudge_gap=0.0) as bridge:
        bridge.put(1, 2 * _MB)
        bridge.wait_listed(1)
        time.sleep(1.0)
        pid = bridge.server.pid
        procfs.reset_peak(pid)
        before = procfs.memory(pid)
        watch = _Watch(pid, before.pss_kb)
        bridge.put(1, _LARGEST_MB * _MB)
        bridge.wait_listed(2, _SELDOM_SECONDS, watch.sample)
        after = procfs.memory(pid)
        grown = watch.peak_kb - before.pss_kb
        if (
            after.processes == before.processes == 1
        ):  # then the kernel's own peak misses nothing
            grown = max(grown, after.peak_kb - before.rss_kb)
        return grown * 1024 / _MB


def cpu_per_gigabyte(turn: Turn, *, service: Service, gigabytes: float) -> float:
    """CPU seconds of the bridge for one GB (10^9 octets of mail) from the service into the spool."""
    count = max(1, round(gigabytes * 1000 / 25))
    with _road(turn, service, nudge_gap=0.0) as bridge:
        bridge.put(1, 2 * _MB)
        bridge.wait_listed(1)
        time.sleep(1.0)
        before = procfs.cpu_seconds(bridge.server.pid)
        bridge.put(count, 25 * _MB)
        bridge.wait_listed(1 + count, 2 * _SELDOM_SECONDS)
        spent = procfs.cpu_seconds(bridge.server.pid) - before
        return spent * 1000 / (count * 25)


def arrival(turn: Turn, *, service: Service, arrivals: int) -> float:
    """Seconds from upstream to the device's list where only the interval brings a look; the slowest."""
    seconds = []
    with _road(turn, service, interval=_INTERVAL, nudge_gap=_LONG) as bridge:
        bridge.poll()  # the one nudge that counts
        bridge.put(1, _DRAIN_OCTETS)
        bridge.wait_listed(1)
        for number in range(arrivals):
            # A look has just ended: the first waits longest, the others begin later and later.
            time.sleep(_INTERVAL * number / arrivals)
            put = bridge.put(1, _DRAIN_OCTETS)
            seconds.append(bridge.wait_listed(number + 2) - put)
    return max(seconds)


def arrival_after_login(turn: Turn, *, service: Service) -> float:
    """Seconds from a login to the list that shows what lay upstream, 100 ms a call."""
    with _road(turn, service, interval=_NUDGE_GAP, nudge_gap=_NUDGE_GAP) as bridge:
        bridge.latency(_DRAIN_LATENCY)
        bridge.put(1, _DRAIN_OCTETS)
        begun = time.monotonic()
        return bridge.wait_listed(1) - begun


def cloud_figures(scale: CloudScale) -> list[Figure]:
    """Return the figures of the cloud road, in the table's order."""
    rows = [
        _row(
            "graph-drain",
            "200 x 40 kB at 100 ms a call, of what 3 in flight allow",
            "x",
            drain_share,
            at_least("x", 0.85),
        ),
        _row(
            "graph-drain-device",
            "of those, printed meanwhile when the last arrived",
            "%",
            device_overlap,
            at_least("%", 50),
            digits=0,
        ),
    ]
    for make in (_idle, _second, _growth, _cpu, _arrival, _nudged):
        rows += [make(scale, "graph"), make(scale, "gmail")]
    return rows


# ---- the rows


def _idle(scale: CloudScale, service: Service) -> Figure:
    measure = functools.partial(idle_requests, service=service, polls=scale.polls)
    title = f"requests of {scale.polls} idle polls beyond one look, {_called(service)}"
    return _row(_name("idle-polls", service), title, "", measure, at_most("", 0), digits=0)


def _second(scale: CloudScale, service: Service) -> Figure:
    measure = functools.partial(second_open, service=service, count=scale.folder)
    title = f"requests to open {scale.folder:,} messages again, {_called(service)}"
    return _row(_name("second-open", service), title, "", measure, at_most("", 1), digits=0)


def _growth(_: CloudScale, service: Service) -> Figure:
    measure = functools.partial(memory_growth, service=service)
    title = f"growth while {_LARGEST_MB} MB come, {_called(service)}"
    return _row(_name("growth", service), title, "MB", measure, at_most("MB", 16), digits=1)


def _cpu(scale: CloudScale, service: Service) -> Figure:
    measure = functools.partial(cpu_per_gigabyte, service=service, gigabytes=scale.gigabytes)
    title = f"CPU per GB into the spool, 25 MB, {_called(service)}"
    return _row(_name("spool-cpu", service), title, "s", measure, at_most("s", 8))


def _arrival(scale: CloudScale, service: Service) -> Figure:
    measure = functools.partial(arrival, service=service, arrivals=scale.arrivals)
    title = f"arrival to listed, interval {_INTERVAL:g} s, slowest of {scale.arrivals}, "
    title += _called(service)
    return _row(_name("arrival", service), title, "s", measure, at_most("s", _INTERVAL + 1))


def _nudged(_: CloudScale, service: Service) -> Figure:
    measure = functools.partial(arrival_after_login, service=service)
    title = f"login to listed, 100 ms a call, {_called(service)}"
    bound = at_most("s", 2 + _API_CALLS * _DRAIN_LATENCY)
    return _row(_name("arrival-login", service), title, "s", measure, bound)


def _row(
    name: str, title: str, unit: str, measure: Measure, target: Target, *, digits: int = 2
) -> Figure:
    return Figure(
        name, title, unit or "-", (), measure, target, server="none", peer=False, digits=digits
    )


def _name(what: str, service: Service) -> str:
    return what if service == "graph" else f"{what}-{service}"


def _called(service: Service) -> str:
    return "Graph" if service == "graph" else "Gmail"


# ---- doing it


@dataclass(slots=True)
class _Printer:
    """A device that logs in again and again, prints what is there, and deletes it."""

    stop: Event = field(default_factory=Event)
    times: list[float] = field(default_factory=list)
    """When each message was on paper."""

    def print_all(self, bridge: Road, count: int) -> None:
        """Print until so many messages are printed, or `stop` is set."""
        while len(self.times) < count and not self.stop.is_set():
            with bridge.log_in() as session:
                for number in range(1, session.message_count() + 1):
                    session.drain(f"RETR {number}")
                    self.times.append(time.monotonic())
                    session.command(f"DELE {number}")
                session.command("QUIT")
            self.stop.wait(0.02)


@dataclass(slots=True)
class _Watch:
    """The most memory that was seen."""

    pid: int
    peak_kb: int

    def sample(self) -> None:
        self.peak_kb = max(self.peak_kb, procfs.memory(self.pid).pss_kb)


def _fill(turn: Turn, service: Service, count: int) -> Path:
    """Bring that many messages into a spool, and return the state folder that holds it."""
    contender = _contender(turn)
    cloud = contender.cloud
    with _road(turn, service, nudge_gap=0.0) as bridge:
        bridge.put(count, 1_000)
        bridge.wait_listed(count, 2 * _SELDOM_SECONDS)
        bridge.wait_quiet(0.0)  # the cursor is kept after the last message
    filled = cloud.folder / f"filled-{service}"
    shutil.rmtree(filled, ignore_errors=True)
    shutil.copytree(contender.running_state, filled)
    cloud.filled[service] = filled
    return filled


def _road(
    turn: Turn,
    service: Service,
    *,
    interval: float = _LONG,
    nudge_gap: float,
    state: Path | None = None,
) -> contextlib.AbstractContextManager[Road]:
    """Start a bridge, at empty mailboxes unless `state` holds what is in them."""
    contender = _contender(turn)
    if state is None:
        contender.cloud.clear()
    return road(
        contender,
        service,
        turn.server_cores,
        interval=interval,
        nudge_gap=nudge_gap,
        state=state,
    )


def _contender(turn: Turn) -> CloudLoop:
    assert isinstance(turn.contender, CloudLoop), "the cloud road is ours alone"
    return turn.contender


def _drain_patience() -> float:
    """Return the seconds after which a drain has failed: ten times what it may take."""
    return 10 * _DRAIN_COUNT * _DRAIN_LATENCY / _AT_ONCE
