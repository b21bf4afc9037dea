"""Packs requests into one JSON batch of Graph and reads its answers, whatever order they come in."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from providers.contract import Unreachable
from providers.microsoft.failures import codes_of

MAX_REQUESTS = 20
"""Requests in one batch at most (learn.microsoft.com/graph/json-batching)."""


@attrs.frozen
class Part:
    """One request of a batch; `path` is relative to the version, and begins with a slash."""

    method: str
    path: str
    body: Mapping[str, object] | None = None


@attrs.frozen
class PartAnswer:
    """One answer of a batch; its status is its own, whatever that of the batch is."""

    status: int
    headers: Mapping[str, str]
    body: Any

    @property
    def is_success(self) -> bool:
        """Tell whether the status is one of the 2xx."""
        return 200 <= self.status < 300  # noqa: PLR2004 - RFC 9110 section 15.3

    @property
    def codes(self) -> tuple[str, ...]:
        """Return its error codes, the outermost first."""
        return codes_of(self.body)


def pack(parts: Sequence[Part], headers: Mapping[str, str]) -> bytes:
    """Return the body of the batch; every part carries `headers`, which do not pass down by themselves.

    Raises:
        ValueError: there are more than a batch takes.
    """
    if len(parts) > MAX_REQUESTS:
        raise ValueError(f"a batch takes {MAX_REQUESTS} requests")
    return json.dumps(
        {"requests": [_packed(number, part, headers) for number, part in enumerate(parts)]}
    ).encode()


def unpack(value: Any, count: int) -> list[PartAnswer]:  # noqa: ANN401 - JSON, checked here
    """Return the answers to `count` parts, in the order of the parts.

    Raises:
        Unreachable: the answer is not one, or some part has none.
    """
    answers = value.get("responses") if isinstance(value, dict) else None
    if not isinstance(answers, list):
        raise Unreachable("Graph's answer to a batch is none")
    found = {str(one.get("id")): one for one in answers if isinstance(one, dict)}
    return [_answer(found.get(str(number))) for number in range(count)]


def _packed(number: int, part: Part, headers: Mapping[str, str]) -> dict[str, object]:
    one: dict[str, object] = {"id": str(number), "method": part.method, "url": part.path}
    if part.body is None:
        return {**one, "headers": dict(headers)}
    return {
        **one,
        "headers": {**headers, "Content-Type": "application/json"},
        "body": dict(part.body),
    }


def _answer(one: Any) -> PartAnswer:  # noqa: ANN401 - JSON, checked here
    status = one.get("status") if isinstance(one, dict) else None
    if not isinstance(status, int):
        raise Unreachable("Graph's answer to a batch leaves a request out")
    named = one.get("headers")
    headers = named if isinstance(named, dict) else {}
    # Names of headers have no letter case (RFC 9110 section 5.1), keys of JSON do.
    proper = {"retry-after": "Retry-After", "request-id": "request-id", "date": "Date"}
    kept = {proper.get(str(k).lower(), str(k)): str(v) for k, v in headers.items()}
    return PartAnswer(status, kept, one.get("body"))
