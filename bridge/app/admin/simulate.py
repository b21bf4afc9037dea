"""Lets a machine of a profile poll the running bridge with a device's own login."""

import asyncio
import ipaddress
from functools import partial

import attrs

from bridge.accounts.directory import contains
from bridge.app.admin.simulations import announced
from bridge.app.health.selflogin import own_addresses
from bridge.config import Config, ListenerConfig, TlsPolicy
from bridge.control import STATUS_SECONDS, ask
from bridge.devices.fitting import refuse_unfit, serving, without_listener
from bridge.devices.profiles import Profile
from bridge.errors import OwnerError, RegisterError
from bridge.simulators.habits import habit_of
from bridge.simulators.polling import Target, poll
from bridge.simulators.script import Machine, Report
from bridge.storage.register import Device


@attrs.frozen
class Caller:
    """Whose login is taken."""

    device: Device
    password: str = attrs.field(repr=False)


@attrs.frozen
class Simulated:
    """What came of a poll, where, and where it was read that such a machine polls so."""

    target: Target
    origin: str
    report: Report


def simulate(
    config: Config,
    caller: Caller,
    profile: Profile,
    *,
    takes: bool,
    by_apop: bool,
) -> Simulated:
    """Poll the running bridge once as a machine of this profile; without `takes` nothing is deleted.

    The bridge is told that it is none: it counts as no login of the device.

    Raises:
        OwnerError: no bridge runs, or none of its listeners can be tried from here; say so and what to do.
    """
    device, password = caller.device, caller.password
    habit, content = habit_of(profile)
    refuse_unfit(profile, device.name, password)
    if by_apop and "apop" not in profile.auth.value:
        raise RegisterError(
            f"{profile.name} knows no APOP ({profile.auth.origin}); leave out --apop, or name another --profile."
        )
    if device.disabled is not None:
        raise OwnerError(
            f"The device {device.name} is disabled ({device.disabled.why}), and its panel would show a login"
            f" error: popbridge device enable {device.name} lets it log in again."
        )
    target = _target(config, device, profile, by_apop=by_apop)
    size = profile.size_octets
    holds, origin = (None, "") if size is None else (size.value, size.origin)
    machine = Machine(device.name, password, habit, content, holds, origin, by_apop, takes)
    report = asyncio.run(poll(target, machine, _policy(profile)))
    return Simulated(target, habit.origin, report)


def _policy(profile: Profile) -> TlsPolicy:
    policies: tuple[TlsPolicy, ...] = ("legacy10", "legacy12")
    return next((one for one in policies if one == profile.tls.value), "modern")


def _target(config: Config, device: Device, profile: Profile, *, by_apop: bool) -> Target:
    """Return where this machine would be pointed at, and how it is reached from here."""
    status = ask(config.state_dir, "status", within=STATUS_SECONDS)
    if status is None:
        raise OwnerError("No bridge is running on this state folder: popbridge serve")
    one = serving(profile, config.listener, device.allow, apop=by_apop)
    if one is None:
        raise OwnerError(without_listener(profile))
    ports = {listener["name"]: listener["port"] for listener in status["listeners"]}
    if one.name not in ports:
        raise OwnerError(f"The running bridge does not listen at {one.name} yet; restart it.")
    is_plain = one.tls == "none" or one.tls not in profile.listener.value
    sends_password = is_plain and not (by_apop and one.apop)
    address = _address(one, device, sends_password=sends_password)
    announce = partial(announced, config.state_dir, device.name)
    return Target(one.name, address, ports[one.name], "none" if is_plain else one.tls, announce)


def _address(one: ListenerConfig, device: Device, *, sends_password: bool) -> str:
    """Return an address of this machine from which the login is let in, where it `sends_password` without TLS too."""
    wanted = {f"`allow` of listener {one.name}": one.allow}
    if sends_password:
        wanted[f"`plaintext_from` of listener {one.name}"] = one.plaintext_from
    if device.allow:
        networks = tuple(ipaddress.ip_network(network) for network in device.allow)
        wanted[f"`--allow` of device {device.name}"] = networks
    closed = ""
    for address in own_addresses(one):
        shut = [name for name, networks in wanted.items() if not contains(networks, address)]
        if not shut:
            return address
        closed = closed or f"{address} is not in the {shut[0]}"
    raise OwnerError(
        f"This machine cannot be let in as the device would be: {closed}; the panel would show a"
        " login error there too. Add this machine's address for the test."
    )
