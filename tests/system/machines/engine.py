"""Has the machines of a script do to a real bridge what the script says, and fails where it goes otherwise.

Nothing here waits for time to pass: a slow machine is one that does not read until another was served.
"""

import hashlib
import re
import ssl
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import groupby

import attrs

from bridge.accounts.changes import DeviceOrder, new_device
from bridge.app.state import State
from bridge.clock import SystemClock
from bridge.devices.profiles import shipped_profiles
from bridge.names import MaildropName
from bridge.vault.passwords import hash_password
from tests.canary import CANARY
from tests.system.machines.script import SAID, Made, Script
from tests.system.pop_client import PopClient, connect, old_device, trusting
from tests.system.running_bridge import Home, RunningBridge, running

PROFILES = shipped_profiles()

PASSWORD = f"{CANARY}9"
"""Sixteen letters and digits: what every machine can hold."""

LISTENERS = (
    {"name": "modern"},
    {"name": "legacy12", "policy": "legacy12", "apop": True},
    {
        "name": "plain",
        "tls": "none",
        "require_tls_for_auth": False,
        "plaintext_from": ["127.0.0.0/8"],
    },
)

OLD_CIPHERS = "AES128-SHA:@SECLEVEL=0"
"""RSA key exchange and AES-CBC: all that many firmwares before 2015 offer."""

WINDOW_OCTETS = 4096
"""Room for what was not read yet; a slow machine has little."""


@attrs.define
class Machine:
    """One machine at work: its login, its line, and what it remembers."""

    made: Made
    user: str
    address: str
    client: PopClient | None = None
    timestamp: str = ""
    known: dict[str, str] = attrs.field(factory=dict)
    paper: list[str] = attrs.field(factory=list)
    held: bytes = b""
    """What was taken of an answer that is still to come."""

    def line(self) -> PopClient:
        """Return the open connection."""
        assert self.client is not None, "the script says nothing of a connection"
        return self.client


def play(script: Script, home: Home) -> None:
    """Set the machines up and run the script to its end."""
    home.configure(LISTENERS)
    machines = _set_up(script, home)
    with ExitStack() as stack:
        bridge = stack.enter_context(running(home))
        current = next(iter(machines.values()))
        for is_said, acts in groupby(script.acts, key=lambda act: act[0] in SAID):
            if is_said:
                _at_once(bridge, current, list(acts))
                continue
            for act, text in acts:
                if act == "by":
                    current = _line_of(machines, text)
                elif act == "restart":
                    stack.close()
                    bridge = stack.enter_context(running(home))
                else:
                    _look_around(home, current, act, text.split())


def _line_of(machines: dict[str, list[Machine]], name: str) -> list[Machine]:
    """Return a machine, or another line of it, made when it is first named."""
    if name not in machines:
        first = machines[name.partition("/")[0]]
        machines[name] = [attrs.evolve(one, client=None, known={}, held=b"") for one in first]
    return machines[name]


def _set_up(script: Script, home: Home) -> dict[str, list[Machine]]:
    """Give every machine a mailbox, a maildrop and a device; a herd shares the mailbox, not the rest."""
    found: dict[str, list[Machine]] = {}
    for made in script.machines.values():
        number = len(found) + 1
        herd = [
            Machine(made, f"{made.name}{n}", f"127.0.{number}.{n + 1}")
            for n in range(script.herd)
        ]
        found[made.name] = herd
        if PROFILES[made.profile].content.value == "empty":
            home.offline.read(lambda state, made=herd: _add_logins(state, made))
            continue
        home.add_maildrop(made.name, "move:Printed" if script.herd == 1 else "keep")
        for file, text in made.texts.items():
            home.put(file, text, made.name)
        home.offline.read(lambda state, herd=herd: _add_devices(state, herd))
        home.sync(made.name)
    return found


async def _add_devices(state: State, herd: Sequence[Machine]) -> None:
    name = herd[0].made.name
    drops = (await state.register.snapshot()).maildrops
    first = next(drop for drop in drops if drop.name == name)
    for machine in herd:
        drop = MaildropName(name if machine is herd[0] else machine.user)
        if drop != name:
            await state.register.add_maildrop(attrs.evolve(first, name=drop))
        await _add_device(state, machine, drop)


async def _add_logins(state: State, machines: Sequence[Machine]) -> None:
    """Add machines that only log in, and have no maildrop."""
    for machine in machines:
        await _add_device(state, machine, None)


async def _add_device(state: State, machine: Machine, drop: MaildropName | None) -> None:
    made = machine.made
    order = DeviceOrder(
        machine.user,
        drop,
        allow=(machine.address,),
        apop=made.listener == "legacy12",
        profile=made.profile,
        quirks=made.quirks,
    )
    now = SystemClock().now()
    device = new_device(order, PASSWORD, hash_password, state.secrets, now)
    await state.register.add_device(device)


def _look_around(home: Home, herd: Sequence[Machine], act: str, files: list[str]) -> None:
    if act == "paper":
        came = [machine.paper for machine in herd]
        assert came == [files] * len(herd), f"paper: there is {came}"
        return
    name = herd[0].made.name
    home.sync(name)
    folder = home.mail(name) if act == "upstream" else home.mail(name) / "Printed"
    left = sorted(path.name for path in folder.glob("*.eml"))
    assert left == sorted(files), f"{act}: there is {left}"


def _at_once(
    bridge: RunningBridge, herd: Sequence[Machine], acts: Sequence[tuple[str, str]]
) -> None:
    with ThreadPoolExecutor(len(herd)) as pool:
        done = [pool.submit(_act_all, bridge, machine, acts) for machine in herd]
    for one in done:
        one.result()


def _act_all(bridge: RunningBridge, machine: Machine, acts: Sequence[tuple[str, str]]) -> None:
    for act, group in groupby(acts, key=lambda act: act[0]):
        texts = [text for _, text in group]
        if act == "C":
            lines = "".join(f"{_said(machine, text)}\r\n" for text in texts)
            machine.line().send(lines.encode())
            continue
        for text in texts:
            _act(bridge, machine, act, text)


def _act(bridge: RunningBridge, machine: Machine, act: str, text: str) -> None:
    match act:
        case "connect":
            machine.held = b""
            machine.client = _connected(bridge, machine)
        case "S":
            _hear(machine, text)
        case "P":
            machine.paper.append(text)
        case "off":
            machine.line().close()
        case "reset":
            machine.line().reset()
        case "X":
            assert machine.line().is_over(), "the bridge says more"
            machine.line().close()
        case _:
            _read(machine, act, text)


def _read(machine: Machine, act: str, text: str) -> None:
    """Take a message, or a part of it, as this machine does."""
    if act == "H":
        machine.held += machine.line().exactly(int(text))
    elif act == "N":
        _trust_the_size(machine, machine.made.messages[text].octets)
    else:
        wire = machine.made.messages[text].wire + b".\r\n"
        found = machine.held + machine.line().exactly(len(wire) - len(machine.held))
        machine.held = b""
        assert found == wire, f"{machine.user} was sent another message than {text}"


def _connected(bridge: RunningBridge, machine: Machine) -> PopClient:
    made = machine.made
    context = {
        "modern": lambda: trusting(bridge.home.ca),
        "legacy12": lambda: old_device(ssl.TLSVersion.TLSv1_2, OLD_CIPHERS),
        "plain": lambda: None,
    }[made.listener]()
    client = connect(
        bridge.ports[made.listener], context, source=machine.address, window=WINDOW_OCTETS
    )
    return bridge.clients.enter_context(client)


def _said(machine: Machine, text: str) -> str:
    secret = f"{machine.timestamp}{PASSWORD}".encode()
    digest = hashlib.md5(secret, usedforsecurity=False).hexdigest()
    return text.format(user=machine.user, password=PASSWORD, digest=digest)


def _hear(machine: Machine, wanted: str) -> None:
    found = machine.line().line().decode("latin-1")
    timestamp = re.search(r"<[^>]+>$", found)
    machine.timestamp = timestamp[0] if timestamp else machine.timestamp
    match = re.fullmatch(pattern(wanted, machine), found)
    assert match, f"{machine.user} heard {found!r}, not {wanted!r}"
    machine.known |= match.groupdict()


def pattern(wanted: str, machine: Machine) -> str:
    """Return the regular expression of what a script expects to be said."""
    is_open = wanted.endswith(" ...")
    pieces = re.split(r"(<[a-z]+>|\{octets [^}]+\})", wanted.removesuffix(" ..."))
    return "".join(_piece(piece, machine) for piece in pieces) + (
        r" (?!\[).*\S" if is_open else ""
    )


def _piece(piece: str, machine: Machine) -> str:
    if piece.startswith("{octets "):
        return str(machine.made.messages[piece[8:-1]].octets)
    if not piece.startswith("<"):
        return re.escape(piece)
    name = piece[1:-1]
    return re.escape(machine.known[name]) if name in machine.known else rf"(?P<{name}>\S+)"


def _trust_the_size(machine: Machine, octets: int) -> None:
    """Fill a buffer of that size with lines off which the stuffing is taken; not an octet is missing or over."""
    buffer = bytearray()
    while len(buffer) < octets:
        line = machine.line().line() + b"\r\n"
        buffer += line[1:] if line.startswith(b".") else line
    assert len(buffer) == octets
    assert machine.line().line() == b"."
