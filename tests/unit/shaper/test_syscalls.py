"""What a filter says of every call, run by an interpreter of classic BPF as the kernel would run it."""

import errno
import struct

import pytest

from bridge.shaper import syscalls
from bridge.shaper.syscalls import ALLOW, MACHINES, REFUSE, program

PROCESS = 4711
NAMED = syscalls.MEMORY | syscalls.PIPES | syscalls.SIGNALS | syscalls.OTHERS
FURTHER = syscalls.WITHOUT_CODE | syscalls.OF_ITSELF


def says(machine: str, number: int, *arguments: int, audit: int | None = None) -> int:
    """Return the action for a call (struct seccomp_data of linux/seccomp.h)."""
    known = MACHINES[machine]
    values = (*arguments, *(0,) * (6 - len(arguments)))
    data = struct.pack("<iIQ6Q", number, known.audit if audit is None else audit, 0, *values)
    octets = program(known, PROCESS)
    made = list(struct.iter_unpack("<HBBI", octets))
    at = held = 0
    while True:
        code, if_so, if_not, value = made[at]
        at += 1
        match code:
            case 0x20:
                (held,) = struct.unpack_from("<I", data, value)
            case 0x15:
                at += if_so if held == value else if_not
            case 0x45:
                at += if_so if held & value else if_not
            case 0x06:
                return int(value)
            case _:
                raise AssertionError(f"code {code}")


def number(name: str, machine: str) -> int:
    return (NAMED | FURTHER)[name][MACHINES[machine].column]


machines = pytest.mark.parametrize("machine", sorted(MACHINES))


@machines
def test_what_is_named_is_allowed_and_nothing_else(machine: str) -> None:
    allowed = {one for one in range(1024) if says(machine, one) == ALLOW}
    named = {numbers[MACHINES[machine].column] for numbers in NAMED.values()}
    assert allowed == named | {number(name, machine) for name in syscalls.WITHOUT_CODE}


@machines
def test_what_is_not_named_is_refused_and_not_killed_for(machine: str) -> None:
    assert says(machine, 1000) == REFUSE == 0x00050000 | errno.EPERM


@machines
def test_calls_of_another_interface_are_refused(machine: str) -> None:
    """On x86_64 a process may call by i386's numbers, and by x32's, which begin at 0x40000000."""
    i386, arm = 0x40000003, 0x40000028  # linux/audit.h
    for one in range(512):
        assert says(machine, one, audit=i386) == says(machine, one, audit=arm) == REFUSE
        assert says(machine, one | 0x40000000) == REFUSE
        assert says(machine, one - (1 << 31)) == REFUSE


@machines
@pytest.mark.parametrize("name", sorted(syscalls.WITHOUT_CODE))
def test_memory_is_had_but_none_that_can_be_run(machine: str, name: str) -> None:
    for protection in range(8):
        wanted = REFUSE if protection & 4 else ALLOW
        assert says(machine, number(name, machine), 0, 4096, protection) == wanted
        assert says(machine, number(name, machine), 4, 4, protection | 1 << 32) == wanted


@machines
@pytest.mark.parametrize("name", sorted(syscalls.OF_ITSELF))
def test_a_process_may_signal_itself_and_nobody_else(machine: str, name: str) -> None:
    assert says(machine, number(name, machine), PROCESS, 1, 6) == ALLOW
    for other in (0, 1, PROCESS - 1, PROCESS + 1, (1 << 32) - 1, (1 << 32) - PROCESS):
        assert says(machine, number(name, machine), other, PROCESS, 6) == REFUSE


@machines
def test_nothing_that_reaches_beyond_the_process_is_named(machine: str) -> None:
    """Opens, sockets, processes, other processes' memory, files by path: of x86_64 and of aarch64."""
    reaching = {
        "x86_64": (
            2,
            41,
            42,
            56,
            57,
            58,
            59,
            62,
            76,
            82,
            83,
            87,
            88,
            90,
            101,
            157,
            257,
            302,
            310,
        ),
        "aarch64": (
            24,
            35,
            36,
            34,
            38,
            45,
            53,
            56,
            117,
            129,
            167,
            198,
            203,
            220,
            221,
            261,
            270,
        ),
    }
    assert {says(machine, one, PROCESS) for one in reaching[machine]} == {REFUSE}
