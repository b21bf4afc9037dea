"""The allocator gives back what threads have used; asked in a process of its own."""

import subprocess
import sys

PROGRAM = """
import re, threading
from bridge.app.process.memory import tune_allocator

def resident():
    with open("/proc/self/status") as status:
        return int(re.search(r"VmRSS:\\s+(\\d+)", status.read())[1])

assert tune_allocator()

def use():
    for _ in range(3):
        blocks = [bytearray(b"x" * (19 << 20))]
        blocks.clear()

threads = [threading.Thread(target=use) for _ in range(2)]
for thread in threads: thread.start()
for thread in threads: thread.join()
before = resident()
threads = [threading.Thread(target=use) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(before, resident() - before)
"""


def test_large_blocks_that_threads_have_freed_are_given_back() -> None:
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=60
    )
    before, grown = map(int, run.stdout.split())
    assert before < 19 << 10, "kB: not even one of the freed blocks is still held"
    assert grown < 4 << 10
