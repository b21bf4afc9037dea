"""What is kept of alerts that are still to be told: those about something that happens once."""

from collections.abc import Sequence
from typing import Protocol

from bridge.alerts import Alert


class AlertStore(Protocol):
    """Alerts at rest; each is written by the transaction of what it is about, and so outlives a kill."""

    async def untold(self) -> Sequence[Alert]:
        """Return what was not told yet, the oldest first.

        Raises:
            SpoolUnavailable: it is not known now.
        """
        ...

    async def told(self, alert: Alert) -> None:
        """Remember, durably, that an alert was told; one that was never kept may be told of too.

        Raises:
            SpoolUnavailable: nothing was written; it is told again at the next start.
        """
        ...
