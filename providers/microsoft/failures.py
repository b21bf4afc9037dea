"""Says what a bad answer of Graph means, by its error code and never by its text."""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from typing import Any

from providers.caller import AskedInVain, TokenRefused, TookTooLong
from providers.contract import (
    AccessRefused,
    CursorExpired,
    MessageGone,
    MessageUnreadable,
    ProviderError,
    Throttled,
    Unreachable,
)
from providers.pauses import retry_after
from providers.transport import HttpAnswer

BANDWIDTH_SECONDS = 600.0
"""Pause after 509, which names none: Graph counts in windows of ten minutes (throttling limits)."""

GONE = frozenset(
    {
        "erroritemnotfound",
        "errorfoldernotfound",
        "errorinvalididmalformed",
        "errorinvalidmailboxitemid",
        "errorcannotdeleteobject",
    }
)
"""Codes of a message, or folder, that is not in this mailbox; compared in small letters."""

UNREADABLE = frozenset(
    {
        "errormimecontentconversionfailed",
        "errorcontentconversionfailed",
        "errormimecontentinvalid",
        "errormessagesizeexceeded",
        "errorcorruptdata",
    }
)
"""Codes that stay the same however often a message is asked for (apis: S/MIME, signed NDRs)."""

EXPIRED = frozenset({"syncstatenotfound", "resyncrequired", "syncstateinvalid"})
"""Codes of a cursor that Graph has dropped (learn.microsoft.com/graph/delta-query-overview)."""

_REFUSED = {
    "mailboxnotenabledforrestapi": (
        "the mailbox has no Exchange Online licence, lies on premises, or is still being made"
    ),
    "resourcenotfound": "there is no mailbox of that address; check --mailbox",
    "request_resourcenotfound": "there is no mailbox of that address; check --mailbox",
    "errorinvaliduser": "there is no mailbox of that address; check --mailbox",
    "errornonexistentmailbox": "there is no mailbox of that address; check --mailbox",
    "erroraccessdenied": (
        "Graph denies access: the permission is missing, the person who signed in is no delegate"
        " of that mailbox, or the app is not confined to it (a change takes up to two hours)"
    ),
    "authorization_requestdenied": "Graph denies access: the permission is missing",
}
_FORBIDDEN = (
    "Graph forbids it: is the mailbox licensed, and did an administrator grant the permission?"
)
_TRIES = {409: 2, 500: 2}  # what was in the way may be over; other answers stay as they are
_CLAIMS = re.compile(r'claims="([^"]*)"')


def judge(answer: HttpAnswer, now: float) -> ProviderError | None:
    """Return the error that an answer is, or None for a good one; `now` is in seconds since the epoch."""
    if answer.is_success and not answer.is_page:
        return None
    error = verdict(answer.status, error_codes(answer), answer.headers, now)
    # The gateways before Graph put their 429, 503 and 504 on pages; what these mean is in the head.
    if answer.is_page and not isinstance(error, Throttled | TookTooLong):
        return Unreachable(
            f"a page for people came instead of Graph's answer (status {answer.status});"
            " is a proxy or a captive portal in the way?",
            request_id=error.request_id,
        )
    return error


def verdict(
    status: int, codes: tuple[str, ...], headers: Mapping[str, str], now: float
) -> ProviderError:
    """Return what a failed status with these codes means, of a request or of a part of a batch."""
    request_id = headers.get("request-id", "")
    named = codes[-1] if codes else "no code"
    said = f"Graph answers {status} ({named})"
    found = frozenset(code.lower() for code in codes)
    if found & EXPIRED or status == 410:  # noqa: PLR2004 - RFC 9110 section 15.5.11
        return CursorExpired(said, request_id=request_id)
    if found & UNREADABLE:
        return MessageUnreadable(
            f"Exchange cannot turn it into MIME ({named})", request_id=request_id
        )
    if found & GONE:
        return MessageGone(said, request_id=request_id)
    for code in found & _REFUSED.keys():
        return AccessRefused(_REFUSED[code], request_id=request_id)
    return _by_status(status, said, headers, now)


def _by_status(status: int, said: str, headers: Mapping[str, str], now: float) -> ProviderError:
    request_id = headers.get("request-id", "")
    wait = retry_after(headers, now)
    match status:
        case 401:
            return TokenRefused(said, claims_challenge(headers), request_id=request_id)
        case 403:
            return AccessRefused(_FORBIDDEN, request_id=request_id)
        case 429 | 509:
            unsaid = BANDWIDTH_SECONDS if status == 509 else 0.0  # noqa: PLR2004 - see there
            return Throttled(said, wait or unsaid, request_id=request_id)
        case 503 if wait is not None:
            return Throttled(said, wait, request_id=request_id)
        case 504:
            return TookTooLong(said, request_id=request_id)
        case _ if status in _TRIES or status < 500:  # noqa: PLR2004 - RFC 9110 section 15.5
            return AskedInVain(said, _TRIES.get(status, 1), request_id=request_id)
        case _:
            return Unreachable(said, request_id=request_id)


def error_codes(answer: HttpAnswer) -> tuple[str, ...]:
    """Return the codes of an error answer, the outermost first; none where it names none."""
    try:
        return codes_of(answer.json())
    except Unreachable:
        return ()


def codes_of(value: Any) -> tuple[str, ...]:  # noqa: ANN401 - whatever JSON the service sent
    """Return the codes in an error object (learn.microsoft.com/graph/errors), nested ones too."""
    found: list[str] = []
    error = value.get("error") if isinstance(value, dict) else None
    while isinstance(error, dict) and len(found) < 8:  # noqa: PLR2004 - a bound, not a measure
        code = error.get("code")
        if isinstance(code, str) and code.isprintable() and code:
            found.append(code[:100])
        error = error.get("innerError") or error.get("innererror")
    return tuple(found)


def claims_challenge(headers: Mapping[str, str]) -> str | None:
    """Return the decoded challenge of a 401, where it carries one: a JSON object in text.

    Source: learn.microsoft.com/entra/identity-platform/claims-challenge.
    """
    match = _CLAIMS.search(headers.get("WWW-Authenticate", ""))
    if match is None:
        return None
    padded = match[1] + "=" * (-len(match[1]) % 4)
    try:
        text = base64.b64decode(padded.translate({45: 43, 95: 47}), validate=True).decode()
        claims = json.loads(text)
    except (binascii.Error, ValueError, RecursionError):
        return None
    # MSAL adds to both, and what it cannot add to would look like the end of the grant.
    is_whole = isinstance(claims, dict) and isinstance(claims.get("access_token", {}), dict)
    return text if is_whole else None
