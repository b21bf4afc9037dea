"""Says which system calls a shaping process needs, as a filter that the kernel runs; pure.

Whatever is not named is refused with EPERM, not killed for: a library that probes for something goes
on without it. Numbers are the kernel's own (arch/x86/entry/syscalls/syscall_64.tbl, and
include/uapi/asm-generic/unistd.h for aarch64) and stay for ever. A filter is classic BPF
(Documentation/userspace-api/seccomp_filter.rst): it reads a `struct seccomp_data`.
"""

import errno
import struct
from collections.abc import Mapping
from typing import Final

import attrs

MEMORY: Final = {
    "brk": (12, 214),
    "madvise": (28, 233),
    "mremap": (25, 216),
    "munmap": (11, 215),
}

PIPES: Final = {
    "close": (3, 57),
    "fstat": (5, 80),
    "lseek": (8, 62),
    "read": (0, 63),
    "write": (1, 64),
}
"""Of what is open: the order and the message come by one pipe, what is made goes by the other."""

SIGNALS: Final = {
    "restart_syscall": (219, 128),
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "sigaltstack": (131, 132),
}

OTHERS: Final = {
    "clock_getres": (229, 114),
    "clock_gettime": (228, 113),  # where the kernel's own page for it is missing
    "exit": (60, 93),
    "exit_group": (231, 94),
    "futex": (202, 98),
    "getpid": (39, 172),
    "getrandom": (318, 278),
    "gettid": (186, 178),
    "gettimeofday": (96, 169),
    "sched_yield": (24, 124),
}

WITHOUT_CODE: Final = {"mmap": (9, 222), "mprotect": (10, 226)}
"""Memory that can be written or read; none from which anything can be run (PROT_EXEC)."""

OF_ITSELF: Final = {"tgkill": (234, 131), "tkill": (200, 130)}
"""What abort(3) sends: to its own process, by its number as the first argument."""


@attrs.frozen
class Machine:
    """One kind of processor: the kernel's mark of its calls (linux/audit.h), and its column above."""

    audit: int
    column: int


MACHINES: Final[Mapping[str, Machine]] = {
    "x86_64": Machine(0xC000003E, 0),
    "aarch64": Machine(0xC00000B7, 1),
}
"""By what uname(2) calls it; both keep the lowest octet first, which the offsets below rely on."""

# linux/seccomp.h
ALLOW: Final = 0x7FFF0000
REFUSE: Final = 0x00050000 | errno.EPERM

PROT_EXEC: Final = 4

_NUMBER, _AUDIT, _FIRST_ARGUMENT, _THIRD_ARGUMENT = 0, 4, 16, 32  # struct seccomp_data

# linux/bpf_common.h: BPF_LD | BPF_W | BPF_ABS, BPF_JMP | BPF_JEQ | BPF_K, BPF_JSET, BPF_RET | BPF_K
_LOAD, _IF_EQUAL, _IF_ANY_BIT, _RETURN = 0x20, 0x15, 0x45, 0x06

_INSTRUCTION: Final = struct.Struct("<HBBI")  # struct sock_filter

INSTRUCTION_OCTETS: Final = _INSTRUCTION.size


def program(machine: Machine, process: int) -> bytes:
    """Return the filter of the process with this number.

    Calls of the machine's other interfaces (32-bit, and x32, whose numbers begin at 0x40000000) are
    none of those that are named, and so refused.
    """
    made = [
        (_LOAD, 0, 0, _AUDIT),
        (_IF_EQUAL, 1, 0, machine.audit),
        (_RETURN, 0, 0, REFUSE),
        (_LOAD, 0, 0, _NUMBER),
    ]
    for numbers in (MEMORY | PIPES | SIGNALS | OTHERS).values():
        made += [(_IF_EQUAL, 0, 1, numbers[machine.column]), (_RETURN, 0, 0, ALLOW)]
    for numbers in WITHOUT_CODE.values():
        made += _only_if(
            numbers[machine.column], _THIRD_ARGUMENT, (_IF_ANY_BIT, 1, 0, PROT_EXEC)
        )
    for numbers in OF_ITSELF.values():
        made += _only_if(numbers[machine.column], _FIRST_ARGUMENT, (_IF_EQUAL, 0, 1, process))
    made += [(_RETURN, 0, 0, REFUSE)]
    return b"".join(_INSTRUCTION.pack(*one) for one in made)


def _only_if(
    number: int, argument: int, test: tuple[int, int, int, int]
) -> list[tuple[int, int, int, int]]:
    """Allow a call if `test`, which skips one instruction where it is not so, holds of an argument's lower half.

    That is all the kernel takes of these arguments: of protections the flags, of a number of a process an int.
    """
    return [
        (_IF_EQUAL, 0, 4, number),
        (_LOAD, 0, 0, argument),
        test,
        (_RETURN, 0, 0, ALLOW),
        (_RETURN, 0, 0, REFUSE),
    ]
