"""Tells the C library's allocator to give memory back: a bridge runs for years beside other things.

Left to itself, glibc keeps an arena per thread and, after one password hash of 19 MiB, serves even
such blocks from its heap and keeps them. Both held tens of megabytes that nobody used (measured:
docs/performance.md).
"""

import ctypes

M_MMAP_THRESHOLD = -3
M_ARENA_MAX = -8
"""Names of mallopt's parameters (malloc.h)."""

ARENAS = 1
"""Arenas for all threads: they take turns under the interpreter's lock anyway."""

MMAP_OCTETS = 192 << 10
"""Blocks from this size on are mapped and unmapped on their own: larger than a piece of a message
(128 KiB), smaller than uvloop's buffer per TLS connection (256 KiB, hardly touched) and a password
hash (19 MiB). Setting it also stops glibc from raising it by itself."""


def tune_allocator() -> bool:
    """Set the allocator up, and return whether it took it; call before any thread is started.

    A C library without mallopt (musl) has no such habits and is left alone.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return bool(mallopt(M_ARENA_MAX, ARENAS) and mallopt(M_MMAP_THRESHOLD, MMAP_OCTETS))
