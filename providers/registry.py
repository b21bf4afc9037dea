"""Names every provider there is, and opens the mailbox and the sign-in of an account.

A provider's modules are imported when the first account needs them, so that a bridge which serves
a local folder never loads what only a cloud needs.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import attrs

from providers.contract import MailboxProvider
from providers.identity import IdentityProvider, TokenSource

Settings = Mapping[str, str]


@attrs.frozen
class ProviderEntry:
    """One provider: what an owner should know of it, and how its two halves are opened.

    `open_identity` is None where no sign-in is needed; `open_mailbox` then gets no tokens. `credentials`
    says for each option that hands something over with which ways to sign in it goes.
    """

    summary: str
    settings: tuple[str, ...]
    open_mailbox: Callable[[Settings, TokenSource | None], MailboxProvider]
    open_identity: Callable[[Settings], IdentityProvider] | None = None
    credentials: Mapping[str, tuple[str, ...]] = attrs.field(factory=dict)
    default_auth: str = ""

    def check_credential(self, option: str, settings: Settings) -> None:
        """Accept an option that hands over what accounts with these settings sign in with.

        Raises:
            ValueError: it is of another provider or way; sent to this one it would be given away.
        """
        auth = settings.get("auth", self.default_auth)
        if auth not in self.credentials.get(option, ()):
            raise ValueError(f"--{option} is not for an account that signs in like this one")


def entry_for(provider: str, settings: Settings) -> ProviderEntry:
    """Return the provider of that name, if it knows all of these settings.

    Raises:
        ValueError: there is no such provider, or it does not; the text says which would be valid.
    """
    entry = PROVIDERS.get(provider)
    if entry is None:
        raise ValueError(
            f"there is no provider {provider!r}: choose from {', '.join(PROVIDERS)}"
        )
    unknown = sorted(settings.keys() - set(entry.settings))
    if unknown:
        options = ", ".join("--" + name.replace("_", "-") for name in unknown)
        raise ValueError(f"provider {provider} has no option {options}; leave it out")
    return entry


def open_mailbox(
    provider: str, settings: Settings, tokens: TokenSource | None = None
) -> MailboxProvider:
    """Return the mailbox of an account; nothing is contacted before its first call.

    Raises:
        ValueError: there is no such provider, or it cannot use these settings.
    """
    return entry_for(provider, settings).open_mailbox(settings, tokens)


def open_identity(provider: str, settings: Settings) -> IdentityProvider | None:
    """Return the sign-in of an account, or None where it needs none; nothing is contacted yet.

    Raises:
        ValueError: there is no such provider, or it cannot use these settings.
    """
    entry = entry_for(provider, settings)
    return None if entry.open_identity is None else entry.open_identity(settings)


# ---- the providers, each imported when it is first needed


def _open_folder(settings: Settings, tokens: TokenSource | None) -> MailboxProvider:
    from providers.folder.mailbox import open_folder  # noqa: PLC0415 - loaded when first needed

    del tokens
    return open_folder(settings)


def _open_graph(settings: Settings, tokens: TokenSource | None) -> MailboxProvider:
    from providers.microsoft.mailbox import open_mailbox as open_  # noqa: PLC0415 - as above

    return open_(settings, _needed(tokens))


def _open_entra(settings: Settings) -> IdentityProvider:
    from providers.microsoft.identity import open_identity as open_  # noqa: PLC0415 - as above

    return open_(settings)


def _open_gmail(settings: Settings, tokens: TokenSource | None) -> MailboxProvider:
    from providers.google.mailbox import open_mailbox as open_  # noqa: PLC0415 - as above

    return open_(settings, _needed(tokens))


def _open_google(settings: Settings) -> IdentityProvider:
    from providers.google.identity import open_identity as open_  # noqa: PLC0415 - as above

    return open_(settings)


def _needed(tokens: TokenSource | None) -> TokenSource:
    if tokens is None:
        raise ValueError("this provider needs an account that can be enrolled")
    return tokens


PROVIDERS: Mapping[str, ProviderEntry] = MappingProxyType(
    {
        "folder": ProviderEntry(
            summary="a Maildir or a directory of .eml files on this machine",
            settings=("path",),
            open_mailbox=_open_folder,
        ),
        "microsoft": ProviderEntry(
            summary="a mailbox of Microsoft 365, through Microsoft Graph",
            settings=(
                "client_id",
                "tenant",
                "auth",
                "mailbox",
                "access",
                "cloud",
                "graph_url",
                "authority",
                "ca",
                "secret_ends",
            ),
            open_mailbox=_open_graph,
            open_identity=_open_entra,
            credentials={"client-secret-stdin": ("browser", "app"), "new-key": ("app",)},
            default_auth="device",
        ),
        "google": ProviderEntry(
            summary="a mailbox of Gmail or Google Workspace, through the Gmail API",
            settings=(
                "auth",
                "subject",
                "access",
                "gmail_url",
                "token_url",
                "units_per_minute",
                "ca",
            ),
            open_mailbox=_open_gmail,
            open_identity=_open_google,
            credentials={
                "client-file": ("browser",),
                "service-account": ("service-account",),
            },
            default_auth="browser",
        ),
    }
)
