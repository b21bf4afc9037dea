"""Runs the fake services together, behind one private CA, for as long as a test or a demonstration needs."""

import asyncio
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import trustme

from bridge.clock import Clock
from tests.fakes.entra import FakeEntra
from tests.fakes.gmail import FakeGmail
from tests.fakes.google_signin import FakeGoogleSignin
from tests.fakes.graph import FakeGraph

if TYPE_CHECKING:
    from tests.fakes.service import Service


class Cloud:
    """The services, started while the context lasts; `ca_file` is the CA that --ca is to name."""

    def __init__(
        self, folder: Path, clock: Clock | None = None, ca: trustme.CA | None = None
    ) -> None:
        """Write the CA, a new one unless it is given, into `folder`; nothing listens yet."""
        ca = ca or trustme.CA()
        self.ca_file = folder / "cloud-ca.pem"
        ca.cert_pem.write_to_path(str(self.ca_file))
        self.entra = FakeEntra(ca, clock)
        self.graph = FakeGraph(ca, self.entra, clock)
        self.google_signin = FakeGoogleSignin(ca, clock)
        self.gmail = FakeGmail(ca, self.google_signin, clock)
        self.services: tuple[Service, ...] = (
            self.entra,
            self.graph,
            self.google_signin,
            self.gmail,
        )

    async def __aenter__(self) -> Self:
        await asyncio.gather(*(service.start() for service in self.services))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await asyncio.gather(*(service.stop() for service in self.services))

    def assert_kept(self) -> None:
        """Accept that both sides kept to the contracts so far.

        Raises:
            AssertionError: they did not; the text says all that was found.
        """
        found = [one for service in self.services for one in service.violations]
        if found:
            raise AssertionError("\n".join(found))
