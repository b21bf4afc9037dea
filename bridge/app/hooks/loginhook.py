"""Tells a neighbour of every login: by a program of the owner's, or as a line of JSON on a Unix socket.

A mail relay can then open for the address a machine came from (POP before SMTP). No login waits for
it, and whatever it does harms none: what comes too fast, takes too long or fails is said in the log.
"""

import asyncio
import json

import attrs

from bridge.app.process.program import run_program
from bridge.clock import Clock
from bridge.config import LoginHookConfig
from bridge.logs import EventLog
from bridge.names import PROBE
from bridge.storage.sightings import Login
from bridge.throttle.addresses import parse_address

WAITING_LOGINS = 1000
"""Logins that wait to be told: a herd of 200 machines that comes five times over; half a MB at most."""

AT_ONCE = 4
"""Programs or connections at one time: more would take the machine from those who poll."""

TOLD_SECONDS = 5.0
"""How long one login may take to be told; the machine tries SMTP right behind its QUIT."""

COMPLAINT_SECONDS = 60.0
"""How often a failure is logged: a neighbour that is gone fails with each poll."""


class LoginHook:
    """The place where logins are told; `tell` never waits and never raises."""

    def __init__(self, config: LoginHookConfig, clock: Clock, log: EventLog) -> None:
        self._config = config
        self._clock = clock
        self._complaints = _Complaints(clock, log)
        self._starting = asyncio.Lock()
        self._waiting: asyncio.Queue[dict[str, object]] = asyncio.Queue(WAITING_LOGINS)

    def tell(self, login: Login) -> None:
        """Have a login told soon; the bridge's own is nobody's business."""
        wanted = self._config.command or self._config.socket
        if not wanted or login.device == PROBE:
            return
        told = {
            **attrs.asdict(login),
            "address": str(parse_address(login.address)),
            "time": round(self._clock.now(), 3),
        }
        try:
            self._waiting.put_nowait(told)
        except asyncio.QueueFull:
            self._complaints.add("too many logins wait for it", told)

    async def settled(self) -> None:
        """Return once nothing waits to be told, and nothing is being told."""
        await self._waiting.join()

    async def run(self) -> None:
        """Tell of one login after the other, a few at a time, until cancelled."""
        async with asyncio.TaskGroup() as group:
            for number in range(AT_ONCE):
                group.create_task(self._tell_all(), name=f"login-hook-{number}")

    async def _tell_all(self) -> None:
        while True:
            told = await self._waiting.get()
            try:
                why = await self._outcome(told)
            except Exception as error:  # noqa: BLE001 - the bridge outlives whatever a neighbour does
                why = type(error).__name__
            if why:
                self._complaints.add(why, told)
            self._waiting.task_done()

    async def _outcome(self, told: dict[str, object]) -> str:
        """Tell of one login and return what went wrong; an empty text where nothing did."""
        if self._config.command:
            return await run_program(self._config.command, told, TOLD_SECONDS, self._starting)
        try:
            async with asyncio.timeout(TOLD_SECONDS):
                await _write_line(self._config.socket, json.dumps(told).encode() + b"\n")
        except TimeoutError:
            return f"it took more than {TOLD_SECONDS:.0f} seconds"
        except OSError as error:
            return f"the socket takes nothing: {error.strerror or type(error).__name__}"
        return ""


async def _write_line(path: str, line: bytes) -> None:
    _, writer = await asyncio.open_unix_connection(path)
    try:
        writer.write(line)
        await writer.drain()
        writer.close()
        await writer.wait_closed()
    finally:
        writer.transport.abort()


class _Complaints:
    """Logs the first failure at once, and of those that follow closely only how many there were."""

    def __init__(self, clock: Clock, log: EventLog) -> None:
        self._clock = clock
        self._log = log
        self._silent_until = clock.monotonic()
        self._unsaid = 0

    def add(self, why: str, told: dict[str, object]) -> None:
        now = self._clock.monotonic()
        if now < self._silent_until:
            self._unsaid += 1
            return
        self._log.error(
            "login-hook-failed", why=why, device=told["device"], unsaid=self._unsaid
        )
        self._silent_until, self._unsaid = now + COMPLAINT_SECONDS, 0
