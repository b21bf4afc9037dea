"""Decides, as Graph and Exchange do, whose mailbox a request is for and whether its token reaches it."""

import base64
import json
from collections.abc import Mapping

from tests.fakes.entra import FakeEntra
from tests.fakes.entra_state import AccessToken
from tests.fakes.graph_answers import Refusal
from tests.fakes.graph_store import GraphMailbox

_READS = frozenset({"Mail.Read", "Mail.ReadWrite"})
_WRITES = frozenset({"Mail.ReadWrite"})


def check_token(entra: FakeEntra, bearer: str, audience: str) -> AccessToken:
    """Return what a token allows.

    Raises:
        Refusal: 401, with a challenge where the token was revoked and its client can take one.
    """
    access = entra.access_of(bearer)
    if not bearer or access is None or access.audience != audience:
        message = "Access token is empty." if not bearer else "Access token validation failure."
        raise Refusal(401, "InvalidAuthenticationToken", message, WWW_Authenticate="Bearer")
    if access.is_revoked and access.is_cae:
        message = "Continuous access evaluation resulted in challenge with result: InteractionRequired."
        challenge = _challenge(entra)
        raise Refusal(401, "InvalidAuthenticationToken", message, WWW_Authenticate=challenge)
    return access


def mailbox_of(
    mailboxes: Mapping[str, GraphMailbox], access: AccessToken, whose: str
) -> GraphMailbox:
    """Return the mailbox that a request names: `whose` is "me", an address or an object id.

    Raises:
        Refusal: there is none of that name, or it is not one that Graph serves.
    """
    if whose == "me":
        if access.user is None:
            message = "/me request is only valid with delegated authentication flow."
            raise Refusal(400, "BadRequest", message)
        whose = access.user
    wanted = whose.lower()
    found = (
        m for m in mailboxes.values() if wanted in {m.address.lower(), m.object_id.lower()}
    )
    mailbox = next(found, None)
    if mailbox is None:
        raise Refusal(404, "ErrorInvalidUser", f"The requested user '{whose}' is invalid.")
    if not mailbox.is_licensed:
        message = "The mailbox is either inactive, soft-deleted, or is hosted on-premise."
        raise Refusal(404, "MailboxNotEnabledForRESTAPI", message)
    return mailbox


def check_right(
    entra: FakeEntra, access: AccessToken, mailbox: GraphMailbox, *, writes: bool
) -> None:
    """Accept a token that may do this to a mailbox.

    Raises:
        Refusal: 403.
    """
    needed = _WRITES if writes else _READS
    if access.user is None:
        given = access.roles | _exchange_roles(entra, access, mailbox)
    elif access.user.lower() == mailbox.address.lower():
        given = frozenset(one.removesuffix(".Shared") for one in access.scopes)
    elif access.user in mailbox.delegates:
        shared = (one for one in access.scopes if one.endswith(".Shared"))
        given = frozenset(one.removesuffix(".Shared") for one in shared)
    else:
        given = frozenset()
    if not given & needed:
        message = "Access is denied. Check credentials and try again."
        raise Refusal(403, "ErrorAccessDenied", message)


def _exchange_roles(
    entra: FakeEntra, access: AccessToken, mailbox: GraphMailbox
) -> frozenset[str]:
    """Return what Exchange itself lets the app do there (exchange/permissions-exo/application-rbac)."""
    client = entra.clients.get(access.client_id)
    role = client.exchange_roles.get(mailbox.address, "") if client else ""
    return frozenset({role.removeprefix("Application ")})


def _challenge(entra: FakeEntra) -> str:
    """Return the header of a claims challenge (entra/identity-platform/claims-challenge)."""
    since = {"essential": True, "value": str(int(entra.now()))}
    claims = json.dumps({"access_token": {"nbf": since}}, separators=(",", ":"))
    packed = base64.b64encode(claims.encode()).decode()
    where = f"{entra.url}/common/oauth2/authorize"
    return (
        f'Bearer realm="", authorization_uri="{where}", client_id="00000003-0000-0000-c000-000000000000",'
        f' error="insufficient_claims", claims="{packed}"'
    )
