"""Reads Authentication-Results fields (RFC 8601) and Received fields (RFC 5321 section 4.4); pure.

Which of a message's fields the receiving service itself has written is each provider's to know: anybody
can put such a field into a message. What these functions are given is believed.
"""

import re
from collections.abc import Sequence

import attrs

from providers.contract import Attestation

FIELD_CHARACTERS = 8192
"""A longer field is not read: Exchange Online and Gmail write some 500 characters."""

NOTHING_RECORDED = Attestation((), "no result of the service's own")
"""What is attested where the service has written nothing that can be told from a forgery."""

_PAIR = re.compile(r'([A-Za-z0-9._/-]+)\s*=\s*((?:"(?:[^"\\]|\\.)*"|[^\s;"])+)')
_BARE = re.compile(r'"(?:[^"\\]|\\.)*"|[^\s;"]+')
_DOMAIN = re.compile(r"(?=.{3,253}\Z)[a-z0-9_-]+(?:\.[a-z0-9_-]+)+")
_RESULT = re.compile(r"[a-z]{1,20}")
_HOP = re.compile(r"\s*(?:from\s+(\S+)\s+)?by\s+(\S+)(?:\s+with\s+(\S+))?", re.IGNORECASE)

_UNDECIDED = frozenset({"none", "bestguesspass"})
"""DMARC results where the domain has published no policy; the second is Exchange Online's own."""


@attrs.frozen
class Result:
    """What one method has found, and of what; names in small letters."""

    method: str
    result: str
    properties: dict[str, str]


@attrs.frozen
class Results:
    """One Authentication-Results field; `authserv_id` is empty where it names none."""

    authserv_id: str
    results: tuple[Result, ...]


@attrs.frozen
class Hop:
    """One Received field: who handed over (empty where it says nothing of that), who took it, how."""

    source: str
    by: str
    protocol: str


def without_comments(value: str) -> str | None:
    """Return a field without its comments and folds (RFC 5322 section 3.2.2); None where they never end."""
    kept: list[str] = []
    depth, is_quoted, characters = 0, False, iter(value[: FIELD_CHARACTERS + 1])
    for one in characters:
        shown = one
        if one == "\\" and (depth or is_quoted):
            shown += next(characters, "")
        elif one == '"' and not depth:
            is_quoted = not is_quoted
        elif one == "(" and not is_quoted:
            depth += 1
        elif one == ")" and not is_quoted:
            depth -= 1
            shown = " "
        if depth < 0:
            return None
        if not depth:
            kept.append(shown)
    is_whole = not depth and not is_quoted and len(value) <= FIELD_CHARACTERS
    return "".join(kept) if is_whole else None


def read_results(value: str) -> Results | None:
    """Return what a field says, or None where it says nothing that can be relied on.

    Exchange Online leaves the authserv-id out, and puts the recipient's domain between the results
    (what it is, no page tells): a word without `=` counts for nothing but in the first place.
    """
    text = without_comments(value)
    if text is None:
        return None
    found: list[Result] = []
    authserv_id, position, is_first, is_begun = "", 0, True, False
    while position < len(text):
        if text[position].isspace() or text[position] == ";":
            is_begun = is_begun and text[position] != ";"
            position += 1
            continue
        if pair := _PAIR.match(text, position):
            name, said = pair[1].lower(), pair[2]
            if is_begun:
                found[-1].properties.setdefault(name, _unquoted(said))
            else:
                found.append(Result(name.partition("/")[0], said.lower(), {}))
                is_begun = True
        elif bare := _BARE.match(text, position):
            pair = bare
            if is_first:
                authserv_id = _unquoted(bare[0]).lower()
        else:
            return None
        position, is_first = pair.end(), False
    return Results(authserv_id, tuple(found))


def judge(results: Sequence[Result]) -> Attestation:
    """Return for whom a service vouches that has found this.

    By DMARC where it has decided (RFC 7489 section 6.6.2); otherwise by a signature or a sending host that
    passed, each for its own domain and those below it, which is less than alignment (section 3.1): whether
    two other domains have one owner cannot be told from their names.
    """
    found = ", ".join(
        f"{one.method}={one.result}"
        for one in results
        if one.method in ("dmarc", "dkim", "spf") and _RESULT.fullmatch(one.result)
    )
    told = Attestation((), found or "neither SPF nor DKIM nor DMARC")
    policies = {one.result for one in results if one.method == "dmarc"}
    if policies == {"pass"}:
        vouched = [
            one.properties.get("header.from", "") for one in results if one.method == "dmarc"
        ]
        return attrs.evolve(told, domains=_domains(vouched if len(vouched) == 1 else []))
    if policies - _UNDECIDED:
        return told
    senders = [one for one in results if one.method == "spf"]
    aligned = [
        one.properties.get("header.d") or one.properties.get("header.i", "")
        for one in results
        if one.method == "dkim" and one.result == "pass"
    ]
    if len(senders) == 1 and senders[0].result == "pass":
        aligned.append(senders[0].properties.get("smtp.mailfrom", ""))
    return attrs.evolve(told, domains=_domains(aligned))


def read_hop(value: str) -> Hop | None:
    """Return what a Received field says of its hop, names in small letters; None where it is odd."""
    text = without_comments(value)
    hop = _HOP.match(text) if text is not None else None
    return Hop(*((part or "").lower() for part in hop.groups())) if hop else None


def _domains(names: Sequence[str]) -> tuple[str, ...]:
    """Return the domains of addresses, or domains, that are some; each once."""
    domains = (name.rpartition("@")[2].lower().rstrip(".") for name in names)
    return tuple(dict.fromkeys(one for one in domains if _DOMAIN.fullmatch(one)))


def _unquoted(value: str) -> str:
    if value.startswith('"') and value.endswith('"'):
        return re.sub(r"\\(.)", r"\1", value[1:-1])
    return value
