"""Answers LANG (RFC 6856 section 3): our texts are English, and so is what stands for any language."""

from collections.abc import Mapping
from types import MappingProxyType

from bridge.pop3 import replies
from bridge.pop3.voice import Voice

ENGLISH = "en"

LANGUAGES: Mapping[str, str] = MappingProxyType({ENGLISH: "English", "i-default": ""})
"""Tags, and what each is called in itself. Texts in i-default are for whoever said nothing else, and are to be
understood by who knows English (RFC 2277 section 4.5): ours are those."""

ANY = "*"
"""Whatever the administrator prefers; no other than before the login, so that it tells nothing of a user."""


def answer(asked: str | None, voice: Voice) -> bytes:
    """Return the list of languages, or what is said of the one that was asked for."""
    if asked is None:
        lines = [f"{tag} {name}".rstrip() for tag, name in LANGUAGES.items()]
        return replies.multi_line(voice.ok("Languages follow"), lines)
    tag = matching(asked)
    if tag is None:
        return voice.err("No such language, LANG lists them")
    return voice.ok("Texts are in English", before=tag)


def matching(asked: str) -> str | None:
    """Return the language that fits a basic language range, by lookup (RFC 4647 section 3.4), or None."""
    if asked == ANY:
        return ENGLISH
    wanted = asked.lower()
    if wanted in LANGUAGES:
        return wanted
    return ENGLISH if wanted.partition("-")[0] == ENGLISH else None
