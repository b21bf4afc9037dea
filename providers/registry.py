"""Names every provider there is, and opens the mailbox of an account.

A provider's modules are imported when the first account needs them, so that a bridge which serves
a local folder never loads what only a cloud needs.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import attrs

from providers.contract import MailboxProvider


@attrs.frozen
class ProviderEntry:
    """One provider: what an owner should know of it, and how its mailbox is opened."""

    summary: str
    settings: tuple[str, ...]
    open_mailbox: Callable[[Mapping[str, str]], MailboxProvider]


def open_mailbox(provider: str, settings: Mapping[str, str]) -> MailboxProvider:
    """Return the mailbox of an account; nothing is contacted before its first call.

    Raises:
        ValueError: there is no such provider, or it cannot use these settings; the text says
            which would be valid.
    """
    entry = PROVIDERS.get(provider)
    if entry is None:
        raise ValueError(
            f"there is no provider {provider!r}: choose from {', '.join(PROVIDERS)}"
        )
    unknown = sorted(settings.keys() - set(entry.settings))
    if unknown:
        raise ValueError(
            f"provider {provider} knows no setting {', '.join(unknown)}:"
            f" it takes {', '.join(entry.settings)}"
        )
    return entry.open_mailbox(settings)


def _open_folder(settings: Mapping[str, str]) -> MailboxProvider:
    from providers.folder.mailbox import open_folder  # noqa: PLC0415 - loaded when first needed

    return open_folder(settings)


PROVIDERS: Mapping[str, ProviderEntry] = MappingProxyType(
    {
        "folder": ProviderEntry(
            summary="a Maildir or a directory of .eml files on this machine",
            settings=("path",),
            open_mailbox=_open_folder,
        ),
    }
)
