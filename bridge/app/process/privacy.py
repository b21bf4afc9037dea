"""Keeps other processes of the bridge's own user out of its memory, where keys and passwords lie.

What may surprise: `/proc/PID` then belongs to root, so that user reads neither its environment nor
what it has open; `status` and `stat` stay readable to all (proc(5)).
"""

import ctypes
from typing import Final

_PR_SET_DUMPABLE: Final = 4  # linux/prctl.h


def keep_memory_private() -> None:
    """Have the kernel refuse who would trace this process, read its memory or dump it (prctl(2)).

    Root, and who has CAP_SYS_PTRACE, still can. A program that is started begins anew.
    """
    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
