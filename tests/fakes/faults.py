"""What a service on loopback can be told to do wrong, one value for each way.

`is_legal` says whether the vendor's contract knows such an answer: those are held to it too.
"""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from typing import TypeAlias

import attrs

Body: TypeAlias = bytes | Callable[[], AsyncIterator[bytes]]
"""An answer's body, whole, or in pieces that are made as they are sent."""


@attrs.frozen
class Answer:
    """One whole answer; a body in pieces is sent chunked unless `headers` name its length."""

    status: int = 200
    body: Body = b""
    headers: Mapping[str, str] = attrs.field(factory=dict)
    is_legal: bool = True

    @classmethod
    def of_json(cls, value: object, status: int = 200, **headers: str) -> "Answer":
        named = {key.replace("_", "-"): text for key, text in headers.items()}
        return cls(
            status, json.dumps(value).encode(), {"Content-Type": "application/json", **named}
        )


def html(status: int = 502) -> Answer:
    """Return the page that a proxy on the way puts in a service's place."""
    page = b"<!DOCTYPE html><html><body><h1>Something went wrong</h1></body></html>"
    return Answer(status, page, {"Content-Type": "text/html"}, is_legal=False)


@attrs.frozen
class Hang:
    """Take the request and never answer."""


@attrs.frozen
class Refuse:
    """Cut the connection before a single octet of the answer."""


@attrs.frozen
class Reset:
    """Cut the connection roughly, `after` octets of the true body."""

    after: int = 100


@attrs.frozen
class Truncate:
    """End in an orderly way, `after` octets of the true body, short of what was announced."""

    after: int = 100


@attrs.frozen
class WrongLength:
    """Announce `by` octets more (or fewer) than the true body has, send it, and close."""

    by: int = 10


@attrs.frozen
class Trickle:
    """Send `octets` octets of the true body, and then nothing more, without closing."""

    octets: int = 10


@attrs.frozen
class Drip:
    """Send one octet of the true body every `seconds`: never silent for long, and never done."""

    seconds: float = 5.0


@attrs.frozen
class Endless:
    """Send the true body again and again, in chunks, until the peer has had enough."""


@attrs.frozen
class Gzip:
    """Compress the true body, asked for or not; drop `cut` octets of the compressed end."""

    cut: int = 0


@attrs.frozen
class NoEnd:
    """Send the true body with neither a length nor chunks, and close: its end cannot be told."""


@attrs.frozen
class Cut:
    """Send `octets` of the true body as if they were all: HTTP itself sees nothing wrong."""

    octets: int = 30


@attrs.frozen
class DoneBut:
    """Do what was asked, and then answer as if it had failed."""

    answer: Answer


@attrs.frozen
class Away:
    """Cut the connection, and call `leave`: from now on nobody is to be met at this host."""

    leave: Callable[[], object]


Fault: TypeAlias = (
    Answer
    | Hang
    | Refuse
    | Reset
    | Truncate
    | WrongLength
    | Trickle
    | Drip
    | Endless
    | Gzip
    | NoEnd
    | Cut
    | DoneBut
    | Away
)
