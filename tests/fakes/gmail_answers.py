"""How Gmail words its answers: refusals with their reasons, partial answers, messages with `raw`."""

import base64
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any, TypeAlias

import attrs

from tests.fakes.faults import Answer, Body
from tests.fakes.gmail_store import GmailMailbox, StoredMessage

JSON_TYPE = "application/json; charset=UTF-8"
STREAMED_FROM = 64 * 1024  # octets of a message from which its answer is made as it is sent

Json: TypeAlias = dict[str, Any]

_STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}

_TEXTS = {
    "accessNotConfigured": (
        "Gmail API has not been used in project 481516234200 before or it is disabled. Enable it by"
        " visiting https://console.developers.google.com/apis/api/gmail.googleapis.com/overview"
        "?project=481516234200 then retry."
    ),
    "authError": "Invalid Credentials",
    "backendError": "Backend Error",
    "dailyLimitExceeded": "Daily Limit Exceeded",
    "domainPolicy": "The domain administrators have disabled Gmail apps.",
    "failedPrecondition": "Mail service not enabled",
    "insufficientPermissions": "Request had insufficient authentication scopes.",
    "notFound": "Requested entity was not found.",
    "rateLimitExceeded": "Rate Limit Exceeded",
    "required": "Login Required.",
    "userRateLimitExceeded": "User Rate Limit Exceeded",
}

_DETAILS = {
    "accessNotConfigured": "SERVICE_DISABLED",
    "insufficientPermissions": "ACCESS_TOKEN_SCOPE_INSUFFICIENT",
    "required": "CREDENTIALS_MISSING",
}

_USAGE_LIMITS = {
    "accessNotConfigured",
    "dailyLimitExceeded",
    "rateLimitExceeded",
    "userRateLimitExceeded",
}


class BadSelection(Exception):
    """A `fields` text cannot be read."""


def refusal(
    status: int, reason: str, message: str = "", *, retry_after: str | None = None
) -> Answer:
    """Return a refusal as Gmail words it; `message` is Gmail's own text unless given."""
    text = message or _TEXTS.get(reason, reason)
    domain = "usageLimits" if reason in _USAGE_LIMITS else "global"
    one = {"message": text, "domain": domain, "reason": reason}
    if status == 401:
        one |= {"location": "Authorization", "locationType": "header"}
    name = "FAILED_PRECONDITION" if reason == "failedPrecondition" else _STATUS.get(status)
    error: Json = {"code": status, "message": text, "errors": [one]}
    error |= {"status": name} if name else {}
    if reason in _DETAILS:
        kind = "type.googleapis.com/google.rpc.ErrorInfo"
        error["details"] = [{"@type": kind, "reason": _DETAILS[reason]}]
    headers = {"Retry-After": retry_after} if retry_after is not None else {}
    return attrs.evolve(
        of_value({"error": error}, status), headers=_headers(headers | _asks(reason))
    )


def too_many_at_once() -> Answer:
    """Return what a user gets who asks too much at the same time."""
    return refusal(429, "rateLimitExceeded", "Too many concurrent requests for user")


def unknown_address() -> Answer:
    """Return the page that Google's front end sends for an address it does not know."""
    page = b"<!DOCTYPE html>\n<html lang=en>\n<title>Error 404 (Not Found)!!1</title>\n"
    return Answer(404, page, {"Content-Type": "text/html; charset=UTF-8"}, is_legal=False)


def of_value(value: Json, status: int = 200, *, pretty: bool = True) -> Answer:
    """Return a value as Gmail writes it: indented, unless that was declined."""
    return Answer(status, _text(value, pretty=pretty).encode(), _headers())


def nothing() -> Answer:
    """Return the answer of a method that has none."""
    return Answer(204, b"", {"Vary": "Origin"})


def of_message(
    value: Json, message: StoredMessage, mailbox: GmailMailbox, *, pretty: bool
) -> Answer:
    """Return a message whose `raw` (an empty text so far) is filled in from its octets."""
    if "raw" not in value:
        return of_value(value, pretty=pretty)
    rest = {key: text for key, text in value.items() if key != "raw"}
    ordered = {"raw": "", **rest} if mailbox.raw_first else {**rest, "raw": ""}
    body = RawBody(ordered, message, mailbox, pretty)
    whole: Body = b"".join(body.pieces()) if message.length < STREAMED_FROM else body
    return Answer(200, whole, _headers())


@attrs.frozen
class RawBody:
    """A message's JSON, made as it is sent; `shape` is the value with an empty `raw`."""

    shape: Json
    message: StoredMessage
    mailbox: GmailMailbox
    pretty: bool

    async def __call__(self) -> AsyncIterator[bytes]:
        for piece in self.pieces():
            yield piece

    def pieces(self) -> Iterator[bytes]:
        mark = "\x00raw\x00"
        text = _text({**self.shape, "raw": mark}, pretty=self.pretty)
        before, after = text.split(json.dumps(mark), 1)
        yield before.encode() + b'"'
        yield from base64url(self.message.pieces(), self.mailbox.pad)
        yield b'"' + after.encode()


def base64url(pieces: Iterator[bytes], pad: bytes) -> Iterator[bytes]:
    """Yield the base64url of all pieces together, whatever their lengths; `pad` spells one `=`."""
    left = b""
    for piece in pieces:
        joined = left + piece
        cut = len(joined) - len(joined) % 3
        left = joined[cut:]
        yield base64.urlsafe_b64encode(joined[:cut])
    yield base64.urlsafe_b64encode(left).replace(b"=", pad)


def chosen(value: Any, fields: str) -> Any:  # noqa: ANN401 - any JSON
    """Return the part of a value that a `fields` text selects.

    Raises:
        BadSelection: the text is not one.
    """
    return _pick(value, parse_fields(fields))


Selection: TypeAlias = dict[str, "Selection"]
"""What is chosen, by key; an empty selection below a key chooses all of it."""


def parse_fields(text: str) -> Selection:
    """Return what `a,b/c,d(e,f)` chooses."""
    selection, rest = _parse_list(text)
    if rest or not selection:
        raise BadSelection(text)
    return selection


def _parse_list(text: str) -> tuple[Selection, str]:
    selection: Selection = {}
    while True:
        name, below, text = _parse_one(text)
        selection.setdefault(name, {}).update(below)
        if not text.startswith(","):
            return selection, text
        text = text[1:]


def _parse_one(text: str) -> tuple[str, Selection, str]:
    end = next((at for at, sign in enumerate(text) if sign in ",/()"), len(text))
    name, rest = text[:end], text[end:]
    if not name.strip():
        raise BadSelection(text)
    below: Selection = {}
    if rest.startswith("/"):
        inner, deeper, rest = _parse_one(rest[1:])
        below = {inner: deeper}
    elif rest.startswith("("):
        below, rest = _parse_list(rest[1:])
        if not rest.startswith(")"):
            raise BadSelection(text)
        rest = rest[1:]
    return name.strip(), below, rest


def _pick(value: Any, selection: Selection) -> Any:  # noqa: ANN401 - any JSON
    if not selection:
        return value
    if isinstance(value, list):
        return [_pick(one, selection) for one in value]
    if not isinstance(value, dict):
        return value
    every = selection.get("*")
    return {
        key: _pick(one, selection.get(key, every or {}))
        for key, one in value.items()
        if key in selection or every is not None
    }


def _text(value: Json, *, pretty: bool) -> str:
    if pretty:
        return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _headers(more: dict[str, str] | None = None) -> dict[str, str]:
    return {"Content-Type": JSON_TYPE, "Cache-Control": "private", **(more or {})}


def _asks(reason: str) -> dict[str, str]:
    """Return the header that says what kind of credential would have done."""
    realm = 'Bearer realm="https://accounts.google.com/"'
    match reason:
        case "required":
            return {"WWW-Authenticate": realm}
        case "authError":
            return {"WWW-Authenticate": f'{realm}, error="invalid_token"'}
        case "insufficientPermissions":
            return {"WWW-Authenticate": f'{realm}, error="insufficient_scope"'}
        case _:
            return {}
