"""What Entra refuses, with the numbers and in the form of its own answers.

Source of the numbers: learn.microsoft.com/entra/identity-platform/reference-error-codes.
"""

import uuid
from datetime import UTC, datetime
from typing import Any

from tests.fakes.faults import Answer

_KNOWN: dict[int, tuple[int, str, str]] = {
    # the app
    700016: (400, "unauthorized_client", "Application with identifier '{}' was not found in the directory."),
    7000215: (401, "invalid_client", "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID."),
    7000216: (401, "invalid_client", "'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' grant type."),
    7000218: (401, "invalid_client", "The request body must contain the following parameter: 'client_assertion' or 'client_secret'."),
    7000222: (401, "invalid_client", "The provided client secret keys are expired."),
    700021: (401, "invalid_client", "Client assertion application identifier doesn't match 'client_id' parameter."),
    700023: (401, "invalid_client", "Client assertion audience claim does not match Realm issuer."),
    700024: (401, "invalid_client", "Client assertion is not within its valid time range."),
    700025: (401, "invalid_client", "Client is public so neither 'client_assertion' nor 'client_secret' should be presented."),
    700027: (401, "invalid_client", "The certificate with identifier used to sign the client assertion is not registered on application."),
    50027: (401, "invalid_client", "JWT token is invalid or malformed."),
    # the tenant, the scope
    90002: (400, "invalid_tenant", "Tenant '{}' not found. Check to make sure you have the correct tenant ID."),
    50059: (400, "invalid_request", "No tenant-identifying information found in either the request or implied by any provided credentials."),
    70011: (400, "invalid_scope", "The provided value for the input parameter 'scope' is not valid. The scope {} is not valid."),
    1002012: (400, "invalid_scope", "The provided value for scope {} is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier."),
    500011: (400, "invalid_resource", "The resource principal named {} was not found in the tenant."),
    65001: (400, "invalid_grant", "The user or administrator has not consented to use the application."),
    # codes
    70016: (400, "authorization_pending", "OAuth 2.0 device flow error. Authorization is pending. Continue polling."),
    70018: (400, "authorization_declined", "The end user denied the authorization request."),
    70020: (400, "expired_token", "The provided value for the input parameter 'device_code' is not valid. This device code has expired."),
    70000: (400, "invalid_grant", "The provided value for the input parameter '{}' is not valid."),
    70008: (400, "invalid_grant", "The provided authorization code or refresh token has expired due to inactivity."),
    54005: (400, "invalid_grant", "OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an existing refresh token."),
    500112: (400, "invalid_client", "The reply address does not match the reply address provided when requesting Authorization code."),
    501481: (400, "invalid_grant", "The Code_Verifier does not match the code_challenge supplied in the authorization request."),
    9002313: (400, "invalid_grant", "Invalid request. Request is malformed or invalid."),
    900144: (400, "invalid_request", "The request body must contain the following parameter: '{}'."),
    70003: (400, "unsupported_grant_type", "The app requested an unsupported grant type."),
    # grants that ended
    50173: (400, "invalid_grant", "The provided grant has expired due to it being revoked, a fresh auth token is needed."),
    700082: (400, "invalid_grant", "The refresh token has expired due to inactivity."),
    70043: (400, "invalid_grant", "The refresh token has expired or is invalid due to sign-in frequency checks by conditional access."),
    50076: (400, "invalid_grant", "Due to a configuration change made by your administrator, you must use multi-factor authentication."),
    50079: (400, "invalid_grant", "You must enroll in multi-factor authentication."),
    50057: (400, "invalid_grant", "The user account is disabled."),
    53003: (400, "access_denied", "Access has been blocked by Conditional Access policies. The access policy does not allow token issuance."),
}  # fmt: skip
"""Status, error and text of each number."""


class EntraPage(Exception):
    """The browser ends on a page of Entra's own with this number, and never comes back."""

    def __init__(self, code: int) -> None:
        super().__init__(f"AADSTS{code}")
        self.code = code


class EntraRefusal(Exception):
    """The token service answers with an error."""

    def __init__(
        self, code: int, about: str = "", *, error: str = "", suberror: str = ""
    ) -> None:
        status, usual, text = _KNOWN.get(code, (400, "invalid_grant", "It is refused."))
        super().__init__(text.format(about))
        self.code = code
        self.status = status
        self.error = error or usual
        self.suberror = suberror

    def answer(self, now: float) -> Answer:
        """Return the answer of the token service."""
        return Answer.of_json(self.body(now), self.status, Cache_Control="no-store, no-cache")

    def body(self, now: float) -> dict[str, Any]:
        trace, correlation = str(uuid.uuid4()), str(uuid.uuid4())
        moment = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
        said = {
            "error": self.error,
            "error_description": f"AADSTS{self.code}: {self} Trace ID: {trace}"
            f" Correlation ID: {correlation} Timestamp: {moment}",
            "error_codes": [self.code],
            "timestamp": moment,
            "trace_id": trace,
            "correlation_id": correlation,
            "error_uri": f"https://login.microsoftonline.com/error?code={self.code}",
        }
        return {**said, "suberror": self.suberror} if self.suberror else said
