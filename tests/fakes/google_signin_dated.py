"""A service whose clock can be off: it dates every answer, and says what time it thinks it is."""

import email.utils
from collections.abc import Mapping

import attrs
import trustme
from aiohttp import web

from bridge.clock import Clock, SystemClock
from tests.fakes.faults import Answer, Fault
from tests.fakes.service import Asked, Service


class Dated(Service):
    """A service with a clock; `clock_offset` is how many seconds it is ahead of `clock`."""

    def __init__(self, ca: trustme.CA, clock: Clock | None = None) -> None:
        super().__init__(ca)
        self.clock = clock or SystemClock()
        self.clock_offset = 0.0

    def now(self) -> float:
        """Return the seconds since the Unix epoch that this service believes in."""
        return self.clock.now() + self.clock_offset

    async def _send(
        self, request: web.Request, answer: Answer, fault: Fault | None
    ) -> web.StreamResponse:
        date = email.utils.formatdate(self.now(), usegmt=True)
        dated = attrs.evolve(answer, headers={"Date": date, **answer.headers})
        return await super()._send(request, dated, fault)


def bearer_of(asked: Asked) -> str:
    """Return the token a request carries, or an empty text."""
    kind, _, token = authorization(asked.headers).partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""


def authorization(headers: Mapping[str, str]) -> str:
    return headers.get("Authorization", "")
