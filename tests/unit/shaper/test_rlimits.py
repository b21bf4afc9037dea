"""What is taken from a process is gone, seen from inside of it."""

import json
import subprocess
import sys

import pytest

LOOK = """
import json, os, resource, socket, sys
from bridge.shaper.rlimits import Limits, confine
confine(Limits(7, 1 << 28))
def tried(what):
    try: what()
    except (OSError, MemoryError) as error: return type(error).__name__
    return "done"
def write():
    with open(sys.argv[1], "wb", buffering=0) as file: file.write(b"x")
def instead():
    os.close(0)
    socket.socket()
print(json.dumps([
    resource.getrlimit(resource.RLIMIT_CPU), os.nice(0),
    tried(lambda: bytearray(1 << 28)), tried(write), tried(lambda: os.open("/", 0)), tried(instead),
    resource.getrlimit(resource.RLIMIT_NPROC), resource.getrlimit(resource.RLIMIT_CORE)[0] <= 1]))
"""


@pytest.mark.slow
def test_time_memory_files_processes_and_precedence_are_taken_away(tmp_path: object) -> None:
    ran = subprocess.run(
        [sys.executable, "-I", "-c", LOOK, f"{tmp_path}/x"], capture_output=True, check=True
    )
    assert json.loads(ran.stdout) == [
        [7, 7],
        10,
        "MemoryError",
        "OSError",
        "OSError",
        "OSError",
        [0, 0],
        True,
    ]
