"""What a running bridge has to say of itself when `popbridge status` asks."""

from collections.abc import Mapping, Sequence

import attrs

from bridge import __version__
from bridge.accounts.directory import Directory
from bridge.app.health.wellness import Listening
from bridge.control import Values
from bridge.names import AccountName
from bridge.storage.holding import Locks
from bridge.sync.worker import WorkerStatus
from bridge.throttle.caps import ConnectionCaps

FAILING_TOLD = 10
"""How many addresses, and devices, are told that failed to log in most: a screen full of them."""


def report(
    listeners: Sequence[Listening],
    caps: ConnectionCaps,
    directory: Directory,
    locks: Locks,
    statuses: Mapping[AccountName, WorkerStatus],
    now: float,
) -> Values:
    """Return how listeners, accounts, maildrops and logins are doing at `now` (seconds, monotonic)."""
    return {
        "version": __version__,
        "connections": caps.open_connections,
        "listeners": [
            {
                "name": one.config.name,
                "bind": one.config.bind,
                "port": one.port,
                "tls": one.config.tls,
            }
            for one in listeners
        ],
        "accounts": {name: attrs.asdict(status) for name, status in statuses.items()},
        "failed_logins": directory.failed_logins.told(FAILING_TOLD, now),
        "sessions": [
            drop.name for drop in directory.snapshot.maildrops if locks.is_held(drop.name)
        ],
    }
