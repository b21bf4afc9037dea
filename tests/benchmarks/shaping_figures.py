"""Every figure of shaping: what a message costs that is shaped, and what devices notice of it.

There is no peer: nothing else shapes on the way to a POP3 device. Each round starts a bridge anew. What is counted is
the bridge with its shaping process, from the message in its folder to its line in the listing.
"""

import functools
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles
from threading import Event

import procfs
import scans
from figures import Figure, Turn
from scans import Road, ScanLoop, road
from servers import on_cores
from targets import Target, at_most

_MB = 1_000_000
_SCAN_OCTETS = 25 * _MB
_WARMING_OCTETS = 2 * _MB
_FAX_PAGES = 10
_SAMPLE_SECONDS = 0.005
_WARM_POLLS = 30
_BLOCKS = 10
_SETTLE_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class ShapingScale:
    """How much is done in one round."""

    polls: int = 1000


FULL = ShapingScale()
QUICK = ShapingScale(polls=400)

Write = Callable[[], bytes]


def shaping_cpu(turn: Turn, *, shape: str, write: Write) -> float:
    """CPU seconds of one message, warm."""
    with _warm(turn, shape) as bridge:
        message = _message(turn, shape, write)
        before = procfs.cpu_seconds(bridge.server.pid)
        bridge.shape(shape, message)
        return procfs.cpu_seconds(bridge.server.pid) - before


def shaping_memory(turn: Turn, *, shape: str, write: Write) -> float:
    """MB (10^6 octets) by which the bridge and its shaping process grow at most, warm."""
    with _warm(turn, shape) as bridge, ThreadPoolExecutor(1) as pool:
        message = _message(turn, shape, write)
        pid = bridge.server.pid
        peak = before = procfs.memory(pid).pss_kb
        work = pool.submit(bridge.shape, shape, message)
        while not work.done():
            peak = max(peak, procfs.memory(pid).pss_kb)
            time.sleep(_SAMPLE_SECONDS)
        work.result()
        return (peak - before) * 1024 / _MB


def polls_beside(turn: Turn, *, polls: int) -> float:
    """Milliseconds by which the 99th of 100 polls is later while scans are shaped.

    Blocks of both kinds alternate, so that whatever else the machine is doing weighs on both. A poll
    is all of a session, from the connection to the answer to QUIT.
    """
    quiet: list[float] = []
    beside: list[float] = []
    with _warm(turn, "print") as bridge, ThreadPoolExecutor(1) as pool:
        message = _message(turn, "print", _scan)
        for _ in range(_WARM_POLLS):
            bridge.poll("original")
        for _ in range(_BLOCKS):
            quiet += [bridge.poll("original") for _ in range(polls // _BLOCKS)]
            over = Event()
            shaping = pool.submit(_shape_until, over, bridge, message)
            try:
                beside += [bridge.poll("original") for _ in range(polls // _BLOCKS)]
            finally:
                over.set()
            shaping.result()
    return (_late(beside) - _late(quiet)) * 1000


def shaping_figures(scale: ShapingScale) -> list[Figure]:
    """Return the figures of shaping, in the table's order."""
    late = functools.partial(polls_beside, polls=scale.polls)
    scan, pages = f"a {_SCAN_OCTETS // _MB} MB scan", f"{_FAX_PAGES} pages"
    return [
        _cpu("shape-scan", f"CPU of {scan} as print", "print", _scan, at_most("s", 1.5)),
        _memory("shape-scan", f"growth by {scan} as print", "print", _scan, at_most("MB", 64)),
        _row(
            "shape-late", "99th of 100 polls, later beside scans", "ms", late, at_most("ms", 20)
        ),
        _cpu("shape-original", f"CPU of {scan} as original", "original", _scan),
        _cpu("fax-letter", f"CPU of {pages} of text as ifax", "ifax", _letter),
        _memory("fax-letter", f"growth by {pages} of text as ifax", "ifax", _letter),
        _cpu("fax-scan", f"CPU of {pages} scanned in grey as ifax", "ifax", _grey),
        _memory("fax-scan", f"growth by {pages} scanned in grey as ifax", "ifax", _grey),
    ]


# ---- the rows


def _cpu(
    name: str, title: str, shape: str, write: Write, target: Target | None = None
) -> Figure:
    measure = functools.partial(shaping_cpu, shape=shape, write=write)
    return _row(f"{name}-cpu", title, "s", measure, target)


def _memory(
    name: str, title: str, shape: str, write: Write, target: Target | None = None
) -> Figure:
    measure = functools.partial(shaping_memory, shape=shape, write=write)
    return _row(f"{name}-memory", title, "MB", measure, target, digits=1)


def _row(
    name: str,
    title: str,
    unit: str,
    measure: Callable[[Turn], float],
    target: Target | None,
    *,
    digits: int = 2,
) -> Figure:
    return Figure(
        name, title, unit, (), measure, target, server="none", peer=False, digits=digits
    )


# ---- doing it


def _scan() -> bytes:
    return scans.blob(_SCAN_OCTETS)


def _letter() -> bytes:
    return scans.letter(_FAX_PAGES)


def _grey() -> bytes:
    return scans.scan(_FAX_PAGES)


@contextmanager
def _warm(turn: Turn, shape: str) -> Iterator[Road]:
    """Yield a bridge that has shaped a message before; we are on the client's core meanwhile."""
    contender = turn.contender
    assert isinstance(contender, ScanLoop), "shaping is ours alone"
    small = scans.letter(1) if shape == "ifax" else scans.blob(_WARMING_OCTETS)
    warming = scans.write_mail(contender.scans.folder / "warming.eml", small)
    core = set() if turn.client_core is None else {turn.client_core}
    with road(contender, turn.server_cores) as bridge, on_cores(core):
        bridge.shape(shape, warming)
        time.sleep(_SETTLE_SECONDS)
        yield bridge


def _message(turn: Turn, shape: str, write: Write) -> Path:
    contender = turn.contender
    assert isinstance(contender, ScanLoop), "shaping is ours alone"
    return scans.write_mail(contender.scans.folder / f"{shape}.eml", write())


def _shape_until(over: Event, bridge: Road, message: Path) -> None:
    while not over.is_set():
        bridge.shape("print", message)


def _late(seconds: list[float]) -> float:
    return quantiles(seconds, n=100)[98]
