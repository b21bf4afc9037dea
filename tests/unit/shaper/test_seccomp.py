"""What a library that a message has taken over cannot do, tried from inside of a real shaping process."""

import ctypes
import json
import os
import platform
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bridge.shaper.processes import Bounds, ShapingProcesses
from bridge.shaper.rlimits import Limits
from bridge.shaper.seccomp import give_up_system_calls
from bridge.shaper.syscalls import MACHINES, OF_ITSELF
from bridge.shaping.errors import Unshapeable
from bridge.shaping.wish import Wish

BOUNDS = Bounds(1, Limits(cpu_seconds=20, memory_octets=1 << 29), 60.0, 1 << 20)

TAKEN_OVER = """
import ctypes, json, mmap, os, runpy, signal, socket, sys
from bridge.shaper import working
libc = ctypes.CDLL(None, use_errno=True)
def called(name, *given):
    ctypes.set_errno(0)
    got = getattr(libc, name)(*given)
    return f"done: {got}" if got >= 0 else os.strerror(ctypes.get_errno())
def tried(what, *given):
    try: return f"done: {what(*given)}"
    except OSError as error: return error.strerror
class Piece(ctypes.Structure):
    _fields_ = [("start", ctypes.c_void_p), ("octets", ctypes.c_size_t)]
def pieces(start, octets):
    return ctypes.byref(Piece(start, octets))
mine = ctypes.create_string_buffer(64)
def attacks(told):
    bridge, theirs, folder = told["bridge"], told["secret"], told["folder"]
    key, other = f"{folder}/master.key", f"{folder}/other"
    yield "read its memory", called("process_vm_readv", bridge, pieces(ctypes.addressof(mine), 64), 1, pieces(theirs, 64), 1, 0)
    yield "write its memory", called("process_vm_writev", bridge, pieces(ctypes.addressof(mine), 64), 1, pieces(theirs, 64), 1, 0)
    yield "trace it", called("ptrace", 0x4206, bridge, None, None)
    yield "limit it", called("prlimit", bridge, 7, None, ctypes.addressof(mine))
    yield "end it", tried(os.kill, bridge, 0)
    yield "end its group", tried(os.killpg, bridge, 0)
    yield "end its thread", called("syscall", told["tgkill"], bridge, bridge, 0)
    for name, what, *given in [
        ("chmod", os.chmod, key, 0o644), ("truncate", os.truncate, key, 0), ("rename", os.rename, key, other),
        ("unlink", os.unlink, key), ("symlink", os.symlink, key, other), ("link", os.link, key, other),
        ("mkdir", os.mkdir, other), ("rmdir", os.rmdir, folder), ("utime", os.utime, key), ("chdir", os.chdir, "/"),
        ("stat", os.stat, key), ("read", os.open, key, os.O_RDONLY), ("mkfifo", os.mkfifo, other),
    ]:
        yield name, tried(what, *given)
    yield "socket", tried(socket.socket)
    yield "socketpair", tried(socket.socketpair)
    yield "fork", tried(os.fork)
    yield "exec", tried(os.execv, told["python"], ["python", "-c", "0"])
    yield "spawn", tried(os.posix_spawn, told["python"], ["python", "-c", "0"], {})
    yield "code", tried(mmap.mmap, -1, 4096, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, mmap.PROT_READ | mmap.PROT_EXEC)
    yield "no filter", called("prctl", 22, 0, 0, 0, 0)
def shape(message, wish):
    if message == b"abort": os.abort()
    yield json.dumps(dict(attacks(json.loads(message)))).encode()
working.shape = shape
runpy.run_module("bridge.shaper", run_name="__main__")
"""
COMMAND = (sys.executable, "-I", "-B", "-c", TAKEN_OVER)

pytestmark = pytest.mark.slow
here = pytest.mark.skipif(
    platform.machine() not in MACHINES, reason="no filter is known for it"
)


async def whole(message: bytes) -> AsyncIterator[bytes]:
    yield message


async def said_to(message: bytes) -> bytes:
    made = ShapingProcesses(BOUNDS, COMMAND).shape(Wish(), len(message), whole(message))
    return b"".join([piece async for piece in made])


@here
async def test_nothing_beyond_itself_can_be_reached(tmp_path: Path) -> None:
    secret = ctypes.create_string_buffer(b"master key".ljust(64))
    key = tmp_path / "master.key"
    key.write_bytes(b"key")
    key.chmod(0o600)
    told = {
        "bridge": os.getpid(),
        "secret": ctypes.addressof(secret),
        "folder": str(tmp_path),
        "tgkill": OF_ITSELF["tgkill"][MACHINES[platform.machine()].column],
        "python": sys.executable,
    }
    answers = json.loads(await said_to(json.dumps(told).encode()))
    assert answers == dict.fromkeys(answers, os.strerror(1)), "each is refused: EPERM"
    assert len(answers) == 27
    assert (key.read_bytes(), key.stat().st_mode & 0o777) == (b"key", 0o600)
    assert os.listdir(tmp_path) == [key.name]  # noqa: PTH208 - nothing to wait for


async def test_a_library_that_gives_up_for_want_of_memory_can_still_abort() -> None:
    with pytest.raises(Unshapeable, match="more memory"):
        await said_to(b"abort")


@pytest.mark.parametrize("machine", ["armv7l", "riscv64", "i686", ""])
def test_a_machine_without_a_filter_is_told_of_and_nothing_is_taken(machine: str) -> None:
    assert give_up_system_calls(machine) == f"no filter is known for {machine}"
    assert os.getppid() > 0
    assert Path(__file__).stat().st_size
