"""Cuts the long runs of base64 out of a message, so that a large scan is neither parsed nor copied.

What is cut out are views of the message; a short line stands in their place until they are put back.
"""

import re
from collections.abc import Iterator

import attrs

from bridge.shaping.tokens import absent_from

RUN_OCTETS = 65536
"""Runs below this are left in: the email package reads them in a millisecond."""

LINE_OCTETS = 76  # RFC 2045 section 6.8, without CRLF

_RUN = re.compile(rb"(?m)^(?:[A-Za-z0-9+/]{4,76}+\r\n)++")


@attrs.frozen
class Run:
    """Whole lines of base64, no line longer than 76 octets, with CRLF at the end of each.

    `quads` says that each line is whole quads of letters, as every encoder writes them.
    """

    octets: memoryview = attrs.field(repr=False)
    quads: bool


@attrs.frozen
class Unloaded:
    """A message without its long runs: `text` has a line of `token` and number in the place of each."""

    text: bytes = attrs.field(repr=False)
    runs: tuple[Run, ...] = attrs.field(repr=False)
    token: bytes = attrs.field(repr=False)

    def put_back(self, text: bytes) -> list[bytes | Run]:
        """Return what `text`, a part of this message, is made of, in order; empty text is left out."""
        pieces: list[bytes | Run] = []
        if not self.runs:
            return [text] if text else []
        for index, piece in enumerate(re.split(re.escape(self.token) + rb"(\d+)\r?\n?", text)):
            if index % 2:
                pieces.append(self.runs[int(piece)])
            elif piece:
                pieces.append(piece)
        return pieces


def unload(message: bytes) -> Unloaded:
    """Cut the long runs out of `message`, whose lines end in CRLF; linear in its size."""
    spans = [found.span() for found in _RUN.finditer(message)]
    spans = [(start, end) for start, end in spans if end - start >= RUN_OCTETS]
    if not spans:
        return Unloaded(message, (), b"")
    view = memoryview(message)
    token = absent_from([message], b"cargo*%s*")
    return Unloaded(
        b"".join(_left(view, spans, token)),
        tuple(_run(message, view, start, end) for start, end in spans),
        token,
    )


def _left(
    view: memoryview, spans: list[tuple[int, int]], token: bytes
) -> Iterator[bytes | memoryview]:
    done = 0
    for number, (start, end) in enumerate(spans):
        yield view[done:start]
        yield token + b"%d\r\n" % number
        done = end
    yield view[done:]


def _run(message: bytes, view: memoryview, start: int, end: int) -> Run:
    """Return the run, and whether its lines are whole quads: all but the last of one length."""
    step = message.index(b"\n", start) - start + 1
    last = message.rindex(b"\n", start, end - 1) + 1
    lines = (last - start) // step
    regular = (
        lines * step == last - start
        and message[start + step - 1 : last : step] == b"\n" * lines
        and not message.count(b"\n", start, last) - lines
    )
    return Run(view[start:end], regular and not (step - 2) % 4 and not (end - last - 2) % 4)
