"""Every figure of the benchmark: one function says how a row is measured, one entry what it is to reach.

Most figures keep a server running over all rounds, warm; those about memory start it anew for every round, because
an allocator that has grown once would hide the growth.
"""

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Literal

import load
import ours
from load import Job, Result
from mail import MailSet
from servers import Contender, Running
from targets import Target, at_most, relative

_MB = 1_000_000
_HERD_SECONDS = 15  # half of the shortest time-out known of a device: 30 s, Dell 2335dn


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is done in one round."""

    polls: int = 1000
    gigabytes: float = 1.0
    growth_gigabytes: float = 0.3
    idle: int = 200
    passes: int = 10
    logins: int = 15
    starts: int = 5
    largest_mb: int = 150

    @property
    def shared(self) -> MailSet:
        """The many users with three messages of 40 kB each."""
        return MailSet("three", count=3, octets=40_000, users=self.idle)


QUICK = Scale(polls=300, gigabytes=0.2, idle=100, passes=5, logins=5, starts=3, largest_mb=25)
FULL = Scale()

_BIG = MailSet("big", count=2, octets=25 * _MB)
_HERD = MailSet("herd", count=16, octets=40_000, users=200, slow_hash=True)
_EIGHT = MailSet("eight", count=1, octets=25 * _MB, users=8)
_SEQUENCE = MailSet("sequence", count=200, octets=40_000)
_DEPTHS = {count: MailSet(f"deep{count}", count, 1_000) for count in (1, 10, 100, 1000, 10_000)}
_SIZES = {
    "40 kB": MailSet("size40k", count=25, octets=40_000),
    "1 MB": MailSet("size1m", count=10, octets=_MB),
    "25 MB": _BIG,
    "150 MB": MailSet("size150m", count=1, octets=150 * _MB),
}


@dataclass(slots=True)
class Turn:
    """One contender's turn in one round of one figure."""

    contender: Contender
    server: Running | None
    scale: Scale
    server_cores: set[int]
    client_core: int | None
    negotiated: set[str] = field(default_factory=set)
    last: Result = field(default_factory=Result)
    """What the last load gave, for the rows that go with a figure."""

    def load(self, job: Callable[..., Job], **extra: object) -> Result:
        """Put a job on this turn's server."""
        assert self.server is not None, "this figure has a server"
        result = load.run(
            job(port=self.server.port, server=self.server.pid, core=self.client_core, **extra)
        )
        self.negotiated.add(result.negotiated)
        self.last = result
        return result


@dataclass(frozen=True, slots=True)
class Figure:
    """One row of the table."""

    name: str
    title: str
    unit: str
    sets: tuple[MailSet, ...]
    measure: Callable[[Turn], float]
    target: Target | None = None
    server: Literal["kept", "fresh", "none"] = "kept"
    peer: bool = True
    every_core: bool = False
    """Wall time of a crowd: the server and the client share all there are, and nobody is pinned."""
    spread_cores: bool = False
    """Wall time: let the server use every core but the client's, as Dovecot's processes can."""
    digits: int = 2
    beside: tuple["Figure", ...] = ()
    """More rows of the same load: each `measure` reads the turn's last result."""


def poll_cpu(turn: Turn, *, tls: str = "modern") -> float:
    """CPU seconds of 1000 polls by twenty users, four at a time."""
    mail = turn.scale.shared
    result = turn.load(
        Job,
        kind="polls",
        user=mail.pattern,
        messages=mail.count,
        users=20,
        sessions=turn.scale.polls,
        concurrency=4,
        warm_up=20,
        tls=tls,
    )
    return result.cpu_seconds * 1000 / result.sessions


def retr_cpu(turn: Turn) -> float:
    """CPU seconds of one GB (10^9 octets on the wire) of RETR, one connection at a time."""
    return _retr_cpu(turn, _BIG, turn.scale.gigabytes)


def sized_retr_cpu(turn: Turn, *, mail: MailSet) -> float:
    """CPU seconds of one GB of RETR: what `retr_cpu` measures, for messages of one size."""
    return _retr_cpu(turn, mail, turn.scale.growth_gigabytes)


def idle_memory(turn: Turn) -> float:
    """Memory in kB (1024 octets) that one more session takes which is logged in and says nothing."""
    mail = turn.scale.shared
    result = turn.load(
        Job,
        kind="idle",
        user=mail.pattern,
        messages=mail.count,
        users=mail.users,
        sessions=mail.users,
        warm_up=mail.users,
    )
    return (result.after_kb - result.before_kb) / result.sessions


def retr_growth(turn: Turn) -> float:
    """MB (10^6 octets) the server grows by at most while eight slow readers fetch 25 MB each."""
    result = turn.load(
        Job,
        kind="slow-readers",
        user=_EIGHT.pattern,
        messages=_EIGHT.count,
        users=8,
        sessions=8,
        warm_up=8,
    )
    return (result.peak_kb - result.before_kb) * 1024 / _MB


def deep_login(turn: Turn) -> float:
    """How many times longer login to STAT takes with 10,000 messages than with 10."""
    result = turn.load(
        Job,
        kind="delays",
        user=_DEPTHS[10].user(0),
        messages=10,
        other_user=_DEPTHS[10_000].user(0),
        other_messages=10_000,
        sessions=turn.scale.logins,
        warm_up=10,
    )
    return median(result.other_delays) / median(result.delays)


def login_delay(turn: Turn, *, mail: MailSet) -> float:
    """Milliseconds from USER to the answer to STAT."""
    result = turn.load(
        Job,
        kind="delays",
        user=mail.user(0),
        messages=mail.count,
        sessions=turn.scale.logins,
        warm_up=10,
    )
    return median(result.delays) * 1000


def deep_poll_cpu(turn: Turn, *, mail: MailSet) -> float:
    """CPU seconds of 1000 polls of one user with that many messages."""
    sessions = max(20, turn.scale.polls // (10 if mail.count >= 1000 else 3))
    result = turn.load(
        Job, kind="polls", user=mail.user(0), messages=mail.count, sessions=sessions, warm_up=20
    )
    return result.cpu_seconds * 1000 / result.sessions


def sequence_rate(turn: Turn) -> float:
    """Messages a second when 200 of 40 kB are fetched one after the other; the median pass."""
    result = turn.load(
        Job,
        kind="sequence",
        user=_SEQUENCE.user(0),
        messages=_SEQUENCE.count,
        sessions=turn.scale.passes,
        warm_up=1,
    )
    return _SEQUENCE.count / median(result.delays)


def herd_seconds(turn: Turn) -> float:
    """Wall seconds until a device of the herd is served, at the 99th percentile; the rest reads `last`.

    The server has just started, so no password has been seen and each costs its slow hash.
    """
    turn.load(
        Job,
        kind="herd",
        user=_HERD.pattern,
        messages=_HERD.count,
        users=_HERD.users,
        sessions=_HERD.users,
        warm_up=0,
    )
    return _percentile(turn.last.delays, 99)


def start_seconds(turn: Turn) -> float:
    """Wall seconds from the start of the program to a TCP connection; the median start."""
    seconds = []
    for _ in range(turn.scale.starts + 1):
        server = turn.contender.start(turn.server_cores)
        seconds.append(server.seconds_to_listen)
        server.stop()
    return median(seconds[1:])  # the first one warms the page cache


def version_seconds(turn: Turn) -> float:
    """Wall seconds of `popbridge --version`; the median run."""
    runs = [ours.version_seconds(turn.server_cores) for _ in range(2 * turn.scale.starts + 1)]
    return median(runs[1:])


def targets(scale: Scale) -> list[Figure]:
    """Return the figures that have a target, in the table's order."""
    return [
        *_of_cpu(scale.shared),
        *_of_memory(scale.shared),
        *_of_time(scale.shared),
        _of_a_herd(),
    ]


def growth(scale: Scale) -> list[Figure]:
    """Return the figures without a target: how cost grows with messages and with size."""
    rows = []
    for count, mail in _DEPTHS.items():
        measure = functools.partial(deep_poll_cpu, mail=mail)
        title = f"CPU per 1000 polls, {_messages(count)}"
        rows.append(Figure(f"polls-{count}", title, "s", (mail,), measure))
    for count, mail in _DEPTHS.items():
        measure = functools.partial(login_delay, mail=mail)
        title = f"login to STAT, {_messages(count)}"
        rows.append(Figure(f"login-{count}", title, "ms", (mail,), measure))
    for size, mail in _SIZES.items():
        if mail.octets <= scale.largest_mb * _MB:
            measure = functools.partial(sized_retr_cpu, mail=mail)
            title = f"CPU per GB of RETR, {size}"
            name = f"retr-{size.replace(' ', '').lower()}"
            rows.append(Figure(name, title, "s", (mail,), measure))
    return rows


def _of_cpu(shared: MailSet) -> list[Figure]:
    rsa = functools.partial(poll_cpu, tls="rsa12")
    poll = "CPU per 1000 polls, warm,"
    bound = relative(0.8, 0.65)
    return [
        Figure("polls", f"{poll} TLS 1.3", "s", (shared,), poll_cpu, bound),
        Figure("polls-rsa", f"{poll} TLS 1.2 with RSA-2048", "s", (shared,), rsa, bound),
        Figure("retr", "CPU per GB of RETR, 25 MB", "s", (_BIG,), retr_cpu, relative(0.5)),
    ]


def _of_memory(shared: MailSet) -> list[Figure]:
    make = functools.partial(Figure, unit="kB", server="fresh", digits=1)
    return [
        make(
            name="idle",
            title="memory per idle logged-in TLS session",
            sets=(shared,),
            measure=idle_memory,
            target=at_most("kB", 48, 32),
        ),
        make(
            name="eight",
            title="growth under eight RETR of 25 MB",
            unit="MB",
            sets=(_EIGHT,),
            measure=retr_growth,
            target=at_most("MB", 16),
        ),
    ]


def _of_time(shared: MailSet) -> list[Figure]:
    deep = (_DEPTHS[10], _DEPTHS[10_000])
    against = "login to STAT, 10,000 against 10 messages"
    start = "start to listening, warm, 10,000 messages"
    # A peer's start is not comparable: Dovecot listens before it has started what serves.
    alone = functools.partial(Figure, unit="s", server="none", peer=False, digits=3)
    return [
        Figure("deep", against, "x", deep, deep_login, at_most("x", 5)),
        Figure(
            "sequence",
            "RETR of 200 x 40 kB, one connection",
            "/s",
            (_SEQUENCE,),
            sequence_rate,
            relative(0.9, at_least=True),
            spread_cores=True,
            digits=0,
        ),
        alone(
            name="start",
            title=start,
            sets=(shared, *deep),
            measure=start_seconds,
            target=at_most("s", 0.6),
        ),
        alone(
            name="version",
            title="popbridge --version",
            sets=(),
            measure=version_seconds,
            target=at_most("s", 0.15),
        ),
    ]


def _of_a_herd() -> Figure:
    """Make the rows of a morning: the machines of a house switched on at once, twice."""
    title = f"{_HERD.users} devices at once"
    row = functools.partial(Figure, unit="s", sets=(_HERD,), server="fresh", every_core=True)

    def beside(name: str, what: str, measure: Callable[[Result], float]) -> Figure:
        return row(
            name=f"herd-{name}",
            title=f"{title}, {what}",
            measure=lambda turn: measure(turn.last),
        )

    turned_away = beside("errors", "not served", lambda last: last.errors)
    return row(
        name="herd",
        title=f"{title}, first logins: p99",
        measure=herd_seconds,
        target=at_most("s", _HERD_SECONDS),
        beside=(
            beside("p50", "first logins: p50", lambda last: _percentile(last.delays, 50)),
            beside("cpu", "first logins: CPU", lambda last: last.cpu_seconds),
            beside("again-p99", "again: p99", lambda last: _percentile(last.other_delays, 99)),
            beside("again-p50", "again: p50", lambda last: _percentile(last.other_delays, 50)),
            replace(turned_away, unit="-", target=at_most("", 0), digits=0),
        ),
    )


def _percentile(values: Sequence[float], percent: int) -> float:
    """Return the least value that so many percent do not exceed; a herd that nobody served never was."""
    if not values:
        return math.inf
    return sorted(values)[math.ceil(len(values) * percent / 100) - 1]


def _retr_cpu(turn: Turn, mail: MailSet, gigabytes: float) -> float:
    sessions = max(1, round(gigabytes * 1e9 / (mail.count * mail.octets)))
    result = turn.load(
        Job, kind="fetches", user=mail.user(0), messages=mail.count, sessions=sessions
    )
    return result.cpu_seconds * 1e9 / result.octets


def _messages(count: int) -> str:
    return "1 message" if count == 1 else f"{count:,} messages"
