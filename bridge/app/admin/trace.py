"""Answers an owner who wants to follow a device: which one, for how long, and what there is to say first."""

from collections.abc import AsyncGenerator

from bridge.accounts.directory import Directory
from bridge.control import Values
from bridge.errors import OwnerError, RegisterError
from bridge.names import DeviceName
from bridge.session.tracing import Tracing

TRACE = "trace"
"""The request's verb."""

MINUTES_MAX = 120
"""Longest trace: a trace that is forgotten ends by itself."""


class TraceDesk:
    """The server's side of `popbridge trace`."""

    def __init__(self, tracing: Tracing, directory: Directory) -> None:
        self._tracing = tracing
        self._directory = directory

    async def follow(self, request: Values) -> AsyncGenerator[Values, None]:
        """Yield a line that says that it begins, then what the device's sessions say and hear.

        Raises:
            OwnerError: there is no such device, the time is none, or too many traces run.
        """
        name, minutes = DeviceName(str(request["device"])), float(request["minutes"])
        if all(device.name != name for device in self._directory.snapshot.devices):
            raise RegisterError(f"There is no device {name}; see `popbridge device list`.")
        if not 0 < minutes <= MINUTES_MAX:
            raise OwnerError(f"A trace takes up to {MINUTES_MAX} minutes.")
        with self._tracing.trace(name, minutes * 60) as trace:
            yield {"kind": "begin", "device": name, "minutes": minutes}
            async for line in trace.lines():
                yield line
