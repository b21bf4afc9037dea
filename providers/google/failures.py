"""Says what a bad answer of Gmail or of Google's sign-in means, by its reason and never by its status alone."""

import re
from collections.abc import Mapping
from typing import Any

from providers.caller import AskedInVain, TokenRefused
from providers.contract import (
    AccessRefused,
    MessageGone,
    ProviderError,
    Throttled,
    Unreachable,
)
from providers.pauses import retry_after
from providers.transport import HttpAnswer

DAILY_SECONDS = 3600.0
"""Pause after dailyLimitExceeded: the day ends at midnight Pacific time, which is seldom near."""

THROTTLED = frozenset(
    {"ratelimitexceeded", "userratelimitexceeded", "quotaexceeded", "resource_exhausted"}
)
"""Reasons that pass by themselves, whether the status is 403 or 429; compared in small letters
(developers.google.com/workspace/gmail/api/guides/handle-errors)."""

_NAME = re.compile(
    r"[a-z_]{1,60}"
)  # of an error (RFC 6749 section 5.2); what else came is not told
_DAILY = frozenset({"dailylimitexceeded", "dailylimitexceededunreg"})
_GONE = frozenset({"notfound"})
_AS_REASON = {"FAILED_PRECONDITION": "failedPrecondition", "NOT_FOUND": "notFound"}
_NONSENSE = frozenset({"invalidargument", "invalid_argument"})


class NoSuchThing(AskedInVain):
    """Gmail cannot make sense of an id: of a message, a label or a history that never was, or is over."""


class NameTaken(AskedInVain):
    """Gmail has something of that name already, or keeps the name for itself."""


REFUSED: Mapping[str, str] = {
    "domainpolicy": "the administrator of the domain does not allow this app; have them trust it in"
    " the Admin console, Security, API controls",
    "insufficientpermissions": "the grant does not reach that far; enrol the account again and leave"
    " every box ticked, or add it with a wider --access",
    "access_token_scope_insufficient": "the grant does not reach that far; enrol the account again"
    " and leave every box ticked, or add it with a wider --access",
    "accessnotconfigured": "the Gmail API is not enabled in the Google Cloud project of the client;"
    " enable it there and wait some minutes",
    "service_disabled": "the Gmail API is not enabled in the Google Cloud project of the client;"
    " enable it there and wait some minutes",
    "failedprecondition": "Gmail is not switched on for this person; have the administrator do so, or"
    " name a person who has it with --subject",
    "delegationdenied": "the service account may not act for this person; check --subject and the"
    " domain-wide delegation",
    "forbidden": "Google forbids it; does the grant reach this mailbox?",
    "accountdisabled": "the Google account is disabled",
}
"""Reasons that only a person can mend."""

SIGN_IN: Mapping[str, str] = {
    "invalid_grant": "the grant is not honoured any more: the password was changed, access was"
    " removed, it was not used for six months, or the Google Cloud project is still in Testing, where"
    " grants end after 7 days; publish the project or make it Internal, and enrol the account again",
    "invalid_rapt": "the domain's session policy wants to see the person again; enrol the account"
    " again, and have the administrator exempt this app or use a service account",
    "invalid_jwt": "Google finds the assertion outside its time; is this machine's clock right?",
    "invalid_subject": "there is no such person in the domain; check --subject",
    "invalid_client": "Google does not know this client, or its secret; download the client's file"
    " again, and enrol the account again with --client-file",
    "deleted_client": "the OAuth client was deleted in Google Cloud; make another, and enrol the account"
    " again with --client-file",
    "unauthorized_client": "the client may not ask for that: for a service account, have a super"
    " administrator enter its client id, and exactly the scope that the enrolment shows, in the Admin"
    " console under Domain-wide delegation; it takes some minutes",
    "access_denied": "the consent was declined",
    "admin_policy_enforced": "the administrator of the domain does not allow this app; have them"
    " trust it in the Admin console, Security, API controls",
    "org_internal": "the project is Internal to another organisation; use a person of that"
    " organisation, or publish the project",
    "invalid_scope": "the scope is not known there, or not delegated to the service account",
    "redirect_uri_mismatch": "the client is not of the kind Desktop app; make one of that kind",
}
"""What each error of the sign-in means for the owner of a bridge (RFC 6749 section 5.2, and Google's)."""

LOST = frozenset(
    {"invalid_grant", "invalid_rapt", "invalid_subject", "invalid_client", "deleted_client", "unauthorized_client",
     "access_denied", "admin_policy_enforced", "org_internal", "invalid_scope"}
)  # fmt: skip
"""Errors of a renewal that no later try will change."""

PASSING = frozenset({"internal_failure", "server_error", "temporarily_unavailable"})
"""Errors that are outages in disguise (RFC 6749 section 4.1.2.1): google-auth would sleep and try again."""


def judge(answer: HttpAnswer, now: float) -> ProviderError | None:
    """Return the error that an answer of Gmail is, or None; `now` is in seconds since the epoch."""
    if answer.is_success and not answer.is_page:
        return None
    if answer.is_page:
        return Unreachable(
            f"a page for people came instead of Gmail's answer (status {answer.status});"
            " is a proxy or a captive portal in the way?"
        )
    try:
        answer.json()
    except Unreachable as error:
        return error
    reasons = reasons_of(answer)
    said = f"Gmail answers {answer.status} ({reasons[0] if reasons else 'no reason'})"
    found = frozenset(reason.lower() for reason in reasons)
    wait = retry_after(answer.headers, now)
    if found & _DAILY:
        return Throttled(said, wait or DAILY_SECONDS)
    if found & THROTTLED or answer.status == 429:  # noqa: PLR2004 - RFC 6585 section 4
        return Throttled(said, wait or 0.0)
    for reason in reasons:
        if reason.lower() in REFUSED:
            return AccessRefused(REFUSED[reason.lower()])
    return _by_status(answer.status, found, said, wait)


def _by_status(
    status: int, found: frozenset[str], said: str, wait: float | None
) -> ProviderError:
    match status:
        case 401:
            return TokenRefused(said)
        case 403:
            return AccessRefused(REFUSED["forbidden"])
        case 404 if found & _GONE:
            return MessageGone(said)
        case 400 if found & _NONSENSE:
            return NoSuchThing(said, 1)
        case 409:
            return NameTaken(said, 1)
        case 503 if wait is not None:
            return Throttled(said, wait)
        case _ if status < 500:  # noqa: PLR2004 - RFC 9110 section 15.5
            return AskedInVain(said, 1)
        case _:
            return Unreachable(said)


def reasons_of(answer: HttpAnswer) -> tuple[str, ...]:
    """Return the reasons of an error answer, the most telling first; none where it names none."""
    value = answer.json()
    error = value.get("error") if isinstance(value, dict) else None
    if not isinstance(error, dict):
        return ()
    listed = [*_reasons(error.get("details")), *_reasons(error.get("errors"))]
    status = error.get("status")
    if isinstance(status, str):
        listed.append(_AS_REASON.get(status, status))
    return tuple(listed)


def _reasons(value: Any) -> list[str]:  # noqa: ANN401 - whatever JSON the service sent
    found = value if isinstance(value, list) else []
    reasons = [one.get("reason") for one in found if isinstance(one, dict)]
    return [
        reason[:100]
        for reason in reasons
        if isinstance(reason, str) and reason.isprintable() and reason
    ]


def sign_in_error(value: Any) -> str:  # noqa: ANN401 - whatever JSON the service sent
    """Return the error of an answer of the sign-in, the finest that is named."""
    if not isinstance(value, dict):
        return "unknown_error"
    error, finer = value.get("error"), value.get("error_subtype")
    if finer in ("invalid_rapt", "rapt_required"):
        return "invalid_rapt"
    described = str(value.get("error_description", ""))
    if error == "invalid_grant" and "JWT" in described:
        return "invalid_jwt"
    if error == "invalid_grant" and "email" in described:
        return "invalid_subject"
    return error if isinstance(error, str) and _NAME.fullmatch(error) else "unknown_error"


def explain_code(error: str) -> str:
    """Return one sentence about an error in place of the tokens for a code that was brought here."""
    if error == "invalid_grant":
        return f"that address was used already, or is older than ten minutes; begin again ({error})"
    return explain(error)


def explain(error: str) -> str:
    """Return one sentence about an error of the sign-in: what it means, what to do, and its name."""
    return f"{SIGN_IN.get(error, 'Google refuses the sign-in')} ({error})"
