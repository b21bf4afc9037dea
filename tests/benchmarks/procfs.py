"""Read what a tree of processes has cost, from /proc.

A dead child's CPU seconds do not vanish: the kernel adds them to its parent when the parent reaps it
(proc(5), cutime and cstime), so a server that forks for every login is charged for every fork.
"""

import contextlib
import os
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_PROC = Path("/proc")
_GONE = (FileNotFoundError, ProcessLookupError, PermissionError)


@dataclass(frozen=True, slots=True)
class Process:
    """One process as /proc/PID/stat shows it."""

    pid: int
    parent: int
    cpu_ticks: int
    """User and system time, its own and that of its reaped children."""
    started: int
    """Clock ticks after boot; with the pid it names a process for ever, a pid alone does not."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Resident memory of a tree in kB of 1024 octets, as /proc counts."""

    processes: int
    rss_kb: int
    """Each process's pages; a page shared by two is counted twice."""
    pss_kb: int
    """A shared page is shared out, so the sum is what the tree really holds; RSS where unreadable."""
    peak_kb: int
    """Sum of every process's own highest RSS since it started, or since `reset_peak`."""


def process(pid: int) -> Process | None:
    """Read one process; None when it is gone."""
    try:
        text = (_PROC / str(pid) / "stat").read_text(encoding="latin-1")
    except _GONE:
        return None
    # The command's name may hold blanks and brackets; everything after the last bracket is numbers.
    fields = text[text.rindex(")") + 2 :].split()
    ticks = sum(int(field) for field in fields[11:15])  # utime stime cutime cstime
    return Process(pid=pid, parent=int(fields[1]), cpu_ticks=ticks, started=int(fields[19]))


def tree(root: int) -> list[Process]:
    """List `root` and everything descended from it that is alive, parents first."""
    children: dict[int, list[Process]] = defaultdict(list)
    for found in _everything():
        children[found.parent].append(found)
    first = process(root)
    members = [first] if first else []
    for member in members:  # grows while it is walked: breadth first
        members.extend(children[member.pid])
    return members


def cpu_seconds(root: int) -> float:
    """Return the CPU seconds `root` and its descendants have used, dead and reaped ones included.

    Read it while the tree is quiet: a child that dies during the reading may be missed or met twice.
    """
    return sum(member.cpu_ticks for member in tree(root)) / _TICKS_PER_SECOND


def memory(root: int) -> Memory:
    """Return what `root` and its descendants hold now."""
    found = [one for member in tree(root) if (one := _memory_of(member.pid))]
    return Memory(
        processes=len(found),
        rss_kb=sum(one.rss_kb for one in found),
        pss_kb=sum(one.pss_kb for one in found),
        peak_kb=sum(one.peak_kb for one in found),
    )


def reset_peak(root: int) -> None:
    """Make every member's peak start again from what it holds now, where the kernel lets us."""
    for member in tree(root):
        with contextlib.suppress(OSError):
            # proc(5): writing 5 to clear_refs resets the peak resident set size.
            (_PROC / str(member.pid) / "clear_refs").write_text("5", encoding="ascii")


def _everything() -> Iterator[Process]:
    for entry in _PROC.iterdir():
        if entry.name.isdigit() and (found := process(int(entry.name))):
            yield found


def _memory_of(pid: int) -> Memory | None:
    status = _numbers(_PROC / str(pid) / "status")
    if "VmRSS" not in status:  # a zombie has none
        return None
    rss = status["VmRSS"]
    shared_out = _numbers(_PROC / str(pid) / "smaps_rollup").get("Pss", rss)
    return Memory(processes=1, rss_kb=rss, pss_kb=shared_out, peak_kb=status["VmHWM"])


def _numbers(path: Path) -> dict[str, int]:
    """Read the `Name:  123 kB` lines of a file of /proc; an unreadable file has none."""
    try:
        lines = path.read_text(encoding="latin-1").splitlines()
    except (*_GONE, OSError):
        return {}
    pairs = (line.split(":", 1) for line in lines if ":" in line)
    return {name: int(rest.split()[0]) for name, rest in pairs if rest.split()[-1:] == ["kB"]}
