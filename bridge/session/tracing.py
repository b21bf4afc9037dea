"""Hands the dialogue of one device to whoever traces it, and costs a session nothing while nobody does.

A session never waits for a reader: each has a bounded queue, and what finds it full is counted and
said. Until a session has named a device it may belong to any; what it said so far is held with it.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import attrs

from bridge.clock import Clock
from bridge.connection import Connection, ConnectionClosed
from bridge.errors import OwnerError
from bridge.names import ConnectionId, DeviceName
from bridge.pop3.commands import BadCommand, User, parse
from bridge.pop3.events import CheckDigest, CheckPassword, Close, Effect, Send, StartTls
from bridge.pop3.framing import Overlong
from bridge.pop3.table import State
from bridge.pop3.transcript import Content, IsLogin, Tally, reply_lines, shown

TRACES_AT_ONCE = 4
"""Traces that may run at a time: more people do not look at one bridge."""

QUEUED_LINES = 2000
"""Lines that wait for a slow reader: some hundred polls of a device, and half a MB (measured)."""

HELD_LINES = 60
"""Lines that are held of a session which has not named its device: twice what any client known to us
says before it does, and 13 kB (measured) for each of a building full of strangers."""

LOGIN_REFUSED = "login refused"
"""How the fact begins that a login was refused."""

Values = dict[str, Any]
DeviceOf = Callable[[str], DeviceName | None]
"""Tells which device a login belongs to."""


@attrs.frozen
class Line:
    """One line of a transcript; `kind` is client, server, content or fact."""

    time: float
    connection: ConnectionId
    address: str
    kind: str
    text: str
    content: Content | None = None

    def values(self) -> Values:
        """Return the line as it goes over the control socket."""
        return {
            "time": self.time,
            "connection": self.connection,
            "address": self.address,
            "kind": self.kind,
            "text": self.text,
            **(attrs.asdict(self.content) if self.content else {}),
        }


class Trace:
    """One reader's queue."""

    def __init__(self, device: DeviceName) -> None:
        self.device = device
        self._queue: deque[Values] = deque()
        self._lost = 0
        self._ended = False
        self._changed = asyncio.Event()

    def put(self, values: Values) -> None:
        """Queue a line, or count it as lost where the reader is too slow."""
        if len(self._queue) >= QUEUED_LINES:
            self._lost += 1
            return
        self._say_what_was_lost()
        self._queue.append(values)
        self._changed.set()

    def end(self, why: str) -> None:
        """Let the reader come to an end after what is queued; the first reason stands."""
        if not self._ended:
            self._ended = True
            self._say_what_was_lost()
            self._queue.append({"kind": "end", "text": why})
            self._changed.set()

    async def lines(self) -> AsyncIterator[Values]:
        """Yield what comes, to the end."""
        while self._queue or not self._ended:
            if self._queue:
                yield self._queue.popleft()
            elif self._lost:
                self._say_what_was_lost()
            else:
                self._changed.clear()
                await self._changed.wait()

    def waiting(self) -> Iterator[Values]:
        """Yield what is queued by now, and do not wait for more."""
        while self._queue:
            yield self._queue.popleft()

    def _say_what_was_lost(self) -> None:
        if self._lost:
            text = f"{self._lost:,} lines lost: they came faster than they were read"
            self._queue.append({"kind": "lost", "text": text, "lines": self._lost})
            self._lost = 0


class Tracing:
    """Who traces what; `on` is false while nobody traces anything."""

    def __init__(self, device_of: DeviceOf, may_be_shown: IsLogin, clock: Clock) -> None:
        self.on = False
        self.device_of = device_of
        self.may_be_shown = may_be_shown
        self.clock = clock
        self._traces: list[Trace] = []

    @contextmanager
    def trace(self, device: DeviceName, seconds: float) -> Iterator[Trace]:
        """Listen to a device during the block, for at most so many seconds.

        Raises:
            OwnerError: too many listen already.
        """
        if len(self._traces) >= TRACES_AT_ONCE:
            raise OwnerError(f"{TRACES_AT_ONCE} traces are running already; end one of them.")
        trace = Trace(device)
        self._traces.append(trace)
        self.on = True
        loop = asyncio.get_running_loop()
        timer = loop.call_later(seconds, trace.end, "the time is over")
        try:
            yield trace
        finally:
            timer.cancel()
            self._traces.remove(trace)
            self.on = bool(self._traces)

    def tell(self, device: DeviceName, line: Line) -> None:
        """Give a line to all who trace this device."""
        values = None
        for trace in self._traces:
            if trace.device == device:
                values = values or line.values()
                trace.put(values)

    def is_traced(self, device: DeviceName | None) -> bool:
        """Tell whether anybody traces this device."""
        return any(trace.device == device for trace in self._traces)

    def end(self, why: str) -> None:
        """End all traces."""
        for trace in self._traces:
            trace.end(why)


class SessionTrace:
    """What one session tells; it fits bridge.pop3.transcript.Tap."""

    def __init__(
        self,
        tracing: Tracing,
        connection: Connection,
        connection_id: ConnectionId,
        address: str,
    ) -> None:
        self._tracing = tracing
        self._connection = connection
        self._id = connection_id
        self._address = address
        self._device: DeviceName | None = None
        self._is_settled = False
        self._held: deque[Line] = deque(maxlen=HELD_LINES)
        self._forgotten = 0

    @property
    def on(self) -> bool:
        """Tell whether anybody traces what this session is, or may turn out to be."""
        tracing = self._tracing
        return tracing.on and (not self._is_settled or tracing.is_traced(self._device))

    def belongs_to(self, login: str) -> None:
        """Take note of the name a client gave: what it said so far, and says from here on, is that device's."""
        self._device = self._tracing.device_of(login)
        if self._device is not None:
            if self._forgotten:
                text = f"{self._forgotten:,} earlier lines were not kept"
                self._forgotten = 0
                self._tell("fact", text)
            while self._held:
                self._tracing.tell(self._device, self._held.popleft())

    def logged_in(self, device: DeviceName) -> None:
        """Take note of whose session this is, to its end."""
        self.belongs_to(device)
        self._is_settled = True

    # ---- the dialogue

    def heard(self, line: bytes | Overlong, state: State) -> None:
        """Tell a client's line."""
        name = _name_given(line, state)
        if name is not None:
            self.belongs_to(name)
        self._tell("client", shown(line, state, self._tracing.may_be_shown))

    def said(self, effect: Effect) -> None:
        """Tell what is answered at once; a message is told by `sending`."""
        match effect:
            case Send(data) | Close(data, _) | StartTls(data):
                for line in reply_lines(data):
                    self._tell("server", line)
            case CheckPassword(name, _) | CheckDigest(name, _, _):
                self.belongs_to(name)
            case _:
                pass

    @contextmanager
    def sending(self, head: bytes) -> Iterator[Tally | None]:
        """Tell of a message that is sent during the block, by what is fed to the tally; None needs none."""
        if not self._tracing.is_traced(self._device):
            yield None
            return
        tally = Tally()
        try:
            yield tally
        except (ConnectionClosed, asyncio.CancelledError):
            self._tell(
                "fact", f"broken off within the first {tally.octets:,} octets of a message"
            )
            raise
        self.said(Send(head))
        content = tally.finish()
        self._tell("content", str(content), content)
        self.said(Send(b".\r\n"))

    # ---- what is no dialogue

    def begin(self, greeting: bytes) -> None:
        """Tell who connected, and how the session opens."""
        if self.on:
            self.fact(f"connected from {self._address}, {self._encryption()}")
            self.said(Send(greeting))

    def secured(self) -> None:
        """Tell what a handshake led to."""
        self.fact(self._encryption())

    def fact(self, text: str) -> None:
        """Tell what happened."""
        if self.on:
            self._tell("fact", text)

    def _encryption(self) -> str:
        connection = self._connection
        if not connection.tls_version:
            return "not encrypted"
        return f"{connection.tls_version} {connection.tls_cipher}"

    def _tell(self, kind: str, text: str, content: Content | None = None) -> None:
        now = self._tracing.clock.now()
        line = Line(now, self._id, self._address, kind, text, content)
        if self._device is not None:
            self._tracing.tell(self._device, line)
        else:
            self._forgotten += len(self._held) == HELD_LINES
            self._held.append(line)


def _name_given(line: bytes | Overlong, state: State) -> str | None:
    if isinstance(line, Overlong) or state is not State.AUTHORIZATION:
        return None
    try:
        command = parse(line)
    except BadCommand:
        return None
    return command.name if isinstance(command, User) else None
