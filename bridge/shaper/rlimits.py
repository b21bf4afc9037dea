"""Takes from a process all that shaping does not need, before it sees the first octet of a message."""

import os
import resource
from contextlib import suppress
from pathlib import Path
from typing import Final

import attrs

NICENESS: Final = 10
"""How far devices and looks come before it (nice(2))."""

OUT_OF_MEMORY_SCORE: Final = "800"
"""Where memory ends, it goes, and not the bridge (proc(5), oom_score_adj)."""


@attrs.frozen
class Limits:
    """What one shaping process may use: seconds of processor time, octets of address space."""

    cpu_seconds: int
    memory_octets: int


def confine(limits: Limits) -> None:
    """Give up, for good: more processor time and memory, files, other processes, core dumps, precedence.

    What is open stays open, and nothing else can be opened any more, no socket either, even where
    some of it is closed (setrlimit(2), RLIMIT_NOFILE). What may be needed later has to be loaded.
    Limits leave alone what needs no descriptor: files by their path, other processes' memory,
    signals, and to root more processes. `seccomp` takes that.
    """
    with suppress(OSError):  # where /proc is not mounted
        Path("/proc/self/oom_score_adj").write_text(OUT_OF_MEMORY_SCORE, "ascii")
    with suppress(OSError):
        os.nice(NICENESS)
    _cap(resource.RLIMIT_AS, limits.memory_octets)
    _cap(resource.RLIMIT_CPU, limits.cpu_seconds)
    _cap(resource.RLIMIT_FSIZE, 0)
    _cap(resource.RLIMIT_NOFILE, 0)
    _cap(resource.RLIMIT_NPROC, 0)
    _cap(resource.RLIMIT_CORE, 1)  # at 0 a program that takes the dumps would be handed one


def _cap(what: int, most: int) -> None:
    """Lower a limit; one that is lower already stays."""
    _soft, hard = resource.getrlimit(what)
    cap = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(what, (cap, cap))
