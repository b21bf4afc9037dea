"""Logs in at one of the bridge's own listeners, as a device would, and leaves again."""

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Iterator

import attrs

from bridge.accounts.directory import Network
from bridge.accounts.probe import ProbeLogin
from bridge.config import ListenerConfig
from bridge.config.settings import TlsMode
from bridge.names import PROBE
from bridge.throttle.addresses import parse_address

DISCARD_PORT = 9
"""A port for asking the kernel which way it would take (RFC 863); nothing is sent there."""


class Turned(Exception):
    """The visit did not end as it should; the text says what was heard or missed."""


@attrs.frozen
class Door:
    """A listener of ours, and the address of this machine at which to visit it, and from which."""

    name: str
    address: str
    port: int
    tls: TlsMode


async def visit(door: Door, login: ProbeLogin) -> bytes | None:
    """Log in, ask for the drop listing and quit; return the certificate that was served, in DER.

    Raises:
        Turned: an answer was negative, or is missing.
        OSError: no connection came about, or TLS failed.
    """
    login.come_from(door.address)
    reader, writer = await asyncio.open_connection(
        door.address,
        door.port,
        ssl=_undemanding() if door.tls == "implicit" else None,
        local_addr=(door.address, 0),
    )
    try:
        await _hear(reader, "the greeting")
        if door.tls == "starttls":
            await _say(reader, writer, "STLS")
            await writer.start_tls(_undemanding())
        await _say(reader, writer, f"USER {PROBE}")
        await _say(reader, writer, f"PASS {login.password}")
        await _say(reader, writer, "STAT")
        served = writer.get_extra_info("ssl_object")
        await _say(reader, writer, "QUIT")
        return None if served is None else served.getpeercert(binary_form=True)
    finally:
        writer.transport.abort()


def own_addresses(listener: ListenerConfig) -> Iterator[str]:
    """Yield addresses of this machine at which a listener is reached, the nearest first."""
    bind = parse_address(listener.bind)
    if not bind.is_unspecified:
        yield listener.bind
        return
    yield "127.0.0.1" if isinstance(bind, ipaddress.IPv4Address) else "::1"
    for network in listener.allow:
        if network.version == bind.version and (address := _towards(network)):
            yield address


def _towards(network: Network) -> str | None:
    """Return the address with which this machine speaks to a network; asking sends nothing (udp(7))."""
    family = socket.AF_INET if isinstance(network, ipaddress.IPv4Network) else socket.AF_INET6
    first = network[min(1, network.num_addresses - 1)]
    with socket.socket(family, socket.SOCK_DGRAM) as asking:
        try:
            asking.connect((str(first), DISCARD_PORT))
        except OSError:
            return None  # there is no way to it
        return str(asking.getsockname()[0])


async def _say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, line: str) -> None:
    writer.write(line.encode() + b"\r\n")
    await _hear(reader, f"the answer to {line.partition(' ')[0]}")


async def _hear(reader: asyncio.StreamReader, what: str) -> None:
    try:
        heard = await reader.readline()
    except ValueError:
        raise Turned(f"{what} has no end") from None
    if not heard.endswith(b"\n"):
        raise Turned(f"the connection ended before {what}")
    if not heard.startswith(b"+OK"):
        raise Turned(f"{what} was {heard.decode('ascii', 'replace').strip()}")


def _undemanding() -> ssl.SSLContext:
    """Return a context that takes any certificate: whether devices trust it is not ours to say."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")  # an owner's old key is served all the same
    return context
