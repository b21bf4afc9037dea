"""Put one bounded load on one server of this machine, and say what it cost: a program of its own.

It is started as `python load.py JOB`, JOB being JSON, and prints a Result as JSON.  It is its own process so that its
own work can be kept off the server's processor core, and so that its interpreter lock is nobody else's.
"""

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path

import procfs
from popclient import PopSession, RefusedError, tls_context

_SETTLE_SECONDS = 0.3  # a server closes sockets and reaps children after the client is done
_SAMPLE_SECONDS = 0.02
_BREATH_SECONDS = 0.05
_SLOW_WINDOW_OCTETS = 65_536
_SLOW_PAUSE_SECONDS = 0.002
_GRACE_SECONDS = 60.0  # start, warm-up and settling, on top of the job's own time


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What to do to which server; every number bounds something."""

    kind: str
    """A key of `KINDS`."""
    port: int
    server: int
    """The root of the server's process tree."""
    user: str
    """`{n}` stands for the session's number, modulo `users`."""
    messages: int
    """How many messages STAT must tell; another number means that something else is measured."""
    users: int = 1
    other_user: str = ""
    """Whom `delays` measures after `user`; nobody by default."""
    other_messages: int = 0
    sessions: int = 1
    concurrency: int = 1
    warm_up: int = 1
    """Sessions before counting starts; logs every user in that a fast path may remember."""
    tls: str = "modern"
    core: int | None = None
    seconds: float = 120.0


@dataclass(slots=True, kw_only=True)
class Result:
    """What happened; a figure picks the fields it needs."""

    sessions: int = 0
    messages: int = 0
    octets: int = 0
    cpu_seconds: float = 0.0
    wall_seconds: float = 0.0
    before_kb: int = 0
    after_kb: int = 0
    peak_kb: int = 0
    errors: int = 0
    """Sessions that were not served to the end; only a herd lives through one."""
    delays: list[float] = field(default_factory=list)
    other_delays: list[float] = field(default_factory=list)
    negotiated: str = ""


class LoadFailedError(Exception):
    """The load could not be put on the server as asked, so there is no figure."""


class OutOfTimeError(LoadFailedError):
    """The job's own time is over."""


def run(job: Job) -> Result:
    """Do the job in a process of its own and return its result.

    Raises:
        LoadFailedError: a session failed, or the time was over; the text names the first failure.
    """
    command = [sys.executable, str(Path(__file__)), json.dumps(asdict(job))]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=job.seconds + _GRACE_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise OutOfTimeError(f"{job.kind} did not end within {job.seconds:.0f} s") from None
    if done.returncode:
        raise LoadFailedError(
            (done.stderr.strip() or "the load generator died").splitlines()[-1]
        )
    return Result(**json.loads(done.stdout))


class _Load:
    """One job under way: where it is pinned, when it must end, what was counted."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.result = Result()
        self.deadline = time.monotonic() + job.seconds
        self.tls = tls_context(job.tls)
        self._counting = threading.Lock()

    def user(self, number: int) -> str:
        return self.job.user.replace("{n}", str(number % self.job.users))

    def open(self, user: str, *, window: int = 0) -> PopSession:
        if time.monotonic() > self.deadline:
            raise OutOfTimeError(f"{self.job.kind} is not done after {self.job.seconds:.0f} s")
        session = PopSession(self.job.port, self.tls, window=window)
        try:
            self.result.negotiated = session.negotiated()
            session.log_in(user)
        except BaseException:
            session.__exit__()
            raise
        return session

    def poll(self, number: int) -> None:
        """Do what a printer does most of the day."""
        with self.open(self.user(number)) as session:
            self.stat(session, self.job.messages)
            session.drain("LIST")
            session.command("QUIT")

    def fetch_all(self, number: int) -> None:
        """Fetch every message of the maildrop."""
        with self.open(self.user(number)) as session:
            count = self.stat(session, self.job.messages)
            octets = sum(session.drain(f"RETR {n}") for n in range(1, count + 1))
            session.command("QUIT")
        self.count(count, octets)

    @staticmethod
    def stat(session: PopSession, expected: int) -> int:
        """Send STAT and return the number of messages, which must be the expected one."""
        found = session.message_count()
        if found != expected:
            raise LoadFailedError(f"STAT tells of {found} messages where {expected} were put")
        return found

    def count(self, messages: int, octets: int) -> None:
        with self._counting:
            self.result.messages += messages
            self.result.octets += octets

    def warm(self, one: Callable[[int], None]) -> None:
        """Run `one` outside the count."""
        for number in range(self.job.warm_up):
            one(number)
        self.result = Result(negotiated=self.result.negotiated)

    def charge(self, one: Callable[[int], None]) -> None:
        """Run `one` for every session, warm, and charge the server's CPU and our wall time."""
        self.warm(one)
        time.sleep(_SETTLE_SECONDS)
        cpu, start = procfs.cpu_seconds(self.job.server), time.perf_counter()
        with ThreadPoolExecutor(self.job.concurrency) as pool:
            for _ in pool.map(one, range(self.job.sessions)):
                self.result.sessions += 1
        self.result.wall_seconds = time.perf_counter() - start
        time.sleep(_SETTLE_SECONDS)
        self.result.cpu_seconds = procfs.cpu_seconds(self.job.server) - cpu


def _polls(load: _Load) -> None:
    load.charge(load.poll)


def _fetches(load: _Load) -> None:
    load.charge(load.fetch_all)


def _idle(load: _Load) -> None:
    """Hold every session logged in at once, and weigh the second half of them.

    The first half fills what the allocator kept free of earlier work, and would look too cheap.
    Each user has been in and out before, so that no password is hashed in between.
    """
    load.warm(load.poll)
    half = load.job.sessions // 2
    with contextlib.ExitStack() as held:
        for number in range(load.job.sessions):
            if number == half:
                time.sleep(_SETTLE_SECONDS)
                load.result.before_kb = procfs.memory(load.job.server).pss_kb
            held.enter_context(load.open(load.user(number)))
        load.result.sessions = load.job.sessions - half
        time.sleep(_SETTLE_SECONDS)
        load.result.after_kb = procfs.memory(load.job.server).pss_kb


def _slow_readers(load: _Load) -> None:
    """Fetch with every session at once through small windows, and watch the server's memory."""
    load.warm(load.poll)
    time.sleep(_SETTLE_SECONDS)
    server = load.job.server
    procfs.reset_peak(server)
    before = procfs.memory(server)
    load.result.before_kb = load.result.peak_kb = before.pss_kb
    with ThreadPoolExecutor(load.job.sessions) as pool:
        readers = [pool.submit(_read_slowly, load, n) for n in range(load.job.sessions)]
        while not all(reader.done() for reader in readers):
            load.result.peak_kb = max(load.result.peak_kb, procfs.memory(server).pss_kb)
            time.sleep(_SAMPLE_SECONDS)
    for reader in readers:
        reader.result()
    after = procfs.memory(server)
    load.result.after_kb = after.pss_kb
    if after.processes == before.processes == 1:  # then the kernel's own peak misses nothing
        grown = after.peak_kb - before.rss_kb
        load.result.peak_kb = max(load.result.peak_kb, load.result.before_kb + grown)


def _read_slowly(load: _Load, number: int) -> None:
    with load.open(load.user(number), window=_SLOW_WINDOW_OCTETS) as session:
        octets = session.drain("RETR 1", pause=_SLOW_PAUSE_SECONDS)
        session.command("QUIT")
    load.count(1, octets)


def _delays(load: _Load) -> None:
    """Time USER to the answer to STAT for one user, then for another if there is one.

    Both are warm before either is timed.  Then one after the other, with a breath after each
    session: what a server does after QUIT for ten thousand messages must not delay the next login,
    least of all one that has ten.
    """
    job = load.job
    turns = [(load.user(0), job.messages, load.result.delays)]
    if job.other_user:
        turns.append((job.other_user, job.other_messages, load.result.other_delays))
    for user, messages, _ in turns:
        _logins(load, user, messages, job.warm_up)
    for user, messages, delays in turns:
        delays.extend(_logins(load, user, messages, job.sessions))
    load.result.sessions = job.sessions


def _logins(load: _Load, user: str, messages: int, times: int) -> list[float]:
    seconds = []
    for _ in range(times):
        seconds.append(_login_to_stat(load, user, messages))
        time.sleep(_BREATH_SECONDS)
    return seconds


def _login_to_stat(load: _Load, user: str, messages: int) -> float:
    if time.monotonic() > load.deadline:
        raise OutOfTimeError(f"delays is not done after {load.job.seconds:.0f} s")
    with PopSession(load.job.port, load.tls) as session:
        load.result.negotiated = session.negotiated()
        start = time.perf_counter()
        session.log_in(user)
        load.stat(session, messages)
        seconds = time.perf_counter() - start
        session.command("QUIT")
    return seconds


def _sequence(load: _Load) -> None:
    """Fetch every message one after the other on one connection, `sessions` times over."""
    with load.open(load.user(0)) as session:
        count = load.stat(session, load.job.messages)
        for passing in range(load.job.warm_up + load.job.sessions):
            start = time.perf_counter()
            octets = sum(session.drain(f"RETR {n}") for n in range(1, count + 1))
            if passing >= load.job.warm_up:
                load.result.delays.append(time.perf_counter() - start)
                load.count(count, octets)
            if time.monotonic() > load.deadline:
                raise OutOfTimeError(f"sequence is not done after {load.job.seconds:.0f} s")
        session.command("QUIT")
    load.result.sessions = 1


def _herd(load: _Load) -> None:
    """Switch every device on at once, each at an address of its own, and then all of them again.

    The first time the server has seen no password, the second time it has seen each. One that is
    turned away is counted and not tried again: a machine would wait for its next poll.
    """
    cpu = procfs.cpu_seconds(load.job.server)
    load.result.delays = _switched_on(load)
    time.sleep(_SETTLE_SECONDS)
    load.result.cpu_seconds = procfs.cpu_seconds(load.job.server) - cpu
    load.result.other_delays = _switched_on(load)


def _switched_on(load: _Load) -> list[float]:
    """Return the seconds that each device took which was served."""
    herd = load.job.sessions
    doors = threading.Barrier(herd)

    def power_on(number: int) -> float | None:
        doors.wait(_GRACE_SECONDS)
        start = time.perf_counter()
        try:
            _print_one(load, number)
        except (OSError, RefusedError):
            return None
        return time.perf_counter() - start

    with ThreadPoolExecutor(herd) as pool:
        served = [seconds for seconds in pool.map(power_on, range(herd)) if seconds is not None]
    load.result.sessions += len(served)
    load.result.errors += herd - len(served)
    return served


def _print_one(load: _Load, number: int) -> None:
    """Be a printer with one page waiting, from the connection to the answer to QUIT."""
    address = f"127.0.{1 + number // 250}.{1 + number % 250}"
    with PopSession(load.job.port, load.tls, address=address) as session:
        load.result.negotiated = session.negotiated()
        session.log_in(load.user(number))
        if not session.message_count():
            raise LoadFailedError("every message is deleted: more rounds than the set has")
        session.drain("LIST")
        session.drain("UIDL")
        load.count(1, session.drain("RETR 1"))
        session.command("DELE 1")
        session.command("QUIT")


KINDS: dict[str, Callable[[_Load], None]] = {
    "polls": _polls,
    "fetches": _fetches,
    "idle": _idle,
    "slow-readers": _slow_readers,
    "delays": _delays,
    "sequence": _sequence,
    "herd": _herd,
}


def main() -> int:
    """Do the job of the first argument; a failure is one line on standard error."""
    job = Job(**json.loads(sys.argv[1]))
    if job.core is not None:
        os.sched_setaffinity(0, {job.core})
    load = _Load(job)
    try:
        KINDS[job.kind](load)
    except Exception as error:  # noqa: BLE001 - every failure is reported to the process that asked
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        return 1
    sys.stdout.write(json.dumps(asdict(load.result)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
