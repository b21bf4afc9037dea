"""What `popbridge status` says of devices, their logins and their passwords."""

from typing import Any

import attrs

from bridge.app.admin.offline import Offline
from bridge.app.state import State
from bridge.app.watch.newaddresses import newcomers
from bridge.app.watch.oldpasswords import aged
from bridge.app.watch.sightings import look_back
from bridge.app.watch.unseen import unseen
from bridge.cli.output import moment
from bridge.clock import SystemClock
from bridge.config import WatchConfig

Rows = list[dict[str, Any]]


def told_of_devices(offline: Offline, config: WatchConfig) -> tuple[dict[str, Rows], list[str]]:
    """Return what is to be told, for JSON and as lines."""

    async def work(state: State) -> dict[str, Rows]:
        return await _look(state, config)

    found = offline.read(work)
    lines = [_gone(one) for one in found["unseen"]]
    lines += [_shut_out(one) for one in found["disabled"]]
    lines += [_new(one) for one in found["new_addresses"]]
    lines += [_aged(one) for one in found["old_passwords"] if one["days"] is not None]
    unknown = [one["device"] for one in found["old_passwords"] if one["days"] is None]
    if unknown:
        why = "made before that was written down; popbridge device passwd USER"
        lines += [f"PASSWORDS of unknown age: {', '.join(unknown)}; {why}"]
    return found, lines


_WHY = {
    "password": "with a wrong name or password",
    "ambiguous": "with a login that may mean more than one device",
    "address": "from outside the device's --allow",
    "disabled": "of a device that is disabled",
    "new-address": "from an address that is new to the device",
}
"""How the last one failed, by the reason of the event `login-failed`."""

_AT = {
    "password": "; popbridge trace DEVICE shows what a machine of yours sends, and where it is none of"
    " yours `allow` of the listener keeps it out",
    "ambiguous": "; the log names the devices: popbridge device change DEVICE --alias gives it to one",
}
"""What to do about an address; where a device is known, its own line says it."""

_OF = {
    "password": "; popbridge trace {0} shows what it sends, popbridge device passwd {0} makes another password",
    "address": "; popbridge device change {0} --allow says where it may come from",
    "disabled": "; popbridge device enable {0} lets it log in again",
    "new-address": "; popbridge device show {0} lists addresses, popbridge device admit {0} ADDRESS lets it"
    " in from there",
}
"""What to do about a device."""


def told_of_failures(running: dict[str, Any] | None) -> list[str]:
    """Return a line for each address and device that failed to log in most, by the running bridge's own account."""
    failed = running.get("failed_logins", {}) if running else {}
    ways = (("by_address", "at", _AT), ("by_device", "of", _OF))
    return [
        f"Failed logins {word} {one['who']}: {one['hour']} in an hour, {one['day']} in a day;"
        f" the last {one['ago'] / 60:.0f} minutes ago, {_WHY.get(one['reason'], one['reason'])}"
        + next_step.get(one["reason"], "").format(one["who"])
        for way, word, next_step in ways
        for one in failed.get(way, [])
    ]


async def _look(state: State, config: WatchConfig) -> dict[str, Rows]:
    now = SystemClock().now()
    devices = (await state.register.snapshot()).devices
    gone = unseen(devices, await look_back(state.sightings, now), config.unseen_days)
    old = aged(devices, now, config.password_days)
    return {
        "unseen": [attrs.asdict(one) for one in gone],
        "disabled": [
            {"device": one.name, **attrs.asdict(one.disabled)}
            for one in devices
            if one.disabled is not None
        ],
        "new_addresses": [
            attrs.asdict(one) for one in newcomers(await state.addresses.addresses(), now)
        ],
        "old_passwords": [attrs.asdict(one) for one in old],
    }


def _gone(one: dict[str, Any]) -> str:
    when = f"since {moment(one['last'])}" if one["last"] is not None else "yet"
    hint = f"popbridge device remove {one['device']} if it is gone"
    return f"Device {one['device']}: NOT SEEN {when}, {one['days']} days; {hint}"


def _shut_out(one: dict[str, Any]) -> str:
    hint = f"popbridge device enable {one['device']} lets it log in again"
    return (
        f"Device {one['device']}: DISABLED ({one['why']}) since {moment(one['since'])}; {hint}"
    )


def _new(one: dict[str, Any]) -> str:
    name, address = one["device"], one["address"]
    if one["admitted"]:
        hint = f"popbridge device disable {name} shuts it out, where that is not your machine"
        return f"Device {name}: NEW ADDRESS {address} since {moment(one['first'])}; {hint}"
    hint = (
        f"popbridge device admit {name} {address} lets it log in from there; if that is not your"
        f" machine, its password is known: popbridge device passwd {name}"
    )
    return f"Device {name}: REFUSED at {address}, last {moment(one['last'])}; {hint}"


def _aged(one: dict[str, Any]) -> str:
    hint = f"popbridge device passwd {one['device']} makes another"
    return f"Device {one['device']}: PASSWORD is {one['days']} days old; {hint}"
