"""What is secret of a Microsoft account, as the text that is sealed into the register."""

import json

import attrs

from providers.identity import Grant


@attrs.frozen
class GraphGrant:
    """The app's own credential, MSAL's token cache, and the newest access token beside it.

    MSAL's cache holds a token too, but finds it again only where Entra spells its scopes as they were
    asked for. `expires_at` is in seconds since the epoch.
    """

    secret: str = attrs.field(default="", repr=False)
    key: str = attrs.field(default="", repr=False)
    certificate: str = ""
    cache: str = attrs.field(default="", repr=False)
    token: str = attrs.field(default="", repr=False)
    expires_at: float = 0.0
    scopes: tuple[str, ...] = ()

    def pack(self) -> Grant:
        """Return it as the text that `unpack` turns back."""
        return Grant(json.dumps({k: v for k, v in attrs.asdict(self).items() if v}))

    @classmethod
    def unpack(cls, grant: Grant) -> "GraphGrant":
        """Return what `pack` made a text of; what a newer version added is left out."""
        known = {field.name for field in attrs.fields(cls)}
        values = {k: v for k, v in json.loads(grant).items() if k in known}
        return cls(**{**values, "scopes": tuple(values.get("scopes", ()))})

    def without_tokens(self) -> "GraphGrant":
        """Return the credential alone, with nothing of an earlier consent."""
        return GraphGrant(secret=self.secret, key=self.key, certificate=self.certificate)
