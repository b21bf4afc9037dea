"""Asks the kernel whether some program holds a file open for writing.

The question is asked by taking a read lease, which fcntl(2) grants only where nobody has the file
open for writing, and by giving it back at once. Only the file's owner (or CAP_LEASE) may ask, and
network file systems seldom answer: then the time of the last change must do.
"""

import errno
import fcntl
import os
import signal

OPEN_MESSAGE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
"""How message files are opened: no links, no waiting for the other end of a FIFO."""


def has_writer(directory: int, name: str) -> bool | None:
    """Tell whether a program holds `name` open for writing; None where the system cannot say.

    Raises:
        FileNotFoundError: the file is gone.
    """
    try:
        descriptor = os.open(name, OPEN_MESSAGE, dir_fd=directory)
    except FileNotFoundError:
        raise
    except OSError as error:
        return _answer(error)
    try:
        return _lease_is_refused(descriptor)
    finally:
        os.close(descriptor)


def _lease_is_refused(descriptor: int) -> bool | None:
    try:
        # A program that opens the file while the lease is held breaks it, and the kernel tells us
        # so with SIGIO, which kills by default. SIGURG is ignored by default (signal(7)).
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except OSError as error:
        return _answer(error)
    # Closing would give the lease back too, but not while a forked child still holds the descriptor.
    fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return False


def _answer(error: OSError) -> bool | None:
    return True if error.errno == errno.EAGAIN else None
