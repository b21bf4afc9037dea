"""Whatever a sign-in service answers, nothing of it is told that could be a secret.

An answer holds tokens when all goes well; a service that fails may echo what it was asked, and cut
off anywhere. What is told is what the log and the command line would say.
"""

import io
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import attrs
import pytest

from bridge import logs
from providers.contract import ProviderError
from tests.canary import CANARY
from tests.fakes.faults import Answer
from tests.fakes.service import Service
from tests.secrecy import forms_of_word
from tests.unit.providers.google.signin_desk import signin_desk
from tests.unit.providers.microsoft.entra_desk import entra_desk

TOKENS = {
    "token_type": "Bearer",
    "access_token": f"at.{CANARY}",
    "refresh_token": f"rt.{CANARY}",
    "id_token": f"{CANARY}.{CANARY}.x",
    "expires_in": 3600,
    "scope": "x",
}
WHOLE = json.dumps(TOKENS).encode()
ECHO = f"grant_type=refresh_token&refresh_token={CANARY}&client_secret={CANARY}&code={CANARY}"
PLAIN = {"Content-Type": "text/plain"}
JSON = {"Content-Type": "application/json"}


def refused(status: int = 400, **said: object) -> Answer:
    return Answer(status, json.dumps(said).encode(), JSON)


ANSWERS = {
    "cut in the access token": Answer(200, WHOLE[: WHOLE.index(b"rt.") - 40], JSON),
    "cut in the refresh token": Answer(200, WHOLE[: WHOLE.index(b"id_token") - 6], JSON),
    "not UTF-8": Answer(200, WHOLE.replace(b"x", b"\xff"), JSON),
    "tokens in a list": Answer(200, b"[" + WHOLE + b"]", JSON),
    "a token that is an object": refused(200, **{**TOKENS, "access_token": {"at": CANARY}}),
    "a lifetime that is a token": refused(200, **{**TOKENS, "expires_in": CANARY}),
    "a scope that is a token": refused(200, **{**TOKENS, "scope": {"at": CANARY}}),
    "tokens beside an error": refused(400, error="invalid_grant", **TOKENS),
    "an echo as the error": refused(error=CANARY, error_description=ECHO),
    "an echo as the description": refused(error="invalid_grant", error_description=ECHO),
    "an echo as the number": refused(error="invalid_grant", error_codes=[ECHO, CANARY]),
    "an echo as the trace": refused(
        error="invalid_grant", trace_id=CANARY, correlation_id=CANARY
    ),
    "an echo as the suberror": refused(error="invalid_grant", suberror=CANARY, claims=ECHO),
    "an error that is an object": refused(error={"code": CANARY, "message": ECHO}),
    "an echo as text": Answer(400, ECHO.encode(), PLAIN),
    "an echo as a page": Answer(400, f"<html>{ECHO}".encode(), {"Content-Type": "text/html"}),
    "an echo of an outage": Answer(500, ECHO.encode(), PLAIN),
    "an echo in a pause": Answer(429, ECHO.encode(), {**PLAIN, "Retry-After": CANARY}),
    "an echo in the headers": Answer(
        302, b"", {"Location": f"http://localhost/?{ECHO}", "Set-Cookie": f"s={CANARY}"}
    ),
    "an echo as the coding": Answer(200, WHOLE, {"Content-Encoding": CANARY}),
    "an echo as the length": Answer(200, WHOLE, {"Content-Type": CANARY, "Date": CANARY}),
}


@attrs.frozen
class SignIn:
    """Somebody who has signed in; `renew` asks for a new token, `enrol` signs in anew."""

    service: Service
    renew: Callable[[], Awaitable[object]]
    enrol: Callable[[], Awaitable[object]]


@pytest.fixture(params=["microsoft", "google"])
async def sign_in(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SignIn]:
    if request.param == "microsoft":
        async with entra_desk(tmp_path) as entra:
            identity, renewal = await entra.granted()
            grant = renewal.grant
            yield SignIn(
                entra.cloud.entra,
                lambda: identity.renew(grant, force=True),
                entra.granted,
            )
    else:
        async with signin_desk(tmp_path) as google:
            other, renewal = await google.granted()
            kept = renewal.grant
            yield SignIn(google.signin, lambda: other.renew(kept, force=True), google.granted)


@pytest.fixture
def told() -> Iterator[io.StringIO]:
    """All that is logged."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    logs.configure("debug", "json", stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("call", ["renew", "enrol"])
async def test_a_sign_in_service_has_no_secret_told(
    sign_in: SignIn, told: io.StringIO, answer: str, call: str
) -> None:
    sign_in.service.always("/token$", attrs.evolve(ANSWERS[answer], is_legal=False))
    try:
        await getattr(sign_in, call)()
    except ProviderError as error:
        logs.get("test").exception("failed", request_id=error.request_id, repr=repr(error))
    # A renewal may take what it is given where that is a token; it is then kept, and not told.
    octets = told.getvalue().encode()
    assert [form for form in forms_of_word(CANARY) if form in octets] == []
