"""What a session is given: the parts that all sessions share, its limits, and who has connected."""

import ssl
from collections.abc import Callable

import attrs

from bridge import logs
from bridge.accounts.directory import Directory
from bridge.accounts.simulations import Simulations
from bridge.clock import Clock
from bridge.devices.manners import Manners
from bridge.names import AccountName, ConnectionId, DeviceName
from bridge.pop3.events import MachineLimits, Terms
from bridge.session.takings import Takings
from bridge.session.tracing import Tracing
from bridge.storage.holding import Locks
from bridge.storage.ports import Spool
from bridge.storage.sightings import Login


@attrs.frozen
class SessionLimits:
    """Times of a session, in seconds: to log in, between two commands, for a TLS handshake."""

    login_timeout: float
    autologout: float
    handshake_timeout: float


def _is_never_noted(_login: Login) -> None:
    return


def _is_never_failing(_account: AccountName) -> bool:
    return False


@attrs.frozen
class Services:
    """What every session of this bridge shares.

    `nudge` tells the sync road that a device of an account has come, or has deleted something;
    `is_failing` asks whether an account cannot be looked at; `manners` knows how each device is spoken to.
    `seen` is told of every device that has shown its password and may log in, also where its maildrop is busy
    or cannot be shown; `logged_in` of every login that went well. `simulations` knows who is no device, but its owner's simulator.
    """

    spool: Spool
    locks: Locks
    directory: Directory
    clock: Clock
    nudge: Callable[[AccountName], None]
    machine_limits: MachineLimits
    limits: SessionLimits
    tracing: Tracing
    is_failing: Callable[[AccountName], bool] = _is_never_failing
    seen: Callable[[Login], None] = _is_never_noted
    logged_in: Callable[[Login], None] = _is_never_noted
    manners: Manners = attrs.field(factory=Manners)
    simulations: Simulations = attrs.field(factory=Simulations)
    takings: Takings = attrs.field(
        default=attrs.Factory(
            lambda self: Takings(self.spool, self.clock, logs.get("spool")), takes_self=True
        )
    )
    """What was taken and is not written down; where nobody runs it, each session does so at its end."""


@attrs.frozen
class Peer:
    """Who connected, where, and what may be done there.

    `secured_terms` and `tls_context` are what STLS leads to; None where it is not offered.
    """

    connection_id: ConnectionId
    address: str
    terms: Terms
    secured_terms: Terms | None = None
    tls_context: ssl.SSLContext | None = None
    listener: str = ""
    login_delay: int = 0
    """The listener's, in seconds."""
    simulated: DeviceName | None = None
    """As which device the owner's own simulator comes; None where it is anybody else."""
