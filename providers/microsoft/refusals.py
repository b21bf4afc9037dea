"""Says in plain words why Entra refuses, by the AADSTS number and never by its text.

Source of the numbers: learn.microsoft.com/entra/identity-platform/reference-error-codes.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

_AADSTS = re.compile(r"AADSTS(\d{4,9})")
_NAME = re.compile(
    r"[a-z_]{1,60}"
)  # of an error (RFC 6749 section 5.2); what else came is not told
_TRACE = re.compile(r"[0-9A-Fa-f-]{1,64}")

_SIGN_IN_AGAIN = "enrol the account again"

PENDING, SLOW_DOWN = "authorization_pending", "slow_down"
"""Errors of a device code that only mean: not yet (RFC 8628 section 3.5)."""

SLOW_DOWN_SECONDS = 5.0
"""What slow_down adds to the interval (RFC 8628 section 3.5)."""

EXPLANATIONS: Mapping[int, str] = MappingProxyType(
    {
        # the grant has ended
        50173: f"the password was changed or the sessions were revoked; {_SIGN_IN_AGAIN}",
        50132: f"the sessions were revoked; {_SIGN_IN_AGAIN}",
        50133: f"the password was changed or the sessions were revoked; {_SIGN_IN_AGAIN}",
        700082: f"the grant was not used for 90 days; {_SIGN_IN_AGAIN}",
        70008: f"the grant has expired; {_SIGN_IN_AGAIN}",
        700084: f"the grant has expired; {_SIGN_IN_AGAIN}",
        70043: f"a sign-in frequency policy ended the grant; {_SIGN_IN_AGAIN}, and have the policy"
        " except this app, or use --auth app",
        70044: f"a sign-in frequency policy ended the grant; {_SIGN_IN_AGAIN}, and have the policy"
        " except this app, or use --auth app",
        50078: f"multi-factor authentication has expired; {_SIGN_IN_AGAIN}",
        50076: f"multi-factor authentication is asked for now; {_SIGN_IN_AGAIN}",
        50079: f"multi-factor authentication must be set up for this person first; then {_SIGN_IN_AGAIN}",
        50057: "the person's account is disabled; enable it, or enrol somebody else",
        50034: "the person's account is not in this tenant; check --tenant",
        50055: "the person's password has expired; change it, then enrol the account again",
        # policies
        53003: "a Conditional Access policy blocks it; many tenants block the device code flow: use"
        " --auth browser or --auth app, or have an administrator except this app",
        53000: "a policy asks for a compliant device, which a bridge is not; use --auth app, or have"
        " an administrator except this app",
        50097: "a policy asks for a registered device, which a bridge is not; use --auth app, or"
        " have an administrator except this app",
        530003: "a policy asks for a managed device, which a bridge is not; use --auth app",
        50158: "a policy asks for another proof of the person; use --auth app",
        50105: "the app asks for assignment and the person is not assigned; assign them in Entra,"
        " Enterprise applications, Users and groups",
        # the app
        700016: "there is no app of that client id in this tenant; check --client-id and --tenant",
        90002: "there is no such tenant; check --tenant",
        900023: "there is no such tenant; check --tenant",
        50059: "the tenant is missing; name it with --tenant",
        650052: "the tenant has no such service; is it licensed for Exchange Online?",
        65001: "nobody has consented to the app's permissions; an administrator must grant consent",
        65004: "consent was declined; sign in again and accept, or have an administrator grant it",
        90094: "an administrator must grant consent to the app first",
        7000218: 'the app allows no public client flows; in Entra, Authentication, set "Allow public'
        ' client flows" to Yes, or sign in with --auth browser and a secret',
        7000215: "the client secret is wrong; enrol the account again with --client-secret-stdin, and give"
        " the secret's value, not its id",
        700025: "the app is a public client, and those have no secret; leave it out, or in Entra,"
        " Authentication, have the redirect address under Web",
        7000222: "the client secret has expired; make a new one in Entra, and enrol the account"
        " again with --client-secret-stdin",
        700027: "Entra does not know the certificate; upload it under Certificates & secrets of the"
        " app, and wait a minute",
        700024: "Entra finds the assertion outside its time; is this machine's clock right?",
        700030: "Entra cannot use the certificate; upload the one that is shown",
        50011: "the redirect address is not registered; in Entra, Authentication, add"
        " http://localhost under Mobile and desktop applications",
        70011: "a permission is not known there; is --cloud right?",
        50194: "the app is registered for one tenant alone; name that with --tenant",
        7000112: "the app is disabled in this tenant; enable it in Entra, Enterprise applications",
        500011: "Graph is not known in this tenant; is --cloud right?",
        # the code
        70016: "nobody has signed in yet; open the page and type the code",
        70019: "the code has expired; begin again",
        70020: "the code has expired; begin again",
        7000014: "the code is not known any more; begin again",
        70018: "the sign-in was declined, or another code was typed; begin again",
        54005: "the code was used already; begin again",
        501481: "the code is that of another sign-in; begin again",
        9002313: "the code was not taken; paste the whole address where the browser ended",
    }
)
"""What each number means for the owner of a bridge."""

_BY_ERROR = {
    "authorization_declined": "the sign-in was declined",
    "access_denied": "the sign-in was declined, or the tenant forbids this flow (many block device"
    " codes): use --auth browser or --auth app",
    "expired_token": "the code has expired before anybody signed in; begin again. Where the page says"
    " that the sign-in is blocked, the tenant forbids this flow: use --auth browser or --auth app",
    "code_expired": "the code has expired before anybody signed in; begin again",
    "bad_verification_code": "the code was not taken; begin again",
    "invalid_client": "Entra does not take the app's secret or certificate",
    "unauthorized_client": "the app may not use this flow; check --client-id, --tenant, and in Entra"
    ' "Allow public client flows"',
    "interaction_required": f"Entra wants to see the person again; {_SIGN_IN_AGAIN}",
    "consent_required": "somebody must consent to the app's permissions; enrol the account again",
    "invalid_grant": f"the grant is not honoured any more; {_SIGN_IN_AGAIN}",
    "invalid_scope": "a permission is not known there; is --cloud right?",
}

LOST = frozenset(
    {"invalid_grant", "interaction_required", "consent_required", "login_required",
     "unauthorized_client", "invalid_client", "access_denied"}
)  # fmt: skip
"""Errors of a renewal that no later try will change."""


CLOCK = 700024
"""The assertion is outside its time: a clock is wrong, and will be set right without an admin here."""


def is_final(result: Mapping[str, Any]) -> bool:
    """Tell whether a renewal that ended so will end so for ever, until somebody enrols anew."""
    return str(result.get("error")) in LOST and CLOCK not in numbers(result)


def numbers(result: Mapping[str, Any]) -> list[int]:
    """Return the AADSTS numbers of an error, the most telling first."""
    listed = result.get("error_codes")
    found = [one for one in listed if isinstance(one, int)] if isinstance(listed, list) else []
    described = _AADSTS.findall(str(result.get("error_description", "")))
    return list(dict.fromkeys([*found, *map(int, described)]))


def explain(result: Mapping[str, Any]) -> str:
    """Return one sentence: what it means, what to do, and the number to look up."""
    codes = numbers(result)
    error = str(result.get("error", ""))
    error = error if _NAME.fullmatch(error) else "unknown_error"
    named = f" (AADSTS{codes[0]})" if codes else f" ({error})"
    for code in codes:
        if code in EXPLANATIONS:
            return f"{EXPLANATIONS[code]} (AADSTS{code})"
    return _BY_ERROR.get(error, "Entra refuses, and does not say why in words of ours") + named


def trace_of(result: Mapping[str, Any]) -> str:
    """Return what Microsoft's support asks for."""
    found = result.get("trace_id") or result.get("correlation_id")
    return found if isinstance(found, str) and _TRACE.fullmatch(found) else ""
