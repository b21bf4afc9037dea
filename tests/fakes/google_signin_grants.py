"""What Google remembers of consents: codes, refresh tokens that stay, access tokens that end."""

import secrets

import attrs

from tests.canary import CANARY

LIVE_REFRESH_TOKENS = 100
"""Per user and client; the oldest dies silently when one more is made (developers.google.com/identity/
protocols/oauth2#expiration)."""

CODE_SECONDS = 600.0
TESTING_SECONDS = 604799  # a project that is in testing: seven days


@attrs.define
class Code:
    """An authorization code, good once."""

    text: str
    client_id: str
    user: str
    scopes: frozenset[str]
    redirect_uri: str
    challenge: str | None
    is_offline: bool
    ends: float
    is_used: bool = False


@attrs.define
class Consent:
    """What a refresh token stands for; `dead` is the answer to who uses it although it ended."""

    token: str
    client_id: str
    user: str
    scopes: frozenset[str]
    dead: str | None = None


@attrs.frozen
class AccessToken:
    user: str
    scopes: frozenset[str]
    ends: float


@attrs.define
class Grants:
    """All of these, by their texts."""

    codes: dict[str, Code] = attrs.field(factory=dict)
    consents: dict[str, Consent] = attrs.field(factory=dict)
    access: dict[str, AccessToken] = attrs.field(factory=dict)

    def new_code(self, code: Code) -> None:
        self.codes[code.text] = code

    def new_consent(self, client_id: str, user: str, scopes: frozenset[str]) -> Consent:
        consent = Consent(f"1//0{CANARY}{secrets.token_urlsafe(72)}", client_id, user, scopes)
        alive = [
            one
            for one in self.consents.values()
            if (one.client_id, one.user) == (client_id, user) and one.dead is None
        ]
        for one in alive[: max(0, len(alive) + 1 - LIVE_REFRESH_TOKENS)]:
            one.dead = "revoked"
        self.consents[consent.token] = consent
        return consent

    def new_access(self, user: str, scopes: frozenset[str], ends: float) -> str:
        """Return an access token, long and with dots, as Google's are."""
        token = f"ya29.a0{CANARY}{secrets.token_urlsafe(120)}.."
        self.access[token] = AccessToken(user, scopes, ends)
        return token

    def live(self, token: str, now: float) -> AccessToken | None:
        found = self.access.get(token)
        return found if found is not None and now < found.ends else None

    def end(self, user: str | None, why: str) -> None:
        """End the consents of a user (None: of all)."""
        for one in self.consents.values():
            if user in {None, one.user}:
                one.dead = why


def new_code_text() -> str:
    """Return a code; Google's hold a slash, which is not escaped in the address."""
    return f"4/0A{CANARY}{secrets.token_urlsafe(52)}"
