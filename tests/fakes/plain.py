"""A service that answers with what a test put in, for all that concerns HTTP and not its meaning."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import trustme

from bridge.clock import SystemClock
from providers.caller import AskedInVain, TokenRefused, TookTooLong
from providers.contract import (
    AccessRefused,
    CursorExpired,
    MessageGone,
    ProviderError,
    Throttled,
    Unreachable,
)
from providers.pauses import retry_after
from providers.transport import HttpAnswer
from tests.fakes.faults import Answer
from tests.fakes.service import Asked, Service

AT_ONCE = 3
NOES = {403: AccessRefused, 404: MessageGone, 410: CursorExpired}
JSON = b'{"value": [1, 2, 3]}'


class PlainService(Service):
    """Answers every request with `truth`, and calls `on_asked` before it does."""

    def __init__(self, ca: trustme.CA, name: str = "localhost") -> None:
        super().__init__(ca, name)
        self.truth = Answer(200, JSON, {"Content-Type": "application/json"})
        self.on_asked: Callable[[], None] = lambda: None

    async def answer(self, asked: Asked) -> Answer:
        del asked
        self.on_asked()
        return self.truth


def judge(answer: HttpAnswer) -> ProviderError | None:
    """Say what an answer is, as a provider would."""
    request_id = answer.headers.get("request-id", "")
    wait = retry_after(answer.headers, SystemClock().now()) or 0.0
    match answer.status:
        case status if status < 300:
            return None
        case 401:
            claims = answer.headers.get("claims")
            return TokenRefused("it is expired", claims, request_id=request_id)
        case 403 | 404 | 410 as status:
            return NOES[status]("no", request_id=request_id)
        case 409:
            return AskedInVain("in vain", int(answer.headers["worth"]), request_id=request_id)
        case 429 | 503:
            return Throttled("too much", wait, request_id=request_id)
        case 504:
            return TookTooLong("too long", request_id=request_id)
        case status:
            return Unreachable(f"status {status}", request_id=request_id)


def trusted(ca: trustme.CA, folder: Path) -> str:
    """Return the name of a file that holds the CA's certificate."""
    path = folder / "ca.pem"
    ca.cert_pem.write_to_path(str(path))
    return str(path)


@asynccontextmanager
async def started(ca: trustme.CA, name: str = "localhost") -> AsyncIterator[PlainService]:
    """Yield a started service, and stop it after the block."""
    service = PlainService(ca, name)
    await service.start()
    try:
        yield service
    finally:
        await service.stop()
