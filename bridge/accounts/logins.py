"""Finds whose login a machine means, however the machine spells it.

Panels write capitals, put a domain before or behind the name, cut what is long and fill up with
blanks. What names two devices names none: nobody is served another machine's mail.
"""

import shlex
from collections.abc import Iterable

import attrs

from bridge.names import DeviceName
from bridge.storage.register import Device

CUTS = (63, 64)
"""How many characters of a user name machines hold: 63 (Xerox WorkCentre 6015, Dell 2335dn) or 64 (JVC VN-V68x)."""


@attrs.frozen
class Logins:
    """The names and aliases of all devices, to be asked for by any spelling."""

    _exact: dict[str, Device]
    _cut: dict[str, frozenset[DeviceName]]
    _local: dict[str, frozenset[tuple[str, DeviceName]]]

    @classmethod
    def of(cls, devices: Iterable[Device]) -> "Logins":
        """Return the logins of `devices`; the register holds each spelling for one device only."""
        exact = {}
        cut: dict[str, set[DeviceName]] = {}
        local: dict[str, set[tuple[str, DeviceName]]] = {}
        for device in devices:
            for login in (device.name, *device.aliases):
                folded = login.casefold()
                exact[folded] = device
                for length in CUTS:
                    if len(folded) > length:
                        cut.setdefault(folded[:length], set()).add(device.name)
                part, domain = _parts(_plain(folded))
                local.setdefault(part, set()).add((domain, device.name))
        return cls(
            exact,
            {key: frozenset(found) for key, found in cut.items()},
            {key: frozenset(found) for key, found in local.items()},
        )

    def exact(self, typed: str) -> Device | None:
        """Return the device that has this name or alias, in any letter case."""
        return self._exact.get(typed.casefold())

    def find(self, typed: str) -> Device | None:
        r"""Return the device that `typed` names, or None where it names none or more than one.

        A name or alias as it stands comes first, then without its blanks. Then all else that it may
        mean has to agree: without `DOMAIN\`, without or with `@domain`, cut at 63 or 64 characters.
        """
        found = self.meant(typed)
        return self._exact[next(iter(found)).casefold()] if len(found) == 1 else None

    def meant(self, typed: str) -> frozenset[DeviceName]:
        """Return the devices that `typed` may mean, as `find` reads it; with more than one it is nobody's login."""
        folded = typed.casefold()
        solid = "".join(folded.split())
        for spelling in (folded, folded.strip(), solid):
            if spelling in self._exact:
                return frozenset((self._exact[spelling].name,))
        plain = _plain(solid)
        found = {
            self._exact[spelling].name for spelling in (solid, plain) if spelling in self._exact
        }
        for spelling in (folded, solid, plain):
            found |= self._cut.get(spelling, frozenset())
        part, domain = _parts(plain)
        found |= {
            name
            for known, name in self._local.get(part, frozenset())
            if not (known and domain) or known == domain
        }
        return frozenset(found)


def lost_spellings(before: Iterable[Device], changed: Device) -> list[str]:
    """Return a sentence for each spelling that logs a machine in no more since a device was added or changed.

    Looked at are the logins of that device, their local parts and their cuts, which machines send by themselves:
    one that may mean two devices is nobody's, and one that stands as a login is that device's alone. The sentence
    says what gives the spelling back.
    """
    old = {device.name: device for device in before}
    devices = old | {changed.name: changed}
    once, now = Logins.of(old.values()), Logins.of(devices.values())
    found = []
    for spelling in _shortened(changed):
        was, meant = once.meant(spelling), now.meant(spelling)
        holder = once.find(spelling)
        if len(meant) > 1 and meant != was:
            owner = devices[changed.name if holder is None else holder.name]
            found.append(_unclear(spelling, meant, owner))
        elif holder and meant == {changed.name} != was and spelling in _shortened(holder):
            found.append(
                f"{spelling} is the login of {changed.name} now, and no longer of {holder.name}:"
                f" have the machine of {holder.name} send its login whole."
            )
    return found


def _unclear(spelling: str, meant: Iterable[DeviceName], owner: Device) -> str:
    aliases = [word for alias in (*owner.aliases, spelling) for word in ("--alias", alias)]
    command = shlex.join(["popbridge", "device", "change", owner.name, *aliases])
    return (
        f"{spelling} may mean {' or '.join(sorted(meant))} now, and logs nobody in:"
        f" `{command}` gives it to {owner.name}."
    )


def _shortened(device: Device) -> list[str]:
    """Return a device's logins and what machines make of them that do not send them whole, each once."""
    folded = [login.casefold() for login in (device.name, *device.aliases)]
    short = [
        one
        for login in folded
        for one in (login, _parts(_plain(login))[0], *(login[:cut] for cut in CUTS))
    ]
    return list(dict.fromkeys(short))


def stem(typed: str) -> str:
    """Return what all spellings of one login have in common, so that guesses at any are counted as one."""
    part, _ = _parts(_plain("".join(typed.casefold().split())))
    return part[: min(CUTS)]


def _plain(folded: str) -> str:
    """Return a login without the Windows domain before it."""
    return folded.rpartition("\\")[2]


def _parts(plain: str) -> tuple[str, str]:
    """Return the local part of a login and its domain, "" where there is none."""
    local, _, domain = plain.partition("@")
    return (local, domain) if local else (plain, "")
