"""Says what each listener lays open, which devices really need that, and what would be tighter.

Pure. A finding is a note unless a login without TLS is possible from a network that is not wholly
private: that alone is a failure. Nothing tighter is offered before logins were watched for a week.
"""

import ipaddress
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime

import attrs

from bridge.config import PRIVATE_NETWORKS, ListenerConfig
from bridge.config.tomlvalues import Network, lies_inside
from bridge.names import DeviceName
from bridge.storage.sightings import DAY_SECONDS, Sighting, day_of
from bridge.throttle.addresses import parse_address

DAY_MINUTES = 1440

LATELY_DAYS = 90
"""A device that has not logged in for so many days does not count as using a listener."""

ENOUGH_DAYS = 7
"""Days of watching before "no device" means anything: a device may be off over a weekend."""

NAMED = 8
"""Devices and networks named in one sentence; of more than that the number is told."""

_MODERN = ("TLSv1.2", "TLSv1.3")
_AEAD = ("GCM", "CHACHA20")


@attrs.frozen
class Exposed:
    """One thing that a listener lays open; `fails` where it must not stay so."""

    listener: str
    text: str
    fails: bool = False


@attrs.frozen
class Watched:
    """What is known of logins: all sightings, since when they are written down, and what time it is.

    `minutes` says of each day (`day_of`) for how many of them a bridge watched.
    """

    sightings: Sequence[Sighting]
    since: float
    now: float
    minutes: Mapping[int, int] = attrs.field(factory=dict)

    @property
    def days(self) -> int:
        """Return for how many whole days, in sum, a bridge watched: one that was off saw nobody."""
        return sum(self.minutes.values()) // DAY_MINUTES

    def days_after(self, moment: float) -> int:
        """Return for how many whole days, in sum, a bridge watched after the day of `moment`.

        Days to come do not count: a clock that was ahead has written them, and who was seen since then was seen
        before them.
        """
        after, today = day_of(moment), day_of(self.now)
        watched = sum(minutes for day, minutes in self.minutes.items() if after < day <= today)
        return watched // DAY_MINUTES

    def at(self, listener: str, is_meant: Callable[[Sighting], bool]) -> list[Sighting]:
        """Return the logins of late at a listener that are meant.

        A device that has logged in for a week in other ways alone has left this one.
        """
        return [
            one
            for one in self.sightings
            if one.listener == listener
            and one.last >= self.now - LATELY_DAYS * DAY_SECONDS
            and one.last >= self._last_of(one.device) - ENOUGH_DAYS * DAY_SECONDS
            and is_meant(one)
        ]

    def _last_of(self, device: DeviceName) -> float:
        return max(one.last for one in self.sightings if one.device == device)


def exposed(
    listeners: Iterable[ListenerConfig], watched: Watched, by_apop: Collection[DeviceName]
) -> Iterator[Exposed]:
    """Yield what each listener lays open: reach, then logins without TLS, then old TLS.

    `by_apop` are the devices that have an APOP secret. What is offered lets in every device that logs in
    at the listener as it stands, and nobody who may not today.
    """
    for one in listeners:
        yield from _reach(one, watched)
        yield from _plaintext(one, watched, by_apop)
        yield from _legacy(one, watched)


def outside(networks: Iterable[Network]) -> list[Network]:
    """Return the networks of which a part is not private (`config.PRIVATE_NETWORKS`)."""
    return [one for one in networks if not _is_private(one)]


# ---- reach


def _reach(config: ListenerConfig, watched: Watched) -> Iterator[Exposed]:
    open_to = outside(config.allow)
    if parse_address(config.bind).is_loopback or not open_to:
        return
    strangers = watched.at(config.name, _from_outside)
    text = f"reachable from outside private networks ({_listed(open_to)})"
    text += f"; {_users(strangers, watched, 'log in from there')}"
    if watched.days >= ENOUGH_DAYS:
        text += _offer(_allow(config, _less_reach(config, watched)))
    yield Exposed(config.name, text)


def _less_reach(config: ListenerConfig, watched: Watched) -> list[Network]:
    """Return what is private of `allow`, and the rest that devices or `plaintext_from` need."""
    kept = [one for one in config.allow if _is_private(one)]
    kept = kept or [one for one in PRIVATE_NETWORKS if lies_inside(one, config.allow)]
    users = _addresses(watched.at(config.name, _any), within=config.allow)
    for one in (*config.plaintext_from, *users):
        if not lies_inside(one, kept):
            kept.append(one)
    return kept


def _from_outside(one: Sighting) -> bool:
    return not _is_private(_network(one.address))


# ---- logins without TLS


def _plaintext(
    config: ListenerConfig, watched: Watched, by_apop: Collection[DeviceName]
) -> Iterator[Exposed]:
    if config.tls == "implicit":
        return
    passwords_from = list(config.plaintext_from)
    networks = list(config.allow) if config.apop else passwords_from
    if not networks:
        return
    is_local = parse_address(config.bind).is_loopback
    open_to = [] if is_local else outside(networks)
    users = watched.at(config.name, _in_clear)
    what = "logins with APOP" if config.apop and not passwords_from else "logins"
    text = f"{what} without TLS are taken from {_listed(networks)}"
    if open_to:
        text += f", of which {_listed(open_to)} is not private: who is on the way reads mail"
        text += " and password" if passwords_from else ""
    text += f"; {_users(users, watched, 'log in so')}"
    if watched.days >= ENOUGH_DAYS:
        text += _less_plaintext(config, watched, by_apop)
    elif open_to:
        text += "; require TLS, or name private networks alone"
    yield Exposed(config.name, text, fails=bool(open_to))


def _less_plaintext(
    config: ListenerConfig, watched: Watched, by_apop: Collection[DeviceName]
) -> str:
    """Offer what is enough for those who log in so; `allow` binds all users of the listener, so all count."""
    everybody = watched.at(config.name, _any)
    in_clear = watched.at(config.name, _in_clear)
    passwords_from = _addresses(in_clear, within=config.plaintext_from)
    needs_apop = config.apop and any(one.device in by_apop for one in everybody)
    if config.tls == "none" and not passwords_from and not needs_apop:
        return f"; tighter: remove the [[listener]] block {config.name}"
    settings = []
    if passwords_from:
        settings += _setting("plaintext_from", config.plaintext_from, passwords_from)
    elif config.plaintext_from:
        settings += ["plaintext_from = []", "require_tls_for_auth = true"]
    if needs_apop:
        settings += _allow(config, _addresses(everybody, within=config.allow))
    elif config.apop:
        settings += ["apop = false"]
    return _offer(settings)


def _in_clear(one: Sighting) -> bool:
    return not one.tls


def _any(_one: Sighting) -> bool:
    return True


# ---- old TLS


def _legacy(config: ListenerConfig, watched: Watched) -> Iterator[Exposed]:
    if config.tls == "none" or config.policy == "modern":
        return
    encrypted = watched.at(config.name, lambda one: not _in_clear(one))
    old = [one for one in encrypted if not fits(one, "modern")]
    kind = "TLS 1.0 and later" if config.policy == "legacy10" else "TLS 1.2 with old ciphers"
    text = f'policy = "{config.policy}" admits {kind}'
    text += f"; {_users(old, watched, 'need more than modern has', with_tls=True)}"
    if watched.days >= ENOUGH_DAYS:
        policies = ("modern", "legacy12")
        tightest = [p for p in policies if all(fits(one, p) for one in encrypted)]
        if tightest and tightest[0] != config.policy:
            text += f'; tighter: policy = "{tightest[0]}"'
    yield Exposed(config.name, text)


def fits(one: Sighting, policy: str) -> bool:
    """Tell whether a TLS policy (bridge/tls/contexts.py) would have taken a login under TLS too."""
    if one.tls not in _MODERN:
        return policy == "legacy10"
    is_aead = any(mark in one.cipher for mark in _AEAD)
    forward = one.tls == "TLSv1.3" or one.cipher.startswith("ECDHE-")
    return policy != "modern" or (is_aead and forward)


# ---- sentences


def _users(
    sightings: Sequence[Sighting], watched: Watched, how: str, *, with_tls: bool = False
) -> str:
    latest: dict[DeviceName, Sighting] = {}
    for one in sightings:
        if one.device not in latest or latest[one.device].last < one.last:
            latest[one.device] = one
    if not latest:
        days = min(watched.days, LATELY_DAYS)
        if days < ENOUGH_DAYS:
            return f"no device was seen to, but logins are watched for {days} days only: ask again after {ENOUGH_DAYS}"
        return f"no device was seen to in {days} days"
    told = [
        f"{one.device} at {one.address}{_by(one) if with_tls else ''}"
        f" ({datetime.fromtimestamp(one.last, UTC):%Y-%m-%d})"
        for one in sorted(latest.values(), key=lambda one: -one.last)
    ]
    return f"devices that {how}: {_few(told)}"


def _by(one: Sighting) -> str:
    return f" by {one.tls} {one.cipher}".rstrip()


def _offer(settings: Sequence[str]) -> str:
    """Offer settings, each a line of TOML by itself."""
    return f"; tighter: {' and '.join(settings)}" if settings else ""


def _allow(config: ListenerConfig, networks: Sequence[Network]) -> list[str]:
    """Return `allow` as it may be; it cannot be empty."""
    return _setting("allow", config.allow, networks) if networks else []


def _setting(key: str, now: Sequence[Network], networks: Sequence[Network]) -> list[str]:
    """Return a line of TOML, or none where the listener has that already."""
    if set(networks) == set(now):
        return []
    quoted = ", ".join(f'"{one}"' for one in networks)
    return [f"{key} = [{quoted}]"]


def _listed(networks: Sequence[Network]) -> str:
    return _few(list(map(str, networks)))


def _few(words: Sequence[str]) -> str:
    more = len(words) - NAMED
    return ", ".join(words[:NAMED]) + (f" and {more} more" if more > 0 else "")


# ---- networks


def _addresses(sightings: Iterable[Sighting], *, within: Sequence[Network]) -> list[Network]:
    """Return the networks of one address each from which devices came last, if they lie in `within`."""
    return sorted(
        {
            one
            for one in map(_network, (s.address for s in sightings))
            if lies_inside(one, within)
        },
        key=lambda one: (one.version, one.network_address.packed),
    )


def _network(address: str) -> Network:
    return ipaddress.ip_network(parse_address(address))


def _is_private(network: Network) -> bool:
    return any(
        network.network_address in one and network.broadcast_address in one
        for one in PRIVATE_NETWORKS
    )
