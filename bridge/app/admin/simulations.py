"""Lets the running bridge know which connections are its owner's simulator's, from both ends of the control socket."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from bridge.accounts.simulations import Simulations
from bridge.control import STATUS_SECONDS, Values, follow
from bridge.errors import OwnerError
from bridge.names import DeviceName

SIMULATE = "simulate"
"""The request's verb."""

PORT_MAX = 65535


class SimulationDesk:
    """The server's side of `popbridge simulate`."""

    def __init__(self, simulations: Simulations) -> None:
        self._simulations = simulations

    async def follow(self, request: Values) -> AsyncGenerator[Values, None]:
        """Yield one line once the connection is expected that the request names, until the asker leaves.

        Raises:
            OwnerError: there can be no such connection, or too many are expected.
        """
        device, address = DeviceName(str(request["device"])), str(request["address"])
        port = int(request["port"])
        if not 0 < port <= PORT_MAX:
            raise OwnerError(f"{port} is no port.")
        with self._simulations.expecting(device, address, port):
            yield {"kind": "expected"}
            await asyncio.get_running_loop().create_future()


@contextmanager
def announced(state_dir: Path, device: DeviceName, address: str, port: int) -> Iterator[None]:
    """Have the running bridge take the connection from there for a simulated one of the device, during the block.

    Raises:
        OwnerError: no bridge runs, or it cannot.
        StateError: it did not answer.
    """
    asked = {"device": device, "address": address, "port": port}
    lines = follow(state_dir, SIMULATE, STATUS_SECONDS, **asked)
    if lines is None:
        raise OwnerError("No bridge is running on this state folder: popbridge serve")
    with closing(lines):
        if next(lines, None) is None:
            raise OwnerError("The bridge ended; start it again: popbridge serve")
        yield
