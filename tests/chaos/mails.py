"""The mail of a simulation: each message knows its number, and every line of it says which it is."""

import random

import attrs

SIZES = ((40, 400), (2_000, 20_000), (70_000, 200_000))
"""Octets of a small job, of one in several packets, of one in several frames of a body file."""


@attrs.frozen
class Job:
    """One message: as it lies upstream, and as a device must have it; `first` is what it is a copy of."""

    number: int
    octets: bytes
    expected: bytes
    first: int


def make_job(number: int, rng: random.Random) -> Job:
    """Return a new message."""
    low, high = rng.choices(SIZES, (8, 3, 1))[0]
    lines = [b"line %d of job %d" % (at, number) for at in range(rng.randint(low, high) // 20)]
    odd = [b".", b"..", b".dots", b"", b"-ERR no error", b"+OK"]
    for _ in range(rng.randint(0, 6)):
        lines.insert(rng.randint(0, len(lines)), rng.choice(odd))
    head = [
        b"Received: by mx.test; Thu, 1 Jan 2026 00:00:00 +0000",
        b"Subject: job %d" % number,
    ]
    end = rng.choice((b"\r\n", b"\r\n", b"\n"))
    return _job(number, number, head, lines, end)


def make_copy(number: int, of: Job) -> Job:
    """Return a second copy of a print job, which came another way."""
    _, _, body = of.expected.partition(b"\r\n\r\n")
    head = [b"Received: by mx%d.test" % number, b"Subject: job %d" % of.first]
    return _job(number, of.first, head, body.split(b"\r\n")[:-1], b"\r\n")


def _job(number: int, first: int, head: list[bytes], lines: list[bytes], end: bytes) -> Job:
    # The unique first line keeps two services from taking two jobs for one.
    told = [
        *head,
        b"Message-ID: <job-%d@chaos.test>" % first,
        b"X-Job: %d" % number,
        b"",
        *lines,
    ]
    octets = b"".join(line + end for line in told)
    return Job(number, octets, b"".join(line + b"\r\n" for line in told), first)
