"""Accepts connections: filters by address and caps before any TLS work, then starts the session.

Nothing here asks a name server, an ident server or a provider: a device waits for nobody.
"""

import asyncio
import errno
import hashlib
import ipaddress
import itertools
import secrets
import socket
import ssl

import attrs

from bridge.accounts.directory import contains
from bridge.config import ListenerConfig
from bridge.connection import SHUTDOWN_SECONDS, Connection
from bridge.errors import NetworkError
from bridge.logs import EventLog
from bridge.names import ConnectionId, DeviceName
from bridge.pop3.events import Terms
from bridge.session.services import Peer, Services
from bridge.session.session import Session
from bridge.throttle.addresses import address_key
from bridge.throttle.caps import ConnectionCaps
from bridge.tls.contexts import TlsContexts
from bridge.tls.hints import handshake_hint

BACKLOG = 512
"""Connections the kernel holds while we are busy: a building's printers after a power cut."""

KEEPALIVE_SECONDS = 60
"""Silence after which the kernel asks whether the peer is still there, and between its questions."""

KEEPALIVE_PROBES = 4
"""Unanswered questions after which the kernel gives the peer up."""

EXHAUSTED_SECONDS = 1.0
"""Pause after the machine ran out of descriptors or memory for a connection."""

_numbers = itertools.count(1)


class Listener:
    """One address to be connected to."""

    def __init__(
        self,
        config: ListenerConfig,
        services: Services,
        contexts: TlsContexts,
        caps: ConnectionCaps,
        log: EventLog,
    ) -> None:
        """Listen on nothing yet; `caps` is shared by all listeners."""
        self._config = config
        self._services = services
        self._contexts = contexts
        self._caps = caps
        self._log = log
        self._socket: socket.socket | None = None
        self._secret = secrets.token_bytes(16)

    @property
    def config(self) -> ListenerConfig:
        """Return what it was told to do."""
        return self._config

    @property
    def port(self) -> int:
        """Return the port that is listened on, also where the configuration said 0."""
        if self._socket is None:
            return self._config.port
        return int(self._socket.getsockname()[1])

    def bind(self) -> None:
        """Take the address.

        Raises:
            NetworkError: it is in use, is not this machine's, or is not permitted.
        """
        self._socket = listening_socket(self._config)

    async def serve(self, group: asyncio.TaskGroup) -> None:
        """Accept connections for ever; each becomes a task of `group`."""
        if self._socket is None:
            raise AssertionError("serve before bind")
        loop = asyncio.get_running_loop()
        self._announce()
        with self._socket:
            while True:
                try:
                    accepted, peer = await loop.sock_accept(self._socket)
                except ConnectionError:
                    continue
                except OSError as error:
                    # Descriptors or memory ran out; those who wait are served when some are back.
                    self._log.error("accept-failed", listener=self._config.name, why=str(error))
                    await self._services.clock.sleep(EXHAUSTED_SECONDS)
                    continue
                address = str(peer[0])
                if self._admits(address):
                    connection_id = ConnectionId(f"c{next(_numbers)}")
                    simulated = self._services.simulations.claim(address, int(peer[1]))
                    group.create_task(
                        self._serve_one(accepted, address, connection_id, simulated),
                        name=f"{connection_id} {address}",
                    )
                else:
                    accepted.close()
                # Where others wait already the next accept would not let anybody else run.
                await self._services.clock.sleep(0)

    def _announce(self) -> None:
        config = self._config
        self._log.info(
            "listening",
            listener=config.name,
            address=config.bind,
            port=self.port,
            tls=config.tls,
        )
        if config.tls != "none" and config.policy != "modern":
            self._log.warning("legacy-tls", listener=config.name, policy=config.policy)
        if not config.require_tls_for_auth:
            self._log.warning(
                "plaintext-logins",
                listener=config.name,
                networks=" ".join(map(str, config.plaintext_from)),
            )

    def _admits(self, address: str) -> bool:
        if not contains(self._config.allow, address):
            self._log.warning("address-refused", listener=self._config.name, address=address)
            return False
        if not self._caps.admit(address_key(address)):
            self._log.warning(
                "too-many-connections", listener=self._config.name, address=address
            )
            return False
        return True

    async def _serve_one(
        self,
        accepted: socket.socket,
        address: str,
        connection_id: ConnectionId,
        simulated: DeviceName | None,
    ) -> None:
        connection = Connection(accepted)
        try:
            if await self._connect(accepted, connection, address, connection_id):
                peer = attrs.evolve(self._peer(address, connection_id), simulated=simulated)
                await Session(connection, peer, self._services, self._log).serve()
                await connection.wait_closed()
        except Exception:  # noqa: BLE001 - one device's trouble must not end the others
            self._log.exception("session-failed", connection=connection_id, address=address)
            connection.abort("internal fault")
        finally:
            self._caps.leave(address_key(address))

    async def _connect(
        self,
        accepted: socket.socket,
        connection: Connection,
        address: str,
        connection_id: ConnectionId,
    ) -> bool:
        """Return whether the connection stands, through its handshake where TLS is implicit."""
        implicit = self._config.tls == "implicit"
        handshake = self._services.limits.handshake_timeout if implicit else None
        try:
            _tune(accepted)
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: connection,
                accepted,
                ssl=self._contexts.context(self._config.policy) if implicit else None,
                ssl_handshake_timeout=handshake,
                ssl_shutdown_timeout=SHUTDOWN_SECONDS if implicit else None,
            )
        except (OSError, ssl.SSLError, TimeoutError) as error:
            self._log.warning(
                "handshake-failed",
                connection=connection_id,
                listener=self._config.name,
                address=address,
                hint=handshake_hint(error),
            )
            return False
        return True

    def _peer(self, address: str, connection_id: ConnectionId) -> Peer:
        config = self._config
        encrypted = config.tls == "implicit"
        offers_stls = config.tls == "starttls"
        delay = self._services.directory.login_delay_at(config.login_delay)
        terms = Terms(
            banner=config.banner,
            password_allowed=encrypted or contains(config.plaintext_from, address),
            stls_offered=offers_stls,
            timestamp=self._timestamp(connection_id) if config.apop else None,
            quirks=self._services.manners.before_login(
                config.profile, self._services.directory.bound_to(address)
            ),
            login_delay=delay.seconds,
            login_delays_differ=delay.differs,
        )
        if not offers_stls:
            return Peer(
                connection_id,
                address,
                terms,
                listener=config.name,
                login_delay=config.login_delay,
            )
        secured = attrs.evolve(terms, password_allowed=True, stls_offered=False)
        context = self._contexts.context(config.policy)
        return Peer(
            connection_id, address, terms, secured, context, config.name, config.login_delay
        )

    def _timestamp(self, connection_id: ConnectionId) -> str:
        now = self._services.clock.now()
        return apop_timestamp(connection_id, now, "popbridge", self._secret)


def apop_timestamp(connection_id: ConnectionId, now: float, host: str, secret: bytes) -> str:
    """Return a fresh timestamp for a greeting: unique per connection, and not to be guessed."""
    nonce = hashlib.blake2b(f"{connection_id} {now}".encode(), key=secret, digest_size=12)
    return f"<{nonce.hexdigest()}.{int(now)}@{host}>"


_FREE_IT = "free the port or change it in config.toml"

_WAYS_OUT = {
    errno.EACCES: "a port below 1024 takes CAP_NET_BIND_SERVICE, which packaging/popbridge.service"
    " grants; run it there, or choose a port above in config.toml",
    errno.EADDRNOTAVAIL: "name an address of this machine in config.toml",
}


def listening_socket(config: ListenerConfig) -> socket.socket:
    """Return a socket that listens where `config` says.

    Raises:
        NetworkError: the address is in use, is not this machine's, or is not permitted.
    """
    is_v6 = ipaddress.ip_address(config.bind).version == 6  # noqa: PLR2004 - IPv6
    listening = socket.socket(socket.AF_INET6 if is_v6 else socket.AF_INET)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if is_v6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listening.bind((config.bind, config.port))
        listening.listen(BACKLOG)
    except OSError as error:
        listening.close()
        raise NetworkError(
            f"Listener {config.name} cannot use {config.bind} port {config.port}:"
            f" {error.strerror}; {_WAYS_OUT.get(error.errno or 0, _FREE_IT)}."
        ) from error
    listening.setblocking(False)  # noqa: FBT003 - the standard library's own form
    return listening


def _tune(accepted: socket.socket) -> None:
    """Send small replies at once, and notice a peer that is gone."""
    # asyncio would do this itself for a socket whose protocol is named; an accepted one has none.
    accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    accepted.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (
        (socket.TCP_KEEPIDLE, KEEPALIVE_SECONDS),
        (socket.TCP_KEEPINTVL, KEEPALIVE_SECONDS),
        (socket.TCP_KEEPCNT, KEEPALIVE_PROBES),
    ):
        accepted.setsockopt(socket.IPPROTO_TCP, option, value)
