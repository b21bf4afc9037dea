"""Says where a listener will not serve a machine as its profile has it, before anybody stands at its panel."""

import ipaddress
from collections.abc import Iterator, Sequence

from bridge.admission import LOOPING, LOOPING_PROFILES
from bridge.config.settings import ListenerConfig
from bridge.config.tomlvalues import Network, lies_inside
from bridge.devices.profiles import Profile
from bridge.shaping.wish import Deliver
from bridge.storage.register import MaildropRecord

_STRICTNESS = ("legacy10", "legacy12", "modern")

_SHAPED = (Deliver.PRINT, Deliver.TEXT, Deliver.IFAX)

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")
"""Names of this machine that mean another one on a panel."""


def cautions(
    profile: Profile, one: ListenerConfig, server: str, allow: Sequence[str], *, apop: bool
) -> list[str]:
    """Return a sentence for each thing that stands between the machine and the listener it would use.

    `allow` are the networks the device may come from, `apop` whether it was given APOP.
    """
    return [*_name(profile, server), *hindrances(profile, one, allow, apop=apop)]


def hindrances(
    profile: Profile, one: ListenerConfig, allow: Sequence[str], *, apop: bool
) -> list[str]:
    """Return those of the cautions that another listener might not have."""
    found = [*_tls(profile, one), *_apop(profile, one, apop=apop)]
    return [*found, *_bind(one, allow), *_addresses(profile, one, allow, apop=apop)]


def is_out_of_reach(one: ListenerConfig, allow: Sequence[str]) -> bool:
    """Tell whether a device that comes from `allow` cannot connect to that listener from all of it."""
    places = [ipaddress.ip_network(text) for text in allow]
    is_shut = any(not lies_inside(place, one.allow) for place in places)
    return is_shut or any(_bind(one, allow))


def idle_maildrop(profile: Profile, maildrop: str | None) -> list[str]:
    """Return a sentence where a maildrop is given to a machine that fetches nothing."""
    if maildrop is None or profile.content.value != "empty":
        return []
    why = f"{profile.name} only logs in ({profile.content.origin})"
    return [f"{why}: with --login-only it waits for no other machine, and no other for it."]


def loop_guard(profile: str, drop: MaildropRecord) -> list[str]:
    """Return a sentence where a machine of that profile has the loop guard set for a maildrop that nobody chose for."""
    if profile not in LOOPING_PROFILES or drop.wish.deliver in LOOPING:
        return []
    if drop.admission.automatic is not None:
        return []
    told = f"{profile} may answer mail by itself: replies of programs, mailing lists and delivery reports"
    told += f" are held for maildrop {drop.name} while it has such a device;"
    return [f"{told} `popbridge maildrop change {drop.name} --automatic list` lists them."]


def unshaped(profile: Profile, drop: MaildropRecord) -> list[str]:
    """Return a sentence for each thing that the machine needs of its mail and nobody chose for the maildrop.

    Mail that is shaped for another kind of machine, or may be larger than the profile says, was chosen so.
    """
    needs, holds, change = profile.content, profile.size_octets, f"maildrop change {drop.name}"
    found = []
    if drop.wish.deliver is Deliver.ORIGINAL and needs.value in _SHAPED:
        told = f"Maildrop {drop.name} delivers mail as it came, and {profile.name} needs {needs.value}"
        found.append(f"{told} ({needs.origin}): `popbridge {change} --deliver {needs.value}`.")
    if drop.wish.size_octets is None and holds is not None:
        told = f"Maildrop {drop.name} delivers mail of any size, and {profile.name} takes {holds.value}"
        found.append(
            f"{told} octets ({holds.origin}): `popbridge {change} --size {holds.value}`."
        )
    return found


def is_plain(profile: Profile, one: ListenerConfig) -> bool:
    """Tell whether the machine speaks to that listener without TLS."""
    return one.tls == "none" or (
        one.tls == "starttls" and "starttls" not in profile.listener.value
    )


def _name(profile: Profile, server: str) -> Iterator[str]:
    if server in LOOPBACK_NAMES:
        yield (
            f"{server} is this machine alone: enter its own name or address, and put that first in"
            " tls.names."
        )
    length = profile.server_length
    if length is not None and len(server) > length.value:
        yield (
            f"{profile.name} holds {length.value} characters of a server name ({length.origin});"
            " enter the address."
        )


def _tls(profile: Profile, one: ListenerConfig) -> Iterator[str]:
    needs = profile.tls.value
    if is_plain(profile, one) or needs == "none":
        return
    if _STRICTNESS.index(one.policy) > _STRICTNESS.index(needs):
        yield (
            f"Listener {one.name} has the policy {one.policy}, and {profile.name} may need {needs}"
            f" ({profile.tls.origin}): try it, and if its TLS fails give it a listener of that policy."
        )


def _apop(profile: Profile, one: ListenerConfig, *, apop: bool) -> Iterator[str]:
    if not apop:
        return
    if not one.apop:
        yield f"Listener {one.name} does not offer APOP: set apop = true there."
    if "apop" not in profile.auth.value:
        yield f"{profile.name} is not known to do APOP ({profile.auth.origin})."


def _bind(one: ListenerConfig, allow: Sequence[str]) -> Iterator[str]:
    """Yield that only this machine connects there, unless the device is said to run on it."""
    is_here = bool(allow) and all(ipaddress.ip_network(text).is_loopback for text in allow)
    if ipaddress.ip_address(one.bind).is_loopback and not is_here:
        yield (
            f"Listener {one.name} is bound to {one.bind}, where only this machine can connect: bind it"
            " to an address that the device reaches."
        )


def _addresses(
    profile: Profile, one: ListenerConfig, allow: Sequence[str], *, apop: bool
) -> Iterator[str]:
    """Yield what keeps the device out by its address, or may."""
    places = [ipaddress.ip_network(text) for text in allow]
    shut = [place for place in places if not lies_inside(place, one.allow)]
    if shut:
        yield f"Listener {one.name} does not let {_listed(shut)} connect: name it in its allow."
    if not is_plain(profile, one) or (apop and one.apop):
        return  # APOP shows nobody a password: plaintext_from is not asked
    if not places:
        yield (
            f"Without TLS, listener {one.name} takes logins from"
            f" {_listed(one.plaintext_from) or 'nowhere'} alone (plaintext_from)."
        )
    shut = [place for place in places if not lies_inside(place, one.plaintext_from)]
    if shut:
        yield (
            f"Listener {one.name} takes no login without TLS from {_listed(shut)}: name it in its"
            " plaintext_from."
        )


def _listed(networks: Sequence[Network]) -> str:
    return ", ".join(map(str, networks))
