"""Every fault of the matrix: what goes over the wire, in the words of the service that is asked."""

import base64
import email.utils
import json
import ssl
from collections.abc import Callable, Mapping

import attrs
import trustme

from tests.fakes.cloud import Cloud
from tests.fakes.faults import (
    Answer,
    Away,
    Cut,
    DoneBut,
    Drip,
    Endless,
    Fault,
    Gzip,
    Hang,
    Refuse,
    Reset,
    Truncate,
    WrongLength,
    html,
)
from tests.fakes.gmail_answers import refusal as gmail_refusal
from tests.fakes.graph_answers import refusal as graph_refusal
from tests.fakes.service import Service
from tests.faults.cell_loop import START, CellLoop
from tests.faults.upstream_calls import CALLS, Call

SERVICES = frozenset({"graph", "entra", "gmail", "google_signin"})
GRAPH, GMAIL = frozenset({"graph"}), frozenset({"gmail"})
MAILS, SIGN_INS = GRAPH | GMAIL, frozenset({"entra", "google_signin"})


@attrs.frozen
class Kind:
    """One fault; `how` returns it for the service of a call, `services` are those that know it.

    `tries` is how often one request is sent at most before its failure is the look's. A `status` can also
    be the answer to a part of a batch.
    """

    name: str
    how: Callable[[str], Fault]
    services: frozenset[str] = SERVICES
    status: bool = False
    tries: int = 4


def inject(kind: Kind, call: Call, cloud: Cloud, loop: CellLoop) -> None:
    """Let every request of `call` meet this fault, until it is healed."""
    service: Service = getattr(cloud, call.service)
    if kind.name in HOSTS:
        leave = HOSTS[kind.name]
        service.always(call.pattern, Away(lambda: leave(service, loop)))
        return
    fault = kind.how(call.service)
    if call.part:
        assert isinstance(fault, Answer)
        cloud.graph.always_batch(call.pattern, fault)
    else:
        service.always(call.pattern, fault)


def applies(kind: Kind, call: Call) -> bool:
    """Tell whether a fault can befall a call."""
    if call.service not in kind.services or (call.part and not kind.status):
        return False
    match kind.name:
        case "500-done":
            return call.changes and not call.part
        case "500-conversion":
            return call.name == "graph-fetch"
        case "cut-json":
            # MIME has no end of its own: where HTTP sees nothing wrong, nobody can.
            return call.name != "graph-fetch"
        case "empty-200":
            return not call.says_nothing  # it is what a good answer looks like
        case _:
            return True


# ---- hosts that are away


def _unresolve(service: Service, loop: CellLoop) -> None:
    loop.unresolved.add(service.port)


def _refuse(service: Service, loop: CellLoop) -> None:
    loop.refused.add(service.port)


def _distrust(service: Service, loop: CellLoop) -> None:
    service.show_certificate_of(STRANGER, loop.meet)


STRANGER = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
trustme.CA().issue_cert("localhost").configure_cert(STRANGER)

HOSTS: Mapping[str, Callable[[Service, CellLoop], None]] = {
    "dns": _unresolve,
    "connect-refused": _refuse,
    "tls": _distrust,
}


# ---- what the services say


def _refusal(service: str, status: int, codes: Mapping[str, str], **headers: str) -> Answer:
    """Return a refusal in a service's own words; `codes` are those, by service."""
    code = codes[service]
    match service:
        case "graph":
            answer = graph_refusal(status, code)
        case "gmail":
            answer = gmail_refusal(status, code)
        case _:
            body = {"error": code, "error_description": code, "error_codes": [7000215]}
            answer = Answer.of_json(body, status)
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return attrs.evolve(answer, headers={**answer.headers, **named}, is_legal=False)


def _coded(
    status: int, graph: str, gmail: str, sign_in: str, **headers: str
) -> Callable[[str], Fault]:
    codes = {"graph": graph, "gmail": gmail, "entra": sign_in, "google_signin": sign_in}
    return lambda service: _refusal(service, status, codes, **headers)


def _same(fault: Fault) -> Callable[[str], Fault]:
    return lambda _service: fault


def _kind(name: str, words: tuple[str, str, str], *, tries: int = 4, **headers: str) -> Kind:
    """Return the refusal of that status in the words of Graph, of Gmail, and of both sign-ins."""
    how = _coded(int(name[:3]), *words, **headers)
    return Kind(name, how, status=True, tries=tries)


def _only(services: frozenset[str], name: str, code: str, tries: int = 1) -> Kind:
    how = _coded(int(name[:3]), code, code, code)
    return Kind(name, how, services, status=True, tries=tries)


def _challenge(_service: str) -> Fault:
    since = {"essential": True, "value": str(int(START))}
    claims = base64.b64encode(json.dumps({"access_token": {"nbf": since}}).encode()).decode()
    told = f'Bearer realm="", error="insufficient_claims", claims="{claims}"'
    answer = graph_refusal(401, "InvalidAuthenticationToken", WWW_Authenticate=told)
    return attrs.evolve(answer, is_legal=False)


def _dated() -> dict[str, str]:
    now, then = (email.utils.formatdate(START + s, usegmt=True) for s in (0, 90))
    return {"Date": now, "Retry_After": then}


_BUSY = ("ApplicationThrottled", "rateLimitExceeded", "temporarily_unavailable")
_DOWN = ("ServiceUnavailable", "backendError", "temporarily_unavailable")
_BROKEN = ("InternalServerError", "backendError", "server_error")
_DENIED = ("InvalidAuthenticationToken", "authError", "invalid_client")
_NOT_THERE = ("ErrorItemNotFound", "notFound", "not_found")
_CONFLICT = ("ErrorIrresolvableConflict", "aborted", "conflict")
_OVER = ("SyncStateNotFound", "deleted", "gone")
_DONE_BUT = _coded(500, *_BROKEN)
_EMPTY = Answer(200, b"", {"Content-Type": "application/json"}, is_legal=False)

KINDS = (
    _kind("401", _DENIED, tries=2),
    Kind("401-claims", _challenge, GRAPH, status=True, tries=2),
    _only(GRAPH, "403-denied", "ErrorAccessDenied"),
    _only(GMAIL, "403-rate", "userRateLimitExceeded", 4),
    _only(GMAIL, "403-daily", "dailyLimitExceeded"),
    _only(GMAIL, "403-policy", "domainPolicy"),
    _only(SIGN_INS, "403-sign-in", "access_denied"),
    _kind("404", _NOT_THERE, tries=1),
    _kind("409", _CONFLICT, tries=2),
    _kind("410", _OVER, tries=1),
    _kind("429-seconds", _BUSY, Retry_After="20"),
    _kind("429-date", _BUSY, tries=1, **_dated()),
    _kind("429-unsaid", _BUSY),
    _kind("500", _BROKEN),
    Kind("500-done", lambda service: DoneBut(_answer_of(_DONE_BUT(service))), MAILS),
    _only(GRAPH, "500-conversion", "ErrorMimeContentConversionFailed"),
    Kind("502-html", _same(html(502))),
    _kind("503", _DOWN),
    _kind("504", ("UnknownError", "backendError", "server_error")),
    Kind("connect-refused", _same(Refuse())),
    Kind("dns", _same(Refuse())),
    Kind("tls", _same(Refuse())),
    Kind("hang", _same(Hang())),
    Kind("trickle", _same(Drip())),
    Kind("reset", _same(Reset(20))),
    Kind("cut-json", _same(Cut(9))),
    Kind("cut-body", _same(Truncate(20))),
    Kind("wrong-length", _same(WrongLength(-10))),
    Kind("gzip", _same(Gzip()), tries=1),
    Kind("gzip-cut", _same(Gzip(9))),
    Kind("endless", _same(Endless())),
    Kind("empty-200", _same(_EMPTY)),
)
"""The columns of the matrix."""

CELLS = tuple((call, kind) for call in CALLS for kind in KINDS if applies(kind, call))
"""The matrix."""


def _answer_of(fault: Fault) -> Answer:
    assert isinstance(fault, Answer)
    return fault
