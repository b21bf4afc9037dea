"""Takes from a process, for good, every system call but the few that shaping needs (seccomp(2)).

Where the kernel or the machine does not know that, the limits of `rlimits` are all that confines it.
"""

import ctypes
import os
import sys
from typing import Final

from bridge.shaper.syscalls import INSTRUCTION_OCTETS, MACHINES, program

# linux/prctl.h, linux/seccomp.h
_PR_SET_SECCOMP: Final = 22
_PR_SET_NO_NEW_PRIVS: Final = 38
_SECCOMP_MODE_FILTER: Final = 2


class _Program(ctypes.Structure):
    """struct sock_fprog of linux/filter.h."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def give_up_system_calls(name: str = os.uname().machine) -> str:
    """Have the kernel refuse what `syscalls` does not name; return why it does not, empty where it does.

    `name` is the machine, as uname(2) calls it.
    """
    machine = MACHINES.get(name)
    if machine is None:
        return f"no filter is known for {name}"
    if sys.maxsize < 1 << 32:
        return f"no filter is known for programs of 32 bits on {name}"
    made = program(machine, os.getpid())
    wanted = _Program(len(made) // INSTRUCTION_OCTETS, made)
    try:
        call = ctypes.CDLL(None, use_errno=True).prctl
    except (OSError, AttributeError) as error:
        return f"prctl cannot be called: {error}"
    call.argtypes = (ctypes.c_int, *(ctypes.c_void_p,) * 4)  # each as wide as a register
    # Without the right to more by a program it starts, a process may confine itself without any.
    if call(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or call(
        _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.addressof(wanted), 0, 0
    ):
        return f"the kernel refuses it: {os.strerror(ctypes.get_errno())}"
    return ""
